"""The JSON, TOML and YAML of the pages: it can be read, and is a configuration, a policy or a template where it looks like one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from async_dynamo_store import DynamoDbConfig
from async_dynamo_store.dynamodb.policy import iam_policy
from tests.pages import PAGES, Block, blocks, page_id

DATA = [
    pytest.param(block, id=f"{page_id(page)}:{block.line + 1}")
    for page in PAGES
    for block in blocks(page, "json", "toml", "yaml")
]


def read(block: Block) -> Any:
    if block.language == "json":
        return json.loads(block.source)
    if block.language == "toml":
        return tomllib.loads(block.source)
    from cfnlint.decode import decode_str  # loads much

    template, errors = decode_str(block.source)  # which knows CloudFormation's tags, such as `!Ref`
    assert not errors
    return template


def check(data: Any) -> None:
    """Raise for a configuration, a policy or a template that AWS or we would not take."""
    if not isinstance(data, Mapping):
        return
    settings = data.get("db", data)
    if {"tableName", "table_name"} & settings.keys():
        DynamoDbConfig.model_validate(settings)
    if "Statement" in data:
        data = {
            "Resources": {"P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": data}}}
        }
    if "Resources" in data:
        from cfnlint.api import lint

        assert lint(json.dumps(data)) == []


@pytest.mark.parametrize("block", DATA)
def test_the_data_of_a_page_is_what_it_says(block: Block) -> None:
    check(read(block))


def test_what_is_wrong_is_found() -> None:
    policy = json.dumps(iam_policy(DynamoDbConfig(table_name="Users")))
    check(json.loads(policy))
    with pytest.raises(AssertionError, match="putitems"):
        check(json.loads(policy.replace("PutItem", "PutItems")))
    with pytest.raises(ValueError, match="tableNames"):
        check({"db": {"tableName": "Users", "tableNames": "Users"}})
