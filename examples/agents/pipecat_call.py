"""A Pipecat pipeline whose calls are stored, with a scripted model, and with text instead of speech.

Run it with

    python examples/agents/pipecat_call.py
"""

import asyncio
from typing import Any

from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    LLMTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.integrations.pipecat import ConversationProcessor, PipecatCall


class Scripted(FrameProcessor):
    """Says one line after another. A real app uses one of Pipecat's models here."""

    def __init__(self, *lines: str) -> None:
        super().__init__()
        self.lines = list(lines)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        text = self.lines.pop(0)
        for each in (LLMFullResponseStartFrame(), LLMTextFrame(text), LLMFullResponseEndFrame()):
            await self.push_frame(each)


async def take_call(store: AsyncDynamoStore[Any], call_id: str, heard: str, line: str) -> None:
    # In a bot: PipecatCall.begin(store, caller_of(runner_args), runner_args.call_data.call_id)
    call = await PipecatCall.begin(store, "+43 1 234", call_id)
    print(f"{call_id}: {len(call.earlier)} messages are known")
    instructions: Any = {"role": "system", "content": "You keep an eye on parcels."}
    context = LLMContext([instructions, *call.earlier])
    user, assistant = LLMContextAggregatorPair(context)
    worker = PipelineWorker(
        Pipeline([user, Scripted(line), assistant, ConversationProcessor(call, context)]),
        cancel_on_idle_timeout=False,
    )
    said: Any = [{"role": "user", "content": heard}]

    @worker.event_handler("on_pipeline_started")
    async def speak(*_: Any) -> None:
        await worker.queue_frame(LLMMessagesAppendFrame(messages=said, run_llm=True))

    @assistant.event_handler("on_assistant_turn_stopped")
    async def hang_up(*_: Any) -> None:
        await worker.stop_when_done()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


async def main() -> None:
    async with AsyncDynamoStore({"type": "embedded", "table_name": "Users", "conversations": {}}) as store:
        await take_call(store, "call 1", "Where is parcel 7?", "It is in Linz.")
        await take_call(store, "call 2", "It's me again.", "Welcome back. You asked for parcel 7.")


if __name__ == "__main__":
    asyncio.run(main())
