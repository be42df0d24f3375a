"""Native output: what is merged into a platform's response, and what contradicts it."""

from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store import Turn, UnsupportedValueError
from async_dynamo_store.voice.requests import Reply
from async_dynamo_store.voice.requests.native import merged
from tests.unit.requests.sample import SAMPLES, parsed

CARD = {"type": "Simple", "title": "Score", "content": "30 points"}
APL = {"type": "Alexa.Presentation.APL.RenderDocument", "token": "score", "document": {"type": "APL"}}
DELEGATE = {"type": "Dialog.Delegate"}
ELICIT = {"type": "Dialog.ElicitSlot", "slotToElicit": "size"}
VIDEO = {"type": "VideoApp.Launch", "videoItem": {"source": "https://example.com/v.mp4"}}
LARGE = {"content_type": "text", "title": "Large", "payload": "SIZE_L"}
TEMPLATE = {"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": []}}}
XML = '<?xml version="1.0" encoding="UTF-8"?>'


def turn(name: str) -> Turn:
    return Turn(parsed(name))


def answer(answered: Turn, said: str, native: dict[str, Any]) -> None:
    """`said` is the method that answers."""
    by_platform: Any = {answered.request.platform: native}
    if said == "send":
        answered.send(by_platform)
    else:
        getattr(answered, said)("Hm?", native=by_platform)


@pytest.mark.parametrize(
    ("ours", "native", "both"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [1]}, {"a": [2]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1}}, {"a": {"b": None, "c": {"d": None}}}, {"a": {"c": {}}}),
        ({}, {"a": {"b": {"c": None, "d": 1}}}, {"a": {"b": {"d": 1}}}),
        ({"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": 1}, {"a": {"b": None}}, {"a": {}}),
    ],
)
def test_how_native_parts_are_merged(ours: Any, native: Any, both: Any) -> None:
    assert merged(ours, native) == both


def test_a_card_and_a_document_stand_beside_what_is_said() -> None:
    asked = turn("alexa/intent")
    asked.ask("Go on?", native={"alexa": {"response": {"card": CARD, "directives": [APL]}}})
    response = asked.render()["response"]
    assert (response["card"], response["directives"]) == (CARD, [APL])
    assert response["outputSpeech"]["ssml"] == "<speak>Go on?</speak>"
    assert response["shouldEndSession"] is False


def test_only_the_platform_of_the_request_is_looked_at() -> None:
    asked = turn("messenger/text")
    asked.ask("Go on?", native={"alexa": {"response": {"directives": [DELEGATE]}}})
    assert asked.render()["message"] == {"text": "Go on?"}


def test_alexa_goes_on_with_a_dialogue() -> None:
    sent = turn("alexa/intent")
    sent.send({"alexa": {"response": {"directives": [DELEGATE]}}})
    assert sent.render()["response"] == {"directives": [DELEGATE]}


def test_an_audio_players_event_may_have_directives() -> None:
    sent = turn("alexa/audio player")
    play = {"type": "AudioPlayer.Play", "playBehavior": "ENQUEUE"}
    sent.send({"alexa": {"response": {"directives": [play]}}})
    assert sent.render() == {"version": "1.0", "response": {"directives": [play]}}


@pytest.mark.parametrize("listen", [True, False])
def test_lex_v2_goes_on_with_a_dialogue(listen: bool) -> None:
    delegated = turn("lex-v2/intent")
    native: Any = {"lex-v2": {"sessionState": {"dialogAction": {"type": "Delegate"}}}}
    if listen:
        delegated.ask("Go on?", native=native)
    else:
        delegated.send(native)
    state = delegated.render()["sessionState"]
    assert state["dialogAction"] == {"type": "Delegate"}
    assert state["intent"] == delegated.request.raw["sessionState"]["intent"]


@pytest.mark.parametrize(
    ("action", "filled"),
    [
        ({"type": "Delegate"}, {"slots"}),
        ({"type": "ConfirmIntent"}, {"intentName", "slots", "message"}),
        ({"type": "ElicitSlot", "slotToElicit": "size"}, {"intentName", "slots", "slotToElicit", "message"}),
        ({"type": "Close", "fulfillmentState": "Failed"}, {"fulfillmentState", "message"}),
    ],
)
def test_lex_v1_is_given_what_an_action_needs(action: dict[str, Any], filled: set[str]) -> None:
    asked = turn("lex-v1/intent")
    if action["type"] == "Delegate":
        asked.send({"lex-v1": {"dialogAction": action}})
    else:
        asked.ask("Right?", native={"lex-v1": {"dialogAction": action}})
    rendered = asked.render()["dialogAction"]
    assert rendered.keys() == {"type"} | filled
    assert rendered["type"] == action["type"]


def test_messengers_quick_replies_and_templates() -> None:
    asked = turn("messenger/text")
    asked.ask("Which size?", native={"messenger": {"message": {"quick_replies": [LARGE]}}})
    assert asked.render()["message"] == {"text": "Which size?", "quick_replies": [LARGE]}
    asked.send({"messenger": {"message": TEMPLATE}})
    assert asked.render() == {
        "recipient": {"id": "PSID-1"},
        "messaging_type": "RESPONSE",
        "message": TEMPLATE,
    }


