"""A call that goes on until its process is killed: it prints what is acknowledged, turn by turn."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from livekit.agents import Agent, AgentSession
from scripted_llm import ScriptedLLM

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.integrations.livekit import LiveKitCall


async def main() -> None:
    async with AsyncDynamoStore(json.loads(sys.argv[1])) as store:
        call = await LiveKitCall.begin(store, "ada", "call 1")
        turns = 1000
        session: AgentSession[Any] = AgentSession(
            userdata=call.user, llm=ScriptedLLM([f"reply {number}" for number in range(turns)])
        )
        call.record(session)
        await session.start(Agent(instructions="Be kind.", chat_ctx=call.chat_ctx))
        for number in range(turns):
            call.user.data["turns"] = number + 1
            await session.run(user_input=f"message {number}")
            await call.recorder.flush()
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


asyncio.run(main())
