from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store.records import deliveries
from async_dynamo_store.wire import bookkeeping
from async_dynamo_store.wire.bookkeeping import ATTRIBUTE, WriteMark, Writer, identity_of, stale
from async_dynamo_store.wire.changes import Change, Replace, apply
from async_dynamo_store.wire.codec import decode
from async_dynamo_store.wire.expression import Expression, Guard
from async_dynamo_store.wire.sizes import item_size
from async_dynamo_store.wire.values import Item
from tests.unit.strategies import item

NOW = 1_795_369_269
CREATED_AT = ("createdAt",)
KEY: Item = {"userId": {"S": "u1"}, "sort": {"S": "user"}}


MARK = WriteMark("abc.0", 50)


def slots(**numbers: int) -> dict[str, Any]:
    return {ATTRIBUTE: {"id": "x", "writers": {name.replace("_", "."): n for name, n in numbers.items()}}}


def test_the_writes_under_way_on_one_item_have_lanes_and_the_lanes_are_used_again() -> None:
    writer = Writer()
    marks = [writer.begin("u1") for _ in range(8)]
    assert [mark.slot.rpartition(".")[2] for mark in marks] == list("01234567")
    assert len({mark.slot.rpartition(".")[0] for mark in marks}) == 1
    assert [mark.number for mark in marks] == sorted({mark.number for mark in marks})
    writer.end("u1", marks[3])
    assert writer.begin("u1").slot == marks[3].slot
    assert writer.begin("u2").slot == marks[0].slot


def test_a_million_writes_of_eight_at_once_leave_eight_slots_and_nothing_in_memory() -> None:
    writer, stored = Writer(), item(slots())
    for _ in range(1000):
        marks = [writer.begin("u1") for _ in range(8)]
        stored = apply(stored, [mark.change() for mark in marks])
        for mark in marks:
            writer.end("u1", mark)
    assert writer._lanes == {}
    assert len(stored[ATTRIBUTE]["M"]["writers"]["M"]) == 8
    stored[ATTRIBUTE]["M"]["id"] = bookkeeping.new_identity()
    assert item_size({ATTRIBUTE: stored[ATTRIBUTE]}) <= 200


