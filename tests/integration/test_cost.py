"""docs/cost.md: what each call consumes, as DynamoDB Local counts it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.dynamodb.observer import CallReport, OperationReport

pytestmark = pytest.mark.engines("dynamodb-local")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
INDEX = {"index_name": "byCity", "keys": [{"attribute_name": "city", "path": "city"}]}

Store = AsyncDynamoStore[dict[str, Any]]
Counted = tuple[list[str], float, float]


class Calls:
    """The calls of a store, and the capacity units of each."""

    def __init__(self) -> None:
        self.made: list[tuple[str, float]] = []

    @contextmanager
    def operation(self, name: str, user_key: str | None) -> Iterator[OperationReport]:
        yield OperationReport()

    @contextmanager
    def call(self, operation: str, table: str) -> Iterator[CallReport]:
        report = CallReport()
        yield report
        self.made.append((operation, sum(each["CapacityUnits"] for each in report.consumed_capacity)))

    def counted(self) -> Counted:
        reads = {"GetItem", "Query"}
        return (
            [operation for operation, _ in self.made],
            sum(units for operation, units in self.made if operation in reads),
            sum(units for operation, units in self.made if operation not in reads),
        )


def told() -> dict[str, Counted]:
    section = PAGE.partition("## What each call consumes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([A-Z][\w, ]+) \| (\d+) \| (\d+) \|$", section, re.MULTILINE)
    return {
        call: (requests.split(", "), float(reads), float(writes)) for call, requests, reads, writes in rows
    }


@pytest.fixture
async def calls() -> Calls:
    return Calls()


@pytest.fixture
async def store(aws_config: dict[str, str], table_name: str) -> AsyncIterator[Store]:
    config = {"table_name": table_name, "aws_config": aws_config, "conversations": {}}
    async with AsyncDynamoStore(config) as store:
        await store.ensure_table()
        await store.set("ada", "score", 1)
        conversation = store.conversation("ada", "call-1")
        for _ in range(12):
            await conversation.append([{"role": "user", "content": "Where is my parcel?"}])
        yield store


@pytest.fixture
async def indexed(aws_config: dict[str, str], table_name: str) -> AsyncIterator[Store]:
    config = {"table_name": table_name, "aws_config": aws_config, "global_secondary_indexes": [INDEX]}
    async with AsyncDynamoStore(config) as store:
        async with store.turn("ada") as user:
            user.data.update(city="Linz", score=1)
        yield store


async def a_turn(store: Store, user_id: str = "ada", **changes: Any) -> None:
    async with store.turn(user_id) as user:
        user.data.update(changes)


PLAIN: dict[str, Callable[[Store], Awaitable[object]]] = {
    "a turn that changes nothing": a_turn,
    "a turn that changes something": lambda store: a_turn(store, score=2),
    "the first turn of a user": lambda store: a_turn(store, "ben", score=2),
    "`store.get`": lambda store: store.get("ada", "score"),
    "`store.increment`, `set`, `unset`, `append`": lambda store: store.increment("ada", "score"),
    "`store.delete`": lambda store: store.delete("ada"),
    "`conversation.append`": lambda store: store.conversation("ada", "call-1").append(
        [{"role": "assistant", "content": "In Linz."}]
    ),
    "`conversation.last_turns(10)`": lambda store: store.conversation("ada", "call-1").last_turns(10),
}
INDEXED: dict[str, Callable[[Store], Awaitable[object]]] = {
    "with an index: a turn that changes something": lambda store: a_turn(store, score=2),
    "with an index: a turn that changes the index key": lambda store: a_turn(store, city="Wien"),
    "with an index: `store.increment`": lambda store: store.increment("ada", "score"),
}


@pytest.mark.parametrize("call", PLAIN)
async def test_a_call_consumes_what_the_page_says(call: str, store: Store, calls: Calls) -> None:
    store.observe(calls)
    await PLAIN[call](store)
    assert calls.counted() == told()[call]


@pytest.mark.parametrize("call", INDEXED)
async def test_an_index_costs_what_the_page_says(call: str, indexed: Store, calls: Calls) -> None:
    indexed.observe(calls)
    await INDEXED[call](indexed)
    assert calls.counted() == told()[call]


def test_the_units_by_size_are_those_of_the_result_file() -> None:
    counted = json.loads((ROOT / "benchmarks/results/requests-dynamodb-local.json").read_text("utf-8"))
    units = {
        (each["contender"], each["size"], each["kind"]): (each["read_units"], each["write_units"])
        for each in counted["counted"]
    }
    rows = re.findall(
        r"^\| ([\d.]+) KB \| (\d+) reads? \| (\d+) reads?, (\d+) writes? \| (\d+) reads?, (\d+) writes? \|$",
        PAGE,
        re.MULTILINE,
    )
    told = {}
    for size, unchanged, reads, writes, jovo_reads, jovo_writes in rows:
        wire = int(float(size) * 1000)
        told[("async-dynamo-store", wire, "unchanged")] = (float(unchanged), 0.0)
        told[("async-dynamo-store", wire, "changed")] = (float(reads), float(writes))
        told[("GetItem + PutItem, as Jovo", wire, "changed")] = (float(jovo_reads), float(jovo_writes))
    assert len(told) == 12
    assert told == {row: units[row] for row in told}


def test_every_row_is_counted() -> None:
    assert set(told()) == {*PLAIN, *INDEXED}
