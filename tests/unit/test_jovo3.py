"""What is kept up of Jovo v3's metaData and context: tables of requests and of what they leave."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from async_dynamo_store import Turn
from async_dynamo_store.config import HistoryElement
from async_dynamo_store.records.elements.meta_data import meta_data_changes
from async_dynamo_store.voice.jovo3 import context_item, request_note
from async_dynamo_store.voice.requests import Request, parse_request
from async_dynamo_store.wire.changes import apply
from async_dynamo_store.wire.codec import decode, encode
from tests.unit.requests.sample import parsed, sample

NOW = datetime(2026, 11, 22, 17, 1, 9, 316000, UTC)
TIME = "2026-11-22T17:01:09.316Z"
NOTHING_YET: dict[str, Any] = {"lastUsedAt": "", "sessionsCount": 0, "requests": {}, "devices": {}}
SILENT = {"hasAudioInterface": False, "hasScreenInterface": False, "hasVideoInterface": False}


def noted(meta_data: Any, request: Request, *, is_new: bool = False) -> Any:
    """The metaData after the request."""
    before = encode({"userData": {"metaData": meta_data}})["M"]
    after = apply(before, meta_data_changes(request_note(request), before, NOW, is_new_session=is_new))
    return decode(after["userData"])["metaData"]


def alexa(name: str, state: str | None = None, interfaces: tuple[str, ...] = ()) -> Request:
    raw = sample(f"alexa/{name}")
    if state:
        raw["session"]["attributes"] = {"_JOVO_STATE_": state}
    raw["context"]["System"]["device"]["supportedInterfaces"] = {name: {} for name in interfaces}
    return parse_request(raw)[0]


INTENT = alexa("intent").intent
HANDLERS = [
    (alexa("launch"), "LAUNCH", "LAUNCH"),
    (alexa("launch", state="Order"), "LAUNCH", "LAUNCH"),
    (alexa("intent"), INTENT, INTENT),
    (alexa("intent", state="Order.Size"), f"Order.Size: {INTENT}", INTENT),
    (alexa("end"), "END: USER_INITIATED", "END"),
    (alexa("audio player"), "AUDIOPLAYER", 'AUDIOPLAYER["AlexaSkill.PlaybackNearlyFinished"]'),
    (alexa("touch"), "Alexa.Presentation.APL.UserEvent", "Alexa.Presentation.APL.UserEvent"),
    (parsed("messenger/text"), "ON_TEXT", "ON_TEXT"),
    (parsed("twilio-voice/speech"), "ON_TEXT", "ON_TEXT"),
]


@pytest.mark.parametrize(("request_", "path", "intent"), HANDLERS, ids=[path for _, path, _ in HANDLERS])
async def test_requests_have_jovo3s_names(request_: Request, path: str, intent: str) -> None:
    assert noted({"requests": {}}, request_) == {"requests": {path: {"count": 1, "log": [TIME]}}}
    assert (await context_item(Turn(request_), {"nlu": True}))["request"]["intent"] == intent


@pytest.mark.parametrize("meta_data", [{}, {"createdAt": TIME}, {"own": 1}])
def test_metadata_that_is_not_there_is_not_begun(meta_data: dict[str, Any]) -> None:
    assert noted(meta_data, alexa("launch"), is_new=True) == meta_data


@pytest.mark.parametrize("part", NOTHING_YET)
def test_a_part_that_is_there_is_kept_up_alone(part: str) -> None:
    before = {part: NOTHING_YET[part]}
    after = noted(before, alexa("launch"), is_new=True)
    assert after.keys() == before.keys()
    assert after != before


def test_a_request_in_all_parts() -> None:
    assert noted(NOTHING_YET | {"own": "kept"}, alexa("launch"), is_new=True) == {
        "lastUsedAt": TIME,
        "sessionsCount": 1,
        "requests": {"LAUNCH": {"count": 1, "log": [TIME]}},
        "devices": {"amzn1.ask.device.D1": SILENT},
        "own": "kept",
    }


def test_only_new_sessions_are_counted() -> None:
    assert noted({"sessionsCount": 4}, alexa("intent"), is_new=False) == {"sessionsCount": 4}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"count": 1, "log": [TIME]}),
        ({"count": 7, "log": ["a"]}, {"count": 8, "log": ["a", TIME]}),
        ({"count": 7, "log": ["a", "b", "c", "d"]}, {"count": 8, "log": ["b", "c", "d", TIME]}),
        ({"log": ["a", "b", "c", "d", "e"]}, {"count": 1, "log": ["b", "c", "d", "e", TIME]}),
        ({"count": 2, "own": True}, {"count": 3, "own": True, "log": [TIME]}),
    ],
)
def test_the_log_keeps_four_times_or_as_many_as_it_had(before: Any, after: Any) -> None:
    assert noted({"requests": {"LAUNCH": before}}, alexa("launch")) == {"requests": {"LAUNCH": after}}


@pytest.mark.parametrize(
    ("interfaces", "has"),
    [
        ((), set()),
        (("AudioPlayer",), {"hasAudioInterface"}),
        (("Display",), {"hasAudioInterface", "hasScreenInterface"}),
        (("Alexa.Presentation.APL",), {"hasAudioInterface", "hasScreenInterface"}),
        (("VideoApp",), {"hasVideoInterface"}),
    ],
)
def test_devices(interfaces: tuple[str, ...], has: set[str]) -> None:
    device = {name: name in has for name in SILENT}
    request = alexa("launch", interfaces=interfaces)

    after = noted({"devices": {"other": SILENT}}, request)

    assert after == {"devices": {"other": SILENT, "amzn1.ask.device.D1": device}}
    before = encode({"userData": {"metaData": after}})["M"]
    assert list(meta_data_changes(request_note(request), before, NOW, is_new_session=True)) == []


def test_other_platforms_name_no_device() -> None:
    assert noted({"devices": {}}, parsed("messenger/text")) == {"devices": {}}


EVERY: dict[str, HistoryElement] = dict.fromkeys(
    ("input", "nlu", "entities", "output", "state", "request", "response"), True
)
TOLD = {"output": {"tell": {"speech": "Well."}}, "speech": "Well."}
ASKED = {
    "output": {"ask": {"speech": "More?", "reprompt": "Still there?"}},
    "speech": "More?",
    "reprompt": "Still there?",
}


def turn_of(request: Request) -> Turn:
    turn = Turn(request)
    turn.tell("Well.")
    turn.session.data["_JOVO_STATE_"] = "Next"
    return turn


@pytest.mark.parametrize(
    ("elements", "request_keys", "response_keys"),
    [
        ({}, {"sessionId", "timestamp"}, set()),
        ({"nlu": True}, {"sessionId", "timestamp", "intent", "inputs"}, set()),
        ({"input": True}, {"sessionId", "timestamp", "intent", "inputs"}, set()),
        ({"entities": True}, {"sessionId", "timestamp", "inputs"}, set()),
        ({"state": True}, {"sessionId", "timestamp", "state"}, {"state"}),
        ({"output": True}, {"sessionId", "timestamp"}, {"output", "speech"}),
        ({"request": True}, {"sessionId", "timestamp", "intent", "inputs", "state"}, set()),
        ({"response": True}, {"sessionId", "timestamp"}, {"output", "speech", "state"}),
        (EVERY, {"sessionId", "timestamp", "intent", "inputs", "state"}, {"output", "speech", "state"}),
    ],
)
async def test_the_elements_choose_the_parts(
    elements: dict[str, HistoryElement], request_keys: set[str], response_keys: set[str]
) -> None:
    item = await context_item(turn_of(alexa("intent", state="Order")), elements)

    assert item["request"].keys() == request_keys
    assert item.get("response", {}).keys() == response_keys


async def test_a_turn_in_jovo3s_shape() -> None:
    request = alexa("intent", state="Order")
    assert request.timestamp

    item = await context_item(turn_of(request), EVERY)

    assert item["request"]["sessionId"] == request.session_id
    assert datetime.fromisoformat(item["request"]["timestamp"]) == request.timestamp
    assert item["request"]["state"] == "Order"
    assert item["response"] == TOLD | {"state": "Next"}
    heard = {"city": ("muenchen", "MUNICH"), "team": ("the reds", "CINCINNATI")}
    inputs: dict[str, Any] = {
        name: {"name": name, "value": value, "key": value} for name, value in request.entities.items()
    }
    for name, (value, value_id) in heard.items():
        inputs[name] |= {"id": value_id, "value": value}
    assert item["request"]["inputs"] == {
        name: {"name": name} if value["value"] is None else value for name, value in inputs.items()
    }


async def test_what_was_said() -> None:
    turn = Turn(alexa("launch"))
    assert (await context_item(turn, {"output": True}))["response"] == {"output": {}}
    turn.ask("More?", "Still there?")
    assert (await context_item(turn, {"output": True}))["response"] == ASKED
    turn.ask("More?")
    again = {"speech": "More?", "reprompt": "More?"}
    assert (await context_item(turn, {"output": True}))["response"] == {"output": {"ask": again}} | again


async def test_own_elements_stand_beside_request_and_response() -> None:
    async def mood(turn: Turn) -> str:
        return "good"

    item = await context_item(
        turn_of(alexa("launch")), {"output": True, "mood": mood, "no": lambda turn: None}
    )

    assert item["response"] == TOLD
    assert item["mood"] == "good"
    assert "no" not in item
