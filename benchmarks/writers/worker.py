"""`python -m benchmarks.writers.worker ENDPOINT TABLE WRITERS WRITES`: count one user up, and print a line of JSON per tenth.

It runs on any version of the library that the environment's path leads to.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

import boto3

from async_dynamo_store import AsyncDynamoStore

PARTS = 10
USER = "u1"


def config(endpoint: str, table: str) -> dict[str, Any]:
    """The same for every writer; none gives up while the machine is busy."""
    aws = {
        "access_key_id": "local",
        "secret_access_key": "local",
        "region": "eu-west-1",
        "endpoint_url": endpoint,
    }
    return {"table_name": table, "aws_config": aws, "timeout_seconds": 60, "max_attempts": 10}


def item_bytes(endpoint: str, table: str) -> int:
    """The size of what the library keeps in the user's item beside the data."""
    client = boto3.client(
        "dynamodb",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name="eu-west-1",
        endpoint_url=endpoint,
    )
    item = client.get_item(TableName=table, Key={"userId": {"S": USER}}, ConsistentRead=True)["Item"]
    return size_of(item.get("_store", {"M": {}}))


def size_of(value: dict[str, Any]) -> int:
    """Bytes as DynamoDB counts them (AWS, 'DynamoDB item sizes and formats')."""
    ((kind, held),) = value.items()
    if kind == "M":
        return 3 + sum(len(name.encode()) + 1 + size_of(part) for name, part in held.items())
    if kind == "N":
        return (len(held.strip("-0.")) + 1) // 2 + 1
    if kind == "L":
        return 3 + sum(1 + size_of(part) for part in held)
    return len(str(held).encode())


async def count(store: AsyncDynamoStore[Any], times: int) -> None:
    """One writer's share."""
    for _ in range(times):
        await store.increment(USER, "n")


async def main(endpoint: str, table: str, writers: int, writes: int) -> None:
    """Every writer is a store of its own, as another process has it."""
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(AsyncDynamoStore(config(endpoint, table))) for _ in range(writers)
        ]
        await stores[0].ensure_table()
        await asyncio.gather(*(count(store, 1) for store in stores))  # connections are open, code is warm
        share = max(writes // PARTS // writers, 1)
        for part in range(1, PARTS + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(count(store, share) for store in stores))
            done = share * writers
            measured = {
                "writes": part * done,
                "wall_us": round((time.perf_counter() - wall) / done * 1e6, 1),
                "cpu_us": round((time.process_time() - cpu) / done * 1e6, 1),
                "bytes": await asyncio.to_thread(item_bytes, endpoint, table),
            }
            print(json.dumps(measured), flush=True)
        total = await stores[0].get(USER, "n")
        assert total == writers + share * writers * PARTS, total


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
