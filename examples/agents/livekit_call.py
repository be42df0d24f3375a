"""A LiveKit agent that continues a caller's previous call, with a scripted model and without a room.

Run it with

    python examples/agents/livekit_call.py
"""

import asyncio
from typing import Any

from livekit.agents import Agent, AgentSession, RunContext, function_tool, llm

from async_dynamo_store import AsyncDynamoStore, UserRecord
from async_dynamo_store.integrations.livekit import LiveKitCall


class Assistant(Agent):
    @function_tool
    async def note_parcel(self, context: RunContext[UserRecord[Any]], number: str) -> str:
        """Note the number of the caller's parcel."""
        context.userdata.data["parcel"] = number
        return "noted"


class Scripted(llm.LLM):
    """Says one line after another. A real app uses one of LiveKit's models here."""

    def __init__(self, *lines: str) -> None:
        super().__init__()
        self.lines = list(lines)

    def chat(
        self, *, chat_ctx: llm.ChatContext, tools: Any = None, conn_options: Any = None, **_: Any
    ) -> Any:
        return Line(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class Line(llm.LLMStream):
    async def _run(self) -> None:
        text = self._llm.lines.pop(0)
        self._event_ch.send_nowait(
            llm.ChatChunk(id="1", delta=llm.ChoiceDelta(role="assistant", content=text))
        )


async def take_call(store: AsyncDynamoStore[Any], room: str, heard: str, *lines: str) -> None:
    # In a job: LiveKitCall.begin(store, caller_of(await ctx.wait_for_participant()), ctx.room.name)
    async with await LiveKitCall.begin(store, "+43 1 234", room) as call:
        print(f"{room}: {len(call.earlier)} messages are known, and the user's {call.user.data}")
        session = AgentSession[UserRecord[Any]](userdata=call.user, llm=Scripted(*lines))
        call.record(session)
        await session.start(Assistant(instructions="You keep an eye on parcels.", chat_ctx=call.chat_ctx))
        await session.run(user_input=heard)
        call.user.data["calls"] = call.user.data.get("calls", 0) + 1
        await session.aclose()


async def main() -> None:
    async with AsyncDynamoStore({"type": "embedded", "table_name": "Users", "conversations": {}}) as store:
        await take_call(store, "room 1", "Where is parcel 7?", "It is in Linz.")
        await take_call(store, "room 2", "It's me again.", "Welcome back. You asked for parcel 7.")


if __name__ == "__main__":
    asyncio.run(main())
