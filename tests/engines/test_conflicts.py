"""Two writers of one user: what each mode keeps, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import AsyncDynamoStore, ConflictError, UnsupportedValueError, UserRecord
from tests.engines.conftest import Item, MakeStore, Table, operations
from tests.faults.proxy import Fault, FaultProxy

if TYPE_CHECKING:
    from tests.conftest import Engine

Store = AsyncDynamoStore[Any]
Change = Callable[[dict[str, Any]], object]


async def store_data(store: Store, data: dict[str, Any]) -> None:
    async with store.turn("u1") as user:
        user.data = data


async def forget_own_attribute(table: Table) -> None:
    """What a framework does that puts the whole item as it knows it."""
    item = await table.stored("u1")
    del item["_store"]
    await table.put(item)


def remove(*keys: str) -> Change:
    def change(data: dict[str, Any]) -> None:
        for key in keys:
            del data[key]

    return change


MANY = {f"key{number}": number for number in range(150)}
ODD = ["a.b", "size", "#n", ":v", "a[0]", " ", "ä👩‍💻", "x" * 300, "data", "AND"]


@pytest.fixture
def stores(make_store: MakeStore) -> tuple[Store, Store]:
    """Two stores on one table, as two processes have them."""
    return make_store(), make_store()


class TestMerge:
    @pytest.mark.parametrize(
        ("before", "first", "second", "after"),
        [
            pytest.param(
                {"a": 1, "b": 1},
                lambda data: data.update(a=2),
                lambda data: data.update(b=2),
                {"a": 2, "b": 2},
                id="different fields",
            ),
            pytest.param(
                {"a": 1},
                lambda data: data.update(a=2),
                lambda data: data.update(a=3),
                {"a": 3},
                id="the same field: the later write wins",
            ),
            pytest.param(
                {"m": {"n": {"a": 1, "b": 1}}},
                lambda data: data["m"]["n"].update(a=2),
                lambda data: data["m"]["n"].update(b=2, c=3),
                {"m": {"n": {"a": 2, "b": 2, "c": 3}}},
                id="nested maps",
            ),
            pytest.param(
                {},
                lambda data: data.update(m={"a": 1, "n": {"x": 1}}),
                lambda data: data.update(m={"b": 2, "n": {"y": 2}}),
                {"m": {"a": 1, "b": 2, "n": {"x": 1, "y": 2}}},
                id="the same new map",
            ),
            pytest.param(
                {"m": {"a": 1, "b": 1}},
                remove("m"),
                lambda data: data["m"].update(b=2),
                {"m": {"b": 2}},
                id="a parent that was removed",
            ),
            pytest.param(
                {"m": {"n": {"a": 1}}},
                lambda data: data.update(m="scalar"),
                lambda data: data["m"]["n"].update(b=2),
                {"m": {"n": {"b": 2}}},
                id="a parent that is a scalar now",
            ),
            pytest.param(
                {"m": {"a": 1}},
                lambda data: data["m"].update(a=2),
                remove("m"),
                {},
                id="a map that is removed",
            ),
            pytest.param(
                {"m": {"a": 1, "b": 1}},
                lambda data: data["m"].update(b=2),
                lambda data: remove("a")(data["m"]),
                {"m": {"b": 2}},
                id="a key that is removed",
            ),
            pytest.param({"a": 1}, remove("a"), remove("a"), {}, id="the same key removed by both"),
            pytest.param(
                {"m": {"a": 1}},
                remove("m"),
                lambda data: remove("a")(data["m"]),
                {},
                id="a key of a map that was removed",
            ),
            pytest.param(
                {"l": [1]},
                lambda data: data["l"].append(2),
                lambda data: data["l"].extend([3, 4]),
                {"l": [1, 2, 3, 4]},
                id="a list that only grew",
            ),
            pytest.param(
                {"m": {"l": []}},
                lambda data: data["m"]["l"].append([2]),
                lambda data: data["m"]["l"].append({"x": 3}),
                {"m": {"l": [[2], {"x": 3}]}},
                id="an empty list that grew",
            ),
            pytest.param(
                {"l": [1, 2]},
                lambda data: data["l"].reverse(),
                lambda data: data["l"].append(3),
                {"l": [2, 1, 3]},
                id="what is appended to a list comes after what others made of it",
            ),
            pytest.param(
                {"l": [1, 2]},
                lambda data: data["l"].append(3),
                lambda data: data["l"].reverse(),
                {"l": [2, 1]},
                id="a list that was changed otherwise is whole",
            ),
            pytest.param(
                {"l": [1, 2]},
                lambda data: data.pop("l"),
                lambda data: data["l"].append(3),
                {"l": [3]},
                id="a list that was removed is made anew",
            ),
            pytest.param(
                {"l": [1, 2]},
                lambda data: data.update(l="text"),
                lambda data: data["l"].append(3),
                {"l": [1, 2, 3]},
                id="a list that became a text",
            ),
            pytest.param(
                {"m": MANY},
                lambda data: data["m"].update(key0="first"),
                lambda data: data["m"].update(dict.fromkeys(list(MANY)[1:], "second")),
                {"m": dict.fromkeys(MANY, "second") | {"key0": "first"}},
                id="more changes than one update holds",
            ),
            pytest.param(
                MANY,
                lambda data: data.update(other=1),
                lambda data: data.update(dict.fromkeys(MANY, "second")),
                dict.fromkeys(MANY, "second") | {"other": 1},
                id="more changes at the root than one update holds",
            ),
            pytest.param(
                {key: {key: 1} for key in ODD},
                lambda data: data["a.b"].update({"#new": 1}),
                lambda data: [data[key].update({key: 2}) for key in ODD],
                {key: {key: 2} for key in ODD} | {"a.b": {"a.b": 2, "#new": 1}},
                id="odd keys",
            ),
        ],
    )
    async def test_two_turns_at_once(
        self, before: Any, first: Change, second: Change, after: Any, stores: tuple[Store, Store]
    ) -> None:
        store, other = stores
        await store.set("u1", "user", "is there")
        await store.unset("u1", "user")
        await store_data(store, before)
        one, two = await store.load("u1"), await other.load("u1")
        first(one.data)
        second(two.data)
        await store.save(one)
        await other.save(two)
        assert (await store.load("u1")).data == after

    async def test_nobody_in_between_is_one_request(
        self, watched: MakeStore, store: Store, proxy: FaultProxy
    ) -> None:
        await store_data(store, {"m": {"a": 1}})
        async with watched().turn("u1") as user:
            user.data["m"]["b"] = 2
            user.data["n"] = {"x": 1}
        assert operations(proxy) == ["GetItem", "UpdateItem"]

    async def test_other_paths_are_no_conflict_at_all(
        self, watched: MakeStore, store: Store, proxy: FaultProxy
    ) -> None:
        await store_data(store, {"m": {"a": 1, "b": 1}})
        async with watched().turn("u1") as user:
            await store.set("u1", "m.a", 2)
            user.data["m"]["b"] = 2
        assert operations(proxy) == ["GetItem", "UpdateItem"]
        assert await store.get("u1", "m") == {"a": 2, "b": 2}

    async def test_two_first_turns_of_a_user(self, store: Store, make_store: MakeStore) -> None:
        other = make_store()
        await store.ensure_table()
        one, two = await store.load("u1"), await other.load("u1")
        assert one.is_new
        assert two.is_new
        one.data.update(a=1, m={"x": 1}, same="one")
        two.data.update(b=2, m={"y": 2}, same="two")
        one.increment("visits")
        two.increment("visits")
        await store.save(one)
        await other.save(two)
        stored = await store.load("u1")
        assert stored.data == {"a": 1, "b": 2, "m": {"x": 1, "y": 2}, "same": "two", "visits": 2}
        assert stored.created_at == one.created_at

    async def test_many_first_turns_of_a_user(self, store: Store) -> None:
        await store.ensure_table()

        async def first_turn(number: int) -> None:
            async with store.turn("u1") as user:
                user.data.setdefault("turns", {})[str(number)] = True
                user.increment("visits")

        await asyncio.gather(*map(first_turn, range(20)))
        data = (await store.load("u1")).data
        assert len(data["turns"]) == data["visits"] == 20

    async def test_a_save_goes_on_after_another_one_took_its_place(
        self, watched: MakeStore, store: Store, proxy: FaultProxy
    ) -> None:
        await store_data(store, {"m": {"a": 1}})
        for _ in range(2):
            proxy.fail("UpdateItem", None, before=lambda: store.set("u1", "m", "scalar"))
            proxy.fail("UpdateItem", None, before=lambda: store.unset("u1", "m"))
        async with watched().turn("u1") as user:
            user.data["m"]["b"] = 2
        assert await store.get("u1", "m") == {"b": 2}

    async def test_who_never_gets_through_is_told(
        self, watched: MakeStore, store: Store, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("async_dynamo_store.store.items._TRIES", 3)
        await store_data(store, {"m": {"a": 1}})
        for number in range(2):
            proxy.fail("UpdateItem", None, before=partial(store.set, "u1", "m", number))
            proxy.fail("UpdateItem", None, before=lambda: store.set("u1", "m", {"x": 1}))
        losing = watched()
        user = await losing.load("u1")
        user.data["m"]["b"] = 2
        with pytest.raises(ConflictError) as caught:
            await losing.save(user)
        assert caught.value.stored is not None

    async def test_what_another_framework_wrote_in_between_survives(self, store: Store, table: Table) -> None:
        await store_data(store, {"a": 1, "b": 1})
        async with store.turn("u1") as user:
            item = await table.stored("u1")
            del item["_store"]
            item["user"]["M"]["data"]["M"]["a"] = {"N": "2"}
            item["mood"] = {"S": "fine"}
            await table.put(item)
            user.data["b"] = 2
        assert (await store.load("u1")).data == {"a": 2, "b": 2}
        item = await table.stored("u1")
        assert item["mood"] == {"S": "fine"}
        assert item["_store"]["M"]["id"]

    async def test_an_item_of_another_framework_gets_no_second_request(
        self, watched: MakeStore, proxy: FaultProxy, store: Store, table: Table
    ) -> None:
        await store_data(store, {"a": 1})
        await forget_own_attribute(table)
        async with watched().turn("u1") as user:
            user.data["b"] = 2
        assert operations(proxy) == ["GetItem", "UpdateItem"]
        await forget_own_attribute(table)
        assert await store.increment("u1", "b") == 3


class TestRaise:
    @pytest.fixture
    async def raising(self, store: Store, watched: MakeStore) -> Store:
        await store_data(store, {"a": 1, "b": 1})
        return watched(on_conflict="raise")

    async def test_nobody_in_between(self, raising: Store, proxy: FaultProxy) -> None:
        user = await raising.load("u1")
        for value in (2, 3):
            user.data["b"] = value
            await raising.save(user)
        assert operations(proxy) == ["GetItem", "UpdateItem", "UpdateItem"]
        assert await raising.get("u1", "b") == 3

    @pytest.mark.parametrize("change", [{"a": 2}, {"b": 2}, {"c": 2}], ids=str)
    async def test_any_write_in_between(
        self, change: dict[str, int], raising: Store, store: Store, proxy: FaultProxy
    ) -> None:
        user = await raising.load("u1")
        async with store.turn("u1") as other:
            other.data.update(change)
        user.data["b"] = 3
        with pytest.raises(ConflictError) as caught:
            await raising.save(user)
        assert operations(proxy) == ["GetItem", "UpdateItem"]
        won = caught.value.stored
        assert won is not None
        assert won.data == {"a": 1, "b": 1} | change
        assert (await store.load("u1")).data == won.data
        won.data["b"] = 4
        await raising.save(won)
        assert (await store.load("u1")).data == {"a": 1, "b": 4} | change | {"b": 4}

    async def test_a_write_of_another_framework_in_between(
        self, raising: Store, store: Store, table: Table
    ) -> None:
        user = await raising.load("u1")
        await forget_own_attribute(table)
        user.data["b"] = 3
        with pytest.raises(ConflictError):
            await raising.save(user)

    async def test_on_an_item_of_another_framework(self, raising: Store, table: Table) -> None:
        await forget_own_attribute(table)
        one, two = await raising.load("u1"), await raising.load("u1")
        one.data["a"] = two.data["b"] = 2
        await raising.save(one)
        with pytest.raises(ConflictError):
            await raising.save(two)
        assert (await raising.load("u1")).data == {"a": 2, "b": 1}

    async def test_on_an_item_that_is_a_key_only(self, raising: Store, table: Table) -> None:
        await table.put({"userId": {"S": "u2"}})
        one, two = await raising.load("u2"), await raising.load("u2")
        one.data["a"] = 1
        await raising.save(one)
        two.data["a"] = 2
        assert await raising.get("u2", "a") == 1

    async def test_two_first_turns_of_a_user(self, raising: Store) -> None:
        one, two = await raising.load("u2"), await raising.load("u2")
        one.data["a"] = two.data["a"] = 1
        await raising.save(one)
        with pytest.raises(ConflictError) as caught:
            await raising.save(two)
        assert caught.value.stored is not None
        assert caught.value.stored.data == {"a": 1}

    async def test_a_write_that_is_not_in_the_way(self, raising: Store, store: Store) -> None:
        async with raising.turn("u1"):
            await store.set("u1", "a", 2)
        assert await raising.get("u1", "a") == 2


class TestOverwrite:
    async def test_the_whole_item_is_put(
        self, store: Store, watched: MakeStore, proxy: FaultProxy, table: Table
    ) -> None:
        await store_data(store, {"a": 1, "b": 1})
        item = await table.stored("u1")
        item["mood"] = {"S": "fine"}
        item["user"]["M"]["plan"] = {"S": "gold"}
        await table.put(item)
        overwriting = watched(on_conflict="overwrite")
        async with overwriting.turn("u1") as user:
            await store.set("u1", "a", 2)
            user.data["b"] = 2
        assert operations(proxy) == ["GetItem", "PutItem"]
        after = await table.stored("u1")
        assert (await store.load("u1")).data == {"a": 1, "b": 2}
        assert after.keys() == item.keys() - {"mood"}
        assert after["user"]["M"].keys() == {"data"}
        assert after["createdAt"] == item["createdAt"]

    async def test_two_first_turns(self, make_store: MakeStore) -> None:
        store = make_store(on_conflict="overwrite")
        one, two = await store.load("u1"), await store.load("u1")
        one.data["a"] = 1
        two.data["b"] = 2
        await store.save(one)
        await store.save(two)
        assert (await store.load("u1")).data == {"b": 2}

    async def test_nothing_changed_nothing_put(
        self, store: Store, watched: MakeStore, proxy: FaultProxy
    ) -> None:
        await store_data(store, {"a": 1})
        async with watched(on_conflict="overwrite").turn("u1"):
            pass
        assert operations(proxy) == ["GetItem"]

    async def test_another_framework_in_between(self, make_store: MakeStore, table: Table) -> None:
        store = make_store(on_conflict="overwrite")
        await store_data(store, {"a": 1})
        async with store.turn("u1") as user:
            await forget_own_attribute(table)
            user.data["b"] = 2
        assert (await store.load("u1")).data == {"a": 1, "b": 2}

    async def test_a_layout_without_times(self, make_store: MakeStore) -> None:
        store = make_store(on_conflict="overwrite", layout="jovo1")
        await store_data(store, {"a": 1})
        await store_data(store, {"b": 2})
        assert (await store.load("u1")).data == {"b": 2}

    async def test_a_deleted_user_does_not_come_back(self, make_store: MakeStore) -> None:
        store, other = make_store(on_conflict="overwrite"), make_store()
        await store_data(store, {"a": 1})
        user = await store.load("u1")
        await other.delete("u1")
        user.data["b"] = 2
        with pytest.raises(ConflictError) as caught:
            await store.save(user)
        assert caught.value.stored is None
        assert not await store.exists("u1")


class TestUpdate:
    async def test_sync_and_async_functions(self, store: Store) -> None:
        async def later(user: UserRecord[Any]) -> None:
            await asyncio.sleep(0)
            user.data["b"] = 2

        assert (await store.update("u1", lambda user: user.data.update(a=1))).data == {"a": 1}
        assert (await store.update("u1", later)).data == {"a": 1, "b": 2}
        assert (await store.load("u1")).data == {"a": 1, "b": 2}

    @pytest.mark.others_in_soak
    async def test_thirty_writers(self, store: Store) -> None:
        async def add(number: int) -> None:
            await store.update("u1", lambda user: user.data.setdefault("list", []).append(number))

        await asyncio.gather(*map(add, range(30)))
        assert sorted(await store.get("u1", "list")) == list(range(30))

    async def test_it_is_applied_again_when_another_writer_came_first(
        self, watched: MakeStore, store: Store, proxy: FaultProxy
    ) -> None:
        await store_data(store, {"n": 1})
        proxy.fail("UpdateItem", None, before=lambda: store.set("u1", "n", 10))
        user = await watched().update("u1", lambda user: user.data.update(n=user.data["n"] * 2))
        assert user.data == {"n": 20}
        assert operations(proxy) == ["GetItem", "UpdateItem", "UpdateItem"]
        assert await store.get("u1", "n") == 20

    async def test_nothing_changed_nothing_written(
        self, watched: MakeStore, store: Store, proxy: FaultProxy
    ) -> None:
        await store_data(store, {"n": 1})
        await watched().update("u1", lambda user: None)
        assert operations(proxy) == ["GetItem"]

    async def test_what_it_raises_comes_through(self, store: Store) -> None:
        def fail(user: UserRecord[Any]) -> None:
            user.data["a"] = 1
            raise LookupError

        with pytest.raises(LookupError):
            await store.update("u1", fail)
        assert not await store.exists("u1")

    async def test_a_delete_in_it(self, store: Store) -> None:
        await store_data(store, {"n": 1})

        async def delete(user: UserRecord[Any]) -> None:
            user.data["n"] = 2
            await user.delete()

        await store.update("u1", delete)
        assert not await store.exists("u1")

    @pytest.mark.parametrize("same_store", [True, False])
    async def test_a_delete_meanwhile_makes_it_start_from_nothing(
        self, same_store: bool, store: Store, make_store: MakeStore
    ) -> None:
        await store_data(store, {"n": 1})
        deleting, elsewhere = store if same_store else make_store(), copy_context()
        seen: list[dict[str, Any]] = []

        async def change(user: UserRecord[Any]) -> None:
            seen.append(dict(user.data))
            if len(seen) == 1:
                await asyncio.create_task(deleting.delete("u1"), context=elsewhere)
            user.data["visits"] = user.data.get("visits", 0) + 1

        assert (await store.update("u1", change)).data == {"visits": 1}
        assert seen == [{"n": 1}, {}]
        assert (await store.load("u1")).data == {"visits": 1}

    async def test_who_never_gets_through_is_told(
        self, watched: MakeStore, store: Store, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("async_dynamo_store.store.users._UPDATE_TRIES", 3)
        await store_data(store, {"n": 1})
        proxy.fail("UpdateItem", None, times=3, before=lambda: store.increment("u1", "n"))
        with pytest.raises(ConflictError):
            await watched().update("u1", lambda user: user.data.update(mine=1))
        assert await store.get("u1", "n") == 4


class TestIncrement:
    @pytest.mark.others_in_soak
    async def test_hundreds_at_once(self, store: Store, engine: Engine) -> None:
        times = 300 if engine.name == "dynamodb-local" else 100  # the others take a second for a hundred
        results = await asyncio.gather(*(store.increment("u1", "stats.visits") for _ in range(times)))
        assert sorted(results) == list(range(1, times + 1))
        assert await store.get("u1", "stats.visits") == times

    async def test_a_delete_in_between_makes_it_start_from_nothing(
        self, watched: MakeStore, store: Store, proxy: FaultProxy
    ) -> None:
        await store.set("u1", "a", 1)
        # The parent is missing: the first try only shows the item, and the second one no longer finds it.
        proxy.fail("UpdateItem", None)
        proxy.fail("UpdateItem", None, before=lambda: store.delete("u1"))
        assert await watched().increment("u1", "stats.visits") == 1
        assert (await store.load("u1")).data == {"stats": {"visits": 1}}

    async def test_turns_at_once_all_count(self, store: Store, make_store: MakeStore) -> None:
        other = make_store()
        await store_data(store, {"score": 10})
        one, two = await store.load("u1"), await other.load("u1")
        assert one.increment("score", 5) == 15
        assert one.data["score"] == 15
        assert two.increment("score") == 11
        assert two.increment("score") == 12
        assert two.increment("stats.wins") == 1
        await store.save(one)
        await other.save(two)
        assert (await store.load("u1")).data == {"score": 17, "stats": {"wins": 1}}
        assert two.increment("score") == 13
        await other.save(two)
        await other.save(two)
        assert await store.get("u1", "score") == 18

    async def test_a_value_set_after_it_was_counted_wins(self, store: Store) -> None:
        await store_data(store, {"score": 10})
        async with store.turn("u1") as user:
            user.increment("score")
            await store.set("u1", "score", 100)
            user.data["score"] = 0
        assert await store.get("u1", "score") == 0

    async def test_a_counter_that_somebody_made_a_text(self, store: Store) -> None:
        await store_data(store, {"score": 10})
        async with store.turn("u1") as user:
            user.increment("score")
            await store.set("u1", "score", "ten")
        assert await store.get("u1", "score") == 11
        async with store.turn("u1") as user:
            user.data["name"] = "Ada"
            with pytest.raises(UnsupportedValueError):
                user.increment("name")

    @pytest.mark.others_in_soak
    async def test_no_lost_number_among_all_verbs(self, store: Store) -> None:
        async def in_a_turn() -> None:
            async with store.turn("u1") as user:
                user.increment("n")

        async def in_an_update() -> None:
            await store.update("u1", lambda user: user.data.update(n=user.data.get("n", 0) + 1))

        async def alone() -> None:
            await store.increment("u1", "n")

        await asyncio.gather(*(work() for work in [in_a_turn, in_an_update, alone] * 8))
        assert await store.get("u1", "n") == 24


class TestLostAnswers:
    """The answer is lost after the write, and botocore sends the request again; faults are tried at large elsewhere."""

    @pytest.mark.parametrize("mode", ["merge", "raise", "overwrite"])
    @pytest.mark.parametrize("known", [True, False])
    async def test_of_a_save(
        self, mode: str, known: bool, store: Store, watched: MakeStore, proxy: FaultProxy
    ) -> None:
        await store.ensure_table()
        if known:
            await store.set("u1", "visits", 1)
        user = await watched(on_conflict=mode).load("u1")
        user.increment("visits")
        rule = proxy.fail(None, Fault.drop_answer, after=lambda: store.set("u1", "other", True))
        saving = watched(on_conflict=mode)
        await saving.save(user)
        assert rule.times == 0
        assert await store.get("u1", "visits") == 1 + known

    async def test_of_an_increment(self, store: Store, watched: MakeStore, proxy: FaultProxy) -> None:
        await store.increment("u1", "visits")
        proxy.fail("UpdateItem", Fault.drop_answer)
        assert await watched().increment("u1", "visits") == 2
        assert operations(proxy) == ["UpdateItem", "UpdateItem"]

    async def test_of_a_delete(self, store: Store, watched: MakeStore, proxy: FaultProxy) -> None:
        await store.increment("u1", "visits")
        proxy.fail("DeleteItem", Fault.drop_answer, after=lambda: store.set("u1", "new", True))
        await watched().delete("u1")
        assert (await store.load("u1")).data == {"new": True}


Delete = Callable[[Store, Store], Awaitable[None]]


async def in_this_task(store: Store, other: Store) -> None:
    await store.delete("u1")


async def in_another_task(store: Store, other: Store) -> None:
    await asyncio.create_task(store.delete("u1"))


async def in_another_store(store: Store, other: Store) -> None:
    await other.delete("u1")


elsewhere = pytest.mark.parametrize("delete", [in_another_task, in_another_store])


class TestDelete:
    @pytest.fixture
    async def other(self, store: Store, make_store: MakeStore) -> Store:
        await store_data(store, {"a": 1})
        return make_store()

    @pytest.mark.parametrize("known", [True, False])
    async def test_of_the_record_ends_the_turn_without_a_save(
        self, known: bool, other: Store, watched: MakeStore, proxy: FaultProxy
    ) -> None:
        user_id = "u1" if known else "u2"
        store = watched()
        async with store.turn(user_id) as user:
            user.data["b"] = 2
            await user.delete()
            user.data["c"] = 3
            operations(proxy)
        assert operations(proxy) == []
        assert not await other.exists(user_id)

    async def test_in_the_turns_own_task_ends_it_without_a_save(self, store: Store, other: Store) -> None:
        async with store.turn("u1") as user:
            user.data["b"] = 2
            await in_this_task(store, other)
        assert not await store.exists("u1")

    @elsewhere
    async def test_elsewhere_is_a_conflict_of_the_save(
        self, delete: Delete, store: Store, other: Store
    ) -> None:
        user = await store.load("u1")
        await delete(store, other)
        user.data["b"] = 2
        with pytest.raises(ConflictError, match="was deleted") as caught:
            await store.save(user)
        assert caught.value.stored is None
        assert not await store.exists("u1")

    @elsewhere
    async def test_elsewhere_is_nothing_to_a_turn_that_changed_nothing(
        self, delete: Delete, store: Store, other: Store
    ) -> None:
        async with store.turn("u1"):
            await delete(store, other)
        assert not await store.exists("u1")

    @elsewhere
    async def test_a_user_who_came_back_meanwhile_is_another_one(
        self, delete: Delete, store: Store, other: Store
    ) -> None:
        user = await store.load("u1")
        await delete(store, other)
        await store_data(other, {"new": True})
        user.data["b"] = 2
        with pytest.raises(ConflictError):
            await store.save(user)
        assert (await store.load("u1")).data == {"new": True}

    async def test_of_a_record_whose_user_came_back_deletes_nobody(self, store: Store, other: Store) -> None:
        user = await store.load("u1")
        await other.delete("u1")
        await store_data(other, {"new": True})
        await user.delete()
        assert (await store.load("u1")).data == {"new": True}

    async def test_of_a_record_that_others_changed(self, store: Store, other: Store, table: Table) -> None:
        user = await store.load("u1")
        await other.set("u1", "a", 2)
        await user.delete()
        assert not await store.exists("u1")
        await store_data(store, {"a": 1})
        user = await store.load("u1")
        await forget_own_attribute(table)
        await user.delete()
        assert not await store.exists("u1")

    async def test_of_a_record_that_is_gone(self, store: Store, other: Store) -> None:
        user = await store.load("u1")
        await other.delete("u1")
        await user.delete()
        await user.delete()
        await store.save(user)
        user.data["b"] = 2
        with pytest.raises(ConflictError):
            await store.save(user)
        assert not await store.exists("u1")

    async def test_an_item_of_another_framework(self, store: Store, other: Store, table: Table) -> None:
        await forget_own_attribute(table)
        user = await store.load("u1")
        user.data["b"] = 2
        await other.delete("u1")
        with pytest.raises(ConflictError):
            await store.save(user)
        assert not await store.exists("u1")

    async def test_other_users_are_not_touched(self, store: Store, other: Store) -> None:
        async with store.turn("u2") as user:
            user.data["a"] = 1
            await store.delete("u1")
        assert (await store.load("u2")).data == {"a": 1}

    async def test_an_old_record_saved_in_a_table_made_anew(
        self, store: Store, other: Store, table: Table
    ) -> None:
        user = await store.load("u1")
        user.data["b"] = 2
        await table.drop()
        with pytest.raises(ConflictError):
            await store.save(user)
        assert not await store.exists("u1")


async def test_stored_items_hold_one_attribute_of_ours(store: Store, table: Table) -> None:
    for number in range(3):
        await store.set("u1", "n", number)
        async with store.turn("u1") as user:
            user.data["m"] = number
    item: Item = await table.stored("u1")
    assert item.keys() == {"userId", "user", "createdAt", "updatedAt", "_store"}
    assert item["_store"]["M"].keys() == {"id", "writers"}
    assert len(item["_store"]["M"]["writers"]["M"]) == 1
