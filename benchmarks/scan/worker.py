"""`python -m benchmarks.scan.worker KIND ENDPOINT USERS`: read all users once, and print a line of JSON."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer

from async_dynamo_store import AsyncDynamoStore
from benchmarks.users import KEY_COLUMN, SCORE, TABLE_NAME, user_id

AT_ONCE = 1_000
"""How many users are asked for with one `load_many`."""


async def scan(endpoint: str, users: int) -> int:
    """`store.scan`."""
    score = 0
    async with AsyncDynamoStore(_config(endpoint)) as store:
        async for user in store.scan():
            score += user.data["score"]
    return score


async def load_many(endpoint: str, users: int) -> int:
    """`store.load_many`, 1,000 users at a time."""
    score = 0
    async with AsyncDynamoStore(_config(endpoint)) as store:
        for first in range(0, users, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, users))
            score += sum(user.data["score"] for user in await store.load_many(map(user_id, numbers)))
    return score


async def paginator(endpoint: str, users: int) -> int:
    """boto3's paginator of Scan, and its deserialiser, in the one thread that there is."""
    pages = boto3.client("dynamodb", endpoint_url=endpoint).get_paginator("scan")
    read = TypeDeserializer().deserialize
    found = (read({"M": item}) for page in pages.paginate(TableName=TABLE_NAME) for item in page["Items"])
    return sum(int(user["user"]["data"]["score"]) for user in found)


async def batches(endpoint: str, users: int) -> int:
    """boto3's BatchGetItem, 100 users a call, and its deserialiser."""
    client = boto3.client("dynamodb", endpoint_url=endpoint)
    read = TypeDeserializer().deserialize

    def items() -> Iterator[Any]:
        for first in range(0, users, 100):
            numbers = range(first, min(first + 100, users))
            keys: Any = [{KEY_COLUMN: {"S": user_id(number)}} for number in numbers]
            while keys:
                answer = client.batch_get_item(RequestItems={TABLE_NAME: {"Keys": keys}})
                yield from answer["Responses"][TABLE_NAME]
                keys = answer["UnprocessedKeys"].get(TABLE_NAME, {}).get("Keys")

    return sum(int(read({"M": item})["user"]["data"]["score"]) for item in items())


KINDS: dict[str, Callable[[str, int], Awaitable[int]]] = {
    "scan": scan,
    "boto3 paginator": paginator,
    "load_many": load_many,
    "boto3 batches": batches,
}


def _config(endpoint: str) -> dict[str, Any]:
    """No page is given up while the machine is busy."""
    return {"table_name": TABLE_NAME, "aws_config": {"endpoint_url": endpoint}, "timeout_seconds": 60}


def main() -> None:
    """Read, and make sure that everybody was there."""
    kind, endpoint, users = sys.argv[1], sys.argv[2], int(sys.argv[3])
    before = _peak()
    wall, cpu = time.perf_counter(), time.process_time()
    score = asyncio.run(_run(kind, endpoint, users))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert score == SCORE * users, score
    measured = {
        "kind": kind,
        "users_per_second": round(users / wall),
        "cpu_us_per_user": round(cpu / users * 1e6, 1),
        "mib_at_the_start": before,
        "mib_at_most": _peak(),
    }
    print(json.dumps(measured))


async def _run(kind: str, endpoint: str, users: int) -> int:
    return await KINDS[kind](endpoint, users)


def _peak() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


if __name__ == "__main__":
    main()
