"""aioboto3's resource `Table`: what most asyncio projects write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aioboto3
from aiobotocore.config import AioConfig

from benchmarks.contenders import Backend, Steps
from benchmarks.users import KEY_COLUMN, TABLE_NAME, now

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.service_resource import Table


async def _load(table: Table, user_id: str) -> Any:
    return (await table.get_item(Key={KEY_COLUMN: user_id}, ConsistentRead=True))["Item"]


async def _turn(table: Table, user_id: str) -> None:
    user = await _load(table, user_id)
    user["user"]["data"]["score"] += 1
    user["updatedAt"] = now()
    await table.put_item(Item=user)


@asynccontextmanager
async def shared(backend: Backend) -> AsyncIterator[Steps]:
    """One resource for all turns."""
    config = AioConfig(max_pool_connections=backend.in_flight)
    async with aioboto3.Session().resource(
        "dynamodb", endpoint_url=backend.endpoint_url, config=config
    ) as dynamodb:
        table = await dynamodb.Table(TABLE_NAME)

        async def read(user_id: str) -> None:
            await _load(table, user_id)

        async def turn(user_id: str) -> None:
            await _turn(table, user_id)

        yield Steps(turn, read)


@asynccontextmanager
async def per_turn(backend: Backend) -> AsyncIterator[Steps]:
    """A new resource for each turn, as many tutorials have it."""
    session = aioboto3.Session()

    async def read(user_id: str) -> None:
        async with session.resource("dynamodb", endpoint_url=backend.endpoint_url) as dynamodb:
            await _load(await dynamodb.Table(TABLE_NAME), user_id)

    async def turn(user_id: str) -> None:
        async with session.resource("dynamodb", endpoint_url=backend.endpoint_url) as dynamodb:
            await _turn(await dynamodb.Table(TABLE_NAME), user_id)

    yield Steps(turn, read)
