"""Global secondary indexes: made with the table, filled on save, and asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import AsyncDynamoStore

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

INDEXES = [
    {"index_name": "by-email", "keys": [{"attribute_name": "email", "path": "contact.email"}]},
    {
        "IndexName": "by-city",  # as in a configuration of Jovo v3
        "KeySchema": [
            {"AttributeName": "city", "AttributeType": "S", "KeyType": "HASH", "Path": "city"},
            {"AttributeName": "score", "AttributeType": "N", "KeyType": "RANGE", "Path": "score"},
        ],
    },
]


@pytest.fixture
async def store(aws_config: dict[str, str], table_name: str) -> AsyncIterator[AsyncDynamoStore]:
    config: dict[str, Any] = {
        "table_name": table_name,
        "aws_config": aws_config,
        "global_secondary_indexes": INDEXES,
    }
    async with AsyncDynamoStore(config) as store:
        yield store


async def projected(raw_client: DynamoDBClient, table_name: str, user_id: str) -> dict[str, Any]:
    item = (await raw_client.get_item(TableName=table_name, Key={"userId": {"S": user_id}}))["Item"]
    return {name: item[name] for name in ("email", "city", "score") if name in item}


async def found(store: AsyncDynamoStore, index: str, value: object) -> list[str]:
    return [record.id async for record in store.query(index, value)]


async def test_users_are_found_by_what_is_projected(
    store: AsyncDynamoStore, raw_client: DynamoDBClient, table_name: str
) -> None:
    for user_id, city, score in (("ada", "London", 3), ("grace", "New York", 2), ("mary", "London", 1)):
        async with store.turn(user_id) as user:
            user.data.update(city=city, score=score, contact={"email": f"{user_id}@example.org"})
    assert await found(store, "by-email", "ada@example.org") == ["ada"]
    assert await found(store, "by-city", "London") == ["mary", "ada"]
    assert await found(store, "by-city", "Paris") == []
    (record,) = [record async for record in store.query("by-city", "New York")]
    assert record.data["contact"] == {"email": "grace@example.org"}
    assert not record.is_new


async def test_a_projection_follows_the_data(
    store: AsyncDynamoStore, raw_client: DynamoDBClient, table_name: str
) -> None:
    async with store.turn("ada") as user:
        user.data.update(city="London", score=3, contact={"email": "ada@example.org"})
    await store.set("ada", "contact.email", "countess@example.org")
    await store.increment("ada", "score")
    assert await projected(raw_client, table_name, "ada") == {
        "email": {"S": "countess@example.org"},
        "city": {"S": "London"},
        "score": {"N": "4"},
    }
    await store.unset("ada", "contact")
    async with store.turn("ada") as user:
        user.data["city"] = 7
    assert await projected(raw_client, table_name, "ada") == {"score": {"N": "4"}}
    async with store.turn("ada") as user:
        user.data["city"] = ""
    assert await projected(raw_client, table_name, "ada") == {"score": {"N": "4"}}


async def test_a_record_from_an_index_can_be_saved(store: AsyncDynamoStore) -> None:
    async with store.turn("ada") as user:
        user.data.update(city="London", score=1)
    (record,) = [record async for record in store.query("by-city", "London")]
    record.data["score"] = 2
    await store.save(record)
    assert await store.get("ada", "score") == 2


async def test_pages_of_an_index(store: AsyncDynamoStore) -> None:
    async def save(number: int) -> None:
        async with store.turn(f"user{number}") as user:
            user.data.update(city="London", score=number, text="x" * 200_000)

    await asyncio.gather(*(save(number) for number in range(8)))
    assert await found(store, "by-city", "London") == [f"user{number}" for number in range(8)]


async def test_an_index_that_is_not_configured(store: AsyncDynamoStore) -> None:
    with pytest.raises(
        ValueError, match=r"there is no index 'by-name' in global_secondary_indexes: by-email, by-city"
    ):
        await found(store, "by-name", "Ada")
