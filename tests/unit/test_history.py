from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store.voice.history import history_item
from async_dynamo_store.voice.requests import Entities, Request
from async_dynamo_store.voice.turn import Turn


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "platform": "jovo-core",
        "jovo_type": "core",
        "kind": "intent",
        "user_id": "u1",
        "session_id": "s1",
        "is_new_session": False,
        "intent": "OrderIntent",
        "entities": Entities({"dish": "stew", "drink": None}),
        "locale": "en",
        "timestamp": None,
        "session_data": {},
        "raw": {"version": "4.0"},
    }
    return Request(**fields | changes)


def turn(**changes: Any) -> Turn[dict[str, Any]]:
    made: Turn[dict[str, Any]] = Turn(request(**changes))
    made.ask("One stew?", reprompt="Stew?")
    return made


DISH = {"dish": {"value": "stew", "resolved": "stew"}, "drink": {}}

ELEMENTS: list[tuple[str, dict[str, Any], Any]] = [
    ("output", {}, [{"message": "One stew?", "reprompt": "Stew?", "listen": True}]),
    ("nlu", {}, {"intent": {"name": "OrderIntent"}, "entities": DISH}),
    ("input", {}, {"type": "INTENT", "intent": "OrderIntent", "entities": DISH}),
    ("input", {"entities": Entities()}, {"type": "INTENT", "intent": "OrderIntent"}),
    ("input", {"kind": "launch", "intent": "LAUNCH"}, {"type": "LAUNCH"}),
    ("input", {"kind": "end", "intent": ""}, {"type": "END"}),
    ("input", {"kind": "event", "intent": "AudioPlayer.Stopped"}, {"type": "AudioPlayer.Stopped"}),
    ("entities", {}, DISH),
    ("state", {"session_data": {"state": "Ordering"}}, "Ordering"),
    ("request", {}, {"version": "4.0"}),
]


@pytest.mark.parametrize(("name", "changes", "stored"), ELEMENTS, ids=repr)
async def test_built_in_elements(name: str, changes: dict[str, Any], stored: Any) -> None:
    assert await history_item(turn(**changes), {name: True}) == {name: stored}


async def test_the_response_is_the_platforms() -> None:
    made = turn()
    assert await history_item(made, {"response": True}) == {"response": made.render()}


async def test_what_a_turn_does_not_have_is_left_out() -> None:
    assert await history_item(turn(), {"state": True}) == {}
    silent: Turn[dict[str, Any]] = Turn(request())
    assert await history_item(silent, {"output": True}) == {"output": []}
    silent.tell("Bye")
    assert await history_item(silent, {"output": True}) == {"output": [{"message": "Bye", "listen": False}]}


async def test_own_elements_are_functions_of_the_turn() -> None:
    async def slow(turn: Turn[Any]) -> str:
        return f"{turn.request.intent}!"

    elements = {"locale": lambda turn: turn.request.locale, "slow": slow, "none": lambda turn: None}
    assert await history_item(turn(), elements) == {"locale": "en", "slow": "OrderIntent!"}
