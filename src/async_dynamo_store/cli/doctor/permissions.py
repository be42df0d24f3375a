"""Tries each action of the policy without changing anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from async_dynamo_store.dynamodb.answers import ConditionFailed, InvalidRequest, TableInUse
from async_dynamo_store.dynamodb.policy import iam_policy
from async_dynamo_store.errors import AccessDeniedError, BackendError, TableNotFoundError

from .checks import Check, green, red, yellow

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.dynamodb.definition import TableDefinition

_EXPECTED = (ConditionFailed, TableInUse, InvalidRequest)
"""The errors of an allowed trial: its condition never holds, its table exists, or its setting is unchanged."""
_VALUES: dict[str, Any] = {"S": "doctor", "N": "0", "B": b"doctor"}


class Trials:
    """The trials on one table. They use a key that no user has."""

    def __init__(self, asked: Client, definition: TableDefinition) -> None:
        self._asked = asked
        self._definition = definition
        self._hash = definition.key_schema[0][0]
        self._key = {name: {"S": "doctor"} for name, _, _ in definition.key_schema}
        self._never = {
            "ConditionExpression": "attribute_exists(#k) AND attribute_not_exists(#k)",
            "ExpressionAttributeNames": {"#k": self._hash},
        }
        self._operations: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
            "GetItem": lambda: ("get_item", {"Key": self._key}),
            "PutItem": lambda: ("put_item", {"Item": self._key, **self._never}),
            "UpdateItem": lambda: ("update_item", {"Key": self._key, **self._never}),
            "DeleteItem": lambda: ("delete_item", {"Key": self._key, **self._never}),
            "Query": self._query,
            "Scan": lambda: ("scan", {"Limit": 1}),
            "BatchGetItem": lambda: (
                "batch_get_item",
                {"RequestItems": {definition.name: {"Keys": [self._key]}}},
            ),
            "DescribeTable": lambda: ("describe_table", {}),
            "DescribeTimeToLive": lambda: ("describe_time_to_live", {}),
            "CreateTable": lambda: ("create_table", definition.create_table()),
        }

    def _query(self) -> tuple[str, dict[str, Any]]:
        if self._definition.indexes:
            index = self._definition.indexes[0]
            return "query", {
                "IndexName": index.index_name,
                "KeyConditionExpression": "#k = :v",
                "ExpressionAttributeNames": {"#k": index.keys[0].attribute_name},
                "ExpressionAttributeValues": {
                    ":v": {index.keys[0].attribute_type: _VALUES[index.keys[0].attribute_type]}
                },
            }
        return "query", {
            "KeyConditionExpression": "#k = :v",
            "ExpressionAttributeNames": {"#k": self._hash},
            "ExpressionAttributeValues": {":v": {"S": "doctor"}},
        }

    async def try_out(self, action: str, *, needed_for: str = "") -> Check:
        """Whether an action is allowed. Raises `TableNotFoundError`."""
        name = f"{action} on {self._definition.name}"
        if action not in self._operations:
            return yellow(name, "not tried: it would change the table", "Check the role's policy.")
        method, parameters = self._operations[action]()
        if method != "batch_get_item":
            parameters = {"TableName": self._definition.name} | parameters
        try:
            if method == "create_table":
                # Only if the table exists: AWS then answers that it does, and creates nothing.
                await self._asked.call("describe_table", {"TableName": self._definition.name})
            await self._asked.call(method, parameters)
        except AccessDeniedError as error:
            if needed_for:
                return yellow(name, "not allowed", f"It is needed for {needed_for}. {error}")
            return red(name, "not allowed", str(error))
        except _EXPECTED:
            pass
        return green(name, "allowed")


async def permissions(
    config: DynamoDbConfig, asked: Client, tables: dict[str, TableDefinition]
) -> AsyncIterator[Check]:
    """Check each action that `policy` prints, and those that only some operations need."""
    for statement in iam_policy(config)["Statement"]:
        table = statement["Resource"].partition(":table/")[2].partition("/")[0]
        trials = Trials(asked, tables[table])
        for action in statement["Action"]:
            yield await _tried(trials, action.removeprefix("dynamodb:"), "")
    trials = Trials(asked, tables[config.table_name])
    yield await _tried(trials, "BatchGetItem", "load_many()")
    yield await _tried(trials, "Scan", "scan(), `export` and `copy`")


async def _tried(trials: Trials, action: str, needed_for: str) -> Check:
    try:
        return await trials.try_out(action, needed_for=needed_for)
    except TableNotFoundError:
        return yellow(
            action, "not tried: the table is missing", "Run `table create`, then run `doctor` again."
        )
    except BackendError as error:
        return red(action, "could not be tried", str(error))
