"""`Call`: the user, the earlier messages and a recorder for one call of a phone agent."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self

from async_dynamo_store.records.record import DataT, UserRecord

from .recorder import Recorder

if TYPE_CHECKING:
    from async_dynamo_store.store.conversations import Conversation
    from async_dynamo_store.store.conversations.packing import Message
    from async_dynamo_store.store.store import AsyncDynamoStore


class Call(Generic[DataT]):
    """One call of one user.

    `user` is the user's record, which is saved after each turn. `conversation` is the transcript of this call. `earlier`
    has the earlier messages: of this conversation if it is resumed, else of the user's last one. `recorder` stores new
    messages without blocking the framework's callbacks.
    """

    def __init__(
        self,
        store: AsyncDynamoStore[DataT],
        user: UserRecord[DataT],
        conversation: Conversation,
        earlier: list[Message],
    ) -> None:
        self.user = user
        self.conversation = conversation
        self.earlier = earlier
        self.recorder = Recorder(conversation, partial(store.save, user))

    @classmethod
    async def begin(
        cls, store: AsyncDynamoStore[DataT], user_id: str, conversation_id: str, *, turns: int = 20
    ) -> Self:
        """Load the user and the last `turns` of the earlier messages.

        `conversation_id` identifies the call, such as its room; use a new one for each call.
        """
        conversation = store.conversation(user_id, conversation_id)
        user, earlier = await asyncio.gather(store.load(user_id), _earlier(store, conversation, turns))
        return cls(store, user, conversation, earlier)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # No parameters, because frameworks pass a reason to shutdown callbacks that take one.
    async def aclose(self) -> None:
        """Wait at most 10 seconds for pending writes; what is lost after that is logged."""
        self.recorder.save_user()
        await self.recorder.aclose()


async def _earlier(store: AsyncDynamoStore[Any], conversation: Conversation, turns: int) -> list[Message]:
    messages = await conversation.last_turns(turns)
    if not messages:
        async for last in store.conversations(conversation.user_id):
            if last.id != conversation.id and (messages := await last.last_turns(turns)):
                break
    return messages
