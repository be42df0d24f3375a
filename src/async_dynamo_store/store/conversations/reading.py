"""Reads a conversation: its root, and its messages, newest entry first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from async_dynamo_store.errors import UnavailableError, UnreadableItemError

from .entries import Entries, Entry, Root, is_over
from .packing import Message, content_of, unpacked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .log import Log

ResultT = TypeVar("ResultT")

_TRIES = 3


class _PartsMissingError(Exception):
    """Parts of an entry are missing: the entry was removed after it had been read, or another program deleted parts."""


class Reader:
    """Reads one conversation."""

    def __init__(self, entries: Entries, log: Log) -> None:
        self._entries = entries
        self._log = log

    async def root(self) -> Root | None:
        """The current root; None if there is none or it has expired."""
        return self._entries.read_root(await self._log.get(self._entries.root_key), datetime.now(UTC))

    async def read(self, read: Callable[[Root], Awaitable[ResultT]]) -> ResultT | None:
        """The result of `read` for one generation; None if there is no conversation.

        `read` is called again if the conversation was cleared meanwhile, because its result may be incomplete.
        """
        root = await self._log.operate(self.root)
        found: ResultT | None = None
        missing: _PartsMissingError | None = None
        for _ in range(_TRIES):
            if root is None:
                return None
            try:
                found, missing = await read(root), None
            except _PartsMissingError as error:
                missing = error
            before, root = root, await self._log.operate(self.root)
            if missing is None and root and root.generation == before.generation:
                return found
        if missing:
            raise UnreadableItemError(
                "Parts of an entry of a conversation are missing. It is left unchanged.", "parts"
            ) from missing
        raise UnavailableError("The conversation was cleared during each attempt to read it. Try again.")

    async def newest_first(
        self, generation: str, limit: int | None = None
    ) -> AsyncIterator[tuple[Entry, list[Message]]]:
        """The entries of a generation with their messages, newest first; `limit` is the page size."""
        prefix = self._entries.generation(generation)
        async for page in self._log.pages(prefix, newest_first=True, limit=limit):
            for item in page:
                entry = self._entries.read_entry(item)
                if not is_over(entry.expires_at, datetime.now(UTC)):
                    yield entry, await self._messages(entry)

    async def _messages(self, entry: Entry) -> list[Message]:
        if entry.popped_at is not None:
            return []
        if not entry.parts:
            return unpacked(content_of(entry.messages or {}))
        content: list[bytes] = []
        async for page in self._log.pages(self._entries.parts_prefix(entry)):
            content += [item["messages"]["B"] for item in page]
        if len(content) < entry.parts:
            raise _PartsMissingError
        return unpacked(b"".join(content))
