"""One table's items: read, written under a condition, removed. The few requests that the store is made of."""

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
from async_dynamo_store.wire.expression import Expression, Guard, plan

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
        self.writer = bookkeeping.Writer()

    def key(self, key: str) -> Item:
        """The primary key of an item."""
        return {self._primary_key: {"S": key}, **self._sort_key}

    async def read(self, key: str, now: datetime) -> Item | None:
        """The item, None where there is none or its time is over."""
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

    async def whole_items(self, read_page: ReadPage, start: Item | None, now: datetime) -> Page:
        """A page with each item as the table has it, from one that may hold parts of them."""
        page, following = await read_page(start, now)
        return await self.read_many(page, now), following

    async def _page(self, operation: str, start: Item | None, now: datetime, **parameters: Any) -> Page:
        begin = {"ExclusiveStartKey": start} if start else {}
        page = await self._call(operation, **parameters, **begin)
        found: dict[str, Item] = {}
        for item in page["Items"]:
            if any("S" not in item.get(name, {}) for name, _, _ in self._config.key_schema):
                raise InvalidRequest("The table has items without the key that the configuration asks for.")
            key = item[self._primary_key]["S"]
            if self.key(key).items() <= item.items() and self._alive(item, now):
                found[key] = item
        return found, page.get("LastEvaluatedKey")

    def plan(self, save: Save, base: Snapshot | None, mark: WriteMark) -> Write | None:
        """The request that makes a save; None when there is nothing to write."""
        return plan_save(self._elements, save, base, mark)

    async def send(self, save: Save, write: Write) -> Outcome:
        """Make a planned save.

        `merge` makes the changes on what others have written meanwhile. Raises `ConditionFailed` when the
        user has been deleted, with `raise` when anything was written since.
        """

        def may_retry(stored: Item | None, attempt: int) -> bool:
            token = write.record_token
            is_same_user = token is None or (stored is not None and not self._is_other_item(stored, token))
            return save.mode == "merge" and is_same_user and attempt < _TRIES

        return await self._until_made(
            write, save.now, lambda base, mark: self.plan(save, base, mark), may_retry
        )

    async def change(
        self, key: str, change_of: Callable[[Item], Change], blind: Change | None, now: datetime
    ) -> Item:
        """Make one change of the item, whatever others write meanwhile; returns the item as it is then.

        `change_of` says what the change is on an item that was read, or raises. `blind` is the change on an item
        that is as it should be, which is tried without reading it; None when it has to be read.
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
                # A sum that DynamoDB cannot hold is refused so: working it out here says which.
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
        return Write("update_item", mark, self._elements.snapshot({}), None, parameters)

    async def _until_made(
        self,
        write: Write,
        now: datetime,
        replan: Replan,
        may_retry: Callable[[Item | None, int], bool],
    ) -> Outcome:
        """Send a write; plan it again on what a refusal says is stored, as long as that may be done."""
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
        """Delete the item, if it is still the one that was read as `base` (None: the one that is there now); whether it was.

        One that has come back since is another user.
        """
        if base is None:
            # Read even where nothing but a delete is wanted: one that is sent again after a lost answer must
            # not hit whoever came since.
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

        A save removes it in passing; a user who is only ever changed by single values has no saves.
        """
        stale = bookkeeping.stale(now.timestamp(), item, bookkeeping.WriteMark("", 0))
        return sum(len((find(item, change.path) or {}).get("M", "1")) for change in stale) >= _MANY_STALE

    async def remove_stale(self, key: str, item: Item, now: datetime) -> None:
        """Remove what is out of date in the bookkeeping; what keeps this from being done may keep it."""
        stale = list(bookkeeping.stale(now.timestamp(), item, bookkeeping.WriteMark("", 0)))
        try:
            await self._call(
                "update_item", Key=self.key(key), **plan(stale, item, self._same_item(key, item))
            )
        except (ConditionFailed, BackendError) as error:
            log.debug("Slots of silent writers stay for now: %s", type(error).__name__)

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
    """Wait a random time that grows with the attempts, so that writers who met do not meet again (AWS, 'Exponential Backoff And Jitter')."""
    longest = min(_LAST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(attempt, 10))
    seconds = random.uniform(0, longest)  # noqa: S311 - no secret
    await asyncio.sleep(min(seconds, time_left()))
