"""Tables as source and as target."""

from __future__ import annotations

import asyncio
import math
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from async_dynamo_store.cli.json_text import item_from_dynamodb
from async_dynamo_store.dynamodb.answers import ConditionFailed, InvalidRequest
from async_dynamo_store.errors import CodecError, TableNotFoundError, ThrottledError
from async_dynamo_store.store.items import pause
from async_dynamo_store.wire.sizes import item_size
from async_dynamo_store.wire.values import same

from .pages import Page, Problem, all_of
from .rates import Rate, consumed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Sequence
    from contextlib import AbstractAsyncContextManager

    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.wire.values import Item

    from .pages import Totals

_KEYS_OF_A_READ = 100
_ITEMS_OF_A_WRITE = 25
"""AWS, 'BatchGetItem' and 'BatchWriteItem'."""
_WRITES_AT_ONCE = 32
_FIRST_LIMIT = 10


class TableSource:
    """The items of a table, scanned in segments."""

    def __init__(self, config: DynamoDbConfig, client: Client, rate: Rate) -> None:
        self._config = config
        self._client = client
        self._rate = rate
        self._segments = 1

    async def parts(self, segments: int) -> Sequence[str]:
        """The segments."""
        self._segments = segments
        return [str(number) for number in range(segments)]

    async def pages(self, part: str, position: Any) -> AsyncIterator[Page]:
        """The pages of a segment."""
        start: Item | None = item_from_dynamodb(position) if position else None
        parameters: dict[str, Any] = {
            "TableName": self._config.table_name,
            "Segment": int(part),
            "TotalSegments": self._segments,
            "ConsistentRead": self._config.consistent_read,
            "ReturnConsumedCapacity": "TOTAL",
        }
        limit, expected = (None, 0.0) if self._rate.units is None else (_FIRST_LIMIT, 1.0)
        while True:
            await self._rate.take(expected)
            answer = await _until_let_in(
                self._client,
                "scan",
                parameters
                | ({"ExclusiveStartKey": start} if start else {})
                | ({"Limit": limit} if limit else {}),
            )
            units = consumed(answer, expected)
            self._rate.settle(expected, units)
            items, start = answer["Items"], answer.get("LastEvaluatedKey")
            yield Page(items, start)
            if start is None:
                return
            if self._rate.units is not None:
                # Read about one second's share per page, so that the rate holds within each second.
                share = self._rate.units / self._segments
                limit = max(1, math.floor(len(items) * share / max(units, 0.5))) if items else _FIRST_LIMIT
                expected = max(share, 0.5)


