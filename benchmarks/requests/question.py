"""What a turn of each kind sends and consumes, counted on DynamoDB Local at items of several sizes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aioboto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from async_dynamo_store import AsyncDynamoStore
from benchmarks.backends import dynamodb_local
from benchmarks.processes import ENVIRONMENT
from benchmarks.question import Options, progress
from benchmarks.registry import Contender
from benchmarks.requests.counting_proxy import Tally, counting_proxy
from benchmarks.user_item import user_item, with_decimals
from benchmarks.users import KEY_COLUMN, TABLE_NAME, now, user_id

TURNS = 20
"""Of each kind, each for a user of its own."""
SIZES = (1_000, 3_700, 20_000, 100_000)
"""Bytes of the user item on the wire."""
KINDS = {
    "changed": "one field changed",
    "unchanged": "nothing changed",
    "new": "a new user",
}

NEW = 100_000
"""What is added to the number of a user to have one of whom nothing is stored."""
CREDENTIALS = {
    "access_key_id": ENVIRONMENT["AWS_ACCESS_KEY_ID"],
    "secret_access_key": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    "region": ENVIRONMENT["AWS_REGION"],
}

Turn = Callable[[str, str, dict[str, Any]], Awaitable[None]]
"""A turn of a kind, for a user; the dict is the data of one that is new."""
Contend = Callable[[str], AbstractAsyncContextManager[Turn]]
"""Opens a contender on an endpoint."""


@dataclass(frozen=True)
class RequestsResult:
    """What was counted, by size, contender and kind."""

    counted: list[dict[str, Any]]
    options: Options
    question: str = "requests"
    missing: list[Contender] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What the result adds to the common head."""
        return {"kinds": KINDS, "turns": TURNS, "counted": self.counted}


def run(options: Options) -> RequestsResult:
    """Count both contenders at each size."""
    counted = []
    for size in SIZES:
        progress(f"requests: items of {size:,} bytes")
        with dynamodb_local(size, 2 * TURNS) as engine:
            for first, (name, contender) in enumerate(CONTENDERS.items()):
                users = range(first * TURNS, (first + 1) * TURNS)
                counted += asyncio.run(_count(name, contender, engine, size, users))
    return RequestsResult(counted, options)


async def _count(name: str, contender: Contend, engine: str, size: int, users: range) -> list[dict[str, Any]]:
    tally = Tally()
    counted = []
    async with counting_proxy(engine, tally) as endpoint, contender(endpoint) as turn:
        for user in users:  # so that an item has all that the contender ever keeps in it
            await turn("changed", user_id(user), {})
        for kind in KINDS:
            tally.clear()
            for user in users:
                number = user + NEW if kind == "new" else user
                await turn(kind, user_id(number), with_decimals(user_item(size, number))["user"]["data"])
            counted.append(
                {
                    "contender": name,
                    "size": size,
                    "kind": kind,
                    "requests": {operation: sent / TURNS for operation, sent in tally.requests.items()},
                    **{unit: tally.units[unit] / TURNS for unit in ("read_units", "write_units")},
                    "bytes_sent": tally.bytes_sent / TURNS,
                }
            )
    return counted


def as_text(counted: list[dict[str, Any]]) -> str:
    """The counts as a table to read."""
    row = "{:28} {:>11} {:>9} {:>11} {:>12} {:>11}"
    lines = [row.format("per turn", "item, bytes", "requests", "read units", "write units", "bytes sent")]
    for kind, title in KINDS.items():
        lines += ["", title]
        lines += [
            row.format(
                one["contender"],
                f"{one['size']:,}",
                f"{sum(one['requests'].values()):g}",
                f"{one['read_units']:g}",
                f"{one['write_units']:g}",
                f"{one['bytes_sent']:,.0f}",
            )
            for one in counted
            if one["kind"] == kind
        ]
    return "\n".join(lines)


@asynccontextmanager
async def ours(endpoint: str) -> AsyncIterator[Turn]:
    """`store.turn`, with the configuration that users get by default."""
    config = {"table_name": TABLE_NAME, "aws_config": {"endpoint_url": endpoint, **CREDENTIALS}}
    async with AsyncDynamoStore(config) as store:

        async def turn(kind: str, user: str, data: dict[str, Any]) -> None:
            async with store.turn(user) as record:
                if kind == "changed":
                    record.data["score"] += 1
                elif kind == "new":
                    record.data.update(data)

        yield turn


@asynccontextmanager
async def as_jovo(endpoint: str) -> AsyncIterator[Turn]:
    """The whole item is read, and put at the end of each turn, whatever has become of it."""
    serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize
    session = aioboto3.Session(ENVIRONMENT["AWS_ACCESS_KEY_ID"], ENVIRONMENT["AWS_SECRET_ACCESS_KEY"])
    region = ENVIRONMENT["AWS_REGION"]
    async with session.client("dynamodb", endpoint_url=endpoint, region_name=region) as client:

        async def turn(kind: str, user: str, data: dict[str, Any]) -> None:
            key = {KEY_COLUMN: {"S": user}}
            answer = await client.get_item(TableName=TABLE_NAME, Key=key, ConsistentRead=True)
            item = {name: deserialize(value) for name, value in answer.get("Item", {}).items()} or {
                KEY_COLUMN: user,
                "createdAt": now(),
                "user": {"data": data},
            }
            if kind == "changed":
                item["user"]["data"]["score"] += 1
            item["updatedAt"] = now()
            await client.put_item(
                TableName=TABLE_NAME, Item={name: serialize(value) for name, value in item.items()}
            )

        yield turn


CONTENDERS: dict[str, Contend] = {"async-dynamo-store": ours, "GetItem + PutItem, as Jovo": as_jovo}
