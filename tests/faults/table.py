"""The users' table as the test sees it, past the proxy: what is really stored, and what a third party writes."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import TYPE_CHECKING, Any

import aioboto3
import pytest
from aiobotocore.config import AioConfig
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore import handlers

from async_dynamo_store import AsyncDynamoStore

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

JOVO_TIME = "2026-01-02T03:04:05.678Z"

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def drop_hooks_of_moto(patch: pytest.MonkeyPatch) -> None:
    """moto hooks into every session that is made after it was imported, and the fast path falls back for a hook."""
    stock = [
        entry for entry in handlers.BUILTIN_HANDLERS if not type(entry[1]).__module__.startswith("moto.")
    ]
    patch.setattr(handlers, "BUILTIN_HANDLERS", stock)


@cache
def session() -> aioboto3.Session:
    """Shared, as it keeps what it has read of the AWS API's description. Its clients hold many requests at once."""
    with pytest.MonkeyPatch.context() as patch:
        drop_hooks_of_moto(patch)
        shared = aioboto3.Session()
    shared._session.set_default_client_config(AioConfig(max_pool_connections=500))
    return shared


def straight(aws_config: dict[str, str]) -> AbstractAsyncContextManager[DynamoDBClient]:
    """A client of the engine itself, past any proxy, quickly made."""
    return session().client(
        "dynamodb",
        aws_access_key_id=aws_config["access_key_id"],
        aws_secret_access_key=aws_config["secret_access_key"],
        region_name=aws_config["region"],
        endpoint_url=aws_config["endpoint_url"],
    )


def open_store(
    aws_config: dict[str, str],
    table_name: str,
    *,
    accelerate: bool = True,
    data_model: Any = None,
    **config: Any,
) -> AsyncDynamoStore:
    """A store with a client of its own."""
    return AsyncDynamoStore(
        {"table_name": table_name, "aws_config": aws_config, **config},
        data_model=data_model,
        session=session(),
        accelerate=accelerate,
    )


class UsersTable:
    """A table of user items in Jovo v4's layout, read and written by plain DynamoDB calls."""

    def __init__(self, client: DynamoDBClient, name: str) -> None:
        self.client = client
        self.name = name

    async def create(self) -> None:
        await self.client.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    async def item(self, user_id: str) -> dict[str, Any] | None:
        """The whole item in plain values, numbers as Decimal."""
        answer = await self.client.get_item(
            TableName=self.name, Key={"userId": {"S": user_id}}, ConsistentRead=True
        )
        return _deserialize({"M": answer["Item"]}) if "Item" in answer else None

    async def data(self, user_id: str) -> dict[str, Any] | None:
        """The user's data; None where no item is."""
        item = await self.item(user_id)
        data: dict[str, Any] | None = item and item["user"]["data"]
        return data

    async def put(self, user_id: str, data: dict[str, Any], **times: str) -> None:
        """Put a whole item, as Jovo does: it has no place for what this library keeps beside it."""
        times = {"createdAt": JOVO_TIME, "updatedAt": JOVO_TIME} | times
        item = {"userId": user_id, "user": {"data": data}, **times}
        await self.client.put_item(TableName=self.name, Item=_serialize(item)["M"])

    async def set(self, user_id: str, key: str, value: Any) -> None:
        """Set one key of the user's data in the stored item."""
        await self.client.update_item(
            TableName=self.name,
            Key={"userId": {"S": user_id}},
            UpdateExpression="SET #user.#data.#key = :value",
            ExpressionAttributeNames={"#user": "user", "#data": "data", "#key": key},
            ExpressionAttributeValues={":value": _serialize(value)},
        )

    async def delete(self, user_id: str) -> None:
        await self.client.delete_item(TableName=self.name, Key={"userId": {"S": user_id}})
