"""Pending writes: they finish even if their caller is cancelled, and are awaited before the client closes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from typing import Any, TypeVar

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")


class UnderWay:
    """The pending writes of one store."""

    def __init__(self) -> None:
        self._writes: set[asyncio.Future[Any]] = set()
        self._saves: dict[Hashable, asyncio.Future[Any]] = {}

    async def settle(self, seconds: float) -> None:
        """Wait for the pending writes of the running loop, at most `seconds`."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while under_way := [write for write in list(self._writes) if write.get_loop() is loop]:
                    await asyncio.wait(under_way)

    async def finish(self, write: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a write to its end, even if the caller is cancelled."""
        task = self.begin(write)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell_of_failure)
            raise

    def begin(self, write: Coroutine[Any, Any, ResultT]) -> asyncio.Task[ResultT]:
        """Start a write in a separate task."""
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def until_saved(self, record: Hashable) -> None:
        """Wait for a record's pending save."""
        while saving := self._saves.get(record):
            await asyncio.wait([saving])

    async def save(
        self, record: Hashable, write: Callable[[], Coroutine[Any, Any, None]], done: Callable[[], None]
    ) -> None:
        """Run the save of a record in the caller's task; call `done` when it is no longer pending.

        If the caller is cancelled, a separate task sends the save again. This is safe whether or not the first attempt
        was stored.
        """
        saving = asyncio.get_running_loop().create_future()
        self._writes.add(saving)
        self._saves[record] = saving
        try:
            await write()
        except asyncio.CancelledError:
            again = self._saves[record] = self.begin(write())
            again.add_done_callback(_tell_of_failure)
            again.add_done_callback(lambda _: self._saves.pop(record, None))
            again.add_done_callback(lambda _: done())
            raise
        finally:
            self._writes.discard(saving)
            saving.set_result(None)
            if self._saves.get(record) is saving:
                del self._saves[record]
                done()


def _tell_of_failure(write: asyncio.Future[Any]) -> None:
    if not write.cancelled() and (error := write.exception()):
        log.warning("A write whose caller was cancelled failed: %s", error)
