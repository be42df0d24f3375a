from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from async_dynamo_store.errors import StoreError, UnsupportedValueError
from async_dynamo_store.records.record import History, Loaded, Path, Session, UserRecord, path_keys
from async_dynamo_store.wire.codec import sum_of

PATHS: list[tuple[Path, tuple[str, ...]]] = [
    ("score", ("score",)),
    ("address.city", ("address", "city")),
    (("a.b", "c"), ("a.b", "c")),
    (("a",), ("a",)),
    ("né.🎲", ("né", "🎲")),
]


@pytest.mark.parametrize(("path", "keys"), PATHS, ids=repr)
def test_path_keys(path: Path, keys: tuple[str, ...]) -> None:
    assert path_keys(path) == keys


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", (), ("a", ""), ("\ud800",), "a.\udfff"], ids=repr
)
def test_no_path(path: Path) -> None:
    with pytest.raises(ValueError, match="path") as caught:
        path_keys(path)
    assert caught.value.__cause__ is None


async def deleted(loaded: Loaded) -> None:
    loaded.deleted = "here"


def record(data: Any) -> UserRecord[Any]:
    return UserRecord("u1", data=data, loaded=Loaded("u1", None, deleted, None))


def counted(user: UserRecord[Any]) -> dict[tuple[str, ...], Any]:
    assert user.loaded is not None
    return user.loaded.increments


INCREMENTS: list[tuple[dict[str, Any], Path, Any, Any, dict[str, Any]]] = [
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
def test_increment(data: dict[str, Any], path: Path, by: Any, total: Any, after: dict[str, Any]) -> None:
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


REFUSED: list[tuple[dict[str, Any], Path, Any, str]] = [
    ({"score": "3"}, "score", 1, "score: only a number"),
    ({"score": None}, "score", 1, "score: only a number"),
    ({"score": True}, "score", 1, "score: only a number"),
    ({}, "score", "1", "score: only a number"),
    ({}, "a.b.score", None, "a.b.score: only a number"),
    ({}, "score", float("nan"), "score: DynamoDB has no NaN"),
    ({"a": 5}, "a.score", 1, "a.score: int has no members to count in"),
    ({"a": [1]}, "a.0", 1, "a.0: list has no members to count in"),
    ({"a": None}, "a.b.c", 1, "a.b.c: NoneType has no members to count in"),
]


@pytest.mark.parametrize(("data", "path", "by", "message"), REFUSED, ids=repr)
def test_what_cannot_be_counted(data: dict[str, Any], path: Path, by: Any, message: str) -> None:
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


MODEL_INCREMENTS: list[tuple[Path, Any, Any, tuple[str, ...]]] = [
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
        ("stats.points", "stats.points: Stats has no field 'points'"),
        ("score.x", "score.x: int has no members"),
        ("stats.best.x", "stats.best.x: NoneType has no members"),
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
    with pytest.raises(UnsupportedValueError, match=r"stats\.best: only a number"):
        user.increment("stats.best")


async def test_delete() -> None:
    user = record({})
    assert not user.is_anonymous
    await user.delete()
    assert user.loaded is not None
    assert user.loaded.deleted == "here"


async def test_nobody_is_anonymous() -> None:
    nobody: UserRecord[dict[str, Any]] = UserRecord("", data={})
    assert nobody.is_anonymous
    assert nobody.increment("a.score") == 1
    assert nobody.data == {"a": {"score": 1}}
    with pytest.raises(StoreError, match="anonymous"):
        await nobody.delete()


def test_what_is_not_stored_is_empty() -> None:
    assert History().prev is None
    assert History([{"n": 2}, {"n": 1}]).prev == {"n": 2}
    assert Session() == Session(id=None, data={}, is_new=True, is_of_platform=False)
    assert "loaded" not in repr(record({}))
