"""`Conversation`: a transcript, message by message, in a separate table."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from .entries import Entry
from .last_turns import Fits, last_turns, starts_turn
from .packing import Message, check_messages, packed
from .reading import Reader
from .spoken import as_heard, is_reply
from .writing import NewEntry, Writer, dead

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from async_dynamo_store.store.under_way import UnderWay

    from .entries import Entries, Root
    from .log import Log

ResultT = TypeVar("ResultT")

_ENTRIES_OF_A_TURN = 4
"""Entries to read at first per turn. A page that is too long wastes read units; one that is too short costs another request."""
_POPPED_SECONDS = 60
"""How long the entry of popped messages is kept: as long as an append with a lost response may be sent again."""


class Conversation:
    """An append-only transcript of one user. Messages are JSON objects in the format of the agent's framework.

    `store.conversation(user_id, conversation_id)` returns it and sends nothing. Many writers in many processes can
    append at once: no message is lost, and none is stored twice. Appends of one store are stored in the order of the
    calls. Calls raise the store's errors, and `ConflictError` after `store.forget()`.

    `created_at` is when the conversation began; None until it has been read.
    """

    def __init__(self, user_id: str, entries: Entries, log: Log, writer: Writer, under_way: UnderWay) -> None:
        self.user_id = user_id
        self.id = entries.id
        self.created_at: datetime | None = None
        self._entries = entries
        self._log = log
        self._under_way = under_way
        self._reader = Reader(entries, log)
        self._writer = writer

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    async def append(self, messages: Sequence[Message]) -> None:
        """Store messages at the end, as one entry: all or none.

        An append that has begun is finished even when its caller is cancelled. Raises TypeError if the argument is not a
        list of dicts, and `UnsupportedValueError` for values that are not JSON, before anything is sent.
        """
        checked = check_messages(messages)
        if checked:
            await self.store(NewEntry(packed(checked)))

    async def store(self, new: NewEntry) -> None:
        """Store an entry. An entry that failed can be passed again and is stored only once."""
        root = await self._write(partial(self._writer.append, new))
        self.created_at = root.created_at

    async def messages(self, limit: int | None = None) -> list[Message]:
        """The messages, or the last `limit` of them, oldest first.

        Raises ValueError for a negative limit, `UnreadableItemError` for items that another program has put there.
        """
        if limit is not None and limit < 0:
            raise ValueError(f"limit is {limit}; give 0 or more, or None for all messages")
        if limit == 0:
            return []
        return await self._reader.read(partial(self._messages, limit=limit)) or []

    async def last_turns(
        self, n: int, *, max_bytes: int | None = None, max_tokens: Fits | None = None
    ) -> list[Message]:
        """The last turns, at most `n`, in a form that a model accepts, oldest message first.

        A turn begins with a user's message; a tool call is never without its output. `max_bytes` bounds the messages as
        JSON. `max_tokens` is a function that receives messages and returns whether they fit, such as
        `lambda messages: count(messages) <= 8000`. Whole turns are dropped, oldest first, until the rest fits.
        """
        messages = await self._reader.read(partial(self._messages, turns=n)) or []
        return last_turns(messages, n, max_bytes, max_tokens)

    async def pop(self) -> Message | None:
        """Remove the last message and return it; None if there is none."""
        return await self._write(self._pop)

    async def interrupted(self, heard: str) -> None:
        """Shorten the agent's last reply to the part that was heard, after the user interrupted it.

        If there is no reply, nothing is written.
        """
        await self._write(partial(self._interrupted, heard))

    async def clear(self) -> None:
        """Remove all messages; those that are appended at the same time are removed, or come after it."""
        root = await self._write(self._writer.clear)
        if root is not None:
            await self._under_way.finish(self._remove_dead())

    async def _messages(
        self, root: Root, limit: int | None = None, turns: int | None = None
    ) -> list[Message]:
        newest_first: list[Message] = []
        begun = 0
        page = limit if turns is None else turns * _ENTRIES_OF_A_TURN
        async for _, messages in self._reader.newest_first(root.generation, page):
            newest_first += reversed(messages)
            begun += sum(map(starts_turn, messages))
            if (limit is not None and len(newest_first) >= limit) or (turns is not None and begun >= turns):
                break
        return newest_first[:limit][::-1]

    async def _pop(self) -> Message | None:
        while (root := await self._reader.root()) is not None:
            now = datetime.now(UTC)
            places: list[Entry] = []
            last: tuple[Entry, list[Message]] | None = None
            async for entry, messages in self._reader.newest_first(root.generation, limit=5):
                if messages:
                    last = entry, messages
                    break
                places.append(entry)
            if last is None:
                return None
            entry, messages = last
            rest = packed(messages[:-1]) if len(messages) > 1 else None
            if await self._writer.replace(entry, rest, now):
                # Keep the newest entry, so that its number is not used again.
                for place in places[1:]:
                    if (place.popped_at or 0) < now.timestamp() - _POPPED_SECONDS:
                        await self._writer.remove(place)
                return messages[-1]
        return None

    async def _interrupted(self, heard: str) -> None:
        while (root := await self._reader.root()) is not None:
            found: tuple[Entry, list[Message]] | None = None
            async for entry, messages in self._reader.newest_first(root.generation, limit=5):
                if any(map(is_reply, messages)):
                    found = entry, messages
                    break
            if found is None:
                return
            entry, messages = found
            index = max(index for index, message in enumerate(messages) if is_reply(message))
            messages[index] = as_heard(messages[index], heard)
            if await self._writer.replace(entry, packed(messages), datetime.now(UTC)):
                return

    async def _remove_dead(self) -> None:
        async for page in self._log.pages(self._entries.all_of_it, keys_only=True):
            root = await self._log.operate(self._reader.root)
            if root is None:
                return
            await self._log.remove_all(dead(page, self._entries, root))

    async def _write(self, operation: Callable[[], Coroutine[None, None, ResultT]]) -> ResultT:
        """Run a write to its end, after earlier writes of this conversation."""
        return await self._under_way.finish(self._in_line(operation))

    async def _in_line(self, operation: Callable[[], Coroutine[None, None, ResultT]]) -> ResultT:
        async with self._writer.line():
            return await self._log.operate(operation)
