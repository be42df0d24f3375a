"""What of a transcript a model is given: whole turns, and no tool call without its output."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.store.conversations.last_turns import last_turns, starts_turn

Message = dict[str, Any]


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def reply(text: str) -> Message:
    return {"role": "assistant", "content": text}


FRAMEWORKS: dict[str, tuple[Message, Message]] = {
    "OpenAI Responses": (
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "4"},
    ),
    "OpenAI computer use": (
        {"type": "computer_call", "call_id": "c1"},
        {"type": "computer_call_output", "call_id": "c1", "output": {}},
    ),
    "OpenAI Chat Completions, Pipecat": (
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
    ),
    "Anthropic": (
        {"role": "assistant", "content": [{"type": "text", "text": "hm"}, {"type": "tool_use", "id": "c1"}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "4"}]},
    ),
    "Gemini": (
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
    ),
    "Gemini with ids": (
        {"role": "model", "parts": [{"function_call": {"id": "c1", "name": "f"}}]},
        {"role": "user", "parts": [{"function_response": {"id": "c1", "name": "f"}}]},
    ),
}


@pytest.mark.parametrize(("call", "output"), FRAMEWORKS.values(), ids=FRAMEWORKS)
def test_no_call_is_without_its_output(call: Message, output: Message) -> None:
    talk = [user("1"), call, output, reply("4"), user("2"), reply("ok")]
    assert not starts_turn(output)
    assert last_turns(talk, 2, None, None) == talk
    assert last_turns(talk, 1, None, None) == talk[4:]
    late = [user("1"), call, user("well?"), output, reply("4"), user("2")]
    assert last_turns(late, 2, None, None) == late[5:]  # the second turn has the output of a call before it
    assert last_turns(late, 3, None, None) == late
    assert last_turns([output, reply("4")], 1, None, None) == []


def test_whole_turns_are_left_out_until_the_rest_fits() -> None:
    talk = [reply("welcome"), user("1" * 100), reply("a"), user("2"), reply("b"), user("3")]
    assert last_turns(talk, 9, None, None) == talk[1:]
    assert last_turns(talk, 9, len(json.dumps(talk[1:])), None) == talk[1:]
    assert last_turns(talk, 9, len(json.dumps(talk[1:])) - 1, None) == talk[3:]
    assert last_turns(talk, 9, 10, None) == []
    assert last_turns(talk, 9, None, lambda messages: len(messages) <= 3) == talk[3:]
    assert last_turns(talk, 9, 10_000, lambda messages: len(messages) <= 1) == talk[5:]
    assert last_turns([], 1, None, None) == []
    with pytest.raises(ValueError, match="ask for one turn or more"):
        last_turns(talk, 0, None, None)


messages = st.sampled_from(
    [user("u"), user("w"), reply("r"), *(message for pair in FRAMEWORKS.values() for message in pair)]
)


@given(talk=st.lists(messages, max_size=12), n=st.integers(1, 5), limit=st.integers(0, 12))
def test_the_end_of_any_talk(talk: list[Message], n: int, limit: int) -> None:
    end = last_turns(talk, n, None, lambda messages: len(messages) <= limit)
    assert not end or talk[-len(end) :] == end
    assert len(end) <= limit
    assert not end or starts_turn(end[0])
    assert sum(map(starts_turn, end)) <= n
