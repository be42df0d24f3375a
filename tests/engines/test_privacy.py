"""A user's data is planted wherever it can be, and looked for in every message and in the log."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from async_dynamo_store import AsyncDynamoStore, StoreError
from tests.engines.conftest import MakeStore, Table

Store = AsyncDynamoStore[Any]

PLANTED = "Plantedname"
"""It looks like the name of a field, as a user's data may."""
USER = f"amzn1.{PLANTED}"


async def save(store: Store, change: Callable[[dict[str, Any]], object]) -> None:
    async with store.turn(USER) as user:
        change(user.data)


async def meet(store: Store) -> None:
    """Another writer comes between a load and its save."""
    await store.set(USER, "note", PLANTED)
    user = await store.load(USER)
    await store.set(USER, "note", f"{PLANTED} again")
    user.data["note"] = f"{PLANTED} and again"
    await store.save(user)


async def count_a_text(store: Store) -> None:
    await store.set(USER, ("a", PLANTED), PLANTED)
    await store.increment(USER, ("a", PLANTED))


FAILURES: dict[str, Callable[[Store], Awaitable[object]]] = {
    "a value": lambda store: save(store, lambda data: data.update(note={PLANTED: float("nan")})),
    "a deep value": lambda store: save(store, lambda data: data.update(a={"v": {PLANTED: [{PLANTED: 1j}]}})),
    "a key": lambda store: save(store, lambda data: data.update(a={PLANTED: {1: PLANTED}})),
    "a set": lambda store: save(store, lambda data: data.update(a=[{PLANTED: {PLANTED, 1}}])),
    "a number": lambda store: save(store, lambda data: data.update(a={PLANTED: Decimal(10) ** 130})),
    "too large": lambda store: save(store, lambda data: data.update(a={PLANTED: PLANTED * 50_000})),
    "a verb": lambda store: store.set(USER, ("a", PLANTED, PLANTED), {PLANTED}.union({1})),
    "a verb, too large": lambda store: store.set(USER, ("a", PLANTED), PLANTED * 50_000),
    "an increment": lambda store: store.increment(USER, ("a", PLANTED), float("nan")),
    "an increment of text": count_a_text,
    "a conflict": meet,
}


@pytest.mark.others_in_soak
@pytest.mark.parametrize("failure", FAILURES)
async def test_no_message_shows_a_users_data(
    failure: str, make_store: MakeStore, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "async_dynamo_store")
    store = make_store(on_conflict="raise")
    with pytest.raises(StoreError) as caught:
        await FAILURES[failure](store)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("async_dynamo_store")]
    assert not [text for text in (str(caught.value), repr(caught.value), *ours) if PLANTED in text]
