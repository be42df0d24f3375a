from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.voice.requests import Reply, parse_request, render_reply
from tests.unit.requests.sample import SAMPLES, parsed, sample
from tests.unit.requests.test_mutations import json_values

TELL = Reply("Bye & <thanks>")
ASK = Reply("Which size?", "Large or small?", listen=True, session_data={"round": 3, "name": "Anna"})
ASK_ONCE = Reply("Which size?", listen=True, session_data={"round": 3, "name": "Anna"})
SILENT = Reply()
DATA = {"round": 3, "name": "Anna"}
CX_FLOW = "projects/quiz/locations/global/agents/a1/flows/f1"
CX_START_FLOW = "projects/quiz/locations/global/agents/a1/flows/00000000-0000-0000-0000-000000000000"
ES_CONTEXT = "projects/quiz/agent/sessions/s1/contexts/async_dynamo_store"
XML = '<?xml version="1.0" encoding="UTF-8"?>'
GATHER = '<Gather input="dtmf speech">'


def alexa(response: dict[str, Any], attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"version": "1.0", "sessionAttributes": attributes or {}, "response": response}


def ssml(text: str) -> dict[str, str]:
    return {"type": "SSML", "ssml": f"<speak>{text}</speak>"}


def jovo(platform: str, output: dict[str, Any] | None, session: dict[str, Any]) -> dict[str, Any]:
    context = {"request": {}, "session": session, "user": {"data": {}}}
    return {
        "version": "4.0.0",
        "platform": platform,
        "output": [] if output is None else [output],
        "context": context,
    }


def plain(text: str) -> dict[str, str]:
    return {"contentType": "PlainText", "content": text}


def lex_v2_intent(state: str) -> dict[str, Any]:
    intent: dict[str, Any] = sample("lex-v2/intent")["sessionState"]["intent"]
    return intent | {"state": state}


