"""The example: its template as CloudFormation takes it, its skill with the template's table and settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import DynamoDbConfig
from async_dynamo_store.dynamodb.policy import iam_policy
from tests.aws_lambda.conftest import StartFunction
from tests.aws_lambda.events import intent, spoken
from tests.aws_lambda.runtime_api import ROOT
from tests.faults.proxy import Fault, FaultProxy

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

pytestmark = [pytest.mark.one_engine, pytest.mark.server, pytest.mark.unmeasured]

EXAMPLE = ROOT / "examples" / "lambda"
TEMPLATE = EXAMPLE / "template.yaml"


@pytest.fixture
def resources() -> Any:
    """The template's resources, with CloudFormation's tags such as `!Ref` in their long form."""
    from cfnlint.decode import decode  # loads much

    template, errors = decode(str(TEMPLATE))
    assert template
    assert not errors
    return template["Resources"]


def launch() -> dict[str, Any]:
    event = intent("")
    event["request"] = {"type": "LaunchRequest", "requestId": "r-1", "timestamp": "2026-11-22T17:01:09Z"}
    return event


def test_the_template_passes_cfn_lint() -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    command: list[str | Path] = [cfn_lint, "--include-checks", "I", "-t", TEMPLATE]
    lint = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")


def test_the_role_has_just_the_permissions_that_are_needed(resources: Any) -> None:
    """Beyond those which SAM gives every function, to write its log."""
    needed = iam_policy(DynamoDbConfig(table_name="Users", create_table_on_init=False))["Statement"]
    function = resources["Skill"]["Properties"]
    (policy,) = function["Policies"]
    (statement,) = policy["Statement"]
    assert statement == needed[0] | {"Resource": {"Fn::GetAtt": ["Users", "Arn"]}}
    assert len(needed) == 1
    assert "Role" not in function


def test_only_the_skill_may_call_the_function(resources: Any) -> None:
    assert resources["Skill"]["Properties"]["Events"] == {
        "Alexa": {"Type": "AlexaSkill", "Properties": {"SkillId": {"Ref": "SkillId"}}}
    }


async def test_the_skill_with_the_table_and_the_settings_of_the_template(
    start: StartFunction,
    raw_client: DynamoDBClient,
    proxy: FaultProxy,
    table_name: str,
    resources: Any,
) -> None:
    table = resources["Users"]["Properties"]
    keys = {name: table[name] for name in ("BillingMode", "KeySchema", "AttributeDefinitions")}
    await raw_client.create_table(TableName=table_name, **keys)
    function_properties = resources["Skill"]["Properties"]
    settings = function_properties["Environment"]["Variables"] | {"VOICE_DB_TABLE_NAME": table_name}
    handler = function_properties["Handler"]
    async with start(handler, PYTHONPATH=str(Path(EXAMPLE)), **settings) as function:
        assert spoken(await function(launch())) == "Welcome! What is your name?"
        assert spoken(await function(intent("MyNameIsIntent", name="Anna"))) == "Nice to meet you, Anna."
        assert spoken(await function(launch())) == "Welcome back, Anna! This is visit number 2."
        assert spoken(await function(intent("AMAZON.StopIntent"))) == "Goodbye!"
        assert "count your visits" in spoken(await function(intent("Other")))
        assert {exchange.operation for exchange in proxy.log} == {"GetItem", "PutItem", "UpdateItem"}
        proxy.fail("GetItem", Fault.slow_answer)
        assert "Sorry" in spoken(await function(launch(), seconds=1))
