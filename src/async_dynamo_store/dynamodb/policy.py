"""The IAM policy that a configuration needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .definition import conversations_table, users_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_dynamo_store.config import DynamoDbConfig

    from .definition import TableDefinition

_ON_ITEMS = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")


def iam_policy(config: DynamoDbConfig) -> dict[str, Any]:
    """The identity-based policy, as JSON, that turns and direct operations need with this configuration.

    In addition, `load_many` needs `dynamodb:BatchGetItem` and `scan` needs `dynamodb:Scan`. The account is `*`; replace
    it with yours. The partition (`aws`, `aws-cn`, `aws-us-gov`, …) is that of the configured region, or else of the
    region in the environment.
    """
    region = config.aws_config.region if config.aws_config else None
    tables = f"arn:{_partition(region)}:dynamodb:{region or '*'}:*:table"
    table = f"{tables}/{config.table_name}"
    statements = [
        _allow("UserItems", _ON_ITEMS, table),
        *_creation("TableCreation", users_table(config), table),
    ]
    if config.conversations:
        transcripts = f"{tables}/{config.conversations_table_name}"
        actions = [
            "GetItem",
            "PutItem",
            "DeleteItem",
            "Query",
            *(["UpdateItem"] if config.conversations.ttl else []),
        ]
        statements.append(_allow("Conversations", actions, transcripts))
        statements += _creation("ConversationsCreation", conversations_table(config), transcripts)
    if config.global_secondary_indexes:
        statements.append(_allow("IndexQueries", ["Query"], f"{table}/index/*"))
    return {"Version": "2012-10-17", "Statement": statements}


def _creation(sid: str, definition: TableDefinition, table: str) -> list[dict[str, Any]]:
    if not definition.may_create:
        return []
    expiry = ["DescribeTimeToLive", "UpdateTimeToLive"] if definition.ttl_attribute else []
    return [_allow(sid, ["CreateTable", "DescribeTable", *expiry], table)]


def _partition(region: str | None) -> str:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    session = Session()
    try:
        name = region or session.get_config_variable("region")
        return str(session.get_partition_for_region(name)) if name else "aws"
    except BotoCoreError:
        return "aws"


def _allow(sid: str, actions: Sequence[str], resource: str) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": resource,
    }