def test_each_writer_has_a_name_of_its_own_and_another_after_a_snapshot_or_a_fork(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = Writer(), Writer()
    names = {one.begin("u1").slot, other.begin("u1").slot}
    one.rename()
    names.add(one.begin("u1").slot)
    monkeypatch.setattr("os.getpid", lambda: -1)
    forked = one.begin("u1")
    assert len(names | {forked.slot}) == 4
    one.end("u1", WriteMark("older.7", 1))
    one.end("nobody", forked)


STORED: list[tuple[dict[str, Any], bool, bool]] = [
    ({}, False, False),
    ({ATTRIBUTE: "text"}, False, False),
    (slots(abc_0=49), False, False),
    (slots(abc_0=50), True, False),
    (slots(abc_0=51), False, True),
    (slots(abc_1=99), False, False),
    ({ATTRIBUTE: {"floor": 49}}, False, False),
    ({ATTRIBUTE: {"floor": 50}}, False, True),
    ({ATTRIBUTE: {"floor": 99, "writers": {"abc.0": 49}}}, False, False),
    ({ATTRIBUTE: {"saves": {"token": NOW}}}, False, False),
]


@pytest.mark.parametrize(("stored", "is_made", "is_overtaken"), STORED, ids=repr)
def test_a_write_is_known_by_its_number_in_its_slot(
    stored: dict[str, Any], is_made: bool, is_overtaken: bool
) -> None:
    assert MARK.is_in(item(stored)) is is_made
    assert MARK.is_overtaken(item(stored)) is is_overtaken
    after = apply(item(stored), [MARK.change()])
    assert MARK.is_in(after)
    renumbered = Writer().renumbered(MARK, item(stored))
    assert not is_overtaken or not renumbered.is_overtaken(item(stored))


UNMADE: list[tuple[dict[str, Any] | None, str]] = [
    (
        None,
        "(attribute_not_exists(#0.#1.#2) AND (attribute_not_exists(#0.#3) OR #0.#3 < :0) OR #0.#1.#2 < :0)",
    ),
    ({}, "attribute_not_exists(#0.#1.#2) AND (attribute_not_exists(#0.#3) OR #0.#3 < :0)"),
    (slots(abc_0=49), "#0.#1.#2 < :0"),
]


@pytest.mark.parametrize(("base", "text"), UNMADE, ids=repr)
def test_the_condition_that_a_write_was_not_made(base: dict[str, Any] | None, text: str) -> None:
    expression = Expression()
    assert expression.condition(MARK.unmade(None if base is None else item(base))) == text
    assert list(expression.names) == [ATTRIBUTE, "writers", "abc.0", "floor"][: len(expression.names)]
    assert expression.values == {":0": {"N": "50"}}


HOUR = 3600
MS = NOW * 1000
STALE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (slots(abc_0=MS, d_0=MS - 1000), slots(abc_0=MS, d_0=MS - 1000)),
    (slots(d_0=MS - HOUR * 1000), slots(d_0=MS - HOUR * 1000)),
    (
        slots(d_0=MS - HOUR * 1000 - 1, e_0=3),
        {ATTRIBUTE: {"id": "x", "writers": {}, "floor": MS - HOUR * 1000 - 1}},
    ),
    (slots(abc_0=3), slots(abc_0=3)),
    (
        {ATTRIBUTE: {"id": "x", "writers": {"d.0": 3, "f.1": MS}, "floor": 7}},
        {ATTRIBUTE: {"id": "x", "writers": {"f.1": MS}, "floor": 7}},
    ),
    ({ATTRIBUTE: {"id": "x", "saves": {}}}, {ATTRIBUTE: {"id": "x"}}),
    ({ATTRIBUTE: {"id": "x", "saves": {"a": NOW - 61, "odd": "text"}}}, {ATTRIBUTE: {"id": "x"}}),
    (
        {ATTRIBUTE: {"id": "x", "saves": {"a": NOW - 61, "b": NOW - 60}}},
        {ATTRIBUTE: {"id": "x", "saves": {"b": NOW - 60}}},
    ),
    ({ATTRIBUTE: {"id": "x", "saves": "text"}}, {ATTRIBUTE: {"id": "x", "saves": "text"}}),
]


@pytest.mark.parametrize(("stored", "after"), STALE, ids=repr)
def test_what_is_out_of_date_is_removed(stored: dict[str, Any], after: dict[str, Any]) -> None:
    assert decode({"M": apply(item(stored), stale(NOW, item(stored), MARK))}) == after


def test_an_item_without_the_attribute_gets_it() -> None:
    (change,) = bookkeeping.changes(NOW, {}, {}, MARK)
    after = apply({}, [change])
    assert isinstance(change, Replace)
    assert (change.path, change.old) == ((ATTRIBUTE,), None)
    assert identity_of(after) is not None
    assert MARK.is_in(after)


@pytest.mark.parametrize("stored", [{ATTRIBUTE: "text"}, {ATTRIBUTE: {"saves": {"now": NOW}}}], ids=repr)
def test_an_item_without_identity_gets_one(stored: dict[str, Any]) -> None:
    before = item(stored)
    change, mark = bookkeeping.changes(NOW, before, before, MARK)
    assert isinstance(change, Replace)
    assert (change.path, change.old) == ((ATTRIBUTE, "id"), None)
    assert mark == MARK.change()
    assert identity_of(before) is None
    assert identity_of(apply(before, [change])) == change.value
    after = apply(before, [change])
    assert list(bookkeeping.changes(NOW, after, after, MARK)) == [mark]


def test_what_a_save_writes_into_a_new_attribute_is_kept() -> None:
    changed = apply({}, [deliveries.note("m1")])
    after = apply(changed, bookkeeping.changes(NOW, {}, changed, MARK))
    assert deliveries.is_noted("m1", after)
    assert identity_of(after) is not None
    assert MARK.is_in(after)


def test_two_items_have_two_identities() -> None:
    ones: list[Change] = [*bookkeeping.changes(NOW, {}, {}, MARK), *bookkeeping.changes(NOW, {}, {}, MARK)]
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
