"""What a model's types say of a stored path: its default, and the keys of its dicts."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, RootModel

from async_dynamo_store.records.data_model import default_at, key_as_held, stored_keys, type_at


class Kind(Enum):
    CAT = "cat"


class Inner(BaseModel):
    count: int = Field(3, alias="theCount")
    needed: int


class Root(RootModel[dict[str, Inner]]):
    root: dict[str, Inner] = {}


class Other(BaseModel):
    another: int = 4


@dataclasses.dataclass
class Point:
    x: int = 9


class Data(BaseModel):
    inner: Inner | None = None
    annotated: Annotated[Inner, Field(description="")] = Inner(needed=1)
    listed: list[Annotated[Inner, Field(description="")]] = []
    tuples: tuple[Inner, ...] = ()
    by_name: dict[str, dict[str, Inner]] = {}
    union: Inner | Other | int = 1
    root: Root = Root()
    anything: Any = 5
    made: int = Field(default_factory=lambda: 6)
    point: Point = Point()
    by_number: dict[int, int] = {}
    by_kind: dict[str, dict[Kind, int]] = {}
    either: dict[int, int] | list[int] = []


@pytest.mark.parametrize(
    ("keys", "default"),
    [
        (("made",), 6),
        (("anything",), 5),
        (("anything", "x"), None),
        (("inner", "theCount"), 3),
        (("inner", "count"), None),
        (("inner", "needed"), None),
        (("inner", "x", "y"), None),
        (("annotated", "theCount"), 3),
        (("listed", 0, "theCount"), 3),
        (("tuples", 0, "theCount"), 3),
        (("by_name", "a", "b", "theCount"), 3),
        (("by_name", "a"), None),
        (("union", "theCount"), 3),
        (("union", "another"), 4),
        (("root", "a", "theCount"), 3),
        (("x",), None),
        (("x", "y"), None),
    ],
    ids=repr,
)
def test_the_default_at_a_path(keys: tuple[Any, ...], default: Any) -> None:
    found = default_at(Data, keys)
    assert found == default or repr(found) == "PydanticUndefined"


@pytest.mark.parametrize(
    ("keys", "name", "held"),
    [
        (("by_number",), "7", 7),
        (("by_number",), "x", "x"),
        (("by_kind", "a"), "cat", Kind.CAT),
        (("by_kind",), "a", "a"),
        (("either",), "7", 7),
        (("anything",), "7", "7"),
        (("x",), "7", "7"),
    ],
    ids=repr,
)
def test_a_new_key_of_a_dict(keys: tuple[Any, ...], name: str, held: Any) -> None:
    assert key_as_held(Data(), keys, {}, name) == held
    assert key_as_held({}, keys, {}, name) == name
    assert key_as_held(Data(), keys, {name: 1}, name) == name
    assert key_as_held(Data(), keys, Data(), name) == name


@pytest.mark.parametrize(
    ("keys", "stored"),
    [
        ((), ()),
        (("made",), ("made",)),
        (("inner", "count"), ("inner", "theCount")),
        (("inner", "theCount"), ("inner", "theCount")),
        (("listed", 0, "count"), ("listed", 0, "theCount")),
        (("listed", "0", "count"), ("listed", "0", "theCount")),
        (("by_name", "a", "count", "count"), ("by_name", "a", "count", "theCount")),
        (("union", "count"), ("union", "theCount")),
        (("union", "another"), ("union", "another")),
        (("root", "a", "count"), ("root", "a", "theCount")),
        (("anything", "count"), ("anything", "count")),
        (("x", "count"), ("x", "count")),
        (("inner", "x", "count"), ("inner", "x", "count")),
    ],
    ids=repr,
)
def test_a_path_as_it_is_stored(keys: tuple[Any, ...], stored: tuple[Any, ...]) -> None:
    assert stored_keys(Data, keys) == stored


def test_a_name_that_is_another_fields_alias() -> None:
    class Crossed(BaseModel):
        one: int = Field(1, alias="other")
        other: int = Field(2, alias="one")

    assert stored_keys(Crossed, ("one",)) == ("one",)
    assert default_at(Crossed, ("one",)) == 2


def test_the_type_of_nothing() -> None:
    assert type_at(Data, ()) is Data
