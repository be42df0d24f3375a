"""A turn and the calls of the store: what they send, what is stored then, and what they give back."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from async_dynamo_store import (
    AsyncDynamoStore,
    InvalidUserIdError,
    RequestPipeline,
    StoreError,
    Turn,
    UnreadableItemError,
    UnsupportedValueError,
    UserNotLoadedError,
)
from async_dynamo_store.voice.requests import parse_request
from tests.engines.conftest import Item, MakeStore, Table, operations
from tests.faults.proxy import FaultProxy
from tests.waiting import reached

Store = AsyncDynamoStore[Any]


@pytest.fixture
async def ready(watched: MakeStore, store: Store) -> Store:
    """A store on a table that is there, with the proxy in front of it."""
    await store.ensure_table()
    return watched()


def sent_values(proxy: FaultProxy) -> dict[str, Item]:
    """The values of the only UpdateItem in the log, by the path that they are set at."""
    (update,) = [exchange.body for exchange in proxy.log if exchange.operation == "UpdateItem"]
    names, values = update["ExpressionAttributeNames"], update["ExpressionAttributeValues"]
    settings = re.findall(r"(#[\w.#]+) = (:\w+)", update["UpdateExpression"])
    return {
        ".".join(names[alias] for alias in path.split(".")): values[placeholder]
        for path, placeholder in settings
    }


LARGE: dict[str, Any] = {
    "list": list(range(40)),
    "map": {f"k{number}": {"n": number} for number in range(20)},
    "bytes": [b"1", *range(40)],
}
CHANGES: list[Callable[[dict[str, Any]], object]] = [
    lambda data: data.update(score=2),
    lambda data: data["list"].append("new"),
    lambda data: data["map"]["k3"].update(n=-1),
    lambda data: data.update(list=[*"text"], other=LARGE["map"]),
    lambda data: data["bytes"].append(b"2"),
    lambda data: data.pop("other", None),
    lambda data: None,
]


@pytest.mark.parametrize("on_conflict", ["merge", "raise"])
async def test_a_user_is_saved_alike_among_few_and_among_many(
    on_conflict: str, make_store: MakeStore, store: Store
) -> None:
    """Only the snapshots of many users are packed."""
    users = make_store(on_conflict=on_conflict)
    ids = [f"u{number}" for number in range(20)]
    records = await users.load_many(ids)
    for record in records:
        record.data.update(score=1, **deepcopy(LARGE))
    await asyncio.gather(*map(users.save, records))
    for some in (ids[:5], ids):
        del records
        gc.collect()
        records = await users.load_many(some)
        for first in range(2):  # each record is saved twice
            for number, record in enumerate(records):
                CHANGES[(number + first) % len(CHANGES)](record.data)
            await asyncio.gather(*map(users.save, records))
        stored = await store.load_many(some)
        assert [record.data for record in stored] == [record.data for record in records]


class TestTurn:
    async def test_a_new_user_is_one_put(self, ready: Store, proxy: FaultProxy, table: Table) -> None:
        async with ready.turn("u1") as user:
            assert user.is_new
            assert (user.id, user.data, user.created_at, user.updated_at) == ("u1", {}, None, None)
            user.data["name"] = "Ada"
        assert operations(proxy) == ["GetItem", "PutItem"]
        item = await table.stored("u1")
        assert item["userId"] == {"S": "u1"}
        assert item["user"] == {"M": {"data": {"M": {"name": {"S": "Ada"}}}}}
        assert item["createdAt"] == item["updatedAt"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", item["createdAt"]["S"])
        assert abs(datetime.fromisoformat(item["createdAt"]["S"]) - datetime.now(UTC)) < timedelta(minutes=5)

    async def test_a_new_user_who_is_left_alone_is_not_stored(
        self, ready: Store, proxy: FaultProxy, table: Table
    ) -> None:
        async with ready.turn("u1"):
            pass
        assert operations(proxy) == ["GetItem"]
        assert await table.item("u1") is None

    async def test_a_changed_user_is_one_update_of_what_changed(
        self, ready: Store, proxy: FaultProxy, table: Table
    ) -> None:
        async with ready.turn("u1") as user:
            user.data.update(name="Ada", score=1, address={"city": "Ulm", "street": "Weg"}, tags=["a", "b"])
        before = await table.stored("u1")
        operations(proxy)
        async with ready.turn("u1") as user:
            assert not user.is_new
            user.data["address"]["city"] = "Bonn"
        sent = sent_values(proxy)
        assert operations(proxy) == ["GetItem", "UpdateItem"]
        ((slot, _),) = [(path, sent.pop(path)) for path in list(sent) if path.startswith("_store.writers.")]
        after = await table.stored("u1")
        assert sent == {"user.data.address.city": {"S": "Bonn"}, "updatedAt": after["updatedAt"]}
        assert slot.removeprefix("_store.writers.") in after["_store"]["M"]["writers"]["M"]
        assert after["createdAt"] == before["createdAt"]
        assert after["updatedAt"]["S"] > before["updatedAt"]["S"]
        before["user"]["M"]["data"]["M"]["address"]["M"]["city"] = {"S": "Bonn"}
        assert after["user"] == before["user"]

    async def test_an_unchanged_user_is_one_read(self, ready: Store, proxy: FaultProxy, table: Table) -> None:
        async with ready.turn("u1") as user:
            user.data.update(n=[1, 2.5, Decimal("1e-20")], m={"s": {"a", "b"}}, t=("x",), empty="")
        before = await table.stored("u1")
        operations(proxy)
        async with ready.turn("u1") as user:
            user.data = dict(user.data, n=list(user.data["n"]))
        assert operations(proxy) == ["GetItem"]
        assert await table.stored("u1") == before

    async def test_a_turn_that_raises_saves_nothing(
        self, ready: Store, proxy: FaultProxy, table: Table
    ) -> None:
        async def fail() -> None:
            async with ready.turn("u1") as user:
                user.data["name"] = "Ada"
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert operations(proxy) == ["GetItem"]
        assert await table.item("u1") is None

    async def test_a_turn_that_is_cancelled_saves_nothing(
        self, ready: Store, proxy: FaultProxy, table: Table
    ) -> None:
        loaded = asyncio.Event()

        async def endless() -> None:
            async with ready.turn("u1") as user:
                user.data["name"] = "Ada"
                loaded.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(endless())
        await reached(loaded, task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert operations(proxy) == ["GetItem"]
        assert await table.item("u1") is None

    async def test_what_nobody_here_knows_is_left_as_it_is(self, ready: Store, table: Table) -> None:
        foreign: Item = {
            "userId": {"S": "u1"},
            "user": {"M": {"data": {"M": {"score": {"N": "1"}}}, "plan": {"S": "gold"}}},
            "session": {"M": {"id": {"S": "s1"}}},
            "history": {"M": {"items": {"L": [{"M": {}}]}}},
            "createdAt": {"S": "2020-01-02T03:04:05.678Z"},
            "updatedAt": {"S": "2020-01-02T03:04:05.678Z"},
            "loyalty": {"SS": ["x", "y"]},
        }
        await table.put(foreign)
        async with ready.turn("u1") as user:
            assert user.created_at == datetime(2020, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
            user.data["score"] = 2
        item = await table.stored("u1")
        assert item.pop("_store")
        assert item.pop("updatedAt") != foreign.pop("updatedAt")
        item["loyalty"]["SS"].sort()
        foreign["user"]["M"]["data"]["M"]["score"] = {"N": "2"}
        assert item == foreign

    async def test_a_turn_waits_for_its_load(self, ready: Store, proxy: FaultProxy) -> None:
        with pytest.raises(InvalidUserIdError):
            await ready.turn("").__aenter__()
        assert operations(proxy) == []


class TestSave:
    async def test_each_save_of_a_record_writes_what_came_since(
        self, ready: Store, proxy: FaultProxy, table: Table
    ) -> None:
        user = await ready.load("u1")
        user.data["a"] = {"b": 1}
        await ready.save(user)
        created_at, updated_at = user.created_at, user.updated_at
        assert created_at is not None
        assert created_at == updated_at
        await ready.save(user)
        assert operations(proxy) == ["GetItem", "PutItem"]
        user.data["a"]["c"] = 2
        await ready.save(user)
        sent = sent_values(proxy)
        assert operations(proxy) == ["UpdateItem"]
        assert "user.data.a.c" in sent
        assert "user.data.a" not in sent
        del user.data["a"]["b"]
        await ready.save(user)
        assert (await ready.load("u1")).data == {"a": {"c": 2}}
        assert user.created_at == created_at
        assert user.updated_at is not None
        assert updated_at is not None
        assert user.updated_at >= updated_at
        assert (await table.stored("u1"))["createdAt"]["S"] == created_at.isoformat(
            timespec="milliseconds"
        ).replace("+00:00", "Z")

    async def test_saves_of_one_record_at_once_count_once(self, ready: Store) -> None:
        user = await ready.load("u1")
        user.increment("visits")
        await asyncio.gather(*(ready.save(user) for _ in range(5)))
        assert await ready.get("u1", "visits") == 1

    async def test_what_changes_during_a_save_comes_with_the_next_one(
        self, ready: Store, proxy: FaultProxy
    ) -> None:
        await ready.set("u1", "visits", 1)
        user = await ready.load("u1")
        user.increment("visits")
        user.data["name"] = "Ada"

        async def meanwhile() -> None:
            user.increment("visits", 10)
            user.data["name"] = "Eve"

        proxy.fail("UpdateItem", None, before=meanwhile)
        await ready.save(user)
        assert (await ready.load("u1")).data == {"visits": 2, "name": "Ada"}
        await ready.increment("u1", "visits", 100)
        await ready.save(user)
        assert (await ready.load("u1")).data == {"visits": 112, "name": "Eve"}

    async def test_times_can_be_left_out(self, make_store: MakeStore, table: Table) -> None:
        store = make_store(stored_elements={"created_at": False, "updated_at": False})
        async with store.turn("u1") as user:
            user.data["a"] = 1
        await store.set("u1", "b", 2)
        assert (await table.stored("u1")).keys() == {"userId", "user", "_store"}

    async def test_a_user_without_stored_data(self, make_store: MakeStore, table: Table) -> None:
        store = make_store(stored_elements={"user": False})
        async with store.turn("u1") as user:
            user.data["a"] = 1
        assert await table.item("u1") is None

    async def test_empty_strings_as_null(
        self, make_store: MakeStore, watched: MakeStore, proxy: FaultProxy
    ) -> None:
        store = make_store(empty_strings="null")
        async with store.turn("u1") as user:
            user.data.update(name="", tags=["", "a"])
        await store.set("u1", "nick", "")
        expected = {"name": None, "tags": [None, "a"], "nick": None}
        assert (await store.load("u1")).data == expected
        reader = watched(empty_strings="null")
        async with reader.turn("u1"):
            pass
        assert operations(proxy) == ["GetItem"]


class Profile(BaseModel):
    model_config = ConfigDict(validate_assignment=True)

    name: str = "nobody"
    score: int = Field(default=0, alias="points")


class TestDataModel:
    async def test_a_model_is_what_the_user_has(self, make_store: MakeStore, table: Table) -> None:
        store: AsyncDynamoStore[Profile] = make_store(Profile)
        async with store.turn("u1") as user:
            assert user.data == Profile()
            user.data.score = 3
            user.increment("score", 2)
        assert (await table.stored("u1"))["user"]["M"]["data"] == {"M": {"points": {"N": "5"}}}
        await store.increment("u1", "points", 5)
        assert (await store.load("u1")).data.score == 10

    async def test_what_does_not_fit_the_model_is_never_written_over(
        self, make_store: MakeStore, table: Table
    ) -> None:
        await make_store().set("u1", "points", "secret words")
        before = await table.stored("u1")
        store: AsyncDynamoStore[Profile] = make_store(Profile)
        with pytest.raises(
            UnreadableItemError, match=r"user\.data does not fit Profile \(points: "
        ) as caught:
            async with store.turn("u1") as user:
                user.data.name = "Ada"
        assert "secret words" not in str(caught.value)
        assert await table.stored("u1") == before


@pytest.mark.parametrize(
    ("item", "attribute"),
    [
        ({"userData": {"M": {}}}, "userData"),
        ({"attributes": {"M": {}}}, "attributes"),
        ({"user": {"S": "secret"}}, "user"),
        ({"user": {"M": {"data": {"S": "secret"}}}}, "user.data"),
        ({"user": {"M": {}}, "createdAt": {"S": "secret"}}, "createdAt"),
        ({"user": {"M": {}}, "createdAt": {"N": "1"}}, "createdAt"),
    ],
)
async def test_an_item_of_another_shape_is_unreadable_and_left_alone(
    item: Item, attribute: str, store: Store, table: Table
) -> None:
    await store.ensure_table()
    stored = {"userId": {"S": "u1"}} | item
    await table.put(stored)
    with pytest.raises(UnreadableItemError) as caught:
        async with store.turn("u1") as user:
            user.data["a"] = 1
    assert caught.value.attribute == attribute
    assert attribute in str(caught.value)
    assert "secret" not in str(caught.value)
    assert await table.stored("u1") == stored


class TestSingleValues:
    async def test_get(self, store: Store) -> None:
        async with store.turn("u1") as user:
            user.data.update({"a": {"b": [1, {"c": 2}]}, "a.b": "dotted", "null": None})
        assert await store.get("u1", "a") == {"b": [1, {"c": 2}]}
        assert await store.get("u1", "a.b") == [1, {"c": 2}]
        assert await store.get("u1", ("a.b",)) == "dotted"
        assert await store.get("u1", ("a", "b")) == [1, {"c": 2}]
        assert await store.get("u1", "null", 5) is None
        assert await store.get("u1", "a.b.0") == await store.get("u1", ("a", "b", 0)) == 1
        assert await store.get("u1", "a.b.1.c") == 2
        for path in ("a.x", "x", "a.b.c", "a.b.2", "a.b.0.x", ("a.b", "x")):
            assert await store.get("u1", path) is None
            assert await store.get("u1", path, 5) == 5
        assert await store.get("nobody", "a", 5) == 5

    @pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", (), ("a", "")])
    async def test_paths_have_keys(self, path: Any, ready: Store, proxy: FaultProxy) -> None:
        for call in (
            ready.get("u1", path),
            ready.set("u1", path, 1),
            ready.unset("u1", path),
            ready.increment("u1", path),
        ):
            with pytest.raises(ValueError, match="a path consists of keys"):
                await call
        assert operations(proxy) == []

    async def test_set_makes_the_user_and_the_parents(self, ready: Store, table: Table) -> None:
        await ready.set("u1", "a.b.c", {"x": [1]})
        item = await table.stored("u1")
        assert item["createdAt"] == item["updatedAt"]
        await ready.set("u1", ("a", "b", "d.e"), 2)
        await ready.set("u1", "z", None)
        await ready.set("u1", "a.b.c.x", "scalar")
        with pytest.raises(UnsupportedValueError, match=r"user\.data\.a\.… holds S") as caught:
            await ready.set("u1", "a.b.c.x.y", "below a scalar")
        assert caught.value.path == "user.data.a.b.c.x"
        user = await ready.load("u1")
        assert user.data == {"a": {"b": {"c": {"x": "scalar"}, "d.e": 2}}, "z": None}
        assert not user.is_new
        assert (await table.stored("u1"))["createdAt"] == item["createdAt"]

    async def test_a_value_of_a_known_user_is_one_request(self, ready: Store, proxy: FaultProxy) -> None:
        await ready.set("u1", "a.b", 1)
        operations(proxy)
        await ready.set("u1", "a.c", 2)
        await ready.unset("u1", "a.c")
        await ready.increment("u1", "a.b")
        assert operations(proxy) == ["UpdateItem"] * 3

    async def test_set_replaces_maps_whole(self, store: Store) -> None:
        await store.set("u1", "a", {"b": 1})
        await store.set("u1", "a", {"c": 1})
        assert await store.get("u1", "a") == {"c": 1}

    async def test_unset(self, store: Store, table: Table) -> None:
        await store.unset("u1", "a.b")
        assert await table.item("u1") is None
        await store.set("u1", "a.b", 1)
        await store.unset("u1", "a.c")
        await store.unset("u1", "x.y.z")
        with pytest.raises(UnsupportedValueError, match=r"user\.data\.a\.… holds N"):
            await store.unset("u1", "a.b.c")
        assert (await store.load("u1")).data == {"a": {"b": 1}}
        await store.unset("u1", "a.b")
        assert (await store.load("u1")).data == {"a": {}}

    async def test_increment(self, store: Store) -> None:
        assert await store.increment("u1", "a.n") == 1
        assert await store.increment("u1", "a.n", 5) == 6
        assert await store.increment("u1", "a.n", -2) == 4
        assert await store.increment("u1", "a.n", 0.5) == 4.5
        assert await store.increment("u1", ("a.n",), 0) == 0
        assert await store.get("u1", "a.n") == 4.5

    @pytest.mark.engines("dynamodb-local")  # moto answers 500
    async def test_increment_keeps_every_digit(self, store: Store) -> None:
        await store.set("u1", "n", 4.5)
        assert await store.increment("u1", "n", Decimal("1e-20")) == Decimal("4.50000000000000000001")
        assert await store.increment("u1", "n", Decimal("1e-20")) == Decimal("4.50000000000000000002")

    @pytest.mark.parametrize("by", ["1", None, True, [1], float("nan")])
    async def test_increment_by_no_number(self, by: Any, ready: Store, proxy: FaultProxy) -> None:
        with pytest.raises(UnsupportedValueError):
            await ready.increment("u1", "n", by)
        assert operations(proxy) == []

    async def test_increment_of_no_number(self, store: Store) -> None:
        await store.set("u1", "name", "Ada")
        with pytest.raises(
            UnsupportedValueError, match=r"user\.data\.name holds S and not a number"
        ) as caught:
            await store.increment("u1", "name")
        assert caught.value.path == "user.data.name"
        assert "Ada" not in str(caught.value)
        assert await store.get("u1", "name") == "Ada"

    async def test_old_tokens_of_single_values_are_cleared_away(
        self, ready: Store, proxy: FaultProxy, table: Table
    ) -> None:
        await ready.set("u1", "n", 1)
        item = await table.stored("u1")
        item["_store"]["M"]["saves"] = {"M": {f"old{n}": {"N": "1"} for n in range(20)}}
        await table.put(item)
        operations(proxy)
        await ready.increment("u1", "n")
        await ready.settle()
        assert operations(proxy) == ["UpdateItem", "UpdateItem"]
        assert (await table.stored("u1"))["_store"]["M"].keys() == {"id", "writers"}
        assert await ready.get("u1", "n") == 2

    async def test_clearing_away_gives_way_to_a_delete(
        self, ready: Store, proxy: FaultProxy, table: Table
    ) -> None:
        await ready.set("u1", "n", 1)
        item = await table.stored("u1")
        item["_store"]["M"]["saves"] = {"M": {f"old{n}": {"N": "1"} for n in range(20)}}
        await table.put(item)

        async def delete() -> None:
            await table.client.delete_item(TableName=table.name, Key={"userId": {"S": "u1"}})

        proxy.fail("UpdateItem", None, after=delete)
        assert await ready.increment("u1", "n") == 2
        await ready.settle()
        assert await table.item("u1") is None


class TestUsers:
    async def test_exists(self, store: Store) -> None:
        assert not await store.exists("u1")
        await store.set("u1", "a", 1)
        assert await store.exists("u1")
        assert not await store.exists("u2")

    async def test_delete(self, store: Store, table: Table) -> None:
        await store.set("u1", "a", 1)
        await store.delete("u1")
        await store.delete("u1")
        await store.delete("nobody")
        assert not await store.exists("u1")
        assert await table.item("u1") is None

    async def test_load_many(self, ready: Store, proxy: FaultProxy) -> None:
        stored = [f"u{number}" for number in range(0, 250, 10)]
        await asyncio.gather(*(ready.set(user_id, "id", user_id) for user_id in stored))
        operations(proxy)
        asked = [f"u{number}" for number in range(250)]
        users = await ready.load_many(reversed(asked))
        assert operations(proxy) == ["BatchGetItem"] * 3
        assert [user.id for user in users] == asked[::-1]
        assert [user.id for user in users if not user.is_new] == stored[::-1]
        assert all(user.data == ({} if user.is_new else {"id": user.id}) for user in users)

    async def test_load_many_is_in_the_order_asked_for(self, store: Store) -> None:
        await store.set("u1", "a", 1)
        users = await store.load_many(["u2", "u1", "u2"])
        assert [user.id for user in users] == ["u2", "u1", "u2"]
        assert users[0] is users[2]
        assert await store.load_many([]) == []

    async def test_users_of_load_many_can_be_saved(self, store: Store) -> None:
        await store.set("u1", "a", 1)
        for user in await store.load_many(["u1", "u2"]):
            user.data["b"] = 2
            await store.save(user)
        assert (await store.load("u1")).data == {"a": 1, "b": 2}
        assert (await store.load("u2")).data == {"b": 2}

    @pytest.mark.others_in_soak
    @pytest.mark.engines("moto", "dynamodb-local", "endpoint")  # ministack has no limit of 16 MB
    async def test_big_users_come_in_several_answers(self, ready: Store, proxy: FaultProxy) -> None:
        # One answer holds 16 MB (AWS, "BatchGetItem"), one page of a scan 1 MB ("Scan").
        big = "x" * 400_000
        ids = [f"u{number}" for number in range(42)]
        for user_id in ids:
            await ready.set(user_id, "big", big)
        operations(proxy)
        users = await ready.load_many(ids)
        assert len(operations(proxy)) > 1
        assert {user.id for user in users if user.data == {"big": big}} == set(ids)
        assert sorted([user.id async for user in ready.scan()]) == sorted(ids)
        assert len(operations(proxy)) > 10

    async def test_scan(self, store: Store) -> None:
        assert [user async for user in store.scan()] == []
        for user_id in ("u1", "u2"):
            await store.set(user_id, "id", user_id)
        async for user in store.scan():
            assert user.data == {"id": user.id}
            assert not user.is_new
            user.data["seen"] = True
            await store.save(user)
        assert (await store.load("u1")).data == {"id": "u1", "seen": True}

    async def test_an_anonymous_user_has_nothing_to_delete_or_to_save(
        self, ready: Store, proxy: FaultProxy
    ) -> None:
        user = ready._elements.anonymous()
        user.data["a"] = 1
        await ready.save(user)
        with pytest.raises(StoreError, match="anonymous"):
            await user.delete()
        assert operations(proxy) == []


async def take_turn(store: Store, user_id: str | None) -> None:
    """A turn of a pipeline in which the store is installed."""
    pipeline: RequestPipeline[Any] = RequestPipeline()
    store.install(pipeline)

    async def count(turn: Turn[Any]) -> None:
        turn.user.increment("visits")

    pipeline.use("handler", count)
    request = {"context": {"user": {"id": user_id}}, "input": {"type": "LAUNCH"}}
    (parsed,) = parse_request(request)
    await pipeline.run(Turn(parsed, store))


class TestPipeline:
    async def test_a_turn_loads_and_saves(self, ready: Store, proxy: FaultProxy) -> None:
        await take_turn(ready, "u1")
        assert operations(proxy) == ["GetItem", "PutItem"]
        await take_turn(ready, "u1")
        assert await ready.get("u1", "visits") == 2

    async def test_a_turn_of_nobody(self, ready: Store, proxy: FaultProxy) -> None:
        await take_turn(ready, None)
        assert operations(proxy) == []

    async def test_without_implicit_save(self, watched: MakeStore, proxy: FaultProxy) -> None:
        with pytest.raises(UserNotLoadedError):
            await take_turn(watched(implicit_save=False), "u1")
        assert operations(proxy) == []


class TestUserIds:
    @pytest.mark.parametrize(
        "user_id", ["", None, 5, b"u1", ["u1"], "x" * 2049, "ü" * 1025, "\ud800"], ids=ascii
    )
    async def test_invalid(self, user_id: Any, ready: Store, proxy: FaultProxy) -> None:
        for call in (
            ready.load(user_id),
            ready.load_many([user_id]),
            ready.get(user_id, "a"),
            ready.set(user_id, "a", 1),
            ready.increment(user_id, "a"),
            ready.update(user_id, lambda user: None),
            ready.delete(user_id),
            ready.exists(user_id),
        ):
            with pytest.raises(InvalidUserIdError) as caught:
                await call
            assert "u1" not in str(caught.value)
        assert operations(proxy) == []

    @pytest.mark.parametrize(
        "user_id", ["x" * 2048, "ü" * 1024, "amzn1.ask::a/b c\n", "\0", "👩‍💻"], ids=ascii
    )
    async def test_odd_but_valid(self, user_id: str, store: Store) -> None:
        async with store.turn(user_id) as user:
            user.data["id"] = user_id
        assert (await store.load(user_id)).data == {"id": user_id}
        assert (await store.load_many([user_id]))[0].data == {"id": user_id}
        assert [user.id async for user in store.scan()] == [user_id]
        await store.delete(user_id)
        assert not await store.exists(user_id)

    async def test_a_platform_is_part_of_the_key(self, make_store: MakeStore, table: Table) -> None:
        store = make_store(primary_key_prefix="dev-", prefix_primary_key_with_platform=True)
        await take_turn(store, "u1")
        await table.stored("dev-CorePlatformApp::u1")
        await make_store().set("u2", "a", 1)
        await make_store().set("dev-no-platform", "a", 1)
        (user,) = [user async for user in store.scan()]
        assert (user.id, user.data) == ("u1", {"visits": 1})
        user.increment("visits")
        await store.save(user)
        assert [user.data async for user in store.scan()] == [{"visits": 2}]

    async def test_the_prefix_is_part_of_the_key(self, make_store: MakeStore, table: Table) -> None:
        store = make_store(primary_key_prefix="dev-")
        await store.set("u1", "a", 1)
        assert await table.item("u1") is None
        await table.stored("dev-u1")
        await make_store().set("u2", "a", 1)
        assert [user.id async for user in store.scan()] == ["u1"]
        assert [user.id for user in await store.load_many(["u1"]) if not user.is_new] == ["u1"]
        with pytest.raises(InvalidUserIdError, match="2049 bytes with its prefix"):
            await store.load("x" * 2045)
