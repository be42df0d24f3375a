"""What a request is to the dialogue: which handler runs, what is stored, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store import Turn
from tests.integration.conftest import ANNA, App, Stored
from tests.unit.requests.sample import OWN_SAMPLES, sample

pytestmark = pytest.mark.one_engine

XML = '<?xml version="1.0" encoding="UTF-8"?>'
SILENCE = f"{XML}<Response></Response>"
PHONE = "+4989123456"


def counting(app: App) -> App:
    """Counts what its handlers are called for, in the user's data."""

    @app.launch
    async def launch(turn: Turn) -> None:
        turn.user.increment("visits")
        turn.ask("Welcome. What would you like?")

    @app.end
    async def end(turn: Turn) -> None:
        turn.user.increment("ends")

    @app.fallback
    async def talk(turn: Turn) -> None:
        turn.user.increment("answers")
        turn.ask("What else?")

    return app


async def test_a_call_is_launched_once_whatever_calls_back(app: App, stored: Stored) -> None:
    counting(app)
    answers = dict[str, Any]()
    call = {
        name: raw
        for name, raw in OWN_SAMPLES.items()
        if name.startswith("twilio-voice/") and raw["CallSid"] == "CA1" and raw.get("From") in (PHONE, None)
        if raw.get("Direction") != "outbound-api" and name != "twilio-voice/no number"
    }
    for name, raw in call.items():
        answers[name.partition("/")[2]] = await app.handle(raw)
    assert await stored.data(PHONE) == {"visits": 1, "answers": 3, "ends": 2}
    assert "Welcome" in answers.pop("launch")
    for heard in ("speech", "digits", "nothing heard"):
        assert "What else?" in answers.pop(heard)
    assert answers
    assert set(answers.values()) == {SILENCE}


async def test_a_probe_is_answered_by_its_own_handler_and_changes_nothing(app: App, stored: Stored) -> None:
    @app.intent("OrderIntent")
    async def order(turn: Turn) -> None:
        turn.tell(f"order {turn.user.increment('orders')}")

    @app.can_fulfill("HelpIntent")
    async def can_help(turn: Turn) -> None:
        turn.user.data["asked"] = True
        turn.can_fulfill("YES")

    raw = sample("alexa/probe")
    answer: dict[str, Any] = {"version": "1.0", "response": {"canFulfillIntent": {"canFulfill": "NO"}}}
    assert await app.handle(raw) == answer
    raw["request"]["intent"]["name"] = "HelpIntent"
    answer["response"]["canFulfillIntent"] = {"canFulfill": "YES"}
    assert await app.handle(raw) == answer
    assert await stored.data(ANNA) is None
    assert "order 1" in str(await app.handle(sample("alexa/intent")))


async def test_a_probe_has_three_answers(app: App) -> None:
    @app.can_fulfill("OrderIntent")
    async def can_order(turn: Turn) -> None:
        turn.can_fulfill("PERHAPS")  # type: ignore[arg-type]  # what is wrong is the test

    with pytest.raises(ValueError, match="YES, NO, MAYBE"):
        await app.handle(sample("alexa/probe"))
