"""Members of lists by index, lists that grow, and paths that do not fit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, Field

from async_dynamo_store import AsyncDynamoStore, ConflictError, UnsupportedValueError

if TYPE_CHECKING:
    from tests.engines.conftest import MakeStore

Store = AsyncDynamoStore[Any]
DATA: dict[str, Any] = {
    "phones": [{"type": "home", "n": [1]}, {"type": "work", "n": [2, 3]}],
    "7": {"x": 1},
    "name": "Anna",
    "none": None,
}


@pytest.fixture
async def store(make_store: MakeStore) -> Store:
    store = make_store()
    async with store.turn("u1") as user:
        user.data.update(DATA)
    return store


def changed(**more: Any) -> dict[str, Any]:
    return DATA | more


CHANGES: list[tuple[Callable[[Store], Awaitable[Any]], dict[str, Any]]] = [
    (
        lambda store: store.set("u1", "phones.1.type", "x"),
        changed(phones=[DATA["phones"][0], {"type": "x", "n": [2, 3]}]),
    ),
    (lambda store: store.set("u1", ("phones", 0), "x"), changed(phones=["x", DATA["phones"][1]])),
    (
        lambda store: store.set("u1", "phones.0.new.9", 1),
        changed(phones=[{"type": "home", "n": [1], "new": {"9": 1}}, DATA["phones"][1]]),
    ),
    (lambda store: store.unset("u1", "phones.0"), changed(phones=[DATA["phones"][1]])),
    (lambda store: store.unset("u1", "phones.1.nothing"), DATA),
    (lambda store: store.set("u1", "phones.0.type", "home"), DATA),
    (
        lambda store: store.increment("u1", "phones.1.n.0", 5),
        changed(phones=[DATA["phones"][0], {"type": "work", "n": [7, 3]}]),
    ),
    (
        lambda store: store.append("u1", "phones.1.n", 4, 5),
        changed(phones=[DATA["phones"][0], {"type": "work", "n": [2, 3, 4, 5]}]),
    ),
    (lambda store: store.append("u1", "new.lines", "a"), changed(new={"lines": ["a"]})),
    (lambda store: store.append("u1", "phones"), DATA),
    (lambda store: store.set("u1", "7.x", 2), changed(**{"7": {"x": 2}})),
    (lambda store: store.set("u1", (7, "x"), 2), changed(**{"7": {"x": 2}})),
]


@pytest.mark.parametrize(("change", "after"), CHANGES, ids=range(len(CHANGES)))
async def test_a_path_walks_into_lists(
    store: Store, change: Callable[[Store], Awaitable[Any]], after: dict[str, Any]
) -> None:
    await change(store)
    assert (await store.load("u1")).data == after


@pytest.mark.parametrize(
    "path", ["name.visits", "name.0", "none.x", "phones.2", "phones.2.type", "phones.first"]
)
async def test_a_path_that_does_not_fit_changes_nothing(store: Store, path: str) -> None:
    for call in (
        store.set("u1", path, 1),
        store.unset("u1", path),
        store.increment("u1", path),
        store.append("u1", path, 1),
    ):
        with pytest.raises(UnsupportedValueError):
            await call
    assert await store.get("u1", path, "default") == "default"
    assert (await store.load("u1")).data == DATA


async def test_append_to_something_else_than_a_list(store: Store) -> None:
    for path in ("name", "7", "none"):
        with pytest.raises(UnsupportedValueError, match="not a list: it cannot be appended to"):
            await store.append("u1", path, 1)
    assert (await store.load("u1")).data == DATA


async def test_two_devices_that_append_keep_what_both_said(make_store: MakeStore) -> None:
    stores = [make_store(), make_store()]
    await stores[0].set("u1", "lines", [])

    async def device(store: Store, name: str) -> None:
        for number in range(10):
            async with store.turn("u1") as user:
                user.append("lines", f"{name}{number}")
            await store.append("u1", "said", f"{name}{number}")

    await asyncio.gather(device(stores[0], "a"), device(stores[1], "b"))
    data = (await stores[0].load("u1")).data
    everything = [f"{name}{number}" for name in "ab" for number in range(10)]
    for list_name in ("lines", "said"):
        assert sorted(data[list_name]) == everything
        for name in "ab":
            assert [line for line in data[list_name] if line[0] == name] == sorted(
                line for line in everything if line[0] == name
            )


async def test_a_member_that_is_gone_is_not_made_by_a_write_that_comes_late(make_store: MakeStore) -> None:
    store, other = make_store(), make_store()
    await store.set("u1", "l", [{"n": 1}, {"n": 2}])
    results = await asyncio.gather(
        store.increment("u1", "l.1.n"), other.unset("u1", "l.1"), return_exceptions=True
    )
    data = (await store.load("u1")).data["l"]
    assert data == [{"n": 1}]
    assert results[0] == 3 or isinstance(results[0], UnsupportedValueError)


class Entry(BaseModel):
    visit_count: int = Field(0, alias="visitCount")


class Profile(BaseModel):
    entries: list[Entry] = Field(default_factory=list)
    by_name: dict[str, Entry] = Field(default_factory=dict, alias="byName")


class Log(BaseModel):
    lines: list[str] = []
    greeted: list[str] = ["hello"]
    inner: dict[str, list[str]] = {}


@pytest.mark.unmeasured
@pytest.mark.parametrize("is_stored", [True, False])
@pytest.mark.parametrize("model", [None, Log])
@pytest.mark.parametrize("path", ["lines", "inner.of.lines"])
async def test_first_turns_that_append_to_a_list_which_is_not_there_all_keep_their_lines(
    make_store: MakeStore, model: Any, path: str, *, is_stored: bool
) -> None:
    if model and path != "lines":
        path = "inner.lines"
    stores = [make_store(data_model=model) for _ in range(3)]
    if is_stored:
        await stores[0].set("u1", "lines" if path != "lines" else "inner", [] if path != "lines" else {})
    ready = asyncio.Barrier(len(stores))

    async def device(store: Store, name: str) -> None:
        async with store.turn("u1") as user:
            await ready.wait()
            user.append(path, f"{name} 1")
            user.append(path, f"{name} 2")

    await asyncio.gather(*(device(store, name) for store, name in zip(stores, "abc", strict=True)))
    said = await stores[0].get("u1", path)
    assert sorted(said) == ["a 1", "a 2", "b 1", "b 2", "c 1", "c 2"]
    assert [said.index(f"{name} 2") - said.index(f"{name} 1") for name in "abc"] == [1, 1, 1]


async def test_a_default_list_of_a_model_that_first_turns_append_to_is_there_once(
    make_store: MakeStore,
) -> None:
    stores = [make_store(data_model=Log) for _ in range(3)]
    ready = asyncio.Barrier(len(stores))

    async def device(store: Store, name: str) -> None:
        async with store.turn("u1") as user:
            await ready.wait()
            user.data.lines.append(name)
            user.data.greeted.append(name)

    await asyncio.gather(*(device(store, name) for store, name in zip(stores, "abc", strict=True)))
    data = (await stores[0].load("u1")).data
    assert sorted(data.lines) == ["a", "b", "c"]
    assert data.greeted[0] == "hello"
    assert sorted(data.greeted[1:]) == ["a", "b", "c"]


async def test_a_list_that_first_turns_set_is_the_later_ones(make_store: MakeStore) -> None:
    stores = [make_store() for _ in range(2)]
    ready = asyncio.Barrier(len(stores))

    async def move(store: Store, position: list[int]) -> None:
        async with store.turn("u1") as user:
            await ready.wait()
            user.data["position"] = position

    await asyncio.gather(move(stores[0], [1, 2]), move(stores[1], [3, 4]))
    assert await stores[0].get("u1", "position") in ([1, 2], [3, 4])


async def test_verbs_take_a_fields_name_or_its_alias(make_store: MakeStore) -> None:
    store: Any = make_store(data_model=Profile)
    async with store.turn("u1") as user:
        user.data.entries = [Entry()]
        user.data.by_name = {"visit_count": Entry()}
    assert await store.increment("u1", "entries.0.visit_count") == 1
    assert await store.increment("u1", "entries.0.visitCount") == 2
    assert await store.increment("u1", "by_name.visit_count.visit_count") == 1
    await store.append("u1", "entries", {"visitCount": 7})
    data = (await store.load("u1")).data
    assert [entry.visit_count for entry in data.entries] == [2, 7]
    assert data.by_name["visit_count"].visit_count == 1


async def test_a_delete_outside_of_a_turn_is_a_conflict_and_a_record_can_be_refreshed(store: Store) -> None:
    record = await store.load("u1")
    await store.delete("u1")
    await store.save(record)
    record.data["name"] = "Bob"
    with pytest.raises(ConflictError):
        await store.save(record)
    data = record.data
    await record.refresh()
    assert record.is_new
    assert record.data is data == {}
    record.data["name"] = "Carl"
    await store.save(record)
    assert await store.get("u1", "name") == "Carl"


async def test_a_turn_that_deletes_its_user_ends_quietly_in_whatever_task(store: Store) -> None:
    async with store.turn("u1") as user:
        user.data["name"] = "Bob"
        await asyncio.create_task(store.delete("u1"))
    assert not await store.exists("u1")
    async with store.turn("u1") as user:
        user.data["name"] = "Carl"
        await user.delete()
    assert not await store.exists("u1")


async def test_a_turn_that_loaded_nobody_meets_a_delete(store: Store) -> None:
    record = await store.load("new")
    await store.set("new", "a", 1)
    await store.delete("new")
    record.data["b"] = 2
    await store.save(record)
    assert (await store.load("new")).data == {"b": 2}


@pytest.mark.parametrize("meeting", ["its own delete", "a delete", "a write"])
async def test_a_refresh_of_the_time_to_live_is_never_worth_an_error(
    make_store: MakeStore, meeting: str
) -> None:
    ttl = {"attribute": "expires", "after_seconds": 1000}
    store, other = make_store(ttl=ttl, on_conflict="raise"), make_store()
    await other.set("u1", "a", 1)
    record = await store.load("u1")
    match meeting:
        case "its own delete":
            await store.delete("u1")
        case "a delete":
            await other.delete("u1")
        case _:
            await other.set("u1", "a", 2)
    await store.save(record)


@pytest.mark.parametrize("number", [1e-05, 0.00001234, 1e16, 1e22, 123456789e10], ids=repr)
async def test_small_and_large_floats_are_written_in_plain_notation(store: Store, number: float) -> None:
    await store.set("u1", "n", number)
    assert await store.increment("u1", "n", number) == 2 * number
    async with store.turn("u1") as user:
        user.increment("n", -number)
    assert await store.get("u1", "n") == number
