"""LiveKit Agents on DynamoDB: real sessions with a scripted model, one of them killed in the middle of a call."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, RunContext, function_tool
from livekit.agents.llm import ChatMessage
from livekit.agents.testing import fake_job_context
from pydantic import BaseModel

from async_dynamo_store import AsyncDynamoStore, UserRecord
from async_dynamo_store.integrations.livekit import LiveKitCall, caller_of
from tests.agents.scripted_llm import Line, ScriptedLLM
from tests.faults.proxy import Fault, FaultProxy
from tests.waiting import reached

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [
    pytest.mark.one_engine,
    # LiveKit's own rooms are finalized after their event loop.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Assistant(Agent):
    @function_tool
    async def add_points(self, context: RunContext[UserRecord[Any]], points: int) -> str:
        """Add points to the caller's score."""
        data = context.userdata.data
        data["score"] = data.get("score", 0) + points
        return str(data["score"])


@asynccontextmanager
async def talking(
    call: LiveKitCall[Any], script: list[Line]
) -> AsyncIterator[tuple[AgentSession[Any], ScriptedLLM]]:
    """A session of the call in a job; its callbacks for the end are run."""
    model = ScriptedLLM(script)
    session: AgentSession[Any] = AgentSession(userdata=call.user, llm=model)
    call.record(session)
    with fake_job_context() as job:
        job.add_shutdown_callback(call.aclose)
        await session.start(Assistant(instructions="Be kind.", chat_ctx=call.chat_ctx))
        yield session, model
        await session.aclose()
        for callback in job._shutdown_callbacks:
            await callback("the call is over")


def told(items: list[Any]) -> list[str]:
    return [str(each.get("content", [each["type"]])[0]) for each in items]


async def test_a_call_is_stored_and_the_next_one_knows_it(store: AsyncDynamoStore[Any]) -> None:
    first = await LiveKitCall.begin(store, "+431", "room 1")
    assert (first.user.is_new, first.earlier, first.chat_ctx.items) == (True, [], [])
    async with talking(first, ["Hello.", ("add_points", '{"points": 3}'), "You have 3."]) as (session, _):
        await session.run(user_input="Hi")
        await session.run(user_input="Three points, please")
    everything = [
        "Hi",
        "Hello.",
        "Three points, please",
        "function_call",
        "function_call_output",
        "You have 3.",
    ]
    assert told(await first.conversation.messages()) == everything
    assert (await store.load("+431")).data == {"score": 3}

    again = await LiveKitCall.begin(store, "+431", "room 2")
    assert again.user.data == {"score": 3}
    async with talking(again, ["Welcome back."]) as (session, model):
        await session.run(user_input="Me again")
    texts = [item.text_content for item in model.given[0].items if item.type == "message"]
    assert texts == ["Be kind.", "Hi", "Hello.", "Three points, please", "You have 3.", "Me again"]
    assert told(await again.conversation.messages()) == ["Me again", "Welcome back."]
    assert told((await LiveKitCall.begin(store, "+431", "room 1")).earlier) == everything
    assert told((await LiveKitCall.begin(store, "+431", "room 3", turns=1)).earlier) == [
        "Me again",
        "Welcome back.",
    ]


async def test_a_conversation_that_is_taken_up_again_is_not_stored_twice(
    store: AsyncDynamoStore[Any],
) -> None:
    for number in range(2):
        async with (
            await LiveKitCall.begin(store, "+431", "room 1") as call,
            talking(call, [f"reply {number}"]) as (session, _),
        ):
            await session.run(user_input=f"message {number}")
    assert told(await call.conversation.messages()) == ["message 0", "reply 0", "message 1", "reply 1"]


async def test_a_reply_is_stored_as_it_was_heard(store: AsyncDynamoStore[Any]) -> None:
    call = await LiveKitCall.begin(store, "+431", "room 1")
    session: AgentSession[Any] = AgentSession(userdata=call.user)
    call.record(session)
    cut = ChatMessage(role="assistant", content=["You have th"], interrupted=True)
    for _ in range(2):
        session.emit("conversation_item_added", ConversationItemAddedEvent(item=cut))
    await call.aclose()
    (message,) = await call.conversation.messages()
    assert (message["content"], message["interrupted"]) == (["You have th"], True)
    # A turn begins with what the caller says.
    assert (await LiveKitCall.begin(store, "+431", "room 2", turns=1)).chat_ctx.items == []


async def test_nothing_waits_for_dynamodb(
    store: AsyncDynamoStore[Any], aws_config: dict[str, str], table_name: str, proxy: FaultProxy
) -> None:
    """The engine answers no write while whole turns are taken."""
    await store.ensure_table()
    proxied = aws_config | {"endpoint_url": proxy.endpoint_url}
    async with AsyncDynamoStore(
        {"table_name": table_name, "aws_config": proxied, "timeout_seconds": 60}
    ) as slow:
        call = await LiveKitCall.begin(slow, "+431", "room 1")
        held = proxy.fail("PutItem", Fault.slow_request)
        async with talking(call, ["one", "two", "three"]) as (session, _):
            for number in range(3):
                await session.run(user_input=str(number))
            await reached(held.reached, asyncio.create_task(call.recorder.flush()))
            assert await store.conversation("+431", "room 1").messages() == []
            held.release()
        assert told(await store.conversation("+431", "room 1").messages()) == [
            "0",
            "one",
            "1",
            "two",
            "2",
            "three",
        ]


async def test_a_call_that_is_killed(
    store: AsyncDynamoStore[Any], aws_config: dict[str, str], table_name: str
) -> None:
    config = {"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60}
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("call_to_kill.py")),
        json.dumps(config),
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout
    acknowledged = [int(await process.stdout.readline()) for _ in range(5)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [int(line) for line in (await process.stdout.read()).splitlines() if line]
    assert await process.wait() == -signal.SIGKILL

    call = await LiveKitCall.begin(store, "ada", "call 2", turns=1000)
    turns = len(acknowledged)
    expected = [text for number in range(turns) for text in (f"message {number}", f"reply {number}")]
    # The turn that was cut off may be there too, or its first half.
    assert told(call.earlier)[: 2 * turns] == expected[: len(told(call.earlier))]
    assert len(call.earlier) >= 2 * turns
    assert call.user.data["turns"] in (turns, turns + 1)


class Profile(BaseModel):
    score: int = 0


async def test_a_model_of_the_user(aws_config: dict[str, str], table_name: str) -> None:
    config = {"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60}
    async with AsyncDynamoStore(config, data_model=Profile) as store:
        async with await LiveKitCall.begin(store, "+431", "room 1") as call:
            call.user.data.score += 1
        assert (await store.load("+431")).data.score == 1


@pytest.mark.parametrize(
    ("attributes", "caller"),
    [({"sip.phoneNumber": "+43 1 234"}, "+43 1 234"), ({"sip.phoneNumber": ""}, "ada"), ({}, "ada")],
)
def test_who_calls(attributes: dict[str, str], caller: str) -> None:
    participant: Any = SimpleNamespace(attributes=attributes, identity="ada")
    assert caller_of(participant) == caller