@pytest.mark.parametrize(
    ("said", "native", "twiml"),
    [
        (
            "ask",
            {"Gather": {"language": "de-DE", "hints": "groß, klein"}, "Say": {"voice": "Polly.Vicki"}},
            (
                '<Gather input="dtmf speech" language="de-DE" hints="groß, klein"><Say voice="Polly.Vicki">Hm?</Say>'
                "</Gather>"
            ),
        ),
        ("ask", {"Gather": {"input": None, "numDigits": 4}}, '<Gather numDigits="4"><Say>Hm?</Say></Gather>'),
        ("tell", {"TwiML": "<Dial>+4930111</Dial>"}, "<Say>Hm?</Say><Dial>+4930111</Dial>"),
        ("ask", {"TwiML": "<Redirect/>"}, '<Gather input="dtmf speech"><Say>Hm?</Say></Gather><Redirect/>'),
        ("send", {"TwiML": "<Reject/>"}, "<Reject/>"),
        ("tell", {"Say": {"voice": '"<&'}}, "<Say voice='\"&lt;&amp;'>Hm?</Say><Hangup/>"),
    ],
)
def test_twilios_verbs(said: str, native: dict[str, Any], twiml: str) -> None:
    answered = turn("twilio-voice/speech")
    answer(answered, said, native)
    assert answered.render() == f"{XML}<Response>{twiml}</Response>"


CONTRADICTIONS: list[tuple[str, str, dict[str, Any], str]] = [
    ("alexa/intent", "ask", {"response": {"shouldEndSession": True}}, "waits for an answer"),
    ("alexa/intent", "tell", {"response": {"directives": [ELICIT]}}, "continues the session"),
    ("alexa/intent", "ask", {"response": {"directives": [DELEGATE]}}, "allows no speech"),
    ("alexa/intent", "tell", {"response": {"directives": [VIDEO]}}, "does not allow shouldEndSession"),
    ("messenger/text", "tell", {"message": TEMPLATE}, "a text or an attachment"),
    ("messenger/text", "send", {"message": {"quick_replies": [LARGE]}}, "need a text"),
    ("lex-v2/intent", "tell", {"sessionState": {"dialogAction": {"type": "Hang"}}}, "must be one of Close"),
    (
        "lex-v2/intent",
        "tell",
        {"sessionState": {"dialogAction": {"type": "ElicitSlot"}}},
        "needs slotToElicit",
    ),
    (
        "lex-v2/intent",
        "tell",
        {"sessionState": {"intent": {"state": None}}},
        "needs the state of the intent",
    ),
    ("lex-v1/intent", "tell", {"dialogAction": {"type": "Close"}}, "needs fulfillmentState"),
    ("lex-v1/intent", "tell", {"dialogAction": {"type": None}}, "must be one of Close"),
    ("twilio-voice/speech", "tell", {"Dial": "+49"}, "got 'Dial'"),
    ("twilio-voice/speech", "tell", {"Gather": "de-DE"}, "got 'Gather'"),
    ("twilio-voice/speech", "tell", {"TwiML": "<Dial>"}, "not well-formed XML"),
]


@pytest.mark.parametrize(
    ("name", "said", "native", "message"),
    CONTRADICTIONS,
    ids=[f"{row[0]}: {row[3]}" for row in CONTRADICTIONS],
)
def test_what_contradicts_the_rest_is_the_handlers_error(
    name: str, said: str, native: dict[str, Any], message: str
) -> None:
    answered = turn(name)
    with pytest.raises(ValueError, match=message):
        answer(answered, said, native)
    assert answered.reply == Reply()


def test_what_is_no_json_is_found_before_the_save() -> None:
    answered = turn("alexa/intent")
    with pytest.raises(UnsupportedValueError, match=r"^native\.….* is of type set"):
        answered.tell("Hm?", native={"alexa": {"response": {"card": {1, 2}}}})
    assert answered.reply == Reply()
    answered.send({"messenger": {"message": {"any": {1, 2}}}})
    assert answered.render()["response"] == {}


def test_a_video_is_launched_without_a_word_on_the_session() -> None:
    launched = turn("alexa/intent")
    launched.tell("Here.", native={"alexa": {"response": {"directives": [VIDEO], "shouldEndSession": None}}})
    assert launched.render()["response"].keys() == {"outputSpeech", "directives"}


@pytest.mark.parametrize(
    ("native", "error", "message"),
    [
        ({"allexa": {}}, ValueError, "unknown platform 'allexa'; the platforms are alexa, "),
        ({"alexa": [CARD]}, TypeError, r"native\['alexa'\] is a list; give a dict"),
        ({"messenger": "text"}, TypeError, r"native\['messenger'\] is a str"),
    ],
)
def test_what_is_no_native_output(native: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        turn("alexa/intent").tell("Hm?", native=native)


@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if "batch" not in name and not name.startswith("twilio")]
)
def test_every_platform_takes_parts_of_its_own(name: str) -> None:
    answered = turn(name)
    before = answered.render()
    answered.send({answered.request.platform: {"mine": {"deep": [1]}}})
    assert answered.render()["mine"] == {"deep": [1]}
    assert before.keys() - answered.render().keys() == set()