CASES: list[tuple[str, Reply, dict[str, Any] | str]] = [
    (
        "alexa/intent",
        TELL,
        alexa({"outputSpeech": ssml("Bye &amp; &lt;thanks&gt;"), "shouldEndSession": True}),
    ),
    (
        "alexa/intent",
        ASK,
        alexa(
            {
                "outputSpeech": ssml("Which size?"),
                "reprompt": {"outputSpeech": ssml("Large or small?")},
                "shouldEndSession": False,
            },
            DATA,
        ),
    ),
    (
        "alexa/launch",
        ASK_ONCE,
        alexa({"outputSpeech": ssml("Which size?"), "shouldEndSession": False}, DATA),
    ),
    (
        "alexa/intent without session",
        Reply("Bye", "unheard"),
        alexa({"outputSpeech": ssml("Bye"), "shouldEndSession": True}),
    ),
    ("alexa/intent", Reply(listen=True), alexa({"shouldEndSession": False})),
    ("alexa/intent", SILENT, alexa({})),
    ("alexa/touch", SILENT, alexa({})),
    (
        "alexa/touch",
        TELL,
        alexa({"outputSpeech": ssml("Bye &amp; &lt;thanks&gt;"), "shouldEndSession": True}),
    ),
    ("alexa/probe", ASK, {"version": "1.0", "response": {"canFulfillIntent": {"canFulfill": "NO"}}}),
    (
        "alexa/probe",
        Reply(can_fulfill="MAYBE"),
        {"version": "1.0", "response": {"canFulfillIntent": {"canFulfill": "MAYBE"}}},
    ),
    ("alexa/end", ASK, {"version": "1.0", "response": {}}),
    ("alexa/audio player", ASK, {"version": "1.0", "response": {}}),
    (
        "google-assistant/intent",
        TELL,
        {
            "session": {"id": "ABwppHF_s1", "params": {"round": None, "foreign": None, "gone": None}},
            "prompt": {
                "override": False,
                "firstSimple": {
                    "speech": "<speak>Bye &amp; &lt;thanks&gt;</speak>",
                    "text": "Bye & <thanks>",
                },
            },
            "scene": {"name": "Quiz", "slots": {}, "next": {"name": "actions.scene.END_CONVERSATION"}},
        },
    ),
    (
        "google-assistant/launch",
        ASK,
        {
            "session": {"id": "ABwppHF_s1", "params": DATA},
            "prompt": {
                "override": False,
                "firstSimple": {"speech": "<speak>Which size?</speak>", "text": "Which size?"},
            },
        },
    ),
    (
        "google-assistant/launch",
        Reply("x" * 641),
        {
            "session": {"id": "ABwppHF_s1", "params": {}},
            "prompt": {"override": False, "firstSimple": {"speech": f"<speak>{'x' * 641}</speak>"}},
            "scene": {"name": "", "slots": {}, "next": {"name": "actions.scene.END_CONVERSATION"}},
        },
    ),
    ("google-assistant/anonymous", SILENT, {"session": {"id": "ABwppHF_s1", "params": {}}}),
    (
        "dialogflow-es/intent",
        TELL,
        {
            "fulfillmentText": "Bye & <thanks>",
            "fulfillmentMessages": [{"text": {"text": ["Bye & <thanks>"]}}],
            "outputContexts": [{"name": ES_CONTEXT, "lifespanCount": 0}],
        },
    ),
    (
        "dialogflow-es/launch",
        ASK,
        {
            "fulfillmentText": "Which size?",
            "fulfillmentMessages": [{"text": {"text": ["Which size?"]}}],
            "outputContexts": [
                {
                    "name": ES_CONTEXT,
                    "lifespanCount": 99,
                    "parameters": {"async_dynamo_store": '{"round": 3, "name": "Anna"}'},
                }
            ],
        },
    ),
    ("dialogflow-es/anonymous", SILENT, {}),
    (
        "dialogflow-es/phone",
        TELL,
        {
            "fulfillmentText": "Bye & <thanks>",
            "fulfillmentMessages": [{"text": {"text": ["Bye & <thanks>"]}}],
            "endInteraction": True,
        },
    ),
    (
        "dialogflow-es/phone",
        Reply("Which size?", listen=True),
        {
            "fulfillmentText": "Which size?",
            "fulfillmentMessages": [{"text": {"text": ["Which size?"]}}],
        },
    ),
    (
        "dialogflow-es/launch by event",
        TELL,
        {
            "fulfillmentText": "Bye & <thanks>",
            "fulfillmentMessages": [{"text": {"text": ["Bye & <thanks>"]}}],
            "payload": {
                "google": {
                    "expectUserResponse": False,
                    "richResponse": {"items": [{"simpleResponse": {"textToSpeech": "Bye & <thanks>"}}]},
                }
            },
        },
    ),
    (
        "dialogflow-es/launch by event",
        Reply("Which size?", "Large or small?", listen=True),
        {
            "fulfillmentText": "Which size?",
            "fulfillmentMessages": [{"text": {"text": ["Which size?"]}}],
            "payload": {
                "google": {
                    "expectUserResponse": True,
                    "richResponse": {"items": [{"simpleResponse": {"textToSpeech": "Which size?"}}]},
                    "noInputPrompts": [{"textToSpeech": "Large or small?"}],
                }
            },
        },
    ),
    ("dialogflow-es/launch by event", SILENT, {"payload": {"google": {"expectUserResponse": True}}}),
    (
        "dialogflow-cx/intent",
        TELL,
        {
            "fulfillmentResponse": {"messages": [{"text": {"text": ["Bye & <thanks>"]}}]},
            "sessionInfo": {"parameters": {"round": None, "foreign": None, "gone": None}},
            "targetPage": f"{CX_FLOW}/pages/END_SESSION",
        },
    ),
    (
        "dialogflow-cx/launch",
        ASK,
        {
            "fulfillmentResponse": {"messages": [{"text": {"text": ["Which size?"]}}]},
            "sessionInfo": {"parameters": DATA},
        },
    ),
    (
        "dialogflow-cx/launch by event",
        Reply("Bye"),
        {
            "fulfillmentResponse": {"messages": [{"text": {"text": ["Bye"]}}]},
            "sessionInfo": {"parameters": {}},
            "targetPage": f"{CX_START_FLOW}/pages/END_SESSION",
        },
    ),
    (
        "dialogflow-cx/of an environment",
        Reply("Bye"),
        {
            "fulfillmentResponse": {"messages": [{"text": {"text": ["Bye"]}}]},
            "sessionInfo": {"parameters": {}},
            "targetPage": f"{CX_START_FLOW}/pages/END_SESSION",
        },
    ),
    ("dialogflow-cx/tag alone", SILENT, {"sessionInfo": {"parameters": {"round": None}}}),
    (
        "lex-v1/intent",
        TELL,
        {
            "sessionAttributes": {},
            "dialogAction": {
                "type": "Close",
                "fulfillmentState": "Fulfilled",
                "message": plain("Bye & <thanks>"),
            },
        },
    ),
    (
        "lex-v1/first",
        ASK,
        {
            "sessionAttributes": {"name": "Anna", "async_dynamo_store": '{"round": 3}'},
            "dialogAction": {"type": "ElicitIntent", "message": plain("Which size?")},
        },
    ),
    (
        "lex-v1/intent",
        SILENT,
        {"sessionAttributes": {}, "dialogAction": {"type": "Close", "fulfillmentState": "Fulfilled"}},
    ),
    (
        "lex-v1/slot by slot",
        SILENT,
        {
            "sessionAttributes": {},
            "dialogAction": {"type": "Delegate", "slots": {"size": "large", "extra": None}},
        },
    ),
    *(
        (
            f"lex-v1/{name}",
            Reply("Which?", listen=True),
            {
                "sessionAttributes": {},
                "dialogAction": {
                    **asked,
                    "intentName": "OrderIntent",
                    "slots": sample(f"lex-v1/{name}")["currentIntent"]["slots"],
                    "message": plain("Which?"),
                },
            },
        )
        for name, asked in {
            "slot by slot": {"type": "ElicitSlot", "slotToElicit": "extra"},
            "asked for a slot before": {"type": "ElicitSlot", "slotToElicit": "extra"},
            "has the slot that was asked for": {"type": "ElicitSlot", "slotToElicit": "size"},
            "all slots filled": {"type": "ConfirmIntent"},
        }.items()
    ),
    *(
        (
            f"lex-v1/{name}",
            Reply(said, is_failure=True),
            {
                "sessionAttributes": {},
                "dialogAction": {"type": "Close", "fulfillmentState": "Failed", **message},
            },
        )
        for name in ("intent", "slot by slot")
        for said, message in ((None, {}), ("Sorry", {"message": plain("Sorry")}))
    ),
    *(
        (
            f"lex-v2/{name}",
            Reply("Which?", listen=True),
            {
                "sessionState": {
                    "sessionAttributes": {},
                    "dialogAction": asked,
                    "intent": sample(f"lex-v2/{name}")["sessionState"]["intent"],
                },
                "messages": [plain("Which?")],
            },
        )
        for name, asked in {
            "slot by slot": {"type": "ElicitSlot", "slotToElicit": "extra"},
            "proposes a slot": {
                "type": "ElicitSlot",
                "slotToElicit": "address",
                "slotElicitationStyle": "Default",
                "subSlotToElicit": {"name": "number"},
            },
            "proposes a confirmation": {"type": "ConfirmIntent"},
            "all slots filled": {"type": "ConfirmIntent"},
        }.items()
    ),
    (
        "lex-v2/slot by slot",
        Reply("Sorry", is_failure=True),
        {
            "sessionState": {
                "sessionAttributes": {},
                "dialogAction": {"type": "Close"},
                "intent": lex_v2_intent("Failed"),
            },
            "messages": [plain("Sorry")],
        },
    ),
    (
        "lex-v2/no intent",
        Reply("What?", listen=True),
        {
            "sessionState": {"sessionAttributes": {}, "dialogAction": {"type": "ElicitIntent"}},
            "messages": [plain("What?")],
        },
    ),
    (
        "lex-v2/intent",
        TELL,
        {
            "sessionState": {
                "sessionAttributes": {},
                "dialogAction": {"type": "Close"},
                "intent": lex_v2_intent("Fulfilled"),
            },
            "messages": [plain("Bye & <thanks>")],
        },
    ),
    (
        "lex-v2/first",
        ASK,
        {
            "sessionState": {
                "sessionAttributes": {"name": "Anna", "async_dynamo_store": '{"round": 3}'},
                "dialogAction": {"type": "ElicitIntent"},
            },
            "messages": [plain("Which size?")],
        },
    ),
    (
        "lex-v2/intent",
        SILENT,
        {
            "sessionState": {
                "sessionAttributes": {},
                "dialogAction": {"type": "Close"},
                "intent": lex_v2_intent("Fulfilled"),
            }
        },
    ),
    (
        "lex-v2/slot by slot",
        SILENT,
        {
            "sessionState": {
                "sessionAttributes": {},
                "dialogAction": {"type": "Delegate"},
                "intent": lex_v2_intent("InProgress"),
            }
        },
    ),
    (
        "messenger/text",
        TELL,
        {
            "recipient": {"id": "PSID-1"},
            "messaging_type": "RESPONSE",
            "message": {"text": "Bye & <thanks>"},
        },
    ),
    (
        "messenger/id as a number",
        ASK,
        {
            "recipient": {"id": "3135154219859294"},
            "messaging_type": "RESPONSE",
            "message": {"text": "Which size?"},
        },
    ),
    (
        "messenger/anonymous",
        Reply("Hi"),
        {"recipient": {"user_ref": "REF-1"}, "messaging_type": "RESPONSE", "message": {"text": "Hi"}},
    ),
    *(
        (
            f"messenger/{name}",
            Reply("Hi"),
            {"recipient": recipient, "messaging_type": "RESPONSE", "message": {"text": "Hi"}},
        )
        for name, recipient in {
            "opt-in of a web page": {"user_ref": "REF-1"},
            "opt-in": {"id": "PSID-1"},
            "referral": {"id": "PSID-1"},
            "account linking": {"id": "PSID-1"},
        }.items()
    ),
    *(
        (f"messenger/{name}", TELL, {})
        for name in ("standby", "feed", "dashboard test", "dashboard sample", "no entry", "nothing in it")
    ),
    ("messenger/text", SILENT, {}),
    ("messenger/nobody", TELL, {}),
    ("messenger/echo", TELL, {}),
    ("messenger/delivery", TELL, {}),
    (
        "twilio-voice/speech",
        TELL,
        f"{XML}<Response><Say>Bye &amp; &lt;thanks&gt;</Say><Hangup/></Response>",
    ),
    (
        "twilio-voice/launch",
        ASK,
        (
            f"{XML}<Response>{GATHER}<Say>Which size?</Say></Gather>"
            f"{GATHER}<Say>Large or small?</Say></Gather></Response>"
        ),
    ),
    (
        "twilio-voice/launch",
        ASK_ONCE,
        f"{XML}<Response>{GATHER}<Say>Which size?</Say></Gather></Response>",
    ),
    ("twilio-voice/speech", SILENT, f"{XML}<Response><Hangup/></Response>"),
    ("twilio-voice/end", TELL, f"{XML}<Response></Response>"),
    ("twilio-voice/partial result", SILENT, f"{XML}<Response></Response>"),
    (
        "twilio-voice/recorded",
        TELL,
        f"{XML}<Response><Say>Bye &amp; &lt;thanks&gt;</Say><Hangup/></Response>",
    ),
    (
        "jovo-core/intent",
        TELL,
        jovo(
            "core",
            {"message": "Bye & <thanks>", "listen": False},
            {"id": "jovo-session", "state": [{"component": "Order"}], "end": True, "data": {}},
        ),
    ),
    (
        "jovo-core/intent with confidence",
        ASK,
        jovo(
            "car",
            {"message": "Which size?", "reprompt": "Large or small?", "listen": True},
            {"id": "jovo-session", "end": False, "data": DATA},
        ),
    ),
    (
        "jovo-core/no session",
        Reply("Hi", "unheard"),
        jovo("core", {"message": "Hi", "listen": False}, {"end": True, "data": {}}),
    ),
    ("jovo-web/intent", SILENT, jovo("web", None, {"id": "jovo-session", "end": False, "data": {}})),
    (
        "vapi/assistant request",
        ASK,
        {"assistantOverrides": {"variableValues": DATA, "firstMessage": "Which size?"}},
    ),
    ("vapi/assistant request", SILENT, {}),
    ("vapi/assistant request", Reply("Sorry", is_failure=True), {"error": "Sorry"}),
    ("vapi/assistant request", Reply(is_failure=True), {"error": ""}),
    (
        "vapi/tool call",
        TELL,
        {"results": [{"toolCallId": "t1", "name": "add_score", "result": "Bye & <thanks>"}]},
    ),
    ("vapi/tool call", SILENT, {"results": [{"toolCallId": "t1", "name": "add_score", "result": ""}]}),
    (
        "vapi/tool call",
        Reply("Sorry", is_failure=True),
        {"results": [{"toolCallId": "t1", "name": "add_score", "error": "Sorry"}]},
    ),
    ("vapi/end of call", TELL, {}),
    ("vapi/status", TELL, {}),
    ("vapi/no tool call", TELL, {}),
    (
        "retell/inbound call",
        ASK,
        {"call_inbound": {"dynamic_variables": {"round": "3", "name": "Anna"}}},
    ),
    ("retell/inbound chat", SILENT, {"chat_inbound": {"dynamic_variables": {}}}),
    ("retell/custom function", TELL, {"result": "Bye & <thanks>"}),
    ("retell/custom function", SILENT, {"result": ""}),
    ("retell/ended", TELL, {}),
    ("retell/started", TELL, {}),
]


