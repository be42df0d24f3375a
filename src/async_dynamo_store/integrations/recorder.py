"""`Recorder`: stores what an agent's framework reports during a call, without blocking the framework."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self

from async_dynamo_store.errors import CodecError, StoreError, ThrottledError, UnavailableError
from async_dynamo_store.store.conversations.packing import Message, check_messages, packed
from async_dynamo_store.store.conversations.writing import NewEntry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from async_dynamo_store.store.conversations import Conversation

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 5.0


class Recorder:
    """Stores the messages of a call, in order, in a separate task.

    `record` and `save_user` only queue work, so a framework's callbacks can call them. While DynamoDB is down or
    throttles, the task retries; messages that arrive in the meantime become one entry. What cannot be stored is logged.
    `save_user` makes the task await the function `save`.

    Use it with `async with`, or await `aclose()` when the call ends. If the process is killed, everything stored before
    is kept.
    """

    def __init__(
        self, conversation: Conversation, save: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self.conversation = conversation
        self._save = save
        self._messages: list[Message] = []
        self._is_save_wanted = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def record(self, messages: Sequence[Message]) -> None:
        """Queue messages to be stored.

        Raises TypeError if the argument is not a list of dicts, `UnsupportedValueError` for values that are not JSON.
        """
        self._messages += check_messages(messages)
        self._work()

    def save_user(self) -> None:
        """Queue a save of the user, after the messages recorded so far."""
        self._is_save_wanted = self._save is not None
        self._work()

    async def flush(self) -> None:
        """Wait until everything queued is stored or has failed."""
        while self._task:
            await asyncio.wait({self._task})

    async def aclose(self, seconds: float = 10.0) -> None:
        """Wait at most this many seconds for pending writes; what is lost after that is logged."""
        try:
            async with asyncio.timeout(seconds):
                await self.flush()
        except TimeoutError:
            for task in filter(None, [self._task]):
                task.cancel()
                await asyncio.wait({task})

    def _work(self) -> None:
        if self._task is None and (self._messages or self._is_save_wanted):
            self._task = asyncio.get_running_loop().create_task(self._store_all())

    async def _store_all(self) -> None:
        left = 0
        try:
            while self._messages or self._is_save_wanted:
                messages, self._messages = self._messages, []
                left = len(messages)
                is_save_wanted, self._is_save_wanted = self._is_save_wanted, False
                for entry in _entries(messages):
                    await _until_done(lambda: self.conversation.store(entry), "messages")  # noqa: B023 - awaited before `entry` changes
                left = 0
                # A save that fails must not delay the messages, so it is not retried in place.
                if is_save_wanted and self._save and not await _done(self._save, "the user"):
                    self._is_save_wanted = True
                    await asyncio.sleep(_FIRST_PAUSE_SECONDS)
        finally:
            self._task = None
            left += len(self._messages)
            if left:
                log.error("A call ended before everything was stored: %d messages are lost.", left)


def _entries(messages: list[Message]) -> list[NewEntry]:
    """The messages as one entry. If any cannot be written as JSON: one entry each, without those, which are logged."""
    try:
        return [NewEntry(packed(messages))] if messages else []
    except CodecError:
        entries: list[NewEntry] = []
        for message in messages:
            try:
                entries.append(NewEntry(packed([message])))
            except CodecError as error:
                log.error("A message could not be stored and is lost: %s", error)
        return entries


async def _until_done(operation: Callable[[], Awaitable[Any]], what: str) -> None:
    """Run `operation`, and retry while DynamoDB is down or throttles."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        if await _done(operation, what):
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LAST_PAUSE_SECONDS)


async def _done(operation: Callable[[], Awaitable[Any]], what: str) -> bool:
    """Whether `operation` needs no retry: it succeeded, or it failed for good, which is logged."""
    is_done = True
    try:
        await operation()
    except (UnavailableError, ThrottledError) as error:
        log.warning("Storing %s failed and is retried: %s", what, error)
        is_done = False
    except StoreError as error:
        log.error("Storing %s failed and is not retried: %s", what, error)
    except Exception:  # an error of the user's data model must not end the call
        log.exception("Storing %s failed and is not retried", what)
    return is_done
