"""The actions that `policy` prints, enforced by moto's IAM: they are enough, and each is needed.

moto compares no resources of DynamoDB, so the policy is for `*` here, and it refuses in XML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import set_initial_no_auth_action_count
from moto.server import ThreadedMotoServer

from tests.integration.cli import invoke, invoke_json

SETTINGS = {
    "table_name": "Users",
    "ttl": {"attribute": "expiresAt", "after_seconds": 60},
    "global_secondary_indexes": [
        {"index_name": "by-city", "keys": [{"attribute_name": "city", "path": "city"}]}
    ],
}


@pytest.fixture
def server() -> Iterator[str]:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host.replace('0.0.0.0', '127.0.0.1')}:{port}"
    server.stop()


@pytest.mark.unmeasured
def test_it_is_enough_and_least(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = {"region_name": "eu-west-1", "aws_access_key_id": "root", "aws_secret_access_key": "root"}
    iam: Any = boto3.client("iam", endpoint_url=server, **root)
    iam.create_user(UserName="skill")
    keys = iam.create_access_key(UserName="skill")["AccessKey"]
    aws = {
        "region": "eu-west-1",
        "endpoint_url": server,
        "access_key_id": keys["AccessKeyId"],
        "secret_access_key": keys["SecretAccessKey"],
    }
    Path("store.json").write_text(json.dumps(SETTINGS | {"aws_config": aws}))
    config = ("--config", "store.json")
    invoke("table", "create", *config)
    policy = json.loads(invoke("policy", *config).stdout)

    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    single_calls = ["dynamodb:BatchGetItem", "dynamodb:Scan", "dynamodb:DescribeContinuousBackups"]

    def refused(without: str, exit_code: int) -> set[str]:
        """What is red for a user who may do all of this but one."""
        allowed = [action for action in (*actions, *single_calls) if action != without]
        statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="skill", PolicyName="skill", PolicyDocument=document)
        examined = set_initial_no_auth_action_count(0)(invoke_json)
        checks = examined("doctor", *config, exit_code=exit_code)["checks"]
        return {check["name"] for check in checks if check["level"] == "red"}

    assert refused("", 0) == set()
    for action in set(actions) - {"dynamodb:UpdateTimeToLive", "dynamodb:DescribeTable"}:
        reads = {"round trip"} if action == "dynamodb:GetItem" else set[str]()
        assert refused(action, 1) == {action.removeprefix("dynamodb:")} | reads
    assert refused("dynamodb:DescribeTable", 1) == {"connection"}