@pytest.mark.parametrize(("name", "reply", "expected"), CASES)
def test_response(name: str, reply: Reply, expected: dict[str, Any] | str) -> None:
    assert render_reply(parsed(name), reply) == expected


def test_every_platform_has_a_response() -> None:
    platforms = {name.partition("/")[0] for name in SAMPLES} - {"messenger-batch", "vapi-batch"}
    assert platforms == {name.partition("/")[0] for name, _, _ in CASES}


def test_repr_of_a_reply_holds_nothing_of_the_user() -> None:
    assert repr(ASK) == "Reply(listen=True)"


def spoken_alexa(response: Any) -> str | None:
    speech = response["response"].get("outputSpeech")
    return speech and ET.fromstring(speech["ssml"]).text


def spoken_google(response: Any) -> str | None:
    prompt = response.get("prompt")
    return prompt and ET.fromstring(prompt["firstSimple"]["speech"]).text


def spoken_twilio(response: Any) -> str | None:
    return ET.fromstring(response).findtext("Say")


def said_messenger(response: Any) -> str | None:
    message: str | None = response.get("message", {}).get("text")
    return message


ANY_TEXT = st.text(st.characters(exclude_categories=()))
FORBIDDEN_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("alexa/intent", spoken_alexa),
        ("google-assistant/intent", spoken_google),
        ("twilio-voice/speech", spoken_twilio),
        ("messenger/text", said_messenger),
    ],
)
@given(text=ANY_TEXT)
def test_text_arrives(name: str, spoken: Callable[[Any], str | None], text: str) -> None:
    response = render_reply(parsed(name), Reply(text))
    heard = (spoken(response) or "").replace("\r\n", "\n").replace("\r", "\n")
    assert heard == FORBIDDEN_IN_XML.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    json.dumps(response, ensure_ascii=False).encode()


