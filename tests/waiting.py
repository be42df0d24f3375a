"""Waiting for what a task brings about: where the task fails, the test fails with its error instead of waiting for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any


async def reached(what: asyncio.Event | Awaitable[object], *tasks: asyncio.Future[Any]) -> None:
    """Wait for an event, or something else that these tasks bring about.

    Raises the error of a task that ends first, or AssertionError if it has none.
    """
    waiting = asyncio.ensure_future(what.wait() if isinstance(what, asyncio.Event) else what)
    try:
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)  # a task may end right after it has brought it about
        if waiting.done():
            waiting.result()
            return
        for task in tasks:
            if task.cancelled():
                raise AssertionError(f"{task!r} was cancelled before this was reached")
            if task.done():
                raise AssertionError(f"{task!r} ended with {task.result()!r} before this was reached")
    finally:
        waiting.cancel()


async def comes_true(condition: Callable[[], bool], pause: float = 0.01) -> None:
    """Wait until this condition holds."""
    while not condition():  # noqa: ASYNC110 - it is for what has no event
        await asyncio.sleep(pause)


@asynccontextmanager
async def meeting(number: int) -> AsyncIterator[asyncio.Barrier]:
    """A barrier that lets go those who wait when the block ends: not all have come if one has failed."""
    barrier = asyncio.Barrier(number)
    try:
        yield barrier
    finally:
        await barrier.abort()
