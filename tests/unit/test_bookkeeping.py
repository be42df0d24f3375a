from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store.wire import bookkeeping
from async_dynamo_store.wire.bookkeeping import (
    ATTRIBUTE,
    identity,
    landed,
    new_token,
    not_landed,
    sign,
    upkeep,
)
from async_dynamo_store.wire.changes import Change, Put, Remove, Replace, apply
from async_dynamo_store.wire.expression import Guard
from async_dynamo_store.wire.values import Item
from tests.unit.strategies import item

NOW = 1_795_369_269
CREATED_AT = ("createdAt",)
KEY: Item = {"userId": {"S": "u1"}, "sort": {"S": "user"}}


def test_tokens_differ() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(token) == 16 for token in tokens)


@pytest.mark.parametrize(
    "stored",
    [{}, {"a": 1}, {ATTRIBUTE: {}}, {ATTRIBUTE: "text"}, {ATTRIBUTE: {"id": "x", "saves": {"other": NOW}}}],
    ids=repr,
)
def test_a_save_is_known_by_its_token(stored: dict[str, Any]) -> None:
    before = item(stored)
    assert not landed("mine", before)
    assert not_landed("mine") == Guard((ATTRIBUTE, "saves", "mine"), None)
    after = apply(before, [sign("mine", NOW + 0.9)])
    assert landed("mine", after)
    assert not landed("other", before) or landed("other", after)
    assert after[ATTRIBUTE]["M"]["saves"]["M"]["mine"] == {"N": str(NOW)}


UPKEEP: list[tuple[dict[str, Any], list[str]]] = [
    ({"id": "x"}, []),
    ({"id": "x", "saves": {}}, []),
    ({"id": "x", "saves": {"now": NOW, "59": NOW - 59, "60": NOW - 60, "ahead": NOW + 500}}, []),
    ({"id": "x", "saves": {"61": NOW - 61, "now": NOW, "old": 1}}, ["61", "old"]),
    ({"id": "x", "saves": {"odd": "text"}}, ["odd"]),
    ({"id": "x", "saves": "text"}, []),
]


@pytest.mark.parametrize(("stored", "gone"), UPKEEP, ids=repr)
def test_tokens_are_forgotten_after_a_minute(stored: dict[str, Any], gone: list[str]) -> None:
    changes = list(upkeep(NOW, item({ATTRIBUTE: stored})))
    assert changes == [Remove((ATTRIBUTE, "saves", name)) for name in gone]


@pytest.mark.parametrize("stored", [{}, {ATTRIBUTE: "text"}, {ATTRIBUTE: {"saves": {"now": NOW}}}], ids=repr)
def test_an_item_without_identity_gets_one(stored: dict[str, Any]) -> None:
    before = item(stored)
    (change,) = upkeep(NOW, before)
    assert isinstance(change, Replace)
    assert (change.path, change.old) == ((ATTRIBUTE, "id"), None)
    assert identity(before) is None
    assert identity(apply(before, [change])) == change.value
    assert list(upkeep(NOW, apply(before, [change]))) == []


def test_two_items_have_two_identities() -> None:
    ones: list[Change] = [*upkeep(NOW, {}), *upkeep(NOW, {})]
    assert ones[0] != ones[1]


SAME_ITEM: list[tuple[dict[str, Any], list[Guard]]] = [
    ({ATTRIBUTE: {"id": "x"}, "createdAt": "t"}, [Guard((ATTRIBUTE, "id"), {"S": "x"})]),
    ({}, [Guard((name,), value) for name, value in KEY.items()]),
    (
        {"createdAt": "t"},
        [*(Guard((name,), value) for name, value in KEY.items()), Guard(CREATED_AT, {"S": "t"})],
    ),
]


@pytest.mark.parametrize(("base", "guards"), SAME_ITEM, ids=repr)
def test_same_item(base: dict[str, Any], guards: list[Guard]) -> None:
    assert bookkeeping.same_item(item(base), KEY, CREATED_AT) == guards


def test_same_item_in_a_layout_without_times() -> None:
    guards = bookkeeping.same_item(item({"createdAt": "t"}), KEY, None)
    assert guards == [Guard((name,), value) for name, value in KEY.items()]


MINE: dict[str, Any] = {ATTRIBUTE: {"id": "x"}, "createdAt": "t1"}
OTHER_ITEMS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    (MINE, MINE, False),
    ({ATTRIBUTE: {"id": "y"}, "createdAt": "t1"}, MINE, True),
    ({"createdAt": "t1"}, MINE, False),
    ({"createdAt": "t2"}, MINE, True),
    (MINE, {"createdAt": "t2"}, True),
    ({}, MINE, False),
    (MINE, {}, False),
    ({}, {}, False),
]


@pytest.mark.parametrize(("stored", "base", "is_other"), OTHER_ITEMS, ids=repr)
def test_is_other_item(stored: dict[str, Any], base: dict[str, Any], is_other: bool) -> None:
    assert bookkeeping.is_other_item(item(stored), item(base), CREATED_AT) is is_other


def test_without_times_only_identities_tell_two_items_apart() -> None:
    assert not bookkeeping.is_other_item(item({"createdAt": "t1"}), item({"createdAt": "t2"}), None)
    assert bookkeeping.is_other_item(item({ATTRIBUTE: {"id": "y"}}), item(MINE), None)


def test_sign_is_a_plain_put() -> None:
    assert sign("t", 5.9) == Put((ATTRIBUTE, "saves", "t"), {"N": "5"})
