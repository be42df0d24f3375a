"""Pipecat: a call's user, the earlier messages for the context, and a transcript that is stored during the call.

```python
call = await PipecatCall.begin(store, caller_of(runner_args), call_id)
context = LLMContext([{"role": "system", "content": "..."}, *call.earlier])
aggregators = LLMContextAggregatorPair(context)
call.record(context, aggregators)
...
await call.aclose()
```

A `ConversationProcessor(call, context)` in the pipeline does the same as `record`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from async_dynamo_store.records.record import DataT

from .calls import Call
from .extras import naming_the_extra

with naming_the_extra("pipecat", "PipecatCall"):
    from pipecat.frames.frames import (
        CancelFrame,
        EndFrame,
        Frame,
        FunctionCallResultFrame,
        LLMContextAssistantTurnFrame,
        LLMContextUserTurnFrame,
    )
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
    from pipecat.runner.types import RunnerArguments

    from async_dynamo_store.store.conversations.packing import Message

__all__ = ["ConversationProcessor", "PipecatCall", "caller_of"]

_ENDS_OF_A_STEP = (
    LLMContextUserTurnFrame,
    LLMContextAssistantTurnFrame,
    FunctionCallResultFrame,
    EndFrame,
    CancelFrame,
)
"""Frames after which the context may have new messages."""
_IN_PROGRESS = "IN_PROGRESS"
"""Pipecat's placeholder for a tool result that is not available yet."""


class PipecatCall(Call[DataT]):
    """One call of one user, in a pipeline with an `LLMContext`.

    `call.earlier` has messages for the context. They are not stored again; neither are messages with the role `system`.
    """

    _last: Message | None = None
    _is_begun = False

    def record(self, context: LLMContext, aggregators: LLMContextAggregatorPair) -> None:
        """Store the context's new messages from now on, and save the user after each turn."""

        async def changed(*_: Any) -> None:
            self.record_new(context)

        self.record_new(context)
        aggregators.user().add_event_handler("on_user_turn_message_added", changed)
        aggregators.assistant().add_event_handler("on_assistant_turn_stopped", changed)

    def record_new(self, context: LLMContext) -> None:
        """Store the messages that are new in the context since the last call, and save the user.

        The first call only notes the messages that are in the context already: the instructions and the earlier
        messages. A tool call is stored when its result is available.
        """
        every = cast("list[Any]", context.get_messages())
        messages: list[Message] = [message for message in every if isinstance(message, dict)]
        if not self._is_begun:
            self._is_begun = True
            self._last = messages[-1] if messages else None
            return
        new = _until_in_progress(messages[_place_after(messages, self._last) :])
        if new:
            self._last = new[-1]
            self.recorder.record([message for message in new if message.get("role") != "system"])
            self.recorder.save_user()


class ConversationProcessor(FrameProcessor):
    """A processor that stores the context's new messages, and passes all frames on.

    It can be anywhere in the pipeline. When the pipeline ends, it waits for pending writes.
    """

    def __init__(self, call: PipecatCall[Any], context: LLMContext) -> None:
        super().__init__()
        self._call = call
        self._context = context
        call.record_new(context)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on. If it may end a turn, store the new messages first."""
        await super().process_frame(frame, direction)
        if isinstance(frame, _ENDS_OF_A_STEP):
            self._call.record_new(self._context)
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Store the last messages and wait for pending writes."""
        await super().cleanup()  # type: ignore[no-untyped-call]  # Pipecat's own
        self._call.record_new(self._context)
        await self._call.aclose()


def caller_of(arguments: RunnerArguments) -> str | None:
    """The caller's phone number from the telephony provider or Daily's dial-in; None for other transports.

    For those, use your app's own user id, such as one in `arguments.body`.
    """
    if arguments.call_data and arguments.call_data.from_number:
        return arguments.call_data.from_number
    body = arguments.body if isinstance(arguments.body, dict) else {}
    settings = body.get("dialin_settings")
    return settings.get("From") if isinstance(settings, dict) else None


def _place_after(messages: Sequence[Message], last: Message | None) -> int:
    """The index after `last`: by identity, else after the newest message that is equal to it.

    Identity comes first, because a caller may say the same thing twice. Equality is needed because a summarized
    context may hold copies of its newest messages.
    """
    places = range(len(messages), 0, -1)
    itself = (place for place in places if messages[place - 1] is last)
    equal = (place for place in places if messages[place - 1] == last)
    return next(itself, None) or next(equal, 0)


def _until_in_progress(messages: Sequence[Message]) -> list[Message]:
    """The messages before the first tool call without a result."""
    waited_for = {each.get("tool_call_id") for each in messages if each.get("content") == _IN_PROGRESS}
    done: list[Message] = []
    for message in messages:
        if any(call.get("id") in waited_for for call in message.get("tool_calls") or ()):
            break
        done.append(message)
    return done