class TableTarget:
    """A table as target. With `overwrites`, items replace existing ones with the same keys."""

    def __init__(
        self, config: DynamoDbConfig, client: Client, read_rate: Rate, write_rate: Rate, *, overwrites: bool
    ) -> None:
        self._config = config
        self._client = client
        self._read_rate = read_rate
        self._write_rate = write_rate
        self._overwrites = overwrites
        self._at_once = asyncio.Semaphore(_WRITES_AT_ONCE)
        self._key_names = [name for name, _, _ in config.key_schema]
        self._is_rehearsal = False

    def in_order(self) -> AbstractAsyncContextManager[Any]:
        """Do nothing: writes to a table are independent of each other."""
        return nullcontext()

    def size(self) -> int:
        """Always 0: a resumed transfer may write items again, which does not change them."""
        return 0

    async def sync(self) -> None:
        """Do nothing: DynamoDB answers a write when it is durable."""

    async def write(self, items: Sequence[Item], totals: Totals) -> list[Problem]:
        """Write the items. Without `overwrites`, existing items are kept, and those that differ are problems."""
        if self._overwrites:
            found = await all_of(self._put_batch(batch, totals) for batch in self._batches(items))
        else:
            found = await all_of(self._put_new(item, totals) for item in items)
        return [problem for each in found for problem in each]

    @contextmanager
    def rehearsal(self) -> Generator[None]:
        """Within the block, nothing is written yet, so a missing user or table is not a problem."""
        self._is_rehearsal = True
        yield
        self._is_rehearsal = False

    async def compare(self, items: Sequence[Item], totals: Totals) -> list[Problem]:
        """Count which of the items the table has; returns missing and different ones as problems."""
        problems: list[Problem] = []
        unique = {self._key_text(item): item for item in items}
        keys = [self._key(item) for item in unique.values()]
        stored: dict[str, Item] = {}
        for start in range(0, len(keys), _KEYS_OF_A_READ):
            async for found in self._read(keys[start : start + _KEYS_OF_A_READ]):
                stored[self._key_text(found)] = found
        for item in items:
            there = stored.get(self._key_text(item))
            if there is None:
                totals.missing += 1
                if not self._is_rehearsal:
                    problems.append(self._problem(item, "it is not in the target"))
            elif same({"M": there}, {"M": item}):
                totals.same += 1
                totals.have(there)
            else:
                totals.kept += 1
                if self._is_rehearsal or self._overwrites:
                    problems.append(self._problem(item, "it differs in the target"))
        return problems

    async def _read(self, keys: list[Item]) -> AsyncIterator[Item]:
        table, attempt = self._config.table_name, 0
        while keys:
            expected = float(len(keys))
            await self._read_rate.take(expected)
            request = {
                "RequestItems": {table: {"Keys": keys, "ConsistentRead": True}},
                "ReturnConsumedCapacity": "TOTAL",
            }
            try:
                answer = await _until_let_in(self._client, "batch_get_item", request)
            except TableNotFoundError:
                return  # all of them are missing
            self._read_rate.settle(expected, consumed(answer, expected))
            for item in answer["Responses"].get(table, ()):
                yield item
            keys = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
            if keys:
                attempt += 1
                await pause(attempt)

    async def _put_new(self, item: Item, totals: Totals) -> list[Problem]:
        names = {f"#{number}": name for number, name in enumerate(self._key_names[:1])}
        parameters = {
            "TableName": self._config.table_name,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#0)",
            "ExpressionAttributeNames": names,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            "ReturnConsumedCapacity": "TOTAL",
        }
        try:
            await self._put(parameters, item)
        except ConditionFailed as failed:
            if failed.item is not None and same({"M": failed.item}, {"M": item}):
                totals.same += 1
                totals.have(item)
                return []
            totals.kept += 1
            return [self._problem(item, "it differs in the target, and was kept there")]
        except (InvalidRequest, CodecError) as error:
            return [self._refused(item, error, totals)]
        totals.written += 1
        totals.have(item)
        return []

    async def _put(self, parameters: dict[str, Any], item: Item) -> None:
        expected = math.ceil(item_size(item) / 1024)
        async with self._at_once:
            await self._write_rate.take(expected)
            answer = await _until_let_in(self._client, "put_item", parameters)
            self._write_rate.settle(expected, consumed(answer, expected))

    async def _put_batch(self, items: Sequence[Item], totals: Totals) -> list[Problem]:
        table, attempt = self._config.table_name, 0
        left: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        try:
            while left:
                expected = sum(math.ceil(item_size(each["PutRequest"]["Item"]) / 1024) for each in left)
                async with self._at_once:
                    await self._write_rate.take(expected)
                    request = {"RequestItems": {table: left}, "ReturnConsumedCapacity": "TOTAL"}
                    answer = await _until_let_in(self._client, "batch_write_item", request)
                    self._write_rate.settle(expected, consumed(answer, expected))
                left = answer.get("UnprocessedItems", {}).get(table, [])
                if left:
                    attempt += 1
                    await pause(attempt)
        except (InvalidRequest, CodecError):
            # One rejected item fails the whole batch, so write each by itself.
            return [problem for item in items for problem in await self._put_over(item, totals)]
        for item in items:
            totals.written += 1
            totals.have(item)
        return []

    async def _put_over(self, item: Item, totals: Totals) -> list[Problem]:
        parameters = {
            "TableName": self._config.table_name,
            "Item": item,
            "ReturnConsumedCapacity": "TOTAL",
        }
        try:
            await self._put(parameters, item)
        except (InvalidRequest, CodecError) as error:
            return [self._refused(item, error, totals)]
        totals.written += 1
        totals.have(item)
        return []

    def _batches(self, items: Sequence[Item]) -> list[list[Item]]:
        """Batches without duplicate keys, which DynamoDB rejects."""
        batches: list[list[Item]] = []
        keys: set[str] = set()
        for item in items:
            key = self._key_text(item)
            if not batches or len(batches[-1]) == _ITEMS_OF_A_WRITE or key in keys:
                batches.append([])
                keys = set()
            batches[-1].append(item)
            keys.add(key)
        return batches

    def _key(self, item: Item) -> Item:
        return {name: item[name] for name in self._key_names}

    def _key_text(self, item: Item) -> str:
        return str(item[self._key_names[0]]["S"])

    def _problem(self, item: Item, reason: str) -> Problem:
        return Problem(self._key_text(item), reason)

    def _refused(self, item: Item, error: Exception, totals: Totals) -> Problem:
        totals.unreadable += 1
        return self._problem(item, str(error))


async def _until_let_in(client: Client, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Call DynamoDB, and retry while it throttles."""
    attempt = 0
    while True:
        try:
            return await client.call(operation, parameters)
        except ThrottledError:
            attempt += 1
            await pause(attempt)
