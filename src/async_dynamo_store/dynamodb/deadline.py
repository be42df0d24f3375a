"""Time limits of operations: the deadline of the running context, and the timer that ends overdue calls."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from async_dynamo_store.errors import UnavailableError

ResultT = TypeVar("ResultT")

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)
"""The deadline of this context's operations, as a time of the monotonic clock."""


def deadline() -> float:
    """The running operation's deadline, as a time of the monotonic clock; infinite if there is none."""
    return _ends_at.get()


def time_left() -> float:
    """Seconds until the deadline; infinite if there is none."""
    return _ends_at.get() - time.monotonic()


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Limit all operations of all stores in this context to `seconds` from now, in addition to `timeout_seconds`."""
    token = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


async def run_within(seconds: float, operation: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """Run an operation whose calls together take at most `seconds` and end before an outer `time_limit`.

    Raises `UnavailableError` if they take longer.
    """
    ends_at, now = _ends_at.get(), time.monotonic()
    if ends_at <= now:
        raise UnavailableError("No time was left to call DynamoDB; nothing was sent. Allow more time.")
    _ends_at.set(min(ends_at, now + seconds))
    try:
        return await operation()
    except TimeoutError as error:
        left = ends_at - now
        budget = f"timeout_seconds={seconds:g}" if seconds <= left else f"the {left:.2g} s that were left"
        raise UnavailableError(
            f"DynamoDB gave no answer within {budget}. Check the network and the endpoint, or allow more time."
        ) from error
    finally:
        # Not reset(): a coroutine left over by a stopped loop is closed in another context, where reset() raises ValueError.
        _ends_at.set(ends_at)


class CallTimer:
    """Ends the calls of one event loop at their deadlines.

    All calls share one timer, because a timer per call would nearly always be cancelled unused.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[asyncio.Timeout, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next_check = math.inf

    def watch(self, call: asyncio.Timeout, until: float) -> None:
        """End a call at `until`, a time of the monotonic clock, unless `forget` is called earlier."""
        self._calls[call] = until
        if until < self._next_check:
            self._check_at(until)

    def forget(self, call: asyncio.Timeout) -> None:
        """Stop watching a call that has ended."""
        del self._calls[call]

    async def end_all(self) -> None:
        """End all calls, wait until each has finished, and stop the timer."""
        _end(self._calls)
        while self._calls:  # noqa: ASYNC110 - each call needs only one step of the loop to end
            await asyncio.sleep(0)
        if self._timer:
            self._timer.cancel()

    def _check_at(self, moment: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._next_check = moment
        self._timer = self._loop.call_later(moment - time.monotonic(), self._check)

    def _check(self) -> None:
        self._next_check = math.inf
        now = time.monotonic()
        _end(call for call, until in self._calls.items() if until <= now)
        next_check = min((until for until in self._calls.values() if until > now), default=math.inf)
        if next_check < math.inf:
            self._check_at(next_check)


def _end(calls: Iterable[asyncio.Timeout]) -> None:
    for call in [call for call in calls if not call.expired()]:
        call.reschedule(0)
