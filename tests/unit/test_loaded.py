"""The life of a loaded record: its transitions, one by one."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from async_dynamo_store.records.loaded import (
    Loaded,
    PendingSave,
    State,
    StoredTurn,
    TurnScope,
    current_turn,
)


async def nothing(_: object) -> None:
    """No test here deletes or refreshes."""


def loaded(key: str = "u1") -> Loaded:
    return Loaded(key, None, nothing, nothing)


def test_outside_of_a_turn_every_delete_is_told() -> None:
    one = loaded()
    assert [one.state] == [State.PRESENT]
    assert not one.is_of(None)
    one.was_deleted(None)
    assert one.state is State.DELETED


def test_a_turn_may_delete_its_own_user_and_no_other() -> None:
    with TurnScope() as turn:
        own, again, other = loaded(), loaded(), loaded("u2")
        assert current_turn() is turn
        for each in (own, again, other):
            each.was_deleted(current_turn())
    assert current_turn() is None
    assert [each.state for each in (own, again)] == [State.DELETED_BY_ITS_TURN] * 2
    assert other.state is State.DELETED


def test_a_turn_in_a_turn() -> None:
    with TurnScope() as outer:
        of_outer = loaded()
        with TurnScope() as inner:
            of_inner = loaded()
        assert of_outer.is_of(inner)
        assert of_inner.is_of(inner)
        assert not of_inner.is_of(outer)
    with TurnScope() as another:
        assert not of_outer.is_of(another)


async def test_a_task_belongs_to_the_turn_that_started_it() -> None:
    async def delete(record: Loaded) -> None:
        record.was_deleted(current_turn())

    with TurnScope():
        inside = loaded()
        await asyncio.create_task(delete(inside))
    outside = loaded()
    await asyncio.create_task(delete(outside))
    assert (inside.state, outside.state) == (State.DELETED_BY_ITS_TURN, State.DELETED)


COUNTS: list[tuple[Any, Any, dict[tuple[str, ...], Any]]] = [
    (1, 0, {}),
    (1, 2, {("n",): 2}),
    (Decimal("0.1"), Decimal("0.2"), {("n",): 0.2}),
]


@pytest.mark.parametrize(("before", "while_saving", "left"), COUNTS, ids=repr)
def test_what_comes_while_a_save_is_under_way_is_for_the_next(
    before: Any, while_saving: Any, left: dict[tuple[str, ...], Any]
) -> None:
    record = loaded()
    record.count(("n",), before, "n")
    record.remember(StoredTurn({"turn": 1}))
    pending = PendingSave([], False, "now", record.increments.copy(), len(record.new_turns))
    record.count(("n",), while_saving, "n")
    record.remember(StoredTurn({"turn": 2}))
    record.remember(StoredTurn())
    record.settle(pending)
    assert record.increments == left
    assert record.new_turns == [{"turn": 2}]
    assert (record.baseline, record.note) == ("now", None)


def test_a_refresh_takes_nothing_of_the_record() -> None:
    record = loaded()
    record.count(("n",), 1, "n")
    record.settle(PendingSave([], is_refresh=True))
    assert record.increments == {("n",): 1}