def echo_alexa(raw: Any, response: Any) -> None:
    raw["session"]["attributes"] = response["sessionAttributes"]


def echo_google_replaced(raw: Any, response: Any) -> None:
    raw["session"]["params"] = response["session"]["params"]


def echo_google_merged(raw: Any, response: Any) -> None:
    params = raw["session"]["params"] | response["session"]["params"]
    raw["session"]["params"] = {name: value for name, value in params.items() if value is not None}


def echo_es(raw: Any, response: Any) -> None:
    """Contexts of the answer replace those of their name, and take in the parameters of the next intent."""
    contexts = {context["name"]: context for context in raw["queryResult"].get("outputContexts", [])}
    contexts |= {context["name"]: context for context in response.get("outputContexts", [])}
    alive = [context for context in contexts.values() if context["lifespanCount"] > 0]
    for context in alive:
        context["parameters"] |= {"round": "another", "foreign": "another", "round.original": "other"}
    raw["queryResult"]["outputContexts"] = alive


def echo_cx(raw: Any, response: Any) -> None:
    parameters = raw["sessionInfo"].get("parameters", {}) | response["sessionInfo"]["parameters"]
    raw["sessionInfo"]["parameters"] = {
        name: value for name, value in parameters.items() if value is not None
    }


def echo_lex_v1(raw: Any, response: Any) -> None:
    assert all(isinstance(value, str) for value in response["sessionAttributes"].values())
    raw["sessionAttributes"] = response["sessionAttributes"]


