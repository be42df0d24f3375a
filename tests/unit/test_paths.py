"""Where a path of the user's data is in an item."""

from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.records.paths import DataPath, Place, check_type, located, path_keys
from tests.unit.strategies import item

ROOT = ("user", "data")
DATA: dict[str, Any] = {
    "phones": [{"type": "home"}, {"type": "work", "n": [1, 2]}],
    "7": {"x": 1},
    "name": "Anna",
    "none": None,
}
STORED = item({"user": {"data": DATA}})

LOCATED: list[tuple[DataPath, tuple[str | int, ...]]] = [
    ("phones", ("phones",)),
    ("phones.1.type", ("phones", 1, "type")),
    (("phones", 1, "type"), ("phones", 1, "type")),
    ("phones.1.n.0", ("phones", 1, "n", 0)),
    ("phones.0.new.0", ("phones", 0, "new", "0")),
    ("7.x", ("7", "x")),
    ((7, "x"), ("7", "x")),
    ("new.7.x", ("new", "7", "x")),
    ("name", ("name",)),
]


@pytest.mark.parametrize(("path", "place"), LOCATED, ids=repr)
def test_located(path: DataPath, place: tuple[str | int, ...]) -> None:
    assert located(STORED, ROOT, path_keys(path)) == (*ROOT, *place)


REFUSED: list[tuple[DataPath, str, str]] = [
    ("name.visits", "holds S, which has no members", "user.data.name"),
    ("name.0", "holds S, which has no members", "user.data.name"),
    ("none.x", "holds NULL, which has no members", "user.data.none"),
    ("phones.2", "has 2 members: there is no index 2", "user.data.phones"),
    (("phones", 2, "type"), "there is no index 2", "user.data.phones"),
    ("phones.first", "is a list; name a member by its index", "user.data.phones"),
    ("phones.\u0661", "is a list; name a member by its index", "user.data.phones"),
    ("phones.1.type.x", "holds S", "user.data.phones[1].type"),
    (("new", 0), "there is no list for the index 0", "user.data.new"),
]


@pytest.mark.parametrize(("path", "message", "where"), REFUSED, ids=repr)
def test_a_path_that_does_not_fit_is_refused(path: DataPath, message: str, where: str) -> None:
    place = Place(ROOT, path_keys(path))
    with pytest.raises(UnsupportedValueError, match=message) as caught:
        place.on(STORED)
    assert caught.value.path == where
    assert place.value(STORED) is None
    assert "Anna" not in str(caught.value)


def test_only_a_path_with_a_number_in_it_needs_the_item() -> None:
    assert not Place(ROOT, ("a", "b1")).has_indexes
    assert Place(ROOT, ("a", "1")).has_indexes
    assert Place(ROOT, ("a", 1)).has_indexes


@pytest.mark.parametrize("keys", [("a",) * 31, ("k" * 65_536,)], ids=["levels", "a long key"])
def test_a_path_that_no_item_has_room_for(keys: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedValueError):
        Place(ROOT, keys)


def test_check_type() -> None:
    check_type(STORED, (*ROOT, "name"), "S", "a text")
    check_type(STORED, (*ROOT, "new"), "N", "a number")
    with pytest.raises(UnsupportedValueError, match=r"user\.data\.name holds S and not a number"):
        check_type(STORED, (*ROOT, "name"), "N", "a number")
