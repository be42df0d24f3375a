"""`TurnConversation`: the conversation that a turn belongs to, saved with the turn's user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .last_turns import Fits, last_turns
from .packing import Message, check_messages, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .conversation import Conversation


class TurnConversation:
    """The transcript of a turn's session. What is appended is stored after the turn's user, as one entry.

    Nothing is stored when the handler raises, or has deleted the user. An anonymous user's conversation holds what the turn itself appends. For
    `pop`, `clear` and `interrupted`, which write at once, there is `turn.store.conversation(user_id, id)`.
    """

    def __init__(self, conversation: Callable[[], Conversation] | None) -> None:
        self._find = conversation
        self._appended: list[Message] = []

    async def append(self, messages: Sequence[Message]) -> None:
        """Have messages stored with the turn; raises as `Conversation.append` does for what is no JSON."""
        checked = check_messages(messages)
        packed(checked)
        self._appended += checked

    async def messages(self, limit: int | None = None) -> list[Message]:
        """The messages, or the last `limit` of them, oldest first, with those of this turn."""
        stored = await self._find().messages(limit) if self._find else []
        every = stored + self._appended
        return every if limit is None else every[len(every) - min(limit, len(every)) :]

    async def last_turns(
        self, n: int, *, max_bytes: int | None = None, max_tokens: Fits | None = None
    ) -> list[Message]:
        """The last turns, as `Conversation.last_turns` gives them, with the messages of this turn."""
        stored = await self._find().last_turns(n) if self._find else []
        return last_turns(stored + self._appended, n, max_bytes, max_tokens)

    async def save(self) -> None:
        """Store what was appended."""
        if self._appended and self._find:
            appended, self._appended = self._appended, []
            await self._find().append(appended)
