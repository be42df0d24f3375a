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
    shown_path,
)
from async_dynamo_store.layouts import LAYOUTS, Layout
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


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("user.data", "user.data"),
        ("user.data.scores[3]", "user.data.scores[3]"),
        ("user.data.contacts.Anna", "user.data.contacts.…"),
        ("user.data.contacts[0].Anna", "user.data.contacts[0].…"),
        ("user.data.items.Anna", "user.data.items.…"),
        ("user.data.+49 170 1", "user.data.…"),
        ("user.data.anna@example.org", "user.data.…"),
        ("user.data." + "x" * 41, "user.data.…"),
        ("userData.data.a.b", "userData.data.a.…"),
        ("attributes.a.b", "attributes.a.…"),
        ("data.a.b", "data.a.…"),
        ("session.data.a.b", "session.data.a.…"),
        ("history.items[0].mine.a", "history.items[0].mine.…"),
        ("profile", "profile"),
        ("profile.Anna", "profile.…"),
        ("+49 170 1", "…"),
    ],
)
def test_what_a_message_shows_of_a_path(path: str, shown: str) -> None:
    assert shown_path(path) == shown
    error = UnsupportedValueError(f"{path}: no", path)
    assert str(error) == f"{shown}: no"
    assert error.path == path


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_of_each_layout_the_part_and_one_key_below_are_shown(layout: Layout) -> None:
    parts = [layout.data, *filter(None, [layout.history])]
    parts += [(*layout.session, layout.session_data)] if layout.session else []
    for part in parts:
        assert shown_path(".".join((*part, "field", "Anna"))) == ".".join((*part, "field", "…"))


def test_the_largest_paths_of_an_item_and_the_attributes_of_a_layout() -> None:
    largest = [("user.data.notes.Anna", 9), ("user.data.notes.Anna and Ben", 8), ("user.data.text", 7)]
    named = ", ".join(path for path, _ in largest)
    error = ItemTooLargeError(f"Largest: {named}.", 24, largest)
    assert str(error) == "Largest: user.data.notes.…, user.data.notes.…, user.data.text."
    assert error.largest == tuple(largest)
    assert str(UnreadableItemError("session.updatedAt: no", "session.updatedAt")) == "session.updatedAt: no"
    assert str(UnreadableItemError("user.data.a.Anna: no", "user.data.a.Anna")) == "user.data.a.…: no"
    assert str(UnreadableItemError("no type", "")) == "no type"
    assert str(ItemTooLargeError("no more", 1, [("", 1)])) == "no more"
