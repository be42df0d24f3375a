"""The examples of docs/native-output.md, from request JSON to response JSON and the stored item."""

from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store import Turn
from tests.integration.conftest import ANNA, App, Stored, alexa
from tests.pages import ROOT, blocks
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine

IMPORTS, *EXAMPLES = blocks(ROOT / "docs" / "native-output.md", "python")


@pytest.fixture
def documented(app: App) -> App:
    names: dict[str, Any] = {}
    IMPORTS.run(names)
    names["app"] = app
    for example in EXAMPLES:
        example.run(names)
    return app


def messenger(text: str) -> Any:
    raw = sample("messenger/text")
    raw["entry"][0]["messaging"][0]["message"]["text"] = text
    return raw


def lex_v2(intent: str, **slots: Any) -> Any:
    raw = sample("lex-v2/first")
    raw["sessionState"]["intent"] = {"name": intent, "slots": slots, "state": "InProgress"}
    return raw


async def test_a_card(documented: App) -> None:
    await documented.store.set(ANNA, "score", 30)
    response = (await documented.handle(alexa("CardIntent")))["response"]
    assert response["card"] == {"type": "Simple", "title": "Your score", "content": "30 points"}
    assert response["shouldEndSession"] is True


async def test_a_document_on_the_screen(documented: App) -> None:
    response = (await documented.handle(alexa("ScreenIntent")))["response"]
    (directive,) = response["directives"]
    assert directive["type"] == "Alexa.Presentation.APL.RenderDocument"
    assert response["shouldEndSession"] is False


async def test_a_dialogue_is_left_to_the_platform(documented: App) -> None:
    assert (await documented.handle(alexa("OrderIntent")))["response"] == {
        "directives": [{"type": "Dialog.Delegate"}]
    }
    delegated = await documented.handle(lex_v2("OrderIntent", size=None))
    assert delegated["sessionState"]["dialogAction"] == {"type": "Delegate"}
    assert delegated["sessionState"]["intent"]["state"] == "InProgress"
    filled = {"shape": "Scalar", "value": {"originalValue": "big", "interpretedValue": "large"}}
    confirmed = await documented.handle(lex_v2("OrderIntent", size=filled))
    assert confirmed["sessionState"]["dialogAction"] == {"type": "ConfirmIntent"}
    assert confirmed["sessionState"]["intent"]["slots"] == {"size": filled}
    assert confirmed["messages"] == [{"contentType": "PlainText", "content": "Shall I order it?"}]


async def test_a_call_in_another_language(documented: App) -> None:
    call = sample("twilio-voice/speech")
    assert (
        '<Gather input="dtmf speech" language="de-DE" hints="groß, klein">'
        '<Say language="de-DE" voice="Polly.Vicki">Welche Größe?</Say></Gather>'
    ) in await documented.handle(call | {"SpeechResult": "DeutschIntent"})
    assert "<Say>One moment.</Say><Dial>+493012345</Dial>" in await documented.handle(
        call | {"SpeechResult": "AgentIntent"}
    )


async def test_quick_replies(documented: App) -> None:
    answer = await documented.handle(messenger("SizeIntent"))
    assert [reply["payload"] for reply in answer["message"]["quick_replies"]] == ["SIZE_LARGE", "SIZE_SMALL"]
    assert answer["message"]["text"] == "Which size?"


async def test_who_answers_a_call(documented: App) -> None:
    await documented.store.set("+4989123456", "name", "Anna")
    vapi = await documented.handle(sample("vapi/assistant request"))
    assert vapi == {
        "assistantId": "your-assistant",
        "assistantOverrides": {"variableValues": {"name": "Anna"}, "firstMessage": "Hello Anna!"},
    }
    retell = await documented.handle(sample("retell/inbound call"))
    assert retell == {
        "call_inbound": {"dynamic_variables": {"name": "Anna"}, "override_agent_id": "your-agent"}
    }


async def test_what_contradicts_itself_saves_nothing(app: App, stored: Stored) -> None:
    @app.fallback
    async def contradict(turn: Turn) -> None:
        turn.user.data["never"] = "saved"
        turn.ask("Hm?", native={"alexa": {"response": {"shouldEndSession": True}}})

    with pytest.raises(ValueError, match="waits for an answer"):
        await app.handle(alexa("Any"))
    assert await stored.users() == 0


def test_every_example_of_the_page_is_tried_here() -> None:
    assert len(EXAMPLES) == 6
