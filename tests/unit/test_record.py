from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from async_dynamo_store.errors import StoreError, UnsupportedValueError
from async_dynamo_store.records.loaded import Loaded, State
from async_dynamo_store.records.paths import DataPath, path_keys
from async_dynamo_store.records.record import History, Session, UserRecord
from async_dynamo_store.wire.codec import sum_of

PATHS: list[tuple[DataPath, tuple[str | int, ...]]] = [
    ("score", ("score",)),
    ("address.city", ("address", "city")),
    (("a.b", "c"), ("a.b", "c")),
    (("a",), ("a",)),
    ("né.🎲", ("né", "🎲")),
    ("phones.1.type", ("phones", "1", "type")),
    (("phones", 1, "type"), ("phones", 1, "type")),
]


@pytest.mark.parametrize(("path", "keys"), PATHS, ids=repr)
def test_path_keys(path: DataPath, keys: tuple[str | int, ...]) -> None:
    assert path_keys(path) == keys


@pytest.mark.parametrize(
    "path",
    ["", ".", "a.", ".a", "a..b", (), ("a", ""), ("\ud800",), "a.\udfff", ("a", -1), ("a", True), ("a", 1.5)],
    ids=repr,
)
def test_no_path(path: DataPath) -> None:
    with pytest.raises(ValueError, match="path") as caught:
        path_keys(path)
    assert caught.value.__cause__ is None


async def deleted(loaded: Loaded) -> None:
    loaded.was_deleted(None)


async def refreshed(user: UserRecord[Any]) -> None:
    user.become(record({"fresh": 1}))


def record(data: Any) -> UserRecord[Any]:
    return UserRecord("u1", data=data, loaded=Loaded("u1", None, deleted, refreshed))


def counted(user: UserRecord[Any]) -> dict[tuple[str, ...], Any]:
    assert user.loaded is not None
    return user.loaded.increments


INCREMENTS: list[tuple[dict[str, Any], DataPath, Any, Any, dict[str, Any]]] = [
    ({}, "score", 1, 1, {"score": 1}),
    ({"score": 2}, "score", 3, 5, {"score": 5}),
    ({"score": 2}, "score", -3, -1, {"score": -1}),
    ({"score": 0.1}, "score", 0.2, 0.3, {"score": 0.3}),
    ({"score": 1.5}, "score", 0.5, 2, {"score": 2}),
    ({"score": Decimal("1.10")}, "score", Decimal("0.9"), Decimal(2), {"score": Decimal(2)}),
    ({}, "stats.day.visits", 1, 1, {"stats": {"day": {"visits": 1}}}),
    ({"stats": {"a": 1}}, "stats.b", 1, 1, {"stats": {"a": 1, "b": 1}}),
    ({"a.b": 1}, ("a.b",), 1, 2, {"a.b": 2}),
    ({"score": 10**37}, "score", Decimal("0.5"), Decimal("1" + "0" * 37 + ".5"),
     {"score": Decimal("1" + "0" * 37 + ".5")}),
]  # fmt: skip


@pytest.mark.parametrize(("data", "path", "by", "total", "after"), INCREMENTS, ids=repr)
def test_increment(data: dict[str, Any], path: DataPath, by: Any, total: Any, after: dict[str, Any]) -> None:
    user = record(data)
    result = user.increment(path, by)
    assert result == total
    assert type(result) is type(total)
    assert user.data == after
    assert counted(user) == {path_keys(path): sum_of(0, by, "")}


def test_increments_add_up() -> None:
    user = record({"score": 1})
    assert user.increment("score") == 2
    assert user.increment("score", 0.5) == 2.5
    assert user.increment("score", -0.5) == 2
    assert counted(user) == {("score",): 1}


REFUSED: list[tuple[dict[str, Any], DataPath, Any, str]] = [
    ({"score": "3"}, "score", 1, "score: only a number"),
    ({"score": None}, "score", 1, "score: only a number"),
    ({"score": True}, "score", 1, "score: only a number"),
    ({}, "score", "1", "score: only a number"),
    ({}, "a.b.score", None, "a.…: only a number"),
    ({}, "score", float("nan"), "score: DynamoDB has no NaN"),
    ({"a": 5}, "a.score", 1, "a.…: int has no members"),
    ({"a": ["x"]}, "a.0", 1, "a.…: only a number can be incremented"),
    ({"a": None}, "a.b.c", 1, "a.…: NoneType has no members"),
]


@pytest.mark.parametrize(("data", "path", "by", "message"), REFUSED, ids=repr)
def test_what_cannot_be_counted(data: dict[str, Any], path: DataPath, by: Any, message: str) -> None:
    before = repr(data)
    user = record(data)
    with pytest.raises(UnsupportedValueError, match=message) as caught:
        user.increment(path, by)
    assert caught.value.path == path
    assert repr(user.data) == before
    assert counted(user) == {}


class Stats(BaseModel):
    visits: int = 0
    by_day: dict[str, int] = Field(default_factory=dict)
    best: int | None = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Profile(BaseModel):
    score: int = 0
    balance: Decimal = Decimal("1.10")
    game_count: int = Field(0, alias="gameCount")
    stats: Stats = Stats()
    open: Open = Open()


