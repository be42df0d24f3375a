"""LiveKit Agents: a call's user as `userdata`, the earlier messages, and a transcript that is stored during the call.

```python
async def entrypoint(ctx: JobContext) -> None:
    participant = await ctx.wait_for_participant()
    call = await LiveKitCall.begin(store, caller_of(participant), ctx.room.name)
    ctx.add_shutdown_callback(call.aclose)
    session = AgentSession(userdata=call.user, llm=..., stt=..., tts=...)
    call.record(session)
    await session.start(Agent(instructions=..., chat_ctx=call.chat_ctx), room=ctx.room)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_dynamo_store.records.record import DataT

from .calls import Call
from .extras import naming_the_extra

with naming_the_extra("livekit", "LiveKitCall"):
    from livekit.agents import ChatContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from livekit import rtc
    from livekit.agents import (
        AgentSession,
        CloseEvent,
        ConversationItemAddedEvent,
        FunctionToolsExecutedEvent,
    )
    from livekit.agents.llm import ChatItem

__all__ = ["LiveKitCall", "caller_of"]

_SIP_NUMBER = "sip.phoneNumber"


class LiveKitCall(Call[DataT]):
    """One call of one user, in an `AgentSession`.

    `AgentSession(userdata=call.user)` gives tools the user: `context.userdata.data["score"] += 1`.
    """

    @property
    def chat_ctx(self) -> ChatContext:
        """The earlier messages, for `Agent(chat_ctx=...)`."""
        return ChatContext.from_dict({"items": self.earlier})

    def record(self, session: AgentSession[Any]) -> None:
        """Store the session's messages from now on, and save the user after each turn.

        If the caller interrupts a reply, only the spoken part is stored.
        """
        self._stored = {item["id"] for item in self.earlier if "id" in item}
        session.on("conversation_item_added", self._on_item)
        session.on("function_tools_executed", self._on_tools)
        session.on("close", self._on_close)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if event.item.type == "message":
            self._record([event.item])
            if event.item.role == "assistant":
                self.recorder.save_user()

    def _on_tools(self, event: FunctionToolsExecutedEvent) -> None:
        self._record([*event.function_calls, *event.function_call_outputs])
        self.recorder.save_user()

    def _on_close(self, _: CloseEvent) -> None:
        self.recorder.save_user()

    def _record(self, items: Sequence[ChatItem]) -> None:
        new = [item for item in items if item.id not in self._stored]
        self._stored |= {item.id for item in new}
        told = ChatContext(list(new)).to_dict(exclude_timestamp=False, exclude_metrics=True)
        self.recorder.record(told["items"])


def caller_of(participant: rtc.Participant) -> str:
    """The user id: the caller's number in a phone call (`sip.phoneNumber`), else the participant's identity."""
    return participant.attributes.get(_SIP_NUMBER) or participant.identity
