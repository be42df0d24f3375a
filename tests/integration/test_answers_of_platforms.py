"""The answer that each platform wants, beside what is stored of the turn."""

from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store import Turn
from tests.integration.conftest import ANNA, App, Stored
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine

PHONE = "+4989123456"


@pytest.mark.parametrize(
    "type_", ["Alexa.Presentation.APL.UserEvent", "Display.ElementSelected", "AudioPlayer.X"]
)
async def test_a_tap_that_nothing_is_said_to_leaves_alexas_session_open(
    app: App, stored: Stored, type_: str
) -> None:
    @app.event(type_)
    async def touched(turn: Turn) -> None:
        turn.user.increment("taps")

    raw = sample("alexa/touch")
    raw["request"]["type"] = type_
    assert await app.handle(raw) == {
        "version": "1.0",
        "sessionAttributes": raw["session"]["attributes"],
        "response": {},
    }
    assert await stored.data(ANNA) == {"taps": 1}


def lex_app(app: App) -> App:
    """Asks, tells, fails, or says nothing, as its user's data has it."""

    @app.fallback
    async def talk(turn: Turn) -> None:
        turn.user.increment("turns")
        match turn.request.raw.get("inputTranscript"):
            case "ask":
                turn.ask("Which one?")
            case "tell":
                turn.tell("Done.")
            case "fail":
                raise LookupError("no pizza")

    @app.on_error
    async def sorry(turn: Turn) -> None:
        turn.tell("Sorry.")

    return app


@pytest.mark.parametrize(
    ("said", "action", "state", "turns"),
    [
        ("ask", {"type": "ElicitSlot", "slotToElicit": "extra"}, "InProgress", 1),
        ("tell", {"type": "Close"}, "Fulfilled", 1),
        ("fail", {"type": "Close"}, "Failed", None),
        ("", {"type": "Delegate"}, "InProgress", 1),
    ],
)
async def test_a_dialogue_of_lex_v2_keeps_its_slots(
    app: App, stored: Stored, said: str, action: dict[str, Any], state: str, turns: int | None
) -> None:
    raw = sample("lex-v2/slot by slot") | {"inputTranscript": said}
    response = (await lex_app(app).handle(raw))["sessionState"]
    assert response["dialogAction"] == action
    assert response["intent"] == raw["sessionState"]["intent"] | {"state": state}
    assert await stored.data("lex-session") == (turns and {"turns": turns})


@pytest.mark.parametrize(
    ("said", "action", "turns"),
    [
        ("ask", {"type": "ElicitSlot", "slotToElicit": "extra", "intentName": "OrderIntent"}, 1),
        ("tell", {"type": "Close", "fulfillmentState": "Fulfilled"}, 1),
        ("fail", {"type": "Close", "fulfillmentState": "Failed"}, None),
        ("", {"type": "Delegate"}, 1),
    ],
)
async def test_a_dialogue_of_lex_v1_keeps_its_slots(
    app: App, stored: Stored, said: str, action: dict[str, Any], turns: int | None
) -> None:
    raw = sample("lex-v1/slot by slot") | {"inputTranscript": said}
    answer = (await lex_app(app).handle(raw))["dialogAction"]
    answer.pop("message", None)
    slots = {} if action["type"] == "Close" else {"slots": raw["currentIntent"]["slots"]}
    assert answer == action | slots
    assert await stored.data("lex-user") == (turns and {"turns": turns})


@pytest.mark.parametrize(
    ("name", "ended"),
    [
        ("dialogflow-es/phone", {"endInteraction": True}),
        (
            "dialogflow-cx/intent",
            {"targetPage": "projects/quiz/locations/global/agents/a1/flows/f1/pages/END_SESSION"},
        ),
    ],
)
async def test_tell_ends_a_phone_call_of_dialogflow(
    app: App, stored: Stored, name: str, ended: dict[str, Any]
) -> None:
    @app.fallback
    async def bye(turn: Turn) -> None:
        calls = turn.user.increment("calls")
        (turn.ask if calls == 1 else turn.tell)("Bye.")

    asked, told = [await app.handle(sample(name)) for _ in range(2)]
    assert not ended.keys() & asked.keys()
    assert ended.items() <= told.items()
    assert await stored.data(PHONE) == {"calls": 2}