MODEL_INCREMENTS: list[tuple[DataPath, Any, Any, tuple[str, ...]]] = [
    ("score", 2, 2, ("score",)),
    ("balance", Decimal("0.90"), Decimal(2), ("balance",)),
    ("balance", 1, Decimal("2.1"), ("balance",)),
    ("game_count", 1, 1, ("gameCount",)),
    ("gameCount", 1, 1, ("gameCount",)),
    ("stats.visits", 1, 1, ("stats", "visits")),
    ("stats.by_day.monday", 1, 1, ("stats", "by_day", "monday")),
    ("open.anything", 1, 1, ("open", "anything")),
    ("open.a.b", 1, 1, ("open", "a", "b")),
]


@pytest.mark.parametrize(("path", "by", "total", "stored"), MODEL_INCREMENTS, ids=repr)
def test_increment_of_a_model(path: str, by: Any, total: Any, stored: tuple[str, ...]) -> None:
    user = record(Profile())
    result = user.increment(path, by)
    assert result == total
    assert type(result) is type(total)
    values: Any = user.data.model_dump(by_alias=True)
    for key in stored:
        values = values[key]
    assert values == total
    assert counted(user) == {stored: sum_of(0, by, "")}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("points", "points: Profile has no field 'points'"),
        ("stats.points", "stats.…: Stats has no field 'points'"),
        ("score.x", "score.…: int has no members"),
        ("stats.best.x", "stats.…: NoneType has no members"),
    ],
)
def test_what_a_model_cannot_count(path: str, message: str) -> None:
    user = record(Profile())
    with pytest.raises(UnsupportedValueError, match=message):
        user.increment(path)
    assert user.data == Profile()


def test_a_none_that_was_set_is_no_number_and_a_default_one_counts_as_0() -> None:
    user = record(Profile())
    assert user.increment("stats.best", 2) == 2
    user.data.stats.best = None
    with pytest.raises(UnsupportedValueError, match=r"stats\.…: only a number"):
        user.increment("stats.best")


async def test_delete() -> None:
    user = record({})
    assert not user.is_anonymous
    await user.delete()
    assert user.loaded is not None
    assert [user.loaded.state] == [State.DELETED]
    data = user.data
    await user.refresh()
    assert [user.loaded.state] == [State.PRESENT]
    assert user.data is data == {"fresh": 1}


async def test_nobody_is_anonymous() -> None:
    nobody: UserRecord[dict[str, Any]] = UserRecord("", data={})
    assert nobody.is_anonymous
    assert nobody.increment("a.score") == 1
    nobody.append("lines", "a")
    assert nobody.data == {"a": {"score": 1}, "lines": ["a"]}
    with pytest.raises(StoreError, match="anonymous"):
        await nobody.delete()
    with pytest.raises(StoreError, match="anonymous"):
        await nobody.refresh()


def test_what_is_not_stored_is_empty() -> None:
    assert History().prev is None
    assert History([{"n": 2}, {"n": 1}]).prev == {"n": 2}
    assert Session() == Session(id=None, data={}, is_new=True, is_of_platform=False)
    assert "loaded" not in repr(record({}))


IN_LISTS: list[tuple[DataPath, dict[str, Any]]] = [
    ("l.1.n", {"l": [{"n": 1}, {"n": 3}]}),
    (("l", 0, "n"), {"l": [{"n": 2}, {"n": 2}]}),
    ("l.0.new.n", {"l": [{"n": 1, "new": {"n": 1}}, {"n": 2}]}),
]


@pytest.mark.parametrize(("path", "after"), IN_LISTS, ids=repr)
def test_increment_walks_into_lists_and_the_list_is_written_whole(path: DataPath, after: Any) -> None:
    user = record({"l": [{"n": 1}, {"n": 2}]})
    user.increment(path)
    assert user.data == after
    assert counted(user) == {}


@pytest.mark.parametrize("path", ["l.2.n", "l.x", ("l", 2), "l.0.n.x", "name.x"], ids=repr)
def test_a_path_that_does_not_fit_is_refused(path: DataPath) -> None:
    user = record({"l": [{"n": 1}, {"n": 2}], "name": "Anna"})
    for change in (user.increment, user.append):
        with pytest.raises(UnsupportedValueError):
            change(path)
    assert user.data == {"l": [{"n": 1}, {"n": 2}], "name": "Anna"}


class Talk(BaseModel):
    lines: list[str] = Field(default_factory=list, alias="allLines")
    note: list[str] | None = None
    name: str = "x"


def test_append() -> None:
    user = record({"a": {"l": [1]}, "l": [[1]]})
    user.append("a.l", 2, 3)
    user.append("a.new.l", "x")
    user.append("l.0", 2)
    assert user.data == {"a": {"l": [1, 2, 3], "new": {"l": ["x"]}}, "l": [[1, 2]]}
    talk = record(Talk())
    talk.append("lines", "a")
    talk.append("allLines", "b")
    talk.append("note", "c")
    assert talk.data == Talk(allLines=["a", "b"], note=["c"])
    for other, path in ((user, "a"), (talk, "name")):
        with pytest.raises(UnsupportedValueError, match="append needs a list"):
            other.append(path, 1)


def test_a_record_of_a_model_becomes_another() -> None:
    one, other = record(Talk(name="one")), record(Talk(name="other"))
    data = one.data
    one.become(other)
    assert one.data is data
    assert one.data == other.data
    one.data = None
    one.become(other)
    assert one.loaded is other.loaded
