"""The items of one table: the few requests that read, conditionally write and delete them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from async_dynamo_store.dynamodb.answers import ConditionFailed, InvalidRequest
from async_dynamo_store.dynamodb.deadline import time_left
from async_dynamo_store.errors import BackendError
from async_dynamo_store.records.elements import Outcome
from async_dynamo_store.records.writing import Save, Write, plan_save
from async_dynamo_store.wire import bookkeeping
from async_dynamo_store.wire.changes import find
from async_dynamo_store.wire.expression import Expression, Guard
from async_dynamo_store.wire.update import plan

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.records.elements import Elements
    from async_dynamo_store.wire.bookkeeping import WriteMark
    from async_dynamo_store.wire.changes import Change
    from async_dynamo_store.wire.expression import Condition
    from async_dynamo_store.wire.snapshot import Snapshot
    from async_dynamo_store.wire.values import AttributeValue, Item

    Page = tuple[dict[str, Item], Item | None]
    ReadPage = Callable[[Item | None, datetime], Awaitable[Page]]
    Replan = Callable[[Snapshot | None, WriteMark], Write | None]

_TRIES = 50
_FIRST_PAUSE_SECONDS = 0.005
_LAST_PAUSE_SECONDS = 0.2
_KEYS_OF_A_BATCH = 100
"""AWS, 'BatchGetItem'."""
_MANY_STALE = 16

log = logging.getLogger(__name__)


class Items:
    """The user items of one table, by partition key value."""

    def __init__(self, config: DynamoDbConfig, client: Client, elements: Elements[Any]) -> None:
        self._config = config
        self._client = client
        self._elements = elements
        self._table_name = config.table_name
        self._primary_key = config.primary_key
        self._sort_key: Item = (
            {config.sort_key_column: {"S": config.sort_key}} if config.sort_key_column else {}
        )
        self.writer = bookkeeping.Writer()

    def key(self, key: str) -> Item:
        """The primary key of an item."""
        return {self._primary_key: {"S": key}, **self._sort_key}

    async def read(self, key: str, now: datetime) -> Item | None:
        """The item; None if there is none or it has expired."""
        answer = await self._call("get_item", Key=self.key(key), ConsistentRead=self._config.consistent_read)
        return self._alive(answer.get("Item"), now)

    async def read_many(self, keys: Iterable[str], now: datetime) -> dict[str, Item]:
        """The items that exist, by key."""
        table = self._table_name
        found: dict[str, Item] = {}
        wanted = [self.key(key) for key in keys]
        unanswered = 0
        while wanted:
            batch, wanted = wanted[:_KEYS_OF_A_BATCH], wanted[_KEYS_OF_A_BATCH:]
            request = {table: {"Keys": batch, "ConsistentRead": self._config.consistent_read}}
            answer = await self._client.call("batch_get_item", {"RequestItems": request})
            for item in answer["Responses"].get(table, ()):
                if self._alive(item, now):
                    found[item[self._primary_key]["S"]] = item
            if left := answer.get("UnprocessedKeys", {}).get(table):
                wanted += left["Keys"]
                unanswered += 1
                await pause(unanswered)
            else:
                unanswered = 0
        return found

    async def scan(self, start: Item | None, now: datetime) -> Page:
        """A page of all user items by key, beginning at `start`, and the start of the next page."""
        return await self._page("scan", start, now, ConsistentRead=self._config.consistent_read)

    async def query(self, index: str, value: AttributeValue, start: Item | None, now: datetime) -> Page:
        """A page of the user items with `value` as the partition key of a global secondary index."""
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

    async def whole_items(self, read_page: ReadPage, start: Item | None, now: datetime) -> Page:
        """A page with the complete items from the table, for a page that may hold only parts of them."""
        page, following = await read_page(start, now)
        return await self.read_many(page, now), following

    async def _page(self, operation: str, start: Item | None, now: datetime, **parameters: Any) -> Page:
        begin = {"ExclusiveStartKey": start} if start else {}
        page = await self._call(operation, **parameters, **begin)
        found: dict[str, Item] = {}
        for item in page["Items"]:
            if any("S" not in item.get(name, {}) for name, _, _ in self._config.key_schema):
                raise InvalidRequest("The table has items without the key that is set in the configuration.")
            key = item[self._primary_key]["S"]
            if self.key(key).items() <= item.items() and self._alive(item, now):
                found[key] = item
        return found, page.get("LastEvaluatedKey")

    def plan(self, save: Save, base: Snapshot | None, mark: WriteMark) -> Write | None:
        """The request for a save; None if there is nothing to write."""
        return plan_save(self._elements, save, base, mark)

    async def send(self, save: Save, write: Write) -> Outcome:
        """Send a planned save.

        With `merge`, the changes are applied to the latest item. Raises `ConditionFailed` if the user was deleted, and
        with `raise` also if another writer has changed the item.
        """

        def may_retry(stored: Item | None, attempt: int) -> bool:
            before = write.before
            is_same_user = before is None or (
                stored is not None and not self._is_other_item(stored, before.part(()))
            )
            return save.mode == "merge" and is_same_user and attempt < _TRIES

        return await self._until_made(
            write, save.now, lambda base, mark: self.plan(save, base, mark), may_retry
        )

    async def change(
        self, key: str, change_of: Callable[[Item], Change], blind: Change | None, now: datetime
    ) -> Item:
        """Make one change to the item, even if others write to it concurrently; return the item after the change.

        `change_of` returns the change for an item that was read, or raises. `blind` is the change to try first without
        reading the item; None if the item has to be read.
        """
        mark = self.writer.begin(key)
        read: list[Item] = []

        def replan(base: Snapshot | None, mark: WriteMark) -> Write | None:
            item = base.item if base else {}
            read[:] = [item]
            self._elements.check(item)
            return self.plan(Save(self.key(key), [change_of(item)], "merge", now), base, mark)

        try:
            if blind is None or self._config.global_secondary_indexes:
                item = await self.read(key, now)
                write = replan(None if item is None else self._elements.snapshot(item), mark)
            else:
                write = self._blind(key, blind, mark, now)
            if write is None:
                return read[0]
            try:
                outcome = await self._until_made(write, now, replan, lambda stored, attempt: True)
            except InvalidRequest:
                # DynamoDB refuses a sum that it cannot store. Computing it here raises an error that names the value.
                change_of(await self.read(key, now) or {})
                raise
        finally:
            self.writer.end(key, mark)
        return outcome.after.item

    def _blind(self, key: str, change: Change, mark: WriteMark, now: datetime) -> Write:
        conditions: list[Condition] = [mark.unmade()]
        if alive := self._elements.expiry.alive(now):
            conditions.append(alive)
        changes = [change, *self._elements.always_written({}, now), mark.change()]
        parameters = {
            "Key": self.key(key),
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            **plan(changes, None, conditions),
        }
        return Write("update_item", mark, None, self._elements.snapshot({}), parameters)

    async def _until_made(
        self,
        write: Write,
        now: datetime,
        replan: Replan,
        may_retry: Callable[[Item | None, int], bool],
    ) -> Outcome:
        """Send a write; if it is refused, plan it again for the stored item, as long as `may_retry` allows."""
        first, attempt = write, 0
        while True:
            try:
                answer = await self._call(write.operation, **write.parameters)
            except ConditionFailed as failed:
                stored, mark = failed.item, write.mark
                if stored is not None and mark.is_in(stored):
                    return Outcome(self._elements.snapshot(stored), unchanged_by_others=False)
                attempt += 1
                if not may_retry(stored, attempt):
                    raise
                if stored is not None and mark.is_overtaken(stored):
                    mark = self.writer.renumbered(mark, stored)
                alive = self._alive(stored, now)
                latest = None if alive is None else self._elements.snapshot(alive)
                planned = replan(latest, mark)
                if planned is None:
                    return Outcome(latest or self._elements.snapshot({}), unchanged_by_others=False)
                write = planned
            else:
                if attributes := answer.get("Attributes"):
                    return Outcome(self._elements.snapshot(attributes), unchanged_by_others=False)
                return Outcome(write.after, unchanged_by_others=write is first)
            await pause(attempt)

    async def remove(self, key: str, base: Item | None = None) -> bool:
        """Delete the item if it is still the one read as `base` (None: the current one); return whether it was deleted.

        An item that was deleted and created again since belongs to another user and is kept.
        """
        if base is None:
            # Read first even for a plain delete: a delete that is sent again after a lost response must not delete an
            # item that was created since.
            answer = await self._call("get_item", Key=self.key(key), ConsistentRead=True)
            base = answer.get("Item")
        while base is not None:
            expression = Expression()
            still = " AND ".join(map(expression.condition, self._same_item(key, base)))
            try:
                await self._call(
                    "delete_item",
                    Key=self.key(key),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **expression.parameters(still),
                )
            except ConditionFailed as failed:
                gone = failed.item is None or self._is_other_item(failed.item, base)
                base = None if gone else failed.item
            else:
                return True
        return False

    def has_many_stale(self, item: Item, now: datetime) -> bool:
        """Whether enough of the bookkeeping is outdated to justify a write.

        A save removes outdated entries anyway, but a user who is only changed by direct operations has no saves.
        """
        stale = bookkeeping.stale(now.timestamp(), item, bookkeeping.WriteMark("", 0))
        return sum(len((find(item, change.path) or {}).get("M", "1")) for change in stale) >= _MANY_STALE

    async def remove_stale(self, key: str, item: Item, now: datetime) -> None:
        """Remove outdated entries from the bookkeeping; a failure is only logged."""
        stale = list(bookkeeping.stale(now.timestamp(), item, bookkeeping.WriteMark("", 0)))
        try:
            await self._call(
                "update_item", Key=self.key(key), **plan(stale, item, self._same_item(key, item))
            )
        except (ConditionFailed, BackendError) as error:
            log.debug("Outdated slots of other writers were not removed: %s", type(error).__name__)

    def _alive(self, item: Item | None, now: datetime) -> Item | None:
        return None if item is None or self._elements.expiry.is_over(item, now) else item

    def _same_item(self, key: str, base: Item) -> list[Guard]:
        return bookkeeping.same_item(base, self.key(key), self._elements.layout.created_at)

    def _is_other_item(self, item: Item, base: Item) -> bool:
        return bookkeeping.is_other_item(item, base, self._elements.layout.created_at)

    def _call(self, operation: str, **parameters: Any) -> Awaitable[dict[str, Any]]:
        parameters["TableName"] = self._table_name
        return self._client.call(operation, parameters)


async def pause(attempt: int) -> None:
    """Wait a random time that grows with the attempts, so that concurrent writers do not collide again.

    See AWS, 'Exponential Backoff And Jitter'.
    """
    longest = min(_LAST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10))
    seconds = random.uniform(0, longest)  # noqa: S311 - no secret
    await asyncio.sleep(min(seconds, time_left()))
