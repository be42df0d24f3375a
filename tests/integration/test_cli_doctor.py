"""`doctor` on the command line."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from async_dynamo_store.dynamodb.fast.path import why_closed
from tests.engines.canned import canned, ok, refused
from tests.faults.table import straight
from tests.integration.cli import invoke, invoke_json, variables
from tests.machine import SLEEPING, Machine, process

pytestmark = [
    pytest.mark.others_in_soak,
    pytest.mark.usefixtures("engine_in_environment", "no_hook_of_moto"),
]


def levels(report: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["level"] for check in report["checks"]}


SETTINGS = {
    "ttl": {"attribute": "expiresAt", "after_seconds": 60},
    "global_secondary_indexes": [
        {"index_name": "by-age", "keys": [{"attribute_name": "age", "attribute_type": "N", "path": "age"}]}
    ],
    "conversations": {},
}


def test_all_is_well(table_name: str, aws_config: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("store.json").write_text(json.dumps(SETTINGS))
    Path(".env").write_text("VOICE_DB_CONSISTENT_READ=false\n")
    monkeypatch.setenv("VOICE_DB_STORED_ELEMENTS", '{"createdAt": false}')
    invoke("table", "create", "--config", "store.json")
    monkeypatch.setattr("async_dynamo_store.cli.doctor.surroundings._SLOW_SECONDS", 60)
    report = invoke_json("doctor", "--config", "store.json")
    found = levels(report)
    assert {name for name, level in found.items() if level != "green"} <= {
        f"UpdateTimeToLive on {table_name}",
    }, report
    assert f"Query on {table_name}" in found
    assert f"PutItem on {table_name}-conversations" in found
    assert "index by-age" in found
    sources = {setting["name"]: (setting["value"], setting["source"]) for setting in report["settings"]}
    assert sources["table_name"] == (table_name, "VOICE_DB_TABLE_NAME (environment)")
    assert sources["consistent_read"] == ("False", "VOICE_DB_CONSISTENT_READ (.env)")
    assert sources["ttl.attribute"] == ("expiresAt", "store.json")
    elements = ("False", "VOICE_DB_STORED_ELEMENTS (environment)")
    assert sources["stored_elements.created_at"] == elements
    secret = ("(set, not shown)", "VOICE_DB_AWS_CONFIG__SECRET_ACCESS_KEY (environment)")
    assert sources["aws_config.secret_access_key"] == secret
    checks = {check["name"]: check["found"] for check in report["checks"]}
    assert checks["credentials"] == "from aws_config"
    assert checks["region"] == "eu-west-1"
    assert checks["endpoint"] == aws_config["endpoint_url"]
    assert checks["fast path"] == "in use"
    assert aws_config["secret_access_key"] not in json.dumps(report)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("async_dynamo_store.cli.doctor.surroundings._SLOW_SECONDS", 0)
    shown = invoke("doctor", "--config", "store.json", "--table", table_name)
    assert "Run in the table's region" in shown.output
    assert "● green" in shown.output
    assert "the command line" in shown.output


def test_a_table_that_is_otherwise(table_name: str) -> None:
    Path("made.json").write_text(
        json.dumps(
            {"billing_mode": "PROVISIONED", "read_capacity_units": 1, "write_capacity_units": 2, **SETTINGS}
        )
    )
    invoke("table", "create", "--config", "made.json")
    index = {"index_name": "by-age", "keys": [{"attribute_name": "age", "path": "age"}]}
    other = {"index_name": "by-city", "keys": [{"attribute_name": "city", "path": "city"}]}
    ttl = {"attribute": "goneAt", "after_seconds": 60}
    Path("other.json").write_text(
        json.dumps({"primary_key_column": "pk", "ttl": ttl, "global_secondary_indexes": [index, other]})
    )
    report = invoke_json("doctor", "--config", "other.json", exit_code=1)
    found = levels(report)
    assert found[f"keys of {table_name}"] == "red"
    assert found["index by-age"] == found["index by-city"] == "red"
    assert found[f"billing of {table_name}"] == "yellow"
    assert found[f"expiry of {table_name}"] == "red"
    assert all(check["remedy"] for check in report["checks"] if check["level"] == "red")
    assert levels(invoke_json("doctor"))[f"expiry of {table_name}"] == "yellow"
    provisioned = json.loads(Path("made.json").read_text())
    assert levels(invoke_json("doctor", "--config", "made.json"))[f"billing of {table_name}"] == "green", (
        provisioned
    )


def test_a_table_that_is_missing(table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = levels(invoke_json("doctor"))
    assert found[f"table {table_name}"] == "yellow"
    assert found["GetItem"] == "yellow"
    assert "There is no table" in invoke("table", "show", exit_code=3).output  # nothing was made by looking
    monkeypatch.setenv("VOICE_DB_CREATE_TABLE_ON_INIT", "false")
    assert levels(invoke_json("doctor", exit_code=1))[f"table {table_name}"] == "red"


@pytest.mark.one_engine
def test_no_way_to_dynamodb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_DB_AWS_CONFIG__ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("VOICE_DB_TIMEOUT_SECONDS", "1")
    report = invoke_json("doctor", exit_code=1)
    assert levels(report)["connection"] == "red"
    assert "could not be reached" in report["checks"][-1]["remedy"]


@pytest.mark.one_engine
def test_a_source_of_credentials_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"VOICE_DB_AWS_CONFIG__{name}")
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("VOICE_DB_TIMEOUT_SECONDS", "0.3")
    process(SLEEPING)(Machine(tmp_path, monkeypatch, ""))
    connection = invoke_json("doctor", exit_code=1)["checks"][-1]
    assert (connection["name"], connection["level"]) == ("connection", "red")
    assert "credential_process of the AWS profile 'voice': it took longer" in connection["remedy"]


DENIED = "User: x is not authorized to perform: dynamodb:{} on resource: y because no identity-based policy allows it"
DESCRIBED = {
    "TableStatus": "CREATING",
    "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
    "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
}
PARTLY = {"index_name": "by-age", "keys": [{"attribute_name": "age", "attribute_type": "N", "path": "age"}]}


def answer(seconds: int | None, denied: list[str], operation: str) -> Any:
    """What a table that is being made answers, `seconds` behind, and to what it denies."""
    if operation in denied:
        return refused("AccessDeniedException", DENIED.format(operation))
    match operation:
        case "DescribeTable":
            index = {
                "IndexName": "by-age",
                "KeySchema": [{"AttributeName": "age", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            types = [*DESCRIBED["AttributeDefinitions"], {"AttributeName": "age", "AttributeType": "N"}]
            response = ok(
                Table=DESCRIBED | {"GlobalSecondaryIndexes": [index], "AttributeDefinitions": types}
            )
            moment = datetime.now(UTC) - timedelta(seconds=seconds or 0)
            response.headers["Date"] = "?" if seconds is None else format_datetime(moment, usegmt=True)
            return response
        case "DescribeTimeToLive":
            return ok(TimeToLiveDescription={"TimeToLiveStatus": "DISABLED"})
        case "CreateTable":
            return refused("ResourceInUseException")
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return refused("ConditionalCheckFailedException")
        case "DescribeContinuousBackups" | "BatchGetItem":
            return refused("InternalServerError", status=500)
        case _:
            return ok()


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("seconds", "level", "denied"),
    [
        (0, "green", ["PutItem", "Scan", "DescribeTimeToLive"]),
        (30, "yellow", ["CreateTable", "Query"]),
        (-3600, "red", ["DescribeContinuousBackups"]),
        (None, "yellow", []),
        (0, "green", ["DescribeTimeToLive"]),
        (0, "red", ["DescribeTable"]),
    ],
)
async def test_what_is_denied_and_a_clock_that_is_off(
    seconds: int | None, level: str, denied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_DB_GLOBAL_SECONDARY_INDEXES", json.dumps([PARTLY]))
    monkeypatch.setenv("VOICE_DB_TABLE_NAME", "Users")
    monkeypatch.setenv("VOICE_DB_MAX_ATTEMPTS", "1")
    if denied == ["DescribeTimeToLive"]:
        monkeypatch.setenv("VOICE_DB_TTL", '{"attribute": "expiresAt", "after_seconds": 60}')
    async with canned(partial(answer, seconds, denied)) as aws_config:
        for name, value in variables(aws_config).items():
            monkeypatch.setenv(name, value)
        report = await asyncio.to_thread(invoke_json, "doctor", exit_code=1)
    found = levels(report)
    assert found["clock"] == level
    if "DescribeTable" in denied:
        assert found["table Users"] == "yellow"
    else:
        assert found["table Users"] == "red"
        assert found["index by-age"] == "yellow"
    assert found["BatchGetItem"] == "red"
    if denied == ["DescribeTimeToLive"]:
        assert found["expiry of Users"] == "yellow"
    for action in ("PutItem", "CreateTable", "Query"):
        is_red = action in denied or (action == "CreateTable" and "DescribeTable" in denied)
        assert found[f"{action} on Users"] == ("red" if is_red else "green")
    assert found["Scan on Users"] == ("yellow" if "Scan" in denied else "green")
    remedies = [check["remedy"] for check in report["checks"] if check["found"] == "not allowed"]
    assert all("IAM does not allow dynamodb:" in remedy for remedy in remedies)


@pytest.mark.one_engine
async def test_the_fast_path_says_why_it_is_closed(
    aws_config: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    parameters = {"TableName": "Users", "Key": {"userId": {"S": "anna"}}}
    async with straight(aws_config) as client:
        assert await why_closed(client, parameters) == "the client uses a proxy"
        client.meta.events.register("before-send.dynamodb", lambda **_: None)
        reason = await why_closed(client, parameters)
        assert reason == f"something has hooked into the client (before-send of GetItem: {__name__})"
        assert await why_closed(object(), parameters) is not None  # type: ignore[arg-type]  # what is wrong is the test


@pytest.mark.one_engine
def test_doctor_of_a_closed_fast_path_and_of_no_credentials(
    monkeypatch: pytest.MonkeyPatch, table_name: str
) -> None:
    monkeypatch.setenv("VOICE_DB_AWS_CONFIG__ENDPOINT_URL", "http://127.0.0.1:9/path")
    monkeypatch.setenv("VOICE_DB_TIMEOUT_SECONDS", "1")
    checks = {check["name"]: check for check in invoke_json("doctor", exit_code=1)["checks"]}
    assert (
        checks["fast path"]["found"] == "not in use: the endpoint has a path, or requires a special signature"
    )
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"VOICE_DB_AWS_CONFIG__{name}")
    assert levels(invoke_json("doctor", exit_code=1))["credentials"] == "red"
