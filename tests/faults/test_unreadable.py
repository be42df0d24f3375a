"""What could not be read is never written over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from async_dynamo_store import AsyncDynamoStore, UnreadableItemError
from tests.faults.table import open_store

if TYPE_CHECKING:
    from tests.faults.table import UsersTable

pytestmark = pytest.mark.one_engine

Item = dict[str, Any]

UNREADABLE: dict[str, Item] = {
    "user, edited by hand": {"user": {"S": "oops"}},
    "user.data, edited by hand": {"user": {"M": {"data": {"L": []}}}},
    "Jovo v3's layout": {"userData": {"M": {"data": {"M": {"score": {"N": "1"}}}}}},
    "the ASK SDK's layout": {"attributes": {"M": {"score": {"N": "1"}}}},
}
READABLE: Item = {"user": {"M": {"data": {"M": {"score": {"N": "1"}}}}}}


async def turn(store: AsyncDynamoStore) -> None:
    async with store.turn("ada") as user:
        user.data["city"] = "Rome"


async def update(store: AsyncDynamoStore) -> None:
    await store.update("ada", lambda user: user.data.update(city="Rome"))


CALLS: dict[str, Callable[[AsyncDynamoStore], Awaitable[Any]]] = {
    "load": lambda store: store.load("ada"),
    "load_many": lambda store: store.load_many(["ada", "bob"]),
    "turn": turn,
    "update": update,
    "get": lambda store: store.get("ada", "score", 0),
    "set": lambda store: store.set("ada", "score", 2),
    "set, parents made": lambda store: store.set("ada", "a.b.c", 2),
    "unset": lambda store: store.unset("ada", "score"),
    "increment": lambda store: store.increment("ada", "score"),
}


@pytest.fixture
async def store(aws_config: dict[str, str], users: UsersTable) -> AsyncIterator[AsyncDynamoStore]:
    async with open_store(aws_config, users.name) as store:
        yield store


async def put(users: UsersTable, item: Item) -> Item | None:
    await users.client.put_item(TableName=users.name, Item={"userId": {"S": "ada"}, **item})
    return await users.item("ada")


@pytest.mark.parametrize("item", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_every_call_leaves_it(
    call: Callable[[AsyncDynamoStore], Awaitable[Any]], item: Item, store: AsyncDynamoStore, users: UsersTable
) -> None:
    before = await put(users, item)

    with pytest.raises(UnreadableItemError) as raised:
        await call(store)

    assert raised.value.attribute in {"user", "user.data", "userData", "attributes"}
    assert raised.value.attribute in str(raised.value)
    assert await users.item("ada") == before


@pytest.mark.parametrize("item", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_save_leaves_what_has_become_unreadable_since_the_load(
    item: Item, store: AsyncDynamoStore, users: UsersTable
) -> None:
    await put(users, READABLE)
    record = await store.load("ada")
    record.data["city"] = "Rome"
    record.data["pets"] = {"dog": 1}
    before = await put(users, item)

    with pytest.raises(UnreadableItemError):
        await store.save(record)

    assert await users.item("ada") == before


async def test_what_a_data_model_refuses(aws_config: dict[str, str], users: UsersTable) -> None:
    class Data(BaseModel):
        score: int

    before = await put(users, {"user": {"M": {"data": {"M": {"score": {"S": "many"}}}}}})
    store = AsyncDynamoStore({"table_name": users.name, "aws_config": aws_config}, data_model=Data)
    async with store:
        with pytest.raises(UnreadableItemError, match=r"user\.data.*score"):
            async with store.turn("ada") as user:
                user.data.score = 1

    assert await users.item("ada") == before


@pytest.mark.parametrize("item", UNREADABLE.values(), ids=UNREADABLE)
async def test_it_can_be_seen_and_deleted(item: Item, store: AsyncDynamoStore, users: UsersTable) -> None:
    await put(users, item)

    assert await store.exists("ada")
    await store.delete("ada")

    assert await users.item("ada") is None
