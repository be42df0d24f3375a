"""`TurnConversation`: the conversation that a turn belongs to, saved with the turn's user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .last_turns import Fits, last_turns
from .packing import Message, check_messages, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .conversation import Conversation


class TurnConversation:
    """The transcript of a turn's session. Appended messages are stored as one entry, after the turn's user.

    Nothing is stored if the handler raises or deletes the user. An anonymous user's conversation contains only the
    messages of the turn itself. For `pop`, `clear` and `interrupted`, which write immediately, use
    `turn.store.conversation(user_id, id)`.
    """

    def __init__(self, conversation: Callable[[], Conversation] | None) -> None:
        self._find = conversation
        self._appended: list[Message] = []

    async def append(self, messages: Sequence[Message]) -> None:
        """Append messages, which are stored with the turn. Raises like `Conversation.append`."""
        checked = check_messages(messages)
        packed(checked)
        self._appended += checked

    async def messages(self, limit: int | None = None) -> list[Message]:
        """The messages, or the last `limit` of them, including those of this turn, oldest first."""
        stored = await self._find().messages(limit) if self._find else []
        every = stored + self._appended
        return every if limit is None else every[len(every) - min(limit, len(every)) :]

    async def last_turns(
        self, n: int, *, max_bytes: int | None = None, max_tokens: Fits | None = None
    ) -> list[Message]:
        """The last turns, as in `Conversation.last_turns`, including the messages of this turn."""
        stored = await self._find().last_turns(n) if self._find else []
        return last_turns(stored + self._appended, n, max_bytes, max_tokens)

    async def save(self) -> None:
        """Store the appended messages."""
        if self._appended and self._find:
            appended, self._appended = self._appended, []
            await self._find().append(appended)
