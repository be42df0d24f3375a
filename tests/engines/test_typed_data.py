"""Users of a data model, on a real engine: what is written can be loaded, and nothing is lost beside it."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel

from async_dynamo_store import AsyncDynamoStore, UnsupportedValueError
from tests.engines.conftest import MakeStore, Table

Store = AsyncDynamoStore[Any]


class Member(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    name: str = ""
    how_many: int = 10


class Level(IntEnum):
    LOW = 7
    HIGH = 12
    MOST = 17


class Kind(Enum):
    CAT = "cat"


class Stats(RootModel[dict[str, Member]]):
    root: dict[str, Member] = {}


NUMBERS = itertools.count(100)


class Profile(BaseModel):
    name: str = ""
    mood: Literal["", "good"] = "good"
    members: list[Member] = []
    lines: list[str] = ["first"]
    defaults: list[Member] = [Member(name="first")]
    people: dict[str, Member] = {}
    best: Member = Member()
    stats: Stats = Stats()
    score: int = 10
    share: Decimal = Decimal("0.5")
    level: Level = Level.LOW
    maybe: int | None = None
    made: int = Field(default_factory=lambda: 20)
    fresh: int = Field(default_factory=lambda: next(NUMBERS))
    counts: dict[int, int] = {}
    kinds: dict[Kind, int] = {}
    nested: dict[str, dict[int, int]] = {}
    flag: bool = True


A, B = ({"name": name, "note": f"note of {name}"} for name in "AB")


async def test_an_empty_string_that_is_stored_as_null_is_loaded_again(
    make_store: MakeStore, table: Table
) -> None:
    store = make_store(Profile, empty_strings="null")
    async with store.turn("u") as user:
        user.data.name, user.data.mood = "", ""
        user.data.members = [Member(name="")]
    stored = (await table.stored("u"))["user"]["M"]["data"]["M"]
    assert stored["name"] == stored["mood"] == stored["members"]["L"][0]["M"]["name"] == {"NULL": True}
    async with store.turn("u") as user:
        assert (user.data.name, user.data.mood, user.data.members[0].name) == ("", "", "")
        user.data.score = 1
    assert (await table.stored("u"))["user"]["M"]["data"]["M"] == stored | {"score": {"N": "1"}}
    # A store that keeps empty strings, or was set to keep them later, reads the nulls too.
    assert (await make_store(Profile).load("u")).data.members == [Member(name="")]


async def test_what_a_model_does_not_know_goes_with_its_member(store: Store, make_store: MakeStore) -> None:
    await store.set("u", "members", [A, B])
    await store.set("u", "people", {"A": A})
    await store.set("u", "theirs", {"a": [1]})
    typed = make_store(Profile)
    async with typed.turn("u") as user:
        user.data.members.pop(0)
        user.data.members.append(Member(name="C"))
        user.data.people["Z"] = user.data.people.pop("A")
    new = {"name": "C", "howMany": 10}
    assert (await store.load("u")).data == {"members": [B, new], "people": {"Z": A}, "theirs": {"a": [1]}}
    async with typed.turn("u") as user:
        user.data.members.reverse()
        user.data.members[1].how_many = 3
    assert await store.get("u", "members") == [new, B | {"howMany": 3}]


async def test_a_second_save_of_one_record_knows_where_the_members_are(
    store: Store, make_store: MakeStore
) -> None:
    await store.set("u", "members", [A, B])
    typed = make_store(Profile)
    user = await typed.load("u")
    user.data.members.reverse()
    await typed.save(user)
    assert await store.get("u", "members") == [B, A]
    user.data.members.insert(0, Member(name="C"))
    user.data.members.append(user.data.members.pop(1))
    await typed.save(user)
    assert await store.get("u", "members") == [{"name": "C", "howMany": 10}, A, B]


DEFAULTS: list[tuple[str, Any]] = [
    ("score", 15),
    ("share", Decimal("5.5")),
    ("level", 12),
    ("maybe", 5),
    ("made", 25),
    ("best.how_many", 15),
    ("counts.7", 5),
    ("kinds.cat", 5),
    ("nested.a.7", 5),
]


@pytest.mark.parametrize(("path", "first"), DEFAULTS)
async def test_a_first_increment_counts_from_the_default(
    make_store: MakeStore, path: str, first: Any
) -> None:
    store = make_store(Profile)
    alias = path.replace("how_many", "howMany")
    async with store.turn("by-turn") as user:
        assert user.increment(path, 5) == first
    assert await store.increment("by-verb", path, 5) == first
    for user_id in ("by-turn", "by-verb"):
        assert await store.get(user_id, alias) == first
        await store.load(user_id)
        assert await store.increment(user_id, alias, 5) == first + 5


@pytest.mark.parametrize(("path", "first"), DEFAULTS)
async def test_two_first_increments_at_once_both_count(make_store: MakeStore, path: str, first: Any) -> None:
    store = make_store(Profile)
    alias = path.replace("how_many", "howMany")

    async def count() -> None:
        user = await store.load("u")
        loaded.append(user)
        user.increment(path, 5)

    loaded: list[Any] = []
    await asyncio.gather(count(), count())
    for user in loaded:
        await store.save(user)
    assert await store.get("u", alias) == first + 5


async def test_a_default_that_is_new_each_time_is_the_one_that_was_counted_from(
    make_store: MakeStore,
) -> None:
    store = make_store(Profile)
    async with store.turn("u") as user:
        before = user.data.fresh
        assert user.increment("fresh", 5) == before + 5
    assert await store.get("u", "fresh") == before + 5


async def test_a_number_that_was_removed_meanwhile_counts_from_its_default(make_store: MakeStore) -> None:
    store = make_store(Profile)
    await store.set("u", "score", 500)
    async with store.turn("u") as user:
        user.increment("score", 5)
        await store.unset("u", "score")
    assert await store.get("u", "score") == 15


async def test_a_first_append_follows_the_default(make_store: MakeStore) -> None:
    store = make_store(Profile)
    async with store.turn("by-turn") as user:
        user.append("lines", "a")
        user.append("defaults", Member(name="a"))
    for _ in range(2):
        await store.append("by-verb", "lines", "a")
    await store.append("by-verb", "defaults", {"name": "a"})
    await store.append("by-verb", "members", {"name": "a"})
    assert await store.get("by-turn", "lines") == ["first", "a"]
    assert await store.get("by-verb", "lines") == ["first", "a", "a"]
    data = (await store.load("by-verb")).data
    assert (
        data.defaults
        == (await store.load("by-turn")).data.defaults
        == [Member(name="first"), Member(name="a")]
    )
    assert data.members == [Member(name="a")]


async def test_keys_that_are_no_text(store: Store, make_store: MakeStore) -> None:
    await store.set("u", "counts", {"7": 5})
    await store.set("u", "kinds", {"cat": 5})
    typed = make_store(Profile)
    async with typed.turn("u") as user:
        assert user.increment("counts.7") == 6
        assert user.increment("counts.8") == 1
        assert user.increment("kinds.cat") == 6
        user.data.counts[8] += 1
        assert user.data.counts == {7: 6, 8: 2}
    assert (await store.load("u")).data == {"counts": {"7": 6, "8": 2}, "kinds": {"cat": 6}}


async def test_a_key_that_the_dict_cannot_hold(make_store: MakeStore) -> None:
    store = make_store(Profile)
    user = await store.load("u")
    user.increment("counts.x")
    with pytest.raises(UnsupportedValueError, match="counts"):
        await store.save(user)
