"""One table's items: read, written under a condition, removed.

The few primitives that the store is made of.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from async_dynamo_store.dynamodb.answers import ConditionFailed, InvalidRequest
from async_dynamo_store.dynamodb.deadline import time_left
from async_dynamo_store.errors import BackendError, UnsupportedValueError
from async_dynamo_store.wire import bookkeeping
from async_dynamo_store.wire.changes import Change, Increment, apply, find, put
from async_dynamo_store.wire.expression import Alive, Expression, Guard, plan
from async_dynamo_store.wire.sizes import MAX_ITEM_BYTES, check_item_size
from async_dynamo_store.wire.values import path_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence
    from datetime import datetime

    from async_dynamo_store.config import DynamoDbConfig, OnConflict
    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.records.elements import Elements
    from async_dynamo_store.wire.snapshot import Snapshot
    from async_dynamo_store.wire.values import AttributeValue, Item

    Page = tuple[dict[str, Item], Item | None]

_TRIES = 50
_FIRST_PAUSE_SECONDS = 0.005
_LAST_PAUSE_SECONDS = 0.2
_KEYS_OF_A_BATCH = 100
"""AWS, 'BatchGetItem'."""
_STALE_TOKENS = 16

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Write:
    """One try to write an item: the call, none when there is nothing to do, and the item as it is after it."""

    key: str
    changes: Sequence[Change]
    mode: OnConflict
    now: datetime
    token: str
    marks: Item | None
    after: Snapshot
    operation: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


class Items:
    """The user items of one table, by the value of their partition key."""

    def __init__(self, config: DynamoDbConfig, client: Client, elements: Elements[Any]) -> None:
        self._config = config
        self._client = client
        self._elements = elements
        self._table_name = config.table_name
        self._primary_key = config.primary_key
        self._sort_key: Item = (
            {config.sort_key_column: {"S": config.sort_key}} if config.sort_key_column else {}
        )

    async def read(self, key: str, now: datetime) -> Item | None:
        """The item, None where there is none or its time is over."""
        answer = await self._call("get_item", Key=self._key(key), ConsistentRead=self._config.consistent_read)
        return self._alive(answer.get("Item"), now)

    async def read_many(self, keys: Iterable[str], now: datetime) -> dict[str, Item]:
        """The items that exist, by key."""
        table = self._table_name
        found: dict[str, Item] = {}
        wanted = [self._key(key) for key in keys]
        while wanted:
            batch, wanted = wanted[:_KEYS_OF_A_BATCH], wanted[_KEYS_OF_A_BATCH:]
            request = {table: {"Keys": batch, "ConsistentRead": self._config.consistent_read}}
            answer = await self._client.call("batch_get_item", {"RequestItems": request})
            for item in answer["Responses"].get(table, ()):
                if self._alive(item, now):
                    found[item[self._primary_key]["S"]] = item
            if left := answer.get("UnprocessedKeys", {}).get(table):
                wanted += left["Keys"]
                await pause(len(left["Keys"]))
        return found

    async def scan(self, start: Item | None, now: datetime) -> Page:
        """A page of all user items by key, from `start` on, and where the next page starts."""
        return await self._page("scan", start, now, ConsistentRead=self._config.consistent_read)

    async def query(self, index: str, value: AttributeValue, start: Item | None, now: datetime) -> Page:
        """A page of the user items that have `value` for the partition key of a global secondary index."""
        (hash_key,) = (
            each.keys[0] for each in self._config.global_secondary_indexes if each.index_name == index
        )
        expression = Expression()
        condition = f"{expression.path((hash_key.attribute_name,))} = {expression.value(value)}"
        names = {alias: name for name, alias in expression.names.items()}
        return await self._page(
            "query",
            start,
            now,
            IndexName=index,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=expression.values,
        )

    async def _page(self, operation: str, start: Item | None, now: datetime, **parameters: Any) -> Page:
        begin = {"ExclusiveStartKey": start} if start else {}
        page = await self._call(operation, **parameters, **begin)
        found: dict[str, Item] = {}
        for item in page["Items"]:
            if any("S" not in item.get(name, {}) for name, _, _ in self._config.key_schema):
                raise InvalidRequest("The table has items without the key that the configuration asks for.")
            key = item[self._primary_key]["S"]
            if self._key(key).items() <= item.items() and self._alive(item, now):
                found[key] = item
        return found, page.get("LastEvaluatedKey")

    def plan_write(
        self,
        key: str,
        base: Snapshot | None,
        changes: Sequence[Change],
        mode: OnConflict,
        now: datetime,
        token: str | None = None,
    ) -> Write:
        """The write that makes the changes on the item that was read as `base`.

        Raises `ItemTooLargeError` for what would be too large.
        """
        # A guard keeps a write off from what it would have needed to know of the others, which then is planned again.
        keys = self._elements.written(changes) if mode == "merge" else None
        stored = None if base is None else base.item if keys is None else base.part(keys)
        before = stored or {}
        self._elements.check(before)
        after = apply(before, changes)
        write = Write(
            key,
            changes,
            mode,
            now,
            token or bookkeeping.new_token(),
            self._marks(stored),
            base or self._elements.snapshot(after),
        )
        if after == before:
            return write
        epoch = now.timestamp()
        stamps = [
            *self._elements.stamps(before, after, now),
            *bookkeeping.upkeep(epoch, before),
            bookkeeping.sign(write.token, epoch),
        ]
        after = self._key(key) | apply(after, stamps)
        if mode == "overwrite":
            after = self._key(key) | self._elements.known(after)
        write.after = (
            self._elements.snapshot(after) if base is None or keys is None else base.replaced(after, keys)
        )
        write.after.pack()
        if write.after.size > MAX_ITEM_BYTES:
            check_item_size(write.after.item)
        if stored is None or mode == "overwrite":
            write.operation = "put_item"
            write.parameters = {
                "Item": after,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                **self._put_condition(key, stored, mode, write.token, int(epoch)),
            }
        else:
            guards = self._same_item(key, stored)
            if mode == "raise":
                guards += [
                    Guard((name,), value) for name, value in stored.items() if name not in self._key(key)
                ]
                guards += [] if bookkeeping.ATTRIBUTE in stored else [Guard((bookkeeping.ATTRIBUTE,), None)]
            counting = any(isinstance(change, Increment) for change in changes)
            write.operation = "update_item"
            write.parameters = {
                "Key": self._key(key),
                "ReturnValues": "ALL_NEW" if counting else "NONE",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                **plan([*changes, *stamps], stored, [*guards, bookkeeping.not_landed(write.token)], after),
            }
        return write

    async def write(self, write: Write) -> tuple[Snapshot, bool]:
        """Send a planned write; returns the item as it is then, and whether nobody else has written in it.

        `merge` makes the changes on what others have written meanwhile. Raises `ConditionFailed` when the
        user has been deleted, with `raise` when anything was written since.
        """
        first = write
        attempt = 0
        while True:
            try:
                answer = await self._call(write.operation, **write.parameters) if write.operation else {}
            except ConditionFailed as failed:
                stored = failed.item
                if stored is not None and bookkeeping.landed(write.token, stored):
                    return self._elements.snapshot(stored), False
                base = first.marks
                same_user = base is None or (stored is not None and not self._is_other_item(stored, base))
                attempt += 1
                if write.mode != "merge" or not same_user or attempt == _TRIES:
                    raise
                alive = self._alive(stored, write.now)
                latest = None if alive is None else self._elements.snapshot(alive)
                write = self.plan_write(write.key, latest, write.changes, write.mode, write.now, write.token)
            else:
                if attributes := answer.get("Attributes"):
                    return self._elements.snapshot(attributes), False
                return write.after, write is first and bool(write.operation)
            await pause(attempt)

    def _marks(self, base: Item | None) -> Item | None:
        """What tells the user in `base` from one who comes later under the same key."""
        if base is None:
            return None
        marks: Item = {}
        for path in (bookkeeping.ID, self._elements.layout.created_at):
            if path and (value := find(base, path)) is not None:
                marks = put(marks, path, value)
        return marks

    async def change(self, key: str, change: Change, now: datetime) -> Item:
        """Make one change of the item without reading it first, where the item is as it should be.

        Returns the item as it is then.
        """
        token = bookkeeping.new_token()
        base: Item | None
        if self._config.global_secondary_indexes:
            base = await self.read(key, now)
        else:
            changes = [change, *self._elements.touches({}, now), bookkeeping.sign(token, now.timestamp())]
            guards: list[Guard | Alive] = [bookkeeping.not_landed(token)]
            if self._config.ttl:
                guards.append(Alive((self._config.ttl.attribute,), int(now.timestamp())))
            try:
                answer = await self._call(
                    "update_item",
                    Key=self._key(key),
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **plan(changes, None, guards),
                )
            except ConditionFailed as failed:
                if failed.item is not None and bookkeeping.landed(token, failed.item):
                    return failed.item
                base = self._alive(failed.item, now)
            else:
                item: Item = answer["Attributes"]
                await self._forget_old_saves(key, item, now)
                return item
        while True:
            _check_number(base, change)
            try:
                # With the token of the first try: one that comes late must not land beside this one.
                latest = None if base is None else self._elements.snapshot(base)
                after, _ = await self.write(self.plan_write(key, latest, [change], "merge", now, token))
            except ConditionFailed as failed:
                # Deleted since it was read. This change is no turn that began before: it makes the user anew.
                base = self._alive(failed.item, now)
            else:
                return after.item

    async def remove(self, key: str, base: Item | None = None) -> None:
        """Delete the item, if it is still the one that was read as `base` (None: the one that is there now).

        One that has come back since is another user.
        """
        if base is None:
            # Read even where nothing but a delete is wanted: one that is sent again after a lost answer must
            # not hit whoever came since.
            answer = await self._call("get_item", Key=self._key(key), ConsistentRead=True)
            base = answer.get("Item")
        while base is not None:
            expression = Expression()
            still = " AND ".join(map(expression.guard, self._same_item(key, base)))
            try:
                await self._call(
                    "delete_item",
                    Key=self._key(key),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **expression.parameters(still),
                )
            except ConditionFailed as failed:
                gone = failed.item is None or self._is_other_item(failed.item, base)
                base = None if gone else failed.item
            else:
                return

    def _put_condition(
        self, key: str, base: Item | None, mode: OnConflict, token: str, epoch: int
    ) -> dict[str, Any]:
        expression = Expression()
        if base is None and mode != "overwrite":
            condition = f"attribute_not_exists({expression.path((self._primary_key,))})"
            if self._config.ttl:
                condition += f" OR NOT {expression.guard(Alive((self._config.ttl.attribute,), epoch))}"
            return expression.parameters(condition)
        condition = expression.guard(bookkeeping.not_landed(token))
        if base is not None:
            same = " AND ".join(map(expression.guard, self._same_item(key, base)))
            # Or an item that another framework has put in its place, of the user who was created then.
            put = [
                f"attribute_exists({expression.path((self._primary_key,))})",
                expression.guard(Guard(bookkeeping.ID, None)),
            ]
            created_at = self._elements.layout.created_at
            if created_at and (created := find(base, created_at)):
                one_of = [expression.guard(Guard(created_at, value)) for value in (None, created)]
                put.append(f"({' OR '.join(one_of)})")
            condition += f" AND ({same} OR {' AND '.join(put)})"
        return expression.parameters(condition)

    async def _forget_old_saves(self, key: str, item: Item, now: datetime) -> None:
        """What a save does in passing needs a write of its own when a user is only ever changed by single values."""
        old = list(bookkeeping.upkeep(now.timestamp(), item))
        if len(old) >= _STALE_TOKENS:
            try:
                await self._call(
                    "update_item",
                    Key=self._key(key),
                    **plan(old, item, self._same_item(key, item)),
                )
            except (ConditionFailed, BackendError) as error:
                log.debug("Old saves stay noted for now: %s", type(error).__name__)

    def _alive(self, item: Item | None, now: datetime) -> Item | None:
        return None if item is None or self._elements.is_expired(item, now) else item

    def _same_item(self, key: str, base: Item) -> list[Guard]:
        return bookkeeping.same_item(base, self._key(key), self._elements.layout.created_at)

    def _is_other_item(self, item: Item, base: Item) -> bool:
        return bookkeeping.is_other_item(item, base, self._elements.layout.created_at)

    def _key(self, key: str) -> Item:
        return {self._primary_key: {"S": key}, **self._sort_key}

    def _call(self, operation: str, **parameters: Any) -> Awaitable[dict[str, Any]]:
        parameters["TableName"] = self._table_name
        return self._client.call(operation, parameters)


def _check_number(item: Item | None, change: Change) -> None:
    value = find(item or {}, change.path)
    if isinstance(change, Increment) and value is not None and "N" not in value:
        where = path_text(change.path)
        raise UnsupportedValueError(
            f"{where} holds {', '.join(value)} and not a number (N): it cannot be incremented", where
        )


async def pause(attempt: int) -> None:
    """Wait a random time that grows with the attempts, so that writers who met do not meet again (AWS, 'Exponential Backoff And Jitter')."""
    longest = min(_LAST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10))
    seconds = random.uniform(0, longest)  # noqa: S311 - no secret
    await asyncio.sleep(min(seconds, time_left()))
