"""The last turns of a transcript that fit into a model's context, cut only at the start of a turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .packing import Message

Fits = Callable[[list[Message]], bool]
"""A function that returns whether the messages fit."""


def starts_turn(message: Message) -> bool:
    """Whether a message is from the user; tool results with the role `user` (Anthropic, Gemini) are not."""
    return message.get("role") == "user" and not any(_results(message))


def last_turns(
    messages: list[Message], n: int, max_bytes: int | None, max_tokens: Fits | None
) -> list[Message]:
    """The most messages from the end that have at most `n` turns, fit, and keep tool calls and results together.

    A turn begins with a user's message and ends before the next user's message. Messages before the first belong to no
    turn.
    """
    if n < 1:
        raise ValueError(f"n is {n}; ask for one turn or more")
    starts = [index for index, message in enumerate(messages) if starts_turn(message)][-n:]
    for start in starts:
        end = messages[start:]
        if (
            _is_whole(end)
            and (max_bytes is None or _bytes(end) <= max_bytes)
            and (max_tokens is None or max_tokens(end))
        ):
            return end
    return []


def _bytes(messages: list[Message]) -> int:
    return len(json.dumps(messages, ensure_ascii=False).encode())


def _is_whole(messages: Sequence[Message]) -> bool:
    calls = {call for message in messages for call in _calls(message)}
    return all(result in calls for message in messages for result in _results(message))


def _calls(message: Message) -> Iterator[str]:
    """The ids of the tool calls in a message."""
    if "call_id" in message and not _is_output(message):  # OpenAI Responses, LiveKit
        yield str(message["call_id"])
    for call in message.get("tool_calls") or ():  # OpenAI Chat Completions, Pipecat
        yield str(call.get("id"))
    for part in _parts(message):
        if part.get("type") == "tool_use":  # Anthropic
            yield str(part.get("id"))
        if call := part.get("function_call") or part.get("functionCall"):  # Gemini
            yield str(call.get("id") or call.get("name"))


def _results(message: Message) -> Iterator[str]:
    """The ids of the tool calls whose results are in a message."""
    if "call_id" in message and _is_output(message):
        yield str(message["call_id"])
    if message.get("role") == "tool":
        yield str(message.get("tool_call_id"))
    for part in _parts(message):
        if part.get("type") == "tool_result":
            yield str(part.get("tool_use_id"))
        if result := part.get("function_response") or part.get("functionResponse"):
            yield str(result.get("id") or result.get("name"))


def _is_output(message: Message) -> bool:
    return str(message.get("type")).endswith("_output")


def _parts(message: Message) -> Iterator[dict[str, Any]]:
    content = message.get("content") or message.get("parts")
    return (part for part in content if isinstance(part, dict)) if isinstance(content, list) else iter(())
