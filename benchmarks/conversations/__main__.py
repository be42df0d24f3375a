"""`python -m benchmarks.conversations`: count and measure on DynamoDB Local, print, write results."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
import zlib
from collections.abc import Callable
from typing import Any

import aioboto3

from async_dynamo_store import AsyncDynamoStore
from benchmarks import report
from benchmarks.backends import dynamodb_local
from benchmarks.machine import machine
from benchmarks.requests.counting_proxy import Tally, counting_proxy
from benchmarks.requests.question import CREDENTIALS

TURNS = 200
WRITERS = (1, 8, 32)
APPENDS = 320
LONG = 10_000
Message = dict[str, Any]

_WORDS = [
    "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz", k=seed % 7 + 2))
    for seed in range(2_000)
]


def message(size: int, seed: int) -> Message:
    """A message of a dialogue, of so many bytes as JSON."""
    text = " ".join(random.Random(seed).choices(_WORDS, k=size))
    return {"role": "user", "content": text[: size - len('{"role":"user","content":""}')]}


def store(endpoint: str) -> AsyncDynamoStore[Any]:
    """On the users' table and the conversations' beside it."""
    aws = CREDENTIALS | {"endpoint_url": endpoint}
    return AsyncDynamoStore(
        {"table_name": "Users-of-talks", "aws_config": aws, "conversations": {}, "timeout_seconds": 60}
    )


async def append_each(endpoint: str) -> None:
    """A turn is an append."""
    async with store(endpoint) as opened:
        conversation = opened.conversation("ada", "prices")
        for number in range(TURNS):
            await conversation.append([message(1_000, number)])


async def put_the_list(endpoint: str) -> None:
    """A turn puts the user's item with the whole list, as long as DynamoDB's 400 KB allow."""
    session = aioboto3.Session()
    keys = {f"aws_{name}": CREDENTIALS[name] for name in ("access_key_id", "secret_access_key")}
    messages: list[Any] = []
    async with session.client(
        "dynamodb", endpoint_url=endpoint, region_name=CREDENTIALS["region"],
        aws_access_key_id=keys["aws_access_key_id"], aws_secret_access_key=keys["aws_secret_access_key"],
    ) as client:  # fmt: skip
        for number in range(TURNS):
            said = message(1_000, number)
            messages.append({"M": {name: {"S": text} for name, text in said.items()}})
            item: Any = {"userId": {"S": "bob"}, "messages": {"L": messages}}
            await client.put_item(TableName="Users-of-talks", Item=item)


async def prices(engine: str) -> list[dict[str, Any]]:
    """Requests and capacity units of so many turns of 1 KB, both ways."""
    async with store(engine) as opened:
        await opened.ensure_table()
    tally = Tally()
    rows = []
    ways: dict[str, Callable[[str], Any]] = {"append": append_each, "the whole list": put_the_list}
    for name, way in ways.items():
        async with counting_proxy(engine, tally) as endpoint:
            tally.clear()
            await way(endpoint)
            rows.append(
                {
                    "way": name,
                    "turns": TURNS,
                    "requests": dict(tally.requests),
                    "units": dict(tally.units),
                    "bytes_sent": tally.bytes_sent,
                }
            )
    return rows


async def writers(engine: str, count: int) -> dict[str, Any]:
    """Appends in a second by so many writers to one conversation, each with a store of its own; none may be lost."""
    stores = [store(engine) for _ in range(count)]
    name = f"writers-{count}"
    await stores[0].conversation("ada", name).append([message(1_000, 0)])
    for each in stores:
        await each.open()

    async def write(opened: AsyncDynamoStore[Any], writer: int) -> None:
        conversation = opened.conversation("ada", name)
        for number in range(APPENDS // count):
            await conversation.append([{"writer": writer, "number": number, **message(900, number)}])

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(write(each, number) for number, each in enumerate(stores)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    stored = await stores[0].conversation("ada", name).messages()
    assert len(stored) == 1 + APPENDS
    for each in stores:
        await each.aclose()
    return {
        "writers": count,
        "appends": APPENDS,
        "appends_per_second": APPENDS / wall,
        "cpu_us": cpu / APPENDS * 1e6,
    }


async def reading(engine: str) -> dict[str, Any]:
    """The last 20 of a long conversation."""
    async with store(engine) as opened:
        conversation = opened.conversation("ada", "long")
        for number in range(LONG // 20):
            await conversation.append([message(200, number * 20 + each) for each in range(20)])
        rounds = 50
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(rounds):
            assert len(await conversation.messages(20)) == 20
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    tally = Tally()
    async with counting_proxy(engine, tally) as endpoint, store(endpoint) as opened:
        tally.clear()
        await opened.conversation("ada", "long").messages(20)
    return {
        "messages": LONG,
        "read": 20,
        "wall_us": wall / rounds * 1e6,
        "cpu_us": cpu / rounds * 1e6,
        "requests": dict(tally.requests),
        "units": dict(tally.units),
    }


def packing() -> list[dict[str, Any]]:
    """Bytes and time of one entry, packed each way."""
    rows = []
    for size in (1_000, 20_000):
        plain = json.dumps([message(size, size)], separators=(",", ":")).encode()
        ways: dict[str, Callable[[bytes], bytes]] = {
            "plain": bytes,
            "zlib, level 1": lambda text: zlib.compress(text, 1),
            "zlib, level 6": lambda text: zlib.compress(text, 6),
            "zlib, level 9": lambda text: zlib.compress(text, 9),
            "gzip, level 6": lambda text: gzip.compress(text, 6),
        }
        try:
            import zstandard
        except ModuleNotFoundError:
            pass
        else:
            ways["zstd, level 3"] = zstandard.ZstdCompressor(3).compress
        for name, pack in ways.items():
            rounds = 300
            began = time.process_time()
            for _ in range(rounds):
                pack(plain)
            rows.append(
                {
                    "json_bytes": len(plain),
                    "way": name,
                    "bytes": len(pack(plain)),
                    "cpu_us": (time.process_time() - began) / rounds * 1e6,
                }
            )
    return rows


def main() -> None:
    """Answer this question alone."""
    before = machine()
    with dynamodb_local(1_000, 1) as engine:
        found: dict[str, Any] = {"prices": asyncio.run(prices(engine))}
        found["writers"] = [asyncio.run(writers(engine, count)) for count in WRITERS]
        found["reading"] = asyncio.run(reading(engine))
    found["packing"] = packing()
    print(json.dumps(found, indent=1))
    report.write_rows("conversations", "python -m benchmarks.conversations", before, **found)


if __name__ == "__main__":
    main()
