"""Pipecat on DynamoDB: real pipelines with its own test runner, no model and no network."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import (
    Frame,
    FunctionCallFromLLM,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    FunctionCallsStartedFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.types import CallData, RunnerArguments
from pipecat.tests.utils import SleepFrame, run_test
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.integrations.pipecat import ConversationProcessor, PipecatCall, caller_of
from tests.faults.proxy import Fault, FaultProxy
from tests.waiting import reached

pytestmark = pytest.mark.one_engine

SYSTEM = {"role": "system", "content": "Be kind."}


def told(messages: list[Any]) -> list[str]:
    return [str(each.get("content") or each["tool_calls"][0]["function"]["name"]) for each in messages]


class ScriptedModel(FrameProcessor):
    """Answers each context with the next line of a script: a text, or a tool's name with its result."""

    def __init__(self, script: list[str | tuple[str, Any]]) -> None:
        super().__init__()
        self.script = list(script)
        self.given: list[list[Any]] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        self.given.append(list(frame.context.get_messages()))
        line = self.script.pop(0)
        if isinstance(line, str):
            for each in (LLMFullResponseStartFrame(), LLMTextFrame(line), LLMFullResponseEndFrame()):
                await self.push_frame(each)
        else:
            name, result = line
            call: dict[str, Any] = {"function_name": name, "tool_call_id": "c1", "arguments": {"points": 3}}
            started = [FunctionCallFromLLM(context=frame.context, **call)]
            await self.push_frame(FunctionCallsStartedFrame(function_calls=started))
            await self.push_frame(FunctionCallInProgressFrame(cancel_on_interruption=True, **call))
            if result is not None:
                await self.push_frame(FunctionCallResultFrame(result=result, **call))


def says(text: str) -> list[Frame]:
    return [
        UserStartedSpeakingFrame(),
        TranscriptionFrame(text=text, user_id="", timestamp="", finalized=True),
        SleepFrame(sleep=0.2),
        UserStoppedSpeakingFrame(),
        SleepFrame(sleep=0.2),
    ]


class Talk:
    """A pipeline of a call, with what is said put in where speech-to-text would."""

    def __init__(self, call: PipecatCall[Any], script: list[Any], *, with_processor: bool) -> None:
        self.context = LLMContext([SYSTEM, *call.earlier])
        self.model = ScriptedModel(script)
        params = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
        aggregators = LLMContextAggregatorPair(self.context, user_params=params)
        parts: list[FrameProcessor] = [aggregators.user(), self.model, aggregators.assistant()]
        if with_processor:
            parts.append(ConversationProcessor(call, self.context))
        else:
            call.record(self.context, aggregators)
        self.pipeline = Pipeline(parts)

    async def hear(self, *texts: str) -> None:
        frames = [frame for text in texts for frame in says(text)]
        await run_test(self.pipeline, frames_to_send=frames)


both = pytest.mark.parametrize("with_processor", [True, False], ids=["processor", "events"])


@both
async def test_a_call_is_stored_and_the_next_one_knows_it(
    store: AsyncDynamoStore[Any], *, with_processor: bool
) -> None:
    async with await PipecatCall.begin(store, "+431", "call 1") as call:
        call.user.data["calls"] = 1
        talk = Talk(call, ["Hello.", ("add_points", 3), "You have 3."], with_processor=with_processor)
        await talk.hear("Hi", "Three points, please")
    everything = ["Hi", "Hello.", "Three points, please", "add_points", "3", "You have 3."]
    assert told(await call.conversation.messages()) == everything
    assert (await store.load("+431")).data == {"calls": 1}

    async with await PipecatCall.begin(store, "+431", "call 2") as again:
        talk = Talk(again, ["Welcome back."], with_processor=with_processor)
        await talk.hear("Me again")
    assert told(talk.model.given[0]) == ["Be kind.", *everything, "Me again"]
    assert told(await again.conversation.messages()) == ["Me again", "Welcome back."]


