"""The command, run as a user runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from typer.testing import CliRunner

from async_dynamo_store import AsyncDynamoStore, AwsConfig, DynamoDbConfig
from async_dynamo_store.cli.commands import commands
from async_dynamo_store.dynamodb.policy import iam_policy
from tests.integration.cli import COMMAND

pytestmark = pytest.mark.one_engine


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def variables(aws_config: dict[str, str]) -> dict[str, str]:
    return {f"VOICE_DB_AWS_CONFIG__{name.upper()}": value for name, value in aws_config.items()}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws_config: dict[str, str]) -> None:
    """The engine in the environment."""
    monkeypatch.chdir(tmp_path)
    for name, value in variables(aws_config).items():
        monkeypatch.setenv(name, value)


def test_the_demo_shows_each_request_and_remembers_on_the_second_visit() -> None:
    demo = run("demo", COLUMNS="300", VOICE_DB_TABLE_NAME="production", VOICE_DB_AWS_CONFIG__REGION="nowhere")
    assert demo.returncode == 0, demo.stderr
    turns = [turn.splitlines() for turn in demo.stdout.split("\n\n")[1:-1]]
    assert [turn[0] for turn in turns] == [
        "1. Alexa, amzn1.ask.account.ANNA: LaunchRequest",
        "2. Alexa, amzn1.ask.account.ANNA: MyNameIsIntent, name=Anna",
        "3. Alexa, amzn1.ask.account.ANNA: ScoreIntent, points=30",
        "4. Alexa, amzn1.ask.account.BEN: LaunchRequest",
        "5. Alexa, amzn1.ask.account.ANNA: LaunchRequest",
        "6. Alexa, amzn1.ask.account.ANNA: HowManyIntent",
        "7. Alexa, amzn1.ask.account.BEN: ForgetMeIntent",
    ]
    assert "Welcome! What is your name?" in turns[0][1]
    assert "Welcome back, Anna! You have 30 points." in turns[4][1]
    calls = [re.findall(r"^   (?:read|wrote|table) +(\w+)", "\n".join(turn), re.MULTILINE) for turn in turns]
    assert calls == [
        ["GetItem", "DescribeTable", "CreateTable", "DescribeTable", "GetItem", "PutItem"],
        ["GetItem", "UpdateItem"],
        ["GetItem", "UpdateItem"],
        ["GetItem", "PutItem"],
        ["GetItem", "UpdateItem"],
        ["GetItem"],
        ["GetItem", "DeleteItem"],
    ]
    assert 'SET user.data.name = "Anna", updatedAt = ' in "\n".join(turns[1])
    assert re.search(
        r' user +{"data": {"visits": 2, "name": "Anna", "score": 30}}', demo.stdout.partition("\n5.")[2]
    )
    assert "stored  nothing" in turns[6][-1]
    assert "\x1b[" not in demo.stdout
    assert demo.stderr.count("embedded DynamoDB runs inside this process") == 1


@pytest.mark.usefixtures("settings")
class TestOnATable:
    """`main` is run in this process here, where it costs a tenth."""

    def invoke(self, *arguments: str) -> Any:
        return CliRunner().invoke(commands, arguments)

    def test_ensure_table_says_what_it_found(self, table_name: str) -> None:
        first = self.invoke("ensure-table", "--table", table_name)
        assert first.output == f"{table_name}: created, ACTIVE, key userId (S, HASH)\n"
        second = self.invoke("ensure-table", "--table", table_name)
        assert second.output == f"{table_name}: ACTIVE, key userId (S, HASH)\n"

    async def test_show_prints_what_is_stored(self, table_name: str, aws_config: dict[str, str]) -> None:
        data = {"name": "Änna", "scores": [1, 2.5], "raw": b"\x00\xff", "tags": {"a"}, "none": None}
        async with AsyncDynamoStore({"table_name": table_name, "aws_config": aws_config}) as store:
            await store.update("user-1", lambda user: user.data.update(data))
        shown = run("show", "user-1", VOICE_DB_TABLE_NAME=table_name)
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout) == data | {"raw": "AP8=", "tags": ["a"]}

    def test_show_of_an_unknown_user_fails(self, table_name: str) -> None:
        shown = self.invoke("show", "nobody", "--table", table_name)
        assert shown.exit_code == 1
        assert shown.output == "Nothing is stored for this user.\n"

    def test_an_error_is_one_sentence(self, table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VOICE_DB_CREATE_TABLE_ON_INIT", "false")
        shown = self.invoke("show", "user-1", "--table", table_name)
        assert shown.exit_code == 3
        assert shown.output.startswith(f"There is no table '{table_name}' in this region.")

    def test_the_policy_is_printed(self, table_name: str) -> None:
        printed = self.invoke("policy", "--table", table_name)
        (items, creation) = json.loads(printed.output)["Statement"]
        assert items["Resource"] == f"arn:aws:dynamodb:eu-west-1:*:table/{table_name}"
        assert creation["Resource"] == items["Resource"]


def test_wrong_settings_are_told_without_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICE_DB_AWS_CONFIG__SECRET_ACCESS_KEY", "s3cret")
    failed = CliRunner().invoke(commands, ["policy"])
    assert failed.exit_code == 2
    assert "table_name: Value error, no table is named: set VOICE_DB_TABLE_NAME" in failed.output
    assert "aws_config: Value error, access_key_id and secret_access_key go together" in failed.output
    assert "s3cret" not in failed.output


def test_without_a_command_it_says_what_there_is() -> None:
    shown = run()
    assert all(name in shown.stdout + shown.stderr for name in ("demo", "show", "ensure-table", "policy"))


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_the_command_says_which(missing: str) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; from async_dynamo_store.cli import main; main()"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr == "This command needs an extra: pip install 'async-dynamo-store[cli]'\n"


def test_the_demo_without_its_database_says_which_extra_has_it() -> None:
    code = "import sys; sys.modules['moto'] = None; sys.argv[1:] = ['demo']; from async_dynamo_store.cli import main; main()"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert (
        failed.stderr == "type 'embedded' needs moto's server: pip install 'async-dynamo-store[embedded]'\n"
    )


def test_another_missing_module_is_not_taken_for_the_extra() -> None:
    missing = "import sys; sys.modules['async_dynamo_store.dynamodb.policy'] = None; "
    code = missing + "from async_dynamo_store.cli import main; main()"
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: import of async_dynamo_store.dynamodb.policy halted" in failed.stderr


ITEMS = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
INDEX = {"index_name": "by-city", "keys": [{"attribute_name": "city", "path": "address.city"}]}


@pytest.mark.parametrize(
    ("fields", "actions"),
    [
        ({"create_table_on_init": False}, [ITEMS]),
        ({}, [ITEMS, ["dynamodb:CreateTable", "dynamodb:DescribeTable"]]),
        (
            {"ttl": {"attribute": "expiresAt", "after_seconds": 60}},
            [
                ITEMS,
                [
                    f"dynamodb:{name}"
                    for name in ("CreateTable", "DescribeTable", "DescribeTimeToLive", "UpdateTimeToLive")
                ],
            ],
        ),
        (
            {"create_table_on_init": False, "global_secondary_indexes": [INDEX]},
            [ITEMS, ["dynamodb:Query"]],
        ),
    ],
)
def test_the_policy_grants_what_the_configuration_needs(
    fields: dict[str, Any], actions: list[list[str]]
) -> None:
    policy = iam_policy(DynamoDbConfig(table_name="Users", **fields))
    assert [statement["Action"] for statement in policy["Statement"]] == actions
    table = "arn:aws:dynamodb:*:*:table/Users"
    index = [f"{table}/index/*"] if "global_secondary_indexes" in fields else []
    resources = [statement["Resource"] for statement in policy["Statement"]]
    assert resources == [table] * (len(actions) - len(index)) + index
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}


TRANSCRIPTS = [f"dynamodb:{action}" for action in ("GetItem", "PutItem", "DeleteItem", "Query")]
EXPIRY = {"ttl": {"attribute": "expires", "after_seconds": 60}}


@pytest.mark.parametrize(
    ("fields", "actions"),
    [
        (
            {"conversations": {}},
            {
                "Conversations": TRANSCRIPTS,
                "ConversationsCreation": ["dynamodb:CreateTable", "dynamodb:DescribeTable"],
            },
        ),
        (
            {"conversations": EXPIRY, "create_table_on_init": False},
            {"Conversations": [*TRANSCRIPTS, "dynamodb:UpdateItem"]},
        ),
        (
            {"conversations": EXPIRY | {"table_name": "Talks"}},
            {
                "Conversations": [*TRANSCRIPTS, "dynamodb:UpdateItem"],
                "ConversationsCreation": [
                    *("dynamodb:CreateTable", "dynamodb:DescribeTable"),
                    *("dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive"),
                ],
            },
        ),
    ],
)
def test_the_policy_of_conversations(fields: dict[str, Any], actions: dict[str, list[str]]) -> None:
    config = DynamoDbConfig(table_name="Users", **fields)
    of_conversations = {
        statement["Sid"]: statement
        for statement in iam_policy(config)["Statement"]
        if statement["Sid"].startswith("Conversations")
    }
    assert {sid: statement["Action"] for sid, statement in of_conversations.items()} == actions
    table = f"arn:aws:dynamodb:*:*:table/{config.conversations_table_name}"
    assert {statement["Resource"] for statement in of_conversations.values()} == {table}


KNOWN = botocore.session.Session().get_available_partitions()
PARTITIONS = {
    "aws": "eu-west-1",
    "aws-cn": "cn-north-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-us-gov": "us-gov-west-1",
}


@pytest.mark.parametrize("partition", sorted(PARTITIONS.keys() & KNOWN))  # the oldest botocore knows fewer
def test_the_policy_is_for_the_partition_of_the_region(
    partition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = PARTITIONS[partition]
    policy = iam_policy(DynamoDbConfig(table_name="Users", aws_config=AwsConfig(region=region)))
    assert policy["Statement"][0]["Resource"] == f"arn:{partition}:dynamodb:{region}:*:table/Users"
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    policy = iam_policy(DynamoDbConfig(table_name="Users"))
    assert policy["Statement"][0]["Resource"] == f"arn:{partition}:dynamodb:*:*:table/Users"


@pytest.mark.parametrize("variable", ["AWS_DEFAULT_REGION", "AWS_PROFILE"])
def test_the_policy_of_a_region_that_nobody_knows(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "nowhere")
    policy = iam_policy(DynamoDbConfig(table_name="Users"))
    assert policy["Statement"][0]["Resource"] == "arn:aws:dynamodb:*:*:table/Users"
