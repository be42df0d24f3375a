"""pydynox, whose core is Rust with the AWS SDK for Rust; its threads count as its own CPU."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydynox import DynamoDBClient
from pydynox.pydynox_core import item_from_dynamo, item_to_dynamo

from benchmarks.contenders import Backend, Codec, Steps
from benchmarks.users import KEY_COLUMN, TABLE_NAME, now


@asynccontextmanager
async def get_and_put(backend: Backend) -> AsyncIterator[Steps]:
    """The whole item is put back."""
    client = DynamoDBClient(endpoint_url=backend.endpoint_url)

    async def read(user_id: str) -> None:
        await client.get_item(TABLE_NAME, {KEY_COLUMN: user_id}, consistent_read=True)

    async def turn(user_id: str) -> None:
        user = await client.get_item(TABLE_NAME, {KEY_COLUMN: user_id}, consistent_read=True)
        assert user is not None
        user["user"]["data"]["score"] += 1
        user["updatedAt"] = now()
        await client.put_item(TABLE_NAME, user)

    yield Steps(turn, read)


@asynccontextmanager
async def get_and_update(backend: Backend) -> AsyncIterator[Steps]:
    """Only the changed field is sent."""
    client = DynamoDBClient(endpoint_url=backend.endpoint_url)

    async def read(user_id: str) -> None:
        await client.get_item(TABLE_NAME, {KEY_COLUMN: user_id}, consistent_read=True)

    async def turn(user_id: str) -> None:
        user = await client.get_item(TABLE_NAME, {KEY_COLUMN: user_id}, consistent_read=True)
        assert user is not None
        await client.update_item(
            TABLE_NAME,
            {KEY_COLUMN: user_id},
            update_expression="SET #u.#d.#s = :s, #t = :t",
            expression_attribute_names={"#u": "user", "#d": "data", "#s": "score", "#t": "updatedAt"},
            expression_attribute_values={":s": user["user"]["data"]["score"] + 1, ":t": now()},
        )

    yield Steps(turn, read)


def codec(item: dict[str, Any], wire: dict[str, Any]) -> Codec:
    """The Rust core's own two functions."""
    return Codec(encode=lambda: item_to_dynamo(item), decode=lambda: item_from_dynamo(wire))