@both
async def test_a_reply_is_stored_as_far_as_it_came(
    store: AsyncDynamoStore[Any], *, with_processor: bool
) -> None:
    """The model's text arrives as it is spoken; the caller speaks over the rest."""
    async with await PipecatCall.begin(store, "+431", "call 1") as call:
        talk = Talk(call, [], with_processor=with_processor)
        spoken = [LLMFullResponseStartFrame(), LLMTextFrame("I think"), SleepFrame(sleep=0.2)]
        await run_test(talk.pipeline, frames_to_send=[*spoken, InterruptionFrame(), SleepFrame(sleep=0.2)])
    assert told(await call.conversation.messages()) == ["I think"]


async def test_a_tool_that_has_no_result_yet_is_not_stored(store: AsyncDynamoStore[Any]) -> None:
    async with await PipecatCall.begin(store, "+431", "call 1") as call:
        await Talk(call, [("add_points", None)], with_processor=True).hear("Three points, please")
    assert told(await call.conversation.messages()) == ["Three points, please"]


async def test_what_is_said_twice_is_stored_twice(store: AsyncDynamoStore[Any]) -> None:
    async with await PipecatCall.begin(store, "+431", "call 1") as call:
        context = LLMContext([SYSTEM])
        call.record_new(context)
        for text in ("hello", "hello", "bye", "bye", "bye"):
            context.add_message({"role": "user", "content": text})
            call.record_new(context)
    assert told(await call.conversation.messages()) == ["hello", "hello", "bye", "bye", "bye"]


async def test_a_context_that_is_summarized_goes_on(store: AsyncDynamoStore[Any]) -> None:
    call = await PipecatCall.begin(store, "+431", "call 1")
    context = LLMContext([SYSTEM])
    call.record_new(context)
    context.add_messages([{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}])
    call.record_new(context)
    call.record_new(context)
    context.set_messages(
        [SYSTEM, {"role": "user", "content": "summary"}, {"role": "assistant", "content": "2"}]
    )
    context.add_messages([{"role": "user", "content": "3"}, {"role": "system", "content": "aside"}])
    call.record_new(context)
    context.set_messages([])
    context.add_message({"role": "user", "content": "4"})
    call.record_new(context)
    await call.aclose()
    assert told(await call.conversation.messages()) == ["1", "2", "3", "4"]
    fresh = await PipecatCall.begin(store, "+431", "call 2")
    fresh.record_new(LLMContext())
    assert told(fresh.earlier) == ["1", "2", "3", "4"]


async def test_nothing_waits_for_dynamodb(
    store: AsyncDynamoStore[Any], aws_config: dict[str, str], table_name: str, proxy: FaultProxy
) -> None:
    """The engine answers no write while a whole call goes by."""
    await store.ensure_table()
    proxied = aws_config | {"endpoint_url": proxy.endpoint_url}
    async with AsyncDynamoStore(
        {"table_name": table_name, "aws_config": proxied, "timeout_seconds": 60}
    ) as slow:
        call = await PipecatCall.begin(slow, "+431", "call 1")
        held = proxy.fail("PutItem", Fault.slow_request)
        await Talk(call, ["one", "two"], with_processor=False).hear("1", "2")
        await reached(held.reached, asyncio.create_task(call.recorder.flush()))
        assert await store.conversation("+431", "call 1").messages() == []
        held.release()
        await call.aclose()
    assert told(await store.conversation("+431", "call 1").messages()) == ["1", "one", "2", "two"]


@pytest.mark.parametrize(
    ("arguments", "caller"),
    [
        (RunnerArguments(call_data=CallData.model_validate({"from": "+43 1"})), "+43 1"),
        (RunnerArguments(call_data=CallData()), None),
        (RunnerArguments(body={"dialin_settings": {"From": "+43 2"}}), "+43 2"),
        (RunnerArguments(body={"dialin_settings": {}}), None),
        (RunnerArguments(body=None), None),
        (RunnerArguments(), None),
    ],
)
def test_who_calls(arguments: RunnerArguments, caller: str | None) -> None:
    assert caller_of(arguments) == caller