def echo_lex_v2(raw: Any, response: Any) -> None:
    attributes = response["sessionState"]["sessionAttributes"]
    assert all(isinstance(value, str) for value in attributes.values())
    raw["sessionState"]["sessionAttributes"] = attributes


def echo_jovo(raw: Any, response: Any) -> None:
    raw["context"]["session"]["data"] = response["context"]["session"]["data"]


NULL_MEANS_REMOVED = {echo_google_replaced, echo_google_merged, echo_cx}


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("name", "echo"),
    [
        ("alexa/intent", echo_alexa),
        ("alexa/launch", echo_alexa),
        ("google-assistant/intent", echo_google_replaced),
        ("google-assistant/intent", echo_google_merged),
        ("dialogflow-es/intent", echo_es),
        ("dialogflow-es/launch", echo_es),
        ("dialogflow-cx/intent", echo_cx),
        ("dialogflow-cx/launch", echo_cx),
        ("lex-v1/intent", echo_lex_v1),
        ("lex-v1/first", echo_lex_v1),
        ("lex-v1/attribute of another", echo_lex_v1),
        ("lex-v2/intent", echo_lex_v2),
        ("lex-v2/first", echo_lex_v2),
        ("jovo-core/intent", echo_jovo),
        ("jovo-web/intent", echo_jovo),
    ],
)
@given(
    added=st.dictionaries(
        st.sampled_from(["round", "foreign", "async_dynamo_store", "a.b", ""]) | st.text(), json_values
    ),
    removed=st.sets(st.sampled_from(["round", "foreign", "gone", "async_dynamo_store"])),
    reply=st.sampled_from([TELL, ASK, SILENT]),
)
def test_session_data_comes_back(
    name: str,
    echo: Callable[[Any, Any], None],
    added: dict[str, Any],
    removed: set[str],
    reply: Reply,
) -> None:
    raw = sample(name)
    before = parse_request(raw)[0].session_data or {}
    data = {key: value for key, value in before.items() if key not in removed} | added
    for _ in range(2):
        request = parse_request(raw)[0]
        response = render_reply(request, Reply(reply.speech, reply.reprompt, reply.listen, data))
        echo(raw, json.loads(json.dumps(response)))
        if echo in NULL_MEANS_REMOVED:
            data = {key: value for key, value in data.items() if value is not None}
        came_back = parse_request(raw)[0].session_data
        assert json.dumps(came_back, sort_keys=True) == json.dumps(data, sort_keys=True)


@pytest.mark.parametrize("name", ["messenger/text", "twilio-voice/speech"])
def test_platforms_without_session_attributes(name: str) -> None:
    request = parsed(name)
    assert request.session_data is None
    assert render_reply(request, ASK) == render_reply(request, replace(ASK, session_data={}))
