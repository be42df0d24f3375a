"""Cancelled turns, and stores that are closed while writes are under way."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import AsyncDynamoStore, StoreClosedError, UnavailableError
from tests.faults.proxy import Fault, FaultProxy, Rule
from tests.faults.table import open_store
from tests.waiting import reached

if TYPE_CHECKING:
    from tests.faults.table import UsersTable

pytestmark = pytest.mark.others_in_soak

BEFORE = {"score": 10, "city": "Oslo"}
AFTER = {"score": 15, "city": "Rome"}
UNDER_WAY = [Fault.slow_request, Fault.slow_answer]

Write = Callable[[AsyncDynamoStore], Awaitable[Any]]


async def turn(store: AsyncDynamoStore) -> None:
    async with store.turn("ada") as user:
        user.increment("score", 5)
        user.data["city"] = "Rome"


async def update(store: AsyncDynamoStore) -> None:
    await store.update("ada", lambda user: user.data.update(AFTER))


WRITES: dict[str, tuple[Write, dict[str, Any] | None]] = {
    "turn": (turn, AFTER),
    "update": (update, AFTER),
    "set": (lambda store: store.set("ada", "city", "Rome"), BEFORE | {"city": "Rome"}),
    "unset": (lambda store: store.unset("ada", "city"), {"score": 10}),
    "increment": (lambda store: store.increment("ada", "score", 5), BEFORE | {"score": 15}),
    "delete": (lambda store: store.delete("ada"), None),
}
each_write = pytest.mark.parametrize(("write", "after"), WRITES.values(), ids=WRITES)


@pytest.fixture
async def store(proxied_aws_config: dict[str, str], users: UsersTable) -> AsyncIterator[AsyncDynamoStore]:
    """A store behind the proxy, that knows a user."""
    async with open_store(proxied_aws_config, users.name, timeout_seconds=60) as store:
        async with store.turn("ada") as user:
            user.data = dict(BEFORE)
        yield store


def hold_writes(proxy: FaultProxy, fault: Fault, times: float = 1) -> Rule:
    """The next writes are held; requests that read pass."""
    proxy.fail("GetItem", None, times=math.inf)
    return proxy.fail(None, fault, times=times)


async def begin(call: Awaitable[Any], held: Rule) -> asyncio.Future[Any]:
    """The call as a task, when its write is under way."""
    task = asyncio.ensure_future(call)
    await reached(held.reached, task)
    return task


async def cancelled(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_turn_that_is_cancelled_in_the_handler_writes_nothing(
    store: AsyncDynamoStore, users: UsersTable, proxy: FaultProxy
) -> None:
    in_handler = asyncio.Event()

    async def handle() -> None:
        async with store.turn("ada") as user:
            user.data["city"] = "Rome"
            in_handler.set()
            await asyncio.Event().wait()

    sent = len(proxy.log)
    task = asyncio.ensure_future(handle())
    await reached(in_handler, task)
    await cancelled(task)
    await store.aclose()

    assert [exchange.operation for exchange in proxy.log[sent:]] == ["GetItem"]
    assert await users.data("ada") == BEFORE


async def test_a_turn_that_is_cancelled_in_its_load_writes_nothing(
    store: AsyncDynamoStore, users: UsersTable, proxy: FaultProxy
) -> None:
    sent = len(proxy.log)
    await cancelled(await begin(turn(store), proxy.fail("GetItem", Fault.slow_answer)))
    await store.aclose()

    assert [exchange.operation for exchange in proxy.log[sent:]] == ["GetItem"]
    assert await users.data("ada") == BEFORE


@pytest.mark.parametrize("fault", UNDER_WAY)
@each_write
async def test_a_write_that_is_cancelled_completes_as_a_whole(
    fault: Fault,
    write: Write,
    after: dict[str, Any] | None,
    store: AsyncDynamoStore,
    users: UsersTable,
    proxy: FaultProxy,
) -> None:
    held = hold_writes(proxy, fault)
    await cancelled(await begin(write(store), held))
    held.release()
    await store.aclose()

    assert await users.data("ada") == after


@pytest.mark.parametrize("fault", UNDER_WAY)
@each_write
async def test_closing_waits_for_a_write_that_is_under_way(
    fault: Fault,
    write: Write,
    after: dict[str, Any] | None,
    store: AsyncDynamoStore,
    users: UsersTable,
    proxy: FaultProxy,
) -> None:
    held = hold_writes(proxy, fault)
    task = await begin(write(store), held)
    closing = asyncio.ensure_future(store.aclose())
    await users.item("ada")
    assert not closing.done()
    held.release()
    await closing

    assert task.done(), "what has ended before the client was closed"
    await task
    assert await users.data("ada") == after
    with pytest.raises(StoreClosedError):
        await store.load("ada")


async def test_closing_waits_for_a_retry_too(
    store: AsyncDynamoStore, users: UsersTable, proxy: FaultProxy
) -> None:
    held = hold_writes(proxy, Fault.slow_request)
    proxy.script([Fault.drop_answer, Fault.throttle])
    task = await begin(turn(store), held)
    task.cancel()
    await users.set("ada", "score", "not a number")  # what was planned does not hold any more
    held.release()
    await store.aclose()

    assert await users.data("ada") == AFTER


async def test_closing_waits_no_longer_than_the_budget(
    proxied_aws_config: dict[str, str], users: UsersTable, proxy: FaultProxy
) -> None:
    store = open_store(proxied_aws_config, users.name, timeout_seconds=0.5, max_attempts=1)
    await users.put("ada", BEFORE)
    held = hold_writes(proxy, Fault.slow_request, times=math.inf)
    task = asyncio.ensure_future(turn(store))
    with suppress(UnavailableError):  # a busy machine may need its time before it sends anything
        await reached(held.reached, task)
    await store.aclose()

    with pytest.raises((UnavailableError, StoreClosedError)):
        await task
    await proxy.heal()
    assert await users.data("ada") in (BEFORE, AFTER)


async def test_a_save_that_fails_after_its_turn_was_cancelled_is_logged(
    store: AsyncDynamoStore, users: UsersTable, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    held = hold_writes(proxy, Fault.slow_request)
    task = await begin(turn(store), held)
    await users.delete("ada")
    await cancelled(task)
    held.release()
    with caplog.at_level(logging.WARNING):
        await store.aclose()
        del task
        gc.collect()

    (logged,) = caplog.records
    assert logged.getMessage() == (
        "A write whose caller was cancelled failed: This user was deleted after the turn had loaded it."
        " Nothing was saved."
    )
    assert await users.data("ada") is None
