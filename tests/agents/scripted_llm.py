"""A LiveKit model that says what a script says, and calls tools; no network."""

from __future__ import annotations

from typing import Any

from livekit.agents import llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions

Line = str | tuple[str, str]
"""What is said, or the name and the arguments of a tool."""


class ScriptedLLM(llm.LLM):
    def __init__(self, script: list[Line]) -> None:
        super().__init__()
        self.script = list(script)
        self.given: list[llm.ChatContext] = []

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        self.given.append(chat_ctx.copy())
        return _Stream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Stream(llm.LLMStream):
    async def _run(self) -> None:
        model = self._llm
        assert isinstance(model, ScriptedLLM)
        line = model.script.pop(0)
        if isinstance(line, str):
            delta = llm.ChoiceDelta(role="assistant", content=line)
        else:
            name, arguments = line
            call = llm.FunctionToolCall(name=name, arguments=arguments, call_id=f"call {len(model.given)}")
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
        self._event_ch.send_nowait(llm.ChatChunk(id="chunk", delta=delta))
