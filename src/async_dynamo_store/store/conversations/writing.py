"""Writes to a conversation: append an entry at the next free number, replace an entry, begin a new generation.

Each function is a part of one operation, whose time limit the caller sets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from async_dynamo_store.dynamodb.definition import SORT_KEY_OF_CONVERSATIONS
from async_dynamo_store.records.record import ConflictError
from async_dynamo_store.store.items import pause

from .entries import Entries, Entry, Root, is_over, new_token
from .packing import PART_BYTES, as_attribute

if TYPE_CHECKING:
    from async_dynamo_store.wire.values import Item

    from .log import Log
    from .reading import Reader


@dataclass(frozen=True, slots=True)
class End:
    """The next free number, as far as a writer knows."""

    root: Root
    number: int


@dataclass(slots=True)
class NewEntry:
    """An entry to append, which is stored only once even if it is sent several times.

    `start` is the position of the first attempt. A retry searches from there for an entry that was stored although its
    response was lost.
    """

    content: bytes
    token: str = field(default_factory=new_token)
    start: End | None = None


class Writer:
    """Writes to one conversation, one operation at a time (`line`), for all tasks of a store.

    `forgotten`: the user was forgotten after this writer was created, so nothing more is written.
    """

    def __init__(self, entries: Entries, log: Log, reader: Reader) -> None:
        self._entries = entries
        self._log = log
        self._reader = reader
        self._end: End | None = None
        self._line: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self.forgotten = False

    def line(self) -> asyncio.Lock:
        """The lock that orders the writers; each event loop has its own."""
        loop = asyncio.get_running_loop()
        if self._line is None or self._line[0] is not loop:
            self._line = loop, asyncio.Lock()
        return self._line[1]

    async def append(self, new: NewEntry) -> Root:
        """Append an entry; return its root.

        The root is read after the entry was stored. Only this ensures that the entry does not belong to a generation
        that was cleared before, or to a user who was forgotten.
        """
        now = datetime.now(UTC)
        if self._is_forgotten():
            raise _forgotten()
        while True:
            end = new.start or self._end
            if end is None or is_over(end.root.expires_at, now):
                end = await self._find_end(now)
            was_sent, new.start = new.start is not None, end
            placed = await self._put(end, new, now, may_be_there=was_sent)
            root = await self._reader.root()
            if root and not self._is_forgotten() and root.generation == end.root.generation:
                self._go_on(await self._kept_alive(root, now), placed.number + 1)
                return root
            await self.remove(placed)
            if self._is_forgotten() or not _is_of(root, end.root):
                self.forgotten = True
                await self._log.remove(self._entries.root_key, end.root.token)
                raise _forgotten()
            self._end = new.start = None

    async def replace(self, entry: Entry, content: bytes | None, now: datetime) -> bool:
        """Replace the messages of an entry, or remove them all (None); False if another writer came first."""
        edit = new_token()
        parts = [] if content is None else _in_parts(content)
        edited = replace(
            entry,
            edit=edit,
            messages=as_attribute(content) if content is not None and not parts else None,
            parts=len(parts),
            popped_at=int(now.timestamp()) if content is None else None,
        )
        await self._put_parts(edited, parts)
        there = await self._log.replace(self._entries.entry_item(edited), "edit", was=entry.edit)
        await self._remove_parts(entry if there is None else edited)
        return there is None

    async def remove(self, entry: Entry) -> None:
        """Delete an entry and its parts, if the key still holds the same append."""
        await self._log.remove(self._entries.key(entry.sort_key), entry.token)
        await self._remove_parts(entry)

    async def clear(self) -> Root | None:
        """Begin a new generation; None if there is no conversation."""
        root = await self._reader.root()
        while root is not None:
            now = datetime.now(UTC)
            cleared = replace(root, generation=new_token(), expires_at=self._entries.expires_at(now))
            there = await self._log.replace(
                self._entries.root_item(cleared), "generation", was=root.generation
            )
            if there is None:
                self._end = End(cleared, 0)
                return cleared
            root = self._entries.read_root(there or None, now)
        return None

    def _is_forgotten(self) -> bool:
        return self.forgotten

    async def _find_end(self, now: datetime) -> End:
        root = await self._reader.root()
        if root is None:
            token = new_token()
            root = Root(self._entries.id, token, token, now, self._entries.expires_at(now))
            there = await self._log.put_new(self._entries.root_item(root), token, self._entries.alive(now))
            if there is None:
                return End(root, 0)
            root = self._entries.read_root(there, now) or root
        return End(root, await self._next_number(root))

    async def _next_number(self, root: Root) -> int:
        newest = await self._log.newest(self._entries.generation(root.generation))
        return 0 if newest is None else self._entries.read_entry(newest).number + 1

    def _go_on(self, root: Root, number: int) -> None:
        """Remember the next free number; it never decreases within a generation."""
        known = self._end.number if self._end and self._end.root.generation == root.generation else 0
        self._end = End(root, max(number, known))

    async def _put(self, end: End, new: NewEntry, now: datetime, *, may_be_there: bool) -> Entry:
        parts = _in_parts(new.content)
        entry = Entry(
            self._entries.sort_key(end.root.generation, end.number),
            new.token,
            edit=new.token,
            messages=None if parts else as_attribute(new.content),
            parts=len(parts),
            popped_at=None,
            expires_at=self._entries.expires_at(now),
            created_at=now,
        )
        await self._put_parts(entry, parts)
        refused = 0
        while await self._log.put_new(self._entries.entry_item(entry), new.token) is not None:
            refused += 1
            number = entry.number + 1
            # Skip to the end if this writer's number is outdated. If an earlier attempt may have been stored, check each
            # number instead.
            if refused > 1 and not may_be_there:
                await pause(refused)
                number = await self._next_number(end.root)
            entry = replace(entry, sort_key=self._entries.sort_key(end.root.generation, number))
        return entry

    async def _put_parts(self, entry: Entry, parts: list[bytes]) -> None:
        for key, part in zip(self._entries.part_keys(entry), parts, strict=True):
            await self._log.put(self._entries.part_item(key, part, entry.expires_at))

    async def _remove_parts(self, entry: Entry) -> None:
        await self._log.remove_all(self._entries.part_keys(entry))

    async def _kept_alive(self, root: Root, now: datetime) -> Root:
        """The root, with its time to live extended if less than half of it is left."""
        expiry = self._entries.new_expiry(root, now)
        if expiry is None:
            return root
        attribute, seconds = expiry
        await self._log.set_if(self._entries.root_key, attribute, {"N": str(seconds)}, root.token)
        return replace(root, expires_at=seconds)


def _is_of(root: Root | None, before: Root) -> bool:
    """Whether this is the same conversation, which may have been cleared or expired, but not forgotten."""
    if root is None:
        return is_over(before.expires_at, datetime.now(UTC))
    return root.token == before.token


def _forgotten() -> ConflictError:
    return ConflictError(
        "The user of this conversation was forgotten meanwhile. Nothing was stored; get a new store.conversation()."
    )


def _in_parts(content: bytes) -> list[bytes]:
    """The content split into parts; empty if it fits into one item."""
    if len(content) <= PART_BYTES:
        return []
    return [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]


def dead(items: list[Item], entries: Entries, root: Root) -> list[Item]:
    """The keys of the items that do not belong to the current generation."""
    living = (entries.generation(root.generation), entries.generation_parts(root.generation))
    return [item for item in items if not item[SORT_KEY_OF_CONVERSATIONS]["S"].startswith(living)]
