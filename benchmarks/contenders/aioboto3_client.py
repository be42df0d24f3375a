"""aioboto3's client, with boto3's own serialisers for the values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.contenders import Backend, Steps
from benchmarks.users import KEY_COLUMN, TABLE_NAME, now


@asynccontextmanager
async def get_and_put(backend: Backend) -> AsyncIterator[Steps]:
    """The whole item is put back."""
    serialize, deserialize = TypeSerializer().serialize, TypeDeserializer().deserialize
    config = AioConfig(max_pool_connections=backend.in_flight)
    async with aioboto3.Session().client(
        "dynamodb", endpoint_url=backend.endpoint_url, config=config
    ) as client:

        async def load(user_id: str) -> dict[str, Any]:
            answer = await client.get_item(
                TableName=TABLE_NAME, Key={KEY_COLUMN: {"S": user_id}}, ConsistentRead=True
            )
            return {name: deserialize(value) for name, value in answer["Item"].items()}

        async def read(user_id: str) -> None:
            await load(user_id)

        async def turn(user_id: str) -> None:
            user = await load(user_id)
            user["user"]["data"]["score"] += 1
            user["updatedAt"] = now()
            item = {name: serialize(value) for name, value in user.items()}
            await client.put_item(TableName=TABLE_NAME, Item=item)

        yield Steps(turn, read)
