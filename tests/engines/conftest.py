"""Stores on the engine, what they send, and what is stored in the end."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import aioboto3
import pytest

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.dynamodb.connection import _ready_session
from tests.faults.proxy import FaultProxy

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient


MakeStore = Callable[..., AsyncDynamoStore[Any]]
Item = dict[str, Any]


class QuickSession(aioboto3.Session):
    """One whose clients read no TLS certificates, which takes most of the time that a client takes."""

    def client(self, *args: Any, **kwargs: Any) -> Any:
        make: Any = super().client
        return make(*args, verify=False, **kwargs)


@cache
def aws_session() -> QuickSession:
    """Shared by the tests, as it keeps what it has read of the AWS API's description."""
    return QuickSession()


@pytest.fixture
def imports_take_longer_than(monkeypatch: pytest.MonkeyPatch) -> float:
    """A `timeout_seconds` that is over before a client asks for credentials."""
    seconds = 0.05

    def slowly(*arguments: Any) -> aioboto3.Session:
        time.sleep(2 * seconds)
        return _ready_session(*arguments)

    monkeypatch.setattr("async_dynamo_store.dynamodb.connection._ready_session", slowly)
    return seconds


@pytest.fixture
async def raw_client(aws_config: dict[str, str]) -> AsyncIterator[DynamoDBClient]:
    """An aioboto3 client straight to the engine, to see what is really stored."""
    async with aws_session().client(
        "dynamodb",
        aws_access_key_id=aws_config["access_key_id"],
        aws_secret_access_key=aws_config["secret_access_key"],
        region_name=aws_config["region"],
        endpoint_url=aws_config["endpoint_url"],
    ) as client:
        yield client


@dataclass
class Table:
    """The test's table as it really is."""

    name: str
    client: DynamoDBClient

    async def create(self, **keys: str) -> None:
        """Make the table by hand, with `name="S"` for each key: the first is HASH, the second RANGE."""
        await self.client.create_table(
            TableName=self.name,
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": kind}  # type: ignore[typeddict-item]  # a str, where the stubs have literals
                for name, kind in keys.items()
            ],
            KeySchema=[
                {"AttributeName": name, "KeyType": role}  # type: ignore[typeddict-item]  # a str, where the stubs have literals
                for name, role in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    async def item(self, user_id: str, **key: Item) -> Item | None:
        """What is stored of the user."""
        found = await self.client.get_item(
            TableName=self.name, Key={"userId": {"S": user_id}} | key, ConsistentRead=True
        )
        return found.get("Item")

    async def stored(self, user_id: str) -> Item:
        """What is stored of a user that is there."""
        item = await self.item(user_id)
        assert item is not None
        return item

    async def put(self, item: Item) -> None:
        """Write a whole item, as another framework does."""
        await self.client.put_item(TableName=self.name, Item=item)

    async def drop(self) -> None:
        await self.client.delete_table(TableName=self.name)


@pytest.fixture
def table(table_name: str, raw_client: DynamoDBClient) -> Table:
    return Table(table_name, raw_client)


@pytest.fixture
async def make_store(table_name: str, aws_config: dict[str, str]) -> AsyncIterator[MakeStore]:
    """Makes stores on the test's table; they are closed when it ends. Their time does not run out."""
    async with AsyncExitStack() as stack:

        def make(data_model: Any = None, **fields: Any) -> AsyncDynamoStore[Any]:
            config = {"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60} | fields
            store = AsyncDynamoStore(config, data_model=data_model, session=aws_session())
            stack.push_async_callback(store.aclose)
            return store

        yield make


@pytest.fixture
def store(make_store: MakeStore) -> AsyncDynamoStore[Any]:
    """A store with the defaults."""
    return make_store()


@pytest.fixture
def watched(make_store: MakeStore, aws_config: dict[str, str], proxy: FaultProxy) -> MakeStore:
    """Makes stores whose requests go through the proxy."""

    def make(data_model: Any = None, **fields: Any) -> AsyncDynamoStore[Any]:
        fields["aws_config"] = aws_config | {"endpoint_url": proxy.endpoint_url}
        return make_store(data_model, **fields)

    return make


def operations(proxy: FaultProxy) -> list[str]:
    """The names of the requests so far; the log is empty afterwards."""
    names = [exchange.operation for exchange in proxy.log]
    proxy.log.clear()
    return names
