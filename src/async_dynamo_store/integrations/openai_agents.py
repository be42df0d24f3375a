"""The OpenAI Agents SDK: sessions in DynamoDB, and a recorder for Realtime sessions, which do not accept a session.

```python
session = DynamoDBSession(store, user_id="ada", session_id="support-1")
result = await Runner.run(agent, "Where is my order?", session=session)
```
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from async_dynamo_store.errors import StoreError

from .extras import naming_the_extra
from .recorder import Recorder

with naming_the_extra("openai-agents", "DynamoDBSession"):
    from agents import RunContextWrapper, SessionSettings
    from agents.memory.session_settings import resolve_session_limit

if TYPE_CHECKING:
    from agents import TResponseInputItem
    from agents.realtime import RealtimeItem, RealtimeSessionEvent

    from async_dynamo_store.store.conversations import Conversation
    from async_dynamo_store.store.store import AsyncDynamoStore

__all__ = ["DynamoDBSession", "FindUser", "RealtimeRecorder"]

FindUser = Callable[[RunContextWrapper[Any]], str]
"""Finds the user in the context of a run."""

Message = dict[str, Any]


class DynamoDBSession:
    """A session of the Agents SDK: the items of one conversation of one user.

    `user_id` is the user, or a function that finds it in the run's context:
    `user_id=lambda run: run.context.user_id`. `session_settings.limit` is the number of items that a run receives. Sessions with
    the same user and id share their items in all processes; items that are added at the same time are all kept.
    """

    def __init__(
        self,
        store: AsyncDynamoStore[Any],
        user_id: str | FindUser,
        session_id: str,
        *,
        session_settings: SessionSettings | None = None,
    ) -> None:
        self.session_id = session_id
        self.session_settings: SessionSettings | None = session_settings or SessionSettings()
        self._store = store
        self._user_id = user_id
        self._conversations: dict[str, Conversation] = {}
        if isinstance(user_id, str):
            self.conversation()

    def conversation(self, wrapper: RunContextWrapper[Any] | None = None) -> Conversation:
        """The session's conversation; raises `StoreError` if `user_id` is a function, since only a run knows the user."""
        if isinstance(self._user_id, str):
            user_id = self._user_id
        elif wrapper is None:
            raise StoreError(
                "This session's user_id is a function of a run's context. Pass wrapper=, or create the session with a user id."
            )
        else:
            user_id = self._user_id(wrapper)
        if user_id not in self._conversations:
            self._conversations[user_id] = self._store.conversation(user_id, self.session_id)
        return self._conversations[user_id]

    async def get_items(
        self, limit: int | None = None, *, wrapper: RunContextWrapper[Any] | None = None
    ) -> list[TResponseInputItem]:
        """The items, or the last `limit` of them (a negative one is none), oldest first."""
        limit = resolve_session_limit(limit, self.session_settings)
        items = await self.conversation(wrapper).messages(None if limit is None or limit < 0 else limit)
        return cast("list[TResponseInputItem]", items)

    async def add_items(
        self, items: list[TResponseInputItem], *, wrapper: RunContextWrapper[Any] | None = None
    ) -> None:
        """Add items at the end: all or none."""
        await self.conversation(wrapper).append(cast("list[Message]", items))

    async def pop_item(self, *, wrapper: RunContextWrapper[Any] | None = None) -> TResponseInputItem | None:
        """Remove the last item and return it; None if there is none."""
        return cast("TResponseInputItem | None", await self.conversation(wrapper).pop())

    async def clear_session(self, *, wrapper: RunContextWrapper[Any] | None = None) -> None:
        """Remove all items."""
        await self.conversation(wrapper).clear()


class RealtimeRecorder(Recorder):
    """Stores the messages of a Realtime session in the format of the Agents SDK's sessions.

    async with RealtimeRecorder(store.conversation(user_id, call_id)) as recorder:
        async for event in session:
            recorder.on_event(event)

    A message is stored when its text is complete: a user's when it is transcribed, the agent's when it is finished.
    Audio is not stored.
    """

    def __init__(self, conversation: Conversation) -> None:
        super().__init__(conversation)
        self._open: dict[str, RealtimeItem] = {}

    def on_event(self, event: RealtimeSessionEvent) -> None:
        """Record the history changes of an event."""
        if event.type == "history_added":
            self._open[event.item.item_id] = event.item
        elif event.type == "history_updated":
            self._open.update({item.item_id: item for item in event.history if item.item_id in self._open})
        self._record_what_is_ready()

    async def aclose(self, seconds: float = 10.0) -> None:
        """Store the last messages, finished or not, and wait at most this many seconds for it."""
        self._record(list(self._open))
        await super().aclose(seconds)

    def _record_what_is_ready(self) -> None:
        """Record finished messages in order. An unfinished one blocks the rest until the user speaks again."""
        ids = list(self._open)
        ready = 0
        for number, each in enumerate(ids, 1):
            if _is_finished(self._open[each]):
                ready = number
            elif not any(_is_users(self._open[later]) for later in ids[number:]):
                break
        self._record(ids[:ready])

    def _record(self, ids: list[str]) -> None:
        for each in ids:
            self.record(_as_items(self._open.pop(each)))


def _is_users(item: RealtimeItem) -> bool:
    return item.type == "message" and item.role == "user"


def _is_finished(item: RealtimeItem) -> bool:
    if item.type == "message" and item.role == "user":
        return bool(_text(item))
    return getattr(item, "status", "completed") in ("completed", "incomplete")


def _text(item: Any) -> str:
    """The text or transcript of a message."""
    texts = [getattr(part, "text", None) or getattr(part, "transcript", None) for part in item.content]
    return " ".join(filter(None, texts))


def _as_items(item: RealtimeItem) -> list[Message]:
    """The item in the input format of the Agents SDK; an empty list for a message without text."""
    if item.type == "message":
        text = _text(item)
        kind = "output_text" if item.role == "assistant" else "input_text"
        content = [{"type": kind, "text": text}]
        return [{"type": "message", "role": item.role, "content": content}] if text else []
    call = {"type": "function_call", "name": item.name, "arguments": item.arguments, "call_id": item.call_id}
    if item.output is None:
        return []
    return [call, {"type": "function_call_output", "call_id": item.call_id, "output": item.output}]
