"""Where real tables differ from those that this library makes: parts of items, other names, expiries, broken items."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import (
    AsyncDynamoStore,
    BackendError,
    DynamoDbConfig,
    TableMismatchError,
    UnreadableItemError,
)
from async_dynamo_store.dynamodb.policy import iam_policy
from tests.engines.canned import Answer, canned, ok, refused
from tests.faults.proxy import Fault, FaultProxy
from tests.unit.strategies import item

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

    from tests.engines.conftest import MakeStore, Table

NEVER_EXPIRES = [0, -1, 1_000_000_000, 1_795_369_269_000, "text", True, [1]]
"""As TTL values: DynamoDB deletes none of these (the third is more than five years past)."""
TTL = {"attribute": "expires", "after_seconds": 1000}


@pytest.mark.unmeasured
@pytest.mark.parametrize("expires", NEVER_EXPIRES, ids=repr)
async def test_a_user_whom_dynamodb_never_deletes_is_there(
    make_store: MakeStore, table: Table, expires: Any
) -> None:
    store = make_store(ttl=TTL)
    await store.ensure_table()
    stored = {"userId": "u1", "user": {"data": {"score": 900, "premium": True}}, "expires": expires}
    for change in (
        lambda: store.increment("u1", "score"),
        lambda: store.set("u1", "x", 1),
        lambda: store.update("u1", lambda user: user.data.update(x=1)),
    ):
        await table.put(item(stored))
        await change()
        data = (await store.load("u1")).data
        assert data["premium"] is True
        assert data["score"] in (900, 901)
    await table.put(item(stored))
    assert await store.exists("u1")
    assert [record.id async for record in store.scan()] == ["u1"]
    assert not (await store.load_many(["u1"]))[0].is_new
    for mode in ("merge", "overwrite", "raise"):
        await table.put(item(stored))
        async with make_store(ttl=TTL, on_conflict=mode).turn("u1") as user:
            user.data["score"] += 1
        assert await store.get("u1", "score") == 901


async def make_index(client: DynamoDBClient, table_name: str, projection: Any) -> None:
    """The table, as somebody else has made it."""
    await client.create_table(
        TableName=table_name,
        AttributeDefinitions=[
            {"AttributeName": "userId", "AttributeType": "S"},
            {"AttributeName": "city", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-city",
                "KeySchema": [{"AttributeName": "city", "KeyType": "HASH"}],
                "Projection": projection,
            }
        ],
    )


BY_CITY = {"index_name": "by-city", "keys": [{"attribute_name": "city", "path": "city"}]}
PROJECTIONS: list[dict[str, Any]] = [
    {"ProjectionType": "ALL"},
    {"ProjectionType": "KEYS_ONLY"},
    {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["createdAt"]},
]


@pytest.mark.parametrize("mode", ["merge", "overwrite"])
@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection["ProjectionType"])
async def test_a_part_of_an_item_is_never_taken_for_the_whole(
    make_store: MakeStore, raw_client: DynamoDBClient, table_name: str, projection: dict[str, Any], mode: str
) -> None:
    await make_index(raw_client, table_name, projection)
    store = make_store(global_secondary_indexes=[BY_CITY], on_conflict=mode)
    async with store.turn("ada") as user:
        user.data.update(city="London", score=900, premium=True)
    (record,) = [record async for record in store.query("by-city", "London")]
    assert record.data == {"city": "London", "score": 900, "premium": True}
    record.data["score"] += 10
    await store.save(record)
    assert (await store.load("ada")).data == {"city": "London", "score": 910, "premium": True}


@pytest.mark.parametrize(
    "index",
    [
        BY_CITY | {"index_name": "by-town"},
        BY_CITY | {"keys": [{"attribute_name": "town", "path": "city"}]},
        BY_CITY
        | {
            "keys": [
                {"attribute_name": "city", "path": "city"},
                {"attribute_name": "score", "attribute_type": "N", "key_type": "RANGE", "path": "score"},
            ]
        },
    ],
    ids=["another name", "another key", "a range key more"],
)
async def test_an_index_that_the_table_has_not_is_named(
    make_store: MakeStore, raw_client: DynamoDBClient, table_name: str, index: dict[str, Any]
) -> None:
    await make_index(raw_client, table_name, {"ProjectionType": "ALL"})
    store = make_store(global_secondary_indexes=[index])
    with pytest.raises(TableMismatchError, match=index["index_name"]):
        await store.ensure_table()
    with pytest.raises(TableMismatchError, match=index["index_name"]):
        [record async for record in store.query(index["index_name"], "London")]


ASK = {"layout": "ask-sdk", "primary_key_column": "userId"}


@pytest.mark.parametrize("attribute", ["mapAttr", "state"])
async def test_an_ask_sdk_table_with_an_attribute_of_another_name(
    make_store: MakeStore, table: Table, attribute: str
) -> None:
    store = make_store(**ASK, attributes_column=attribute)
    await store.ensure_table()
    await table.put(item({"userId": "u1", attribute: {"score": 900}}))
    async with store.turn("u1") as user:
        assert user.data == {"score": 900}
        user.data["score"] += 1
    stored = await table.stored("u1")
    assert stored[attribute] == {"M": {"score": {"N": "901"}}}
    assert "attributes" not in stored


@pytest.mark.parametrize("attribute", ["mapAttr", "attributes", "data", "userData", "user"])
async def test_a_users_data_under_another_frameworks_name_is_never_overwritten(
    make_store: MakeStore, table: Table, attribute: str
) -> None:
    store = make_store(**ASK, attributes_column="mine", on_conflict="overwrite")
    await store.ensure_table()
    stored = item({"userId": "u1", attribute: {"score": 900}})
    await table.put(stored)
    for call in (store.load("u1"), store.increment("u1", "score"), store.set("u1", "a", 1)):
        with pytest.raises(UnreadableItemError, match=attribute):
            await call
    assert await table.stored("u1") == stored


async def test_one_bad_item_is_named_and_does_not_end_a_scan(make_store: MakeStore, table: Table) -> None:
    store = make_store(primary_key_prefix="p-")
    for number in range(3):
        await store.set(f"u{number}", "n", number)
    await table.put(item({"userId": "p-bad", "user": "text"}))
    with pytest.raises(UnreadableItemError) as caught:
        [record.id async for record in store.scan()]
    assert caught.value.user_id == "bad"
    assert "bad" not in str(caught.value)
    with pytest.raises(UnreadableItemError) as caught:
        await store.load_many(["u0", "bad"])
    assert caught.value.user_id == "bad"
    told: list[str | None] = []
    read = [record.id async for record in store.scan(on_unreadable=lambda error: told.append(error.user_id))]
    assert (sorted(read), told) == (["u0", "u1", "u2"], ["bad"])
    many = await store.load_many(["u1", "bad", "new"], on_unreadable=lambda error: told.append(error.user_id))
    assert ([record.id for record in many], told) == (["u1", "new"], ["bad", "bad"])


async def test_ensure_table_mends_a_time_to_live_that_was_never_switched_on(
    make_store: MakeStore, raw_client: DynamoDBClient, table_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    plain = make_store()
    assert (await plain.ensure_table()).ttl is None
    store = make_store(ttl=TTL)
    for _ in range(2):
        assert (await store.ensure_table()).ttl == "expires"
        described = await raw_client.describe_time_to_live(TableName=table_name)
        assert described["TimeToLiveDescription"]["AttributeName"] == "expires"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    other = make_store(ttl=TTL | {"attribute": "until"})
    assert (await other.ensure_table()).ttl is None
    assert "uses the attribute 'expires', but the configuration's ttl uses 'until'" in caplog.text


def test_the_policy_has_what_ensure_table_needs_for_a_time_to_live() -> None:
    config = DynamoDbConfig.model_validate({"table_name": "Users", "ttl": TTL})
    actions = [action for each in iam_policy(config)["Statement"] for action in each["Action"]]
    assert {"dynamodb:DescribeTimeToLive", "dynamodb:UpdateTimeToLive"} <= set(actions)


async def test_the_embedded_engine_leaves_the_tables_of_others() -> None:
    import boto3
    from moto import mock_aws

    with mock_aws():
        client = boto3.client(
            "dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        client.create_table(
            TableName="Theirs",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        async with AsyncDynamoStore({"type": "embedded", "table_name": "Ours"}) as store:
            await store.set("u1", "a", 1)
            assert sorted(client.list_tables()["TableNames"]) == ["Ours", "Theirs"]
        assert client.list_tables()["TableNames"] == ["Theirs"]


async def test_a_time_to_live_that_cannot_be_switched_on_is_told_and_no_error(
    watched: MakeStore, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    store = watched(ttl=TTL, max_attempts=1)
    proxy.fail("UpdateTimeToLive", Fault.server_error)
    assert (await store.ensure_table()).ttl is None
    assert "its time to live could not be switched on" in caplog.text
    assert (await store.ensure_table()).ttl == "expires"


async def test_whole_items_are_read_where_nobody_says_what_an_index_holds(
    watched: MakeStore, raw_client: DynamoDBClient, table_name: str, proxy: FaultProxy
) -> None:
    await make_index(raw_client, table_name, {"ProjectionType": "KEYS_ONLY"})
    store = watched(global_secondary_indexes=[BY_CITY], max_attempts=1)
    async with store.turn("ada") as user:
        user.data.update(city="London", score=900)
    proxy.fail("DescribeTable", Fault.throttle)
    (record,) = [record async for record in store.query("by-city", "London")]
    assert record.data == {"city": "London", "score": 900}


async def test_an_index_of_a_table_that_is_not_there_yet(make_store: MakeStore) -> None:
    store = make_store(global_secondary_indexes=[BY_CITY])
    assert [record async for record in store.query("by-city", "London")] == []


async def test_what_dynamodb_finds_invalid_for_another_reason_is_told_as_it_is() -> None:
    def answer(operation: str) -> Answer:
        return ok() if operation == "GetItem" else refused("ValidationException", "no reason")

    async with (
        canned(answer) as aws_config,
        AsyncDynamoStore({"table_name": "Users", "aws_config": aws_config}) as store,
    ):
        with pytest.raises(BackendError, match="invalid"):
            await store.set("u1", "a", 1)
