"""`table`: made, shown, deleted and written down on the command line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.engines.canned import canned, ok, refused
from tests.integration.cli import invoke, invoke_json, variables

pytestmark = [pytest.mark.others_in_soak, pytest.mark.usefixtures("engine_in_environment")]

SETTINGS: dict[str, Any] = {
    "primaryKeyColumn": "pk",
    "sortKeyColumn": "sk",
    "sortKey": "USER",
    "ttl": {"attribute": "expiresAt", "after_seconds": 60},
    "globalSecondaryIndexes": [
        {
            "IndexName": "by-city",
            "KeySchema": [
                {"AttributeName": "city", "Path": "address.city"},
                {"AttributeName": "age", "AttributeType": "N", "KeyType": "RANGE", "Path": "age"},
            ],
        }
    ],
    "conversations": {"ttl": {"attribute": "expiresAt", "after_seconds": 60}},
}
PROVISIONED = {"billingMode": "PROVISIONED", "readCapacityUnits": 5, "writeCapacityUnits": 6}


def settings(**fields: Any) -> tuple[str, str]:
    Path("store.json").write_text(json.dumps(SETTINGS | fields))
    return "--config", "store.json"


def test_a_table_is_made_shown_and_deleted(table_name: str) -> None:
    config = settings(**PROVISIONED)
    made = invoke_json("table", "create", "--tag", "team=voice", "--table-class", "STANDARD", *config)
    assert [(each["table"], each["created"], each["status"]) for each in made] == [
        (table_name, True, "ACTIVE"),
        (f"{table_name}-conversations", True, "ACTIVE"),
    ]
    again = invoke("table", "create", *config).output
    assert (
        again == f"{table_name}: already exists, ACTIVE\n{table_name}-conversations: already exists, ACTIVE\n"
    )
    users, conversations = invoke_json("table", "show", *config)
    assert users["keys"] == "pk (S, HASH) + sk (S, RANGE)"
    assert users["billing"] == "PROVISIONED, 5 read and 6 write units"
    assert users["indexes"] == {"by-city": "city (S, HASH) + age (N, RANGE), ALL"}
    assert users["expires_by"] == conversations["expires_by"] == "expiresAt"
    assert "pk (S, HASH) + sk (S, RANGE)" in invoke("table", "show", *config).output
    assert "pass --yes" in invoke("table", "delete", *config, exit_code=2).output
    gone = invoke("table", "delete", "--yes", *config).output
    assert gone == f"Deleted: {table_name}, {table_name}-conversations.\n"
    failed = invoke("table", "show", *config, exit_code=3)
    assert f"There is no table '{table_name}'" in failed.output


@pytest.mark.engines("ministack", "moto")
def test_recovery_protection_and_class(table_name: str) -> None:
    options = ("--point-in-time-recovery", "--deletion-protection")
    invoke("table", "create", *options)
    (table,) = invoke_json("table", "show")
    assert (table["point_in_time_recovery"], table["deletion_protection"]) == ("ENABLED", True)
    failed = invoke("table", "delete", "--yes", exit_code=1)
    assert f"The table {table_name} is protected from deletion." in failed.output
    differing = invoke(
        "table", "create", "--kms-key", "aws", "--table-class", "STANDARD_INFREQUENT_ACCESS", exit_code=1
    )
    assert f"{table_name} already exists with encryption AWS owned key, not aws" in differing.output
    assert (
        f"{table_name} already exists with table class STANDARD, not STANDARD_INFREQUENT_ACCESS"
        in differing.output
    )


@pytest.mark.one_engine
async def test_a_table_that_somebody_else_makes_and_one_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_DB_TABLE_NAME", "Users")
    monkeypatch.setattr("async_dynamo_store.cli.table._DELETION_SECONDS", 0.1)
    described = {
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
        "SSEDescription": {"KMSMasterKeyArn": "arn:aws:kms:eu-west-1:1:key/abc"},
    }
    descriptions = iter([refused("ResourceNotFoundException")])

    def answer(operation: str) -> Any:
        match operation:
            case "DescribeTable":
                return next(descriptions, None) or ok(Table=described)
            case "CreateTable":
                return refused("ResourceInUseException")
            case "DescribeTimeToLive":
                return refused("AccessDeniedException")
            case _:
                return ok(ContinuousBackupsDescription={})

    async with canned(answer) as aws_config:
        for name, value in variables(aws_config).items():
            monkeypatch.setenv(name, value)
        made = await asyncio.to_thread(invoke, "table", "create", "--kms-key", "alias/users")
        assert made.output == "Users: already exists, ACTIVE\n"
        (shown,) = await asyncio.to_thread(invoke_json, "table", "show")
        assert shown["expires_by"].startswith("not known: IAM does not allow dynamodb:DescribeTimeToLive")
        assert shown["point_in_time_recovery"] == "DISABLED"
        stays = await asyncio.to_thread(invoke, "table", "delete", "--yes", exit_code=1)
        assert stays.output == "The table Users is still being deleted. Check it with `table show`.\n"


ALL_OPTIONS = (
    *("--point-in-time-recovery", "--deletion-protection", "--tag", "team=voice", "--tag", "note=${x}"),
    *(
        "--kms-key",
        "arn:aws:kms:eu-west-1:123456789012:key/abc",
        "--table-class",
        "STANDARD_INFREQUENT_ACCESS",
    ),
)


@pytest.mark.one_engine
@pytest.mark.parametrize("options", [ALL_OPTIONS, ("--kms-key", "aws"), ()])
@pytest.mark.parametrize(
    "fields", [PROVISIONED, {"ttl": None, "conversations": None, "globalSecondaryIndexes": []}]
)
def test_cloudformation(options: tuple[str, ...], fields: dict[str, Any], table_name: str) -> None:
    text = invoke("table", "create", "--as", "cloudformation", *options, *settings(**fields)).output
    from cfnlint.api import lint  # loads much

    problems = lint(text, regions=["eu-west-1"])
    assert [str(problem) for problem in problems] == []
    resources = json.loads(text)["Resources"]
    assert resources["UsersTable"]["Properties"]["TableName"] == table_name
    statements = resources["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    assert statements[0]["Resource"] == {"Fn::GetAtt": ["UsersTable", "Arn"]}
    assert not any("CreateTable" in str(statement) for statement in statements)


@pytest.mark.one_engine
def test_terraform(table_name: str) -> None:
    text = invoke("table", "create", "--as", "terraform", *ALL_OPTIONS, *settings(**PROVISIONED)).output
    resources = json.loads(text)["resource"]
    users = resources["aws_dynamodb_table"]["users"]
    assert users == {
        "name": table_name,
        "billing_mode": "PROVISIONED",
        "read_capacity": 5,
        "write_capacity": 6,
        "hash_key": "pk",
        "range_key": "sk",
        "attribute": [
            {"name": "pk", "type": "S"},
            {"name": "sk", "type": "S"},
            {"name": "city", "type": "S"},
            {"name": "age", "type": "N"},
        ],
        "global_secondary_index": [
            {
                "name": "by-city",
                "hash_key": "city",
                "range_key": "age",
                "projection_type": "ALL",
                "read_capacity": 5,
                "write_capacity": 6,
            }
        ],
        "ttl": {"attribute_name": "expiresAt", "enabled": True},
        "point_in_time_recovery": {"enabled": True},
        "deletion_protection_enabled": True,
        "server_side_encryption": {
            "enabled": True,
            "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/abc",
        },
        "tags": {"team": "voice", "note": "$${x}"},
        "table_class": "STANDARD_INFREQUENT_ACCESS",
    }
    policy = json.loads(resources["aws_iam_role_policy"]["user_store"]["policy"])
    assert [statement["Resource"] for statement in policy["Statement"]] == [
        "${aws_dynamodb_table.users.arn}",
        "${aws_dynamodb_table.conversations.arn}",
        "${aws_dynamodb_table.users.arn}/index/*",
    ]
    least = json.loads(invoke("table", "create", "--as", "terraform").output)["resource"][
        "aws_dynamodb_table"
    ]
    assert least == {
        "users": {
            "name": table_name,
            "billing_mode": "PAY_PER_REQUEST",
            "hash_key": "userId",
            "attribute": [{"name": "userId", "type": "S"}],
        }
    }


@pytest.mark.one_engine
@pytest.mark.parametrize("tag", ["team", "=voice"])
def test_a_tag_that_is_none(tag: str) -> None:
    assert invoke("table", "create", "--tag", tag, exit_code=2).output == f"--tag {tag!r} is not KEY=VALUE.\n"
