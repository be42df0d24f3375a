from __future__ import annotations

import inspect
import re

import pytest

import async_dynamo_store
from async_dynamo_store import errors
from async_dynamo_store.errors import (
    AccessDeniedError,
    ItemTooLargeError,
    StoreError,
    UnreadableItemError,
    UnsupportedValueError,
)
from async_dynamo_store.records.record import ConflictError, UserRecord

ALL = {
    name: kind
    for name, kind in (vars(errors) | {"ConflictError": ConflictError}).items()
    if inspect.isclass(kind) and issubclass(kind, StoreError)
}


def test_the_tree_is_as_it_is_drawn() -> None:
    drawn: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.search(r"\w+Error$", line):
            above = [(column, name) for column, name in above if column < found.start()]
            drawn[found[0]] = above[-1][1] if above else None
            above.append((found.start(), found[0]))
    assert drawn == {
        name: None if kind is StoreError else kind.__bases__[0].__name__ for name, kind in ALL.items()
    }


@pytest.mark.parametrize("name", ALL)
def test_every_error_is_public(name: str) -> None:
    assert getattr(async_dynamo_store, name) is ALL[name]
    assert issubclass(ALL[name], StoreError)


def test_what_errors_carry() -> None:
    assert UnsupportedValueError("no", "data.a").path == "data.a"
    assert UnreadableItemError("no", "user").attribute == "user"
    assert AccessDeniedError("no", "dynamodb:GetItem").action == "dynamodb:GetItem"
    too_large = ItemTooLargeError("no", 500_000, [("data.a", 400_000)])
    assert (too_large.size, too_large.largest) == (500_000, (("data.a", 400_000),))
    assert (ItemTooLargeError("no").size, ItemTooLargeError("no").largest) == (0, ())
    won: UserRecord[dict[str, object]] = UserRecord("u1", data={})
    assert ConflictError("no", won).stored is won
    assert ConflictError("no").stored is None
    assert str(UnsupportedValueError("no", "data.a")) == "no"
