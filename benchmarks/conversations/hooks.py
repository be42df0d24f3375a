"""`python -m benchmarks.conversations.hooks`: how long our hooks hold the callbacks of LiveKit, Pipecat and OpenAI's Realtime.

It runs in the environment of `make agents`, on DynamoDB Local, which is written to all the while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import median, quantiles
from types import SimpleNamespace
from typing import Any

from livekit.agents import AgentSession, ConversationItemAddedEvent
from livekit.agents.llm import ChatMessage
from pipecat.processors.aggregators.llm_context import LLMContext

from async_dynamo_store.integrations.livekit import LiveKitCall
from async_dynamo_store.integrations.openai_agents import RealtimeRecorder
from async_dynamo_store.integrations.pipecat import PipecatCall
from benchmarks import report
from benchmarks.backends import dynamodb_local
from benchmarks.conversations.__main__ import message, store
from benchmarks.machine import machine

CALLBACKS = 300
TEXT = message(300, 1)["content"]


async def held(hook: Callable[[int], None]) -> dict[str, float]:
    """Microseconds of wall time of each callback, one after another, with time in between to write."""
    times = []
    for number in range(CALLBACKS):
        began = time.perf_counter()
        hook(number)
        times.append((time.perf_counter() - began) * 1e6)
        await asyncio.sleep(0.002)
    return {"p50_us": median(times), "p99_us": quantiles(times, n=100)[98], "most_us": max(times)}


async def hooks(engine: str) -> dict[str, dict[str, float]]:
    """Each integration's own hook, called as its framework does."""
    found = {}
    async with store(engine) as opened:
        await opened.ensure_table()
        async with await LiveKitCall.begin(opened, "ada", "livekit") as call:
            session: Any = AgentSession(userdata=call.user)
            call.record(session)

            def item_added(number: int) -> None:
                said = ChatMessage(role="assistant", content=[f"{number} {TEXT}"])
                session.emit("conversation_item_added", ConversationItemAddedEvent(item=said))

            found["LiveKit, conversation_item_added"] = await held(item_added)
        async with await PipecatCall.begin(opened, "ada", "pipecat") as pipecat:
            context = LLMContext()
            pipecat.record_new(context)

            def context_changed(number: int) -> None:
                context.add_message({"role": "user", "content": f"{number} {TEXT}"})
                pipecat.record_new(context)

            found["Pipecat, on_user_turn_message_added"] = await held(context_changed)
        async with RealtimeRecorder(opened.conversation("ada", "realtime")) as recorder:

            def history_added(number: int) -> None:
                part = SimpleNamespace(text=TEXT, transcript=None)
                said = SimpleNamespace(
                    item_id=str(number), type="message", role="user", status="completed", content=[part]
                )
                event: Any = SimpleNamespace(type="history_added", item=said)
                recorder.on_event(event)

            found["OpenAI Realtime, history_added"] = await held(history_added)
    return found


def main() -> None:
    """Answer this question alone."""
    before = machine()
    with dynamodb_local(1_000, 1) as engine:
        found = asyncio.run(hooks(engine))
    for name, times in found.items():
        print(
            f"{name:40} p50 {times['p50_us']:5.0f} us, p99 {times['p99_us']:5.0f}, most {times['most_us']:5.0f}"
        )
    report.write_rows("agents_hooks", "python -m benchmarks.conversations.hooks", before, hooks=found)


if __name__ == "__main__":
    main()
