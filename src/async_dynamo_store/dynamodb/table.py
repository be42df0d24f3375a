"""A table: create it, wait until it is active, check its keys, and run operations on it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from async_dynamo_store.errors import (
    AccessDeniedError,
    BackendError,
    TableMismatchError,
    TableNotFoundError,
    UnavailableError,
)

from .answers import InvalidRequest, TableInUse
from .deadline import time_left

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .client import Client
    from .definition import KeySchema, TableDefinition

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

_CREATION_SECONDS = 60.0
_FIRST_POLL_SECONDS = 0.05
_LAST_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TableInfo:
    """The result of `ensure_table`.

    `created`: whether this call created the table. `ttl`: the attribute of the table's time to live; None if none is
    configured, or if it could not be switched on or checked (the log says why). `conversations`: the conversations'
    table; None if `conversations` is not configured.
    """

    name: str
    status: str
    key_schema: KeySchema
    created: bool = False
    ttl: str | None = None
    conversations: TableInfo | None = None


class Table:
    """One table of a store."""

    def __init__(self, definition: TableDefinition, client: Client) -> None:
        self._definition = definition
        self._client = client
        self._ensuring: dict[asyncio.AbstractEventLoop, asyncio.Task[TableInfo]] = {}
        self._projections: dict[str, str] | None = None

    async def operate(self, operation: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Run one operation within `timeout_seconds`; if the table is missing, create it and run the operation again."""
        checked = partial(self._checked, operation)
        try:
            return await self._client.within_timeout(checked)
        except TableNotFoundError:
            if not self._definition.may_create:
                raise
            await self.ensure()
        return await self._client.within_timeout(checked)

    async def _checked(self, operation: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Run an operation; if DynamoDB refuses it as invalid, check the table's keys."""
        try:
            return await operation()
        except InvalidRequest as error:
            await self._check_keys(error)
            raise

    async def ensure(self) -> TableInfo:
        """Check that the table is active and has the right keys, or create it. Concurrent tasks share the work.

        Raises `TableMismatchError`, `TableNotFoundError` (if `create_table_on_init` is off), and `UnavailableError`
        if the table is not active after 60 seconds. `timeout_seconds` does not apply, because AWS takes seconds to
        create a table.
        """
        loop = asyncio.get_running_loop()
        task = self._ensuring.get(loop)
        if task is None:
            task = self._ensuring[loop] = loop.create_task(self._ensure())
            task.add_done_callback(lambda _: self._ensuring.pop(loop, None))
        return await asyncio.shield(task)

    async def _ensure(self) -> TableInfo:
        seconds = min(_CREATION_SECONDS, time_left())
        try:
            async with asyncio.timeout(seconds):
                return await self._find_or_create()
        except TimeoutError as error:
            raise UnavailableError(
                f"The table {self._definition.name!r} was not active after {seconds:.2g} seconds. Check it in the AWS console."
            ) from error

    async def holds_all(self, index: str) -> bool:
        """Whether an index holds all attributes of the items; False if that is unknown.

        Raises `TableMismatchError` for an index that is missing or has another key.
        """
        if self._projections is None:
            try:
                described = await self._describe()
            except BackendError:
                return False
            if described is None:
                return False
            self._check_indexes(described)
            self._projections = {
                each["IndexName"]: each["Projection"]["ProjectionType"]
                for each in described.get("GlobalSecondaryIndexes", ())
            }
        return self._projections[index] == "ALL"

    async def _check_keys(self, refused: InvalidRequest) -> None:
        """Raise `TableMismatchError` if a request was refused because the table's keys differ from the configuration."""
        try:
            described = await self._describe()
        except (BackendError, TimeoutError):
            return
        if described:
            self._check(described, refused)

    async def _find_or_create(self) -> TableInfo:
        created = missing = False
        pause = _FIRST_POLL_SECONDS
        while True:
            described = await self._describe()
            if described is None:
                if not self._definition.may_create:
                    raise TableNotFoundError(
                        f"There is no table {self._definition.name!r}, and create_table_on_init is off. Create it with the key"
                        f" {_words(self._definition.key_schema)}, or turn create_table_on_init on."
                    )
                missing = True
                created = await self._create() or created
            else:
                self._check(described)
                self._check_indexes(described)
                if described["TableStatus"] in ("ACTIVE", "UPDATING"):
                    break
                if described["TableStatus"] in (
                    "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
                    "ARCHIVING",
                    "ARCHIVED",
                ):
                    raise AccessDeniedError(
                        f"The table {self._definition.name!r} is {described['TableStatus']}: DynamoDB could not use its KMS"
                        " key. Enable the key; an archived table has to be restored from its backup.",
                        "kms:Decrypt",
                    )
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_POLL_SECONDS)
        ttl = await self._ensure_ttl(is_new=missing)
        return TableInfo(
            self._definition.name, described["TableStatus"], _key_schema(described), created, ttl
        )

    async def _describe(self) -> dict[str, Any] | None:
        try:
            answer = await self._client.call("describe_table", {"TableName": self._definition.name})
        except TableNotFoundError:
            return None
        table: dict[str, Any] = answer["Table"]
        return None if table["TableStatus"] == "DELETING" else table

    async def _create(self) -> bool:
        """Create the table; False if another caller has created it already."""
        try:
            await self._client.call("create_table", self._definition.create_table())
        except TableInUse:
            return False
        log.info("Creating the DynamoDB table %s", self._definition.name)
        return True

    async def _ensure_ttl(self, *, is_new: bool) -> str | None:
        """Switch on the time to live if it is off. A failure is only logged, because no data is lost without it."""
        wanted = self._definition.ttl_attribute
        if wanted is None:
            return None
        try:
            found = None if is_new else await self._ttl_attribute()
            if found is None:
                # Concurrent callers may also try this; DynamoDB refuses it if it is enabled already.
                with suppress(InvalidRequest):
                    await self._client.call(
                        "update_time_to_live",
                        {
                            "TableName": self._definition.name,
                            "TimeToLiveSpecification": {"Enabled": True, "AttributeName": wanted},
                        },
                    )
                return wanted
        except BackendError as error:
            log.warning(
                "DynamoDB may not expire the items of the table %s: its time to live could not be switched on (%s)."
                " Run `async-dynamo-store ensure-table` with rights to DescribeTimeToLive and UpdateTimeToLive.",
                self._definition.name,
                error,
            )
            return None
        if found != wanted:
            log.warning(
                "The time to live of the table %s uses the attribute %r, but the configuration's ttl uses %r: DynamoDB does"
                " not expire items by that attribute. Set ttl.attribute to %r, or change the table's time to live.",
                self._definition.name,
                found,
                wanted,
                found,
            )
            return None
        return wanted

    async def _ttl_attribute(self) -> str | None:
        """The attribute of the table's time to live; None if it is off."""
        answer = await self._client.call("describe_time_to_live", {"TableName": self._definition.name})
        described = answer["TimeToLiveDescription"]
        is_on = described["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
        return str(described["AttributeName"]) if is_on else None

    def _check_indexes(self, described: dict[str, Any]) -> None:
        """Raise `TableMismatchError` for a configured index that is missing or has another key."""
        found = {
            each["IndexName"]: [(key["AttributeName"], key["KeyType"]) for key in each["KeySchema"]]
            for each in described.get("GlobalSecondaryIndexes", ())
        }
        for index in self._definition.indexes:
            wanted = [(key.attribute_name, key.key_type) for key in index.keys]
            if sorted(found.get(index.index_name, ())) != sorted(wanted):
                has = found.get(index.index_name)
                raise TableMismatchError(
                    f"The table {self._definition.name!r} has {'no index' if has is None else 'the index'}"
                    f" {index.index_name!r}{'' if has is None else f' with the key {has}'}; the configuration asks for"
                    f" {wanted}. Create the index, or set global_secondary_indexes to match the table."
                )

    def _check(self, described: dict[str, Any], cause: Exception | None = None) -> None:
        found, wanted = _key_schema(described), self._definition.key_schema
        if found != wanted:
            raise TableMismatchError(
                f"The table {self._definition.name!r} has the key {_words(found)}; the configuration asks for {_words(wanted)}."
                f" {self._definition.key_advice}"
            ) from cause


def _key_schema(described: dict[str, Any]) -> KeySchema:
    types = {
        definition["AttributeName"]: definition["AttributeType"]
        for definition in described["AttributeDefinitions"]
    }
    keys = [
        (key["AttributeName"], types[key["AttributeName"]], key["KeyType"]) for key in described["KeySchema"]
    ]
    return tuple(sorted(keys, key=lambda key: key[2]))


def _words(schema: KeySchema) -> str:
    return " + ".join(f"{name} ({kind}, {role})" for name, kind, role in schema)
