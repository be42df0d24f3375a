from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from operator import getitem
from typing import Any

import pytest

from async_dynamo_store import Session, Turn
from async_dynamo_store.errors import UnknownRequestError
from async_dynamo_store.voice.requests import Request, parse_request
from async_dynamo_store.voice.requests.fields import moment
from tests.unit.requests.sample import OWN_SAMPLES, SAMPLES, parsed, sample

ANNA = "amzn1.ask.account.ANNA"
ALEXA_SESSION = "amzn1.echo-api.session.s1"
DATA = {"round": 2, "foreign": {"kept": [1, None, "x"]}}
ES_SESSION = "projects/quiz/agent/sessions/s1"
CX_SESSION = "projects/quiz/locations/global/agents/a1/sessions/s1"
PHONE = "+4989123456"
PIZZA = {
    "name": "Anna",
    "city": "Munich",
    "team": "Cincinnati",
    "dish": "stew",
    "toppings": ["olives", "mushrooms"],
    "empty": None,
}
LEX_V2_SLOTS = {
    "size": "large",
    "extra": None,
    "toppings": ["olives", "ham"],
    "address": {"street": "Main Street", "number": None},
}

# name: jovo_type, kind, user, session, is new, intent, entities, locale, session data
EXPECTED: dict[str, tuple[Any, ...]] = {
    "alexa/launch": ("AlexaSkill", "launch", ANNA, ALEXA_SESSION, True, "LaunchRequest", {}, "de-DE", {}),
    "alexa/intent": ("AlexaSkill", "intent", ANNA, ALEXA_SESSION, False, "OrderIntent", PIZZA, "de-DE", DATA),
    "alexa/intent without session": (
        *("AlexaSkill", "intent", ANNA, None, None, "AMAZON.HelpIntent", {}, "de-DE", {}),
    ),
    "alexa/end": ("AlexaSkill", "end", ANNA, ALEXA_SESSION, False, "SessionEndedRequest", {}, "de-DE", DATA),
    "alexa/user only in session": (
        *("AlexaSkill", "intent", "amzn1.ask.account.SESSION", ALEXA_SESSION, False, "AMAZON.HelpIntent"),
        *({}, "de-DE", DATA),
    ),
    "alexa/anonymous": (
        *("AlexaSkill", "intent", None, ALEXA_SESSION, False, "AMAZON.HelpIntent", {}, "de-DE", DATA),
    ),
    "alexa/audio player": (
        *("AlexaSkill", "event", ANNA, None, None, "AudioPlayer.PlaybackNearlyFinished", {}, "de-DE", {}),
    ),
    "alexa/touch": (
        *("AlexaSkill", "event", ANNA, ALEXA_SESSION, False, "Alexa.Presentation.APL.UserEvent"),
        *({}, "de-DE", DATA),
    ),
    "alexa/probe": (
        *("AlexaSkill", "probe", ANNA, ALEXA_SESSION, True, "OrderIntent", {"size": "large"}, "de-DE", {}),
    ),
    "alexa/test event without context": (
        *("AlexaSkill", "intent", "amzn1.ask.account.SESSION", ALEXA_SESSION, False, "AMAZON.HelpIntent"),
        *({}, "de-DE", DATA),
    ),
    "google-assistant/launch": (
        *("GoogleAction", "launch", "ga-user", "ABwppHF_s1", True, "actions.intent.MAIN", {}, "en-US", {}),
    ),
    "google-assistant/intent": (
        *("GoogleAction", "intent", "ga-own-id", "ABwppHF_s1", False, "OrderIntent"),
        *({"size": "large", "count": 2}, "en-US", DATA),
    ),
    "google-assistant/end": (
        *("GoogleAction", "end", "ga-user", "ABwppHF_s1", False, "actions.intent.CANCEL", {}, "en-US"),
        {"round": 2},
    ),
    "google-assistant/anonymous": (
        *("GoogleAction", "intent", None, "ABwppHF_s1", None, "HelpIntent", {}, "en-US", {}),
    ),
    "google-assistant/scene without intent": (
        *("GoogleAction", "intent", "ga-user", "ABwppHF_s1", False, "", {}, "en-US", {"round": 2}),
    ),
    "dialogflow-es/launch": (
        *("DialogflowAgent", "launch", None, ES_SESSION, True, "Default Welcome Intent", {}, "en", {}),
    ),
    "dialogflow-es/launch by event": (
        *("GoogleAction", "launch", "ga-stored", ES_SESSION, True, "Greeting", {}, "en", {}),
    ),
    "dialogflow-es/intent": (
        *("DialogflowAgent", "intent", "es-user", ES_SESSION, False, "OrderIntent"),
        *({"size": "large", "count": 2, "extra": ""}, "en", DATA),
    ),
    "dialogflow-es/phone": (
        *("DialogflowAgent", "intent", PHONE, ES_SESSION, None, "HelpIntent", {}, "en", {}),
    ),
    "dialogflow-es/phone of the free tier": (
        *("DialogflowAgent", "intent", None, ES_SESSION, None, "HelpIntent", {}, "en", {}),
    ),
    "dialogflow-es/storage that is no JSON": (
        *("DialogflowAgent", "intent", "es-user", ES_SESSION, None, "HelpIntent", {}, "en", {}),
    ),
    "dialogflow-es/anonymous": (
        *("DialogflowAgent", "intent", None, ES_SESSION, None, "HelpIntent", {}, "en", {}),
    ),
    **{
        f"dialogflow-es/{integration}": (
            *("DialogflowAgent", "intent", user, ES_SESSION, None, "HelpIntent", {}, "en", {}),
        )
        for integration, user in {
            "Messenger widget": "widget-user",
            "Facebook": "1534862223272449",
            "Slack": "U2147483697",
            "Slack Events API": "U2147483697",
            "Google Chat": "users/1158",
            "LINE": "U9052",
            "Viber": "01234567890A=",
            "Telegram": "512345678",
            "Telegram update": "512345678",
            "Telegram button": "512345678",
            "Twilio": "whatsapp:+4989123456",
            "Skype": "29:1abc",
            "respond.io": "U9052",
            "Genesys": None,
        }.items()
    },
    "dialogflow-es/no intent": ("DialogflowAgent", "intent", None, ES_SESSION, None, "", {}, "en", {}),
    "dialogflow-cx/launch": (
        *("DialogflowAgent", "launch", PHONE, CX_SESSION, True, "Default Welcome Intent", {}, "en", {}),
    ),
    "dialogflow-cx/launch by event": (
        *("DialogflowAgent", "launch", None, CX_SESSION, True, "start", {}, "en", {}),
    ),
    "dialogflow-cx/intent": (
        *("DialogflowAgent", "intent", PHONE, CX_SESSION, None, "OrderIntent"),
        *({"size": "large", "address": None, "count": 2}, "en", DATA),
    ),
    "dialogflow-cx/tag alone": (
        *("DialogflowAgent", "intent", None, CX_SESSION, None, "validate-order", {}, "en", {"round": 2}),
    ),
    "dialogflow-cx/anonymous": (
        *("DialogflowAgent", "intent", None, CX_SESSION, None, "HelpIntent", {}, "en", {}),
    ),
    "dialogflow-cx/of an environment": (
        *("DialogflowAgent", "launch", None),
        *(
            "projects/quiz/locations/global/agents/a1/environments/e1/sessions/s1",
            True,
            "start",
            {},
            "en",
            {},
        ),
    ),
    "dialogflow-cx/Messenger widget": (
        *("DialogflowAgent", "intent", "widget-user", CX_SESSION, None, "HelpIntent", {}, "en", {}),
    ),
    "dialogflow-cx/LINE": (
        *("DialogflowAgent", "intent", "U9052", CX_SESSION, None, "HelpIntent", {}, "en", {}),
    ),
    "lex-v1/first": ("LexBot", "intent", "lex-user", None, None, "HelpIntent", {}, None, {}),
    "lex-v1/intent": (
        *("LexBot", "intent", "lex-user", None, None, "OrderIntent", {"size": "large", "extra": None}, None),
        {"foreign": "5", "round": 2},
    ),
    "lex-v1/slot by slot": (
        *("LexBot", "intent", "lex-user", None, None, "OrderIntent", {"size": "large", "extra": None}, None),
        {},
    ),
    **{
        f"lex-v1/{name}": ("LexBot", "intent", "lex-user", None, is_new, "OrderIntent", slots, None, {})
        for name, (is_new, slots) in {
            "asked for a slot before": (False, {"size": None, "extra": None}),
            "has the slot that was asked for": (False, {"size": None, "extra": "cheese"}),
            "all slots filled": (True, {"size": "large"}),
        }.items()
    },
    "lex-v1/anonymous": ("LexBot", "intent", None, None, None, "HelpIntent", {}, None, {}),
    "lex-v1/attribute of another": (
        *("LexBot", "intent", "lex-user", None, None, "HelpIntent", {}, None),
        {"async_dynamo_store": "not JSON"},
    ),
    "lex-v2/first": ("LexBot", "intent", "lex-session", "lex-session", None, "HelpIntent", {}, "en-US", {}),
    "lex-v2/intent": (
        *("LexBot", "intent", "lex-session", "lex-session", None, "OrderIntent", LEX_V2_SLOTS, "en-US"),
        {"foreign": "5", "round": 2},
    ),
    "lex-v2/slot by slot": (
        *("LexBot", "intent", "lex-session", "lex-session", None, "OrderIntent", LEX_V2_SLOTS, "en-US", {}),
    ),
    **{
        f"lex-v2/{name}": (
            *("LexBot", "intent", "lex-session", "lex-session", None, "OrderIntent", slots, "en-US", {}),
        )
        for name, slots in {
            "proposes a slot": LEX_V2_SLOTS,
            "proposes a confirmation": LEX_V2_SLOTS,
            "all slots filled": {"size": "large"},
        }.items()
    },
    "lex-v2/anonymous": ("LexBot", "intent", None, None, None, "HelpIntent", {}, None, {}),
    "lex-v2/no intent": ("LexBot", "intent", "lex-session", "lex-session", None, "", {}, "en-US", {}),
    "messenger/launch": ("MessengerBot", "launch", "PSID-1", None, None, "GET_STARTED", {}, None, None),
    "messenger/text": ("MessengerBot", "intent", "PSID-1", None, None, "two pizzas", {}, None, None),
    "messenger/entry alone": ("MessengerBot", "intent", "PSID-1", None, None, "two pizzas", {}, None, None),
    "messenger/postback": ("MessengerBot", "intent", "PSID-1", None, None, "ORDER", {}, None, None),
    "messenger/quick reply": (
        *("MessengerBot", "intent", "PSID-1", None, None, "SIZE_L", {"quick_reply": "SIZE_L"}, None, None),
    ),
    "messenger/picture": ("MessengerBot", "intent", "PSID-1", None, None, "", {}, None, None),
    "messenger/id as a number": (
        *("MessengerBot", "intent", "3135154219859294", None, None, "hi", {}, None, None),
    ),
    "messenger/anonymous": ("MessengerBot", "intent", None, None, None, "hi", {}, None, None),
    "messenger/nobody": ("MessengerBot", "intent", None, None, None, "hi", {}, None, None),
    "messenger/echo": ("MessengerBot", "event", None, None, None, "echo", {}, None, None),
    "messenger/delivery": ("MessengerBot", "event", "PSID-1", None, None, "delivery", {}, None, None),
    "messenger/text that is spelled like an event": (
        *("MessengerBot", "intent", "PSID-1", None, None, "delivery", {}, None, None),
    ),
    **{
        f"messenger/{name}": ("MessengerBot", "event", user, None, None, event, {}, None, None)
        for name, (event, user) in {
            "standby": ("standby", "PSID-1"),
            "feed": ("changes", None),
            "dashboard test": ("changes", None),
            "dashboard sample": ("changes", None),
            "entry of nothing": ("", None),
            "no entry": ("", None),
            "opt-in of a web page": ("optin", None),
            "opt-in": ("optin", "PSID-1"),
            "referral": ("referral", "PSID-1"),
            "account linking": ("account_linking", "PSID-1"),
        }.items()
    },
    "messenger/nothing in it": ("MessengerBot", "event", "PSID-1", None, None, "", {}, None, None),
    "twilio-voice/launch": ("TwilioVoice", "launch", PHONE, "CA1", True, "", {}, None, None),
    "twilio-voice/speech": ("TwilioVoice", "intent", PHONE, "CA1", False, "two pizzas", {}, None, None),
    "twilio-voice/digits": ("TwilioVoice", "intent", PHONE, "CA1", False, "12", {}, None, None),
    "twilio-voice/end": ("TwilioVoice", "end", PHONE, "CA1", False, "", {}, None, None),
    "twilio-voice/anonymous": ("TwilioVoice", "intent", None, "CA1", False, "hi", {}, None, None),
    "twilio-voice/anonymous by SIP": ("TwilioVoice", "intent", None, "CA1", False, "hi", {}, None, None),
    "twilio-voice/no number": ("TwilioVoice", "intent", None, "CA1", False, "hi", {}, None, None),
    "twilio-voice/call that the app placed": (
        *("TwilioVoice", "intent", None, "CA1", False, "hi", {}, None, None),
    ),
    "twilio-voice/browser": ("TwilioVoice", "intent", "client:anna", "CA1", False, "hi", {}, None, None),
    **{
        f"twilio-voice/{name}": ("TwilioVoice", "event", PHONE, "CA1", False, intent, {}, None, None)
        for name, intent in {
            "partial result": "PartialResult",
            "dialled person has hung up": "Dial",
            "recorded": "Record",
            "handed over": "ConversationRelay",
            "status": "StatusCallback",
            "answering machine": "AnsweringMachine",
        }.items()
    },
    "twilio-voice/recording is ready": (
        *("TwilioVoice", "event", None, "CA1", False, "RecordingStatus", {}, None, None),
    ),
    "twilio-voice/nothing heard": ("TwilioVoice", "intent", PHONE, "CA1", False, "", {}, None, None),
    "twilio-voice/status at the end": ("TwilioVoice", "end", PHONE, "CA1", False, "", {}, None, None),
    "jovo-core/launch": (
        *("CorePlatformApp", "launch", "jovo-user", "jovo-session", True, "LAUNCH", {}, "en", {}),
    ),
    "jovo-core/intent": (
        *("CorePlatformApp", "intent", "jovo-user", "jovo-session", False, "OrderIntent"),
        *({"size": "large", "count": 2, "bare": "x"}, "en", DATA),
    ),
    "jovo-core/intent with confidence": (
        *("CorePlatformApp", "intent", "jovo-user", "jovo-session", False, "OrderIntent", {}, "en", {}),
    ),
    "jovo-core/end": ("CorePlatformApp", "end", "jovo-user", "jovo-session", False, "END", {}, "en", {}),
    **{
        f"vapi/{name}": ("Vapi", kind, user, call, is_new, intent, entities, None, data)
        for name, (kind, user, call, is_new, intent, entities, data) in {
            "assistant request": ("launch", PHONE, "call-1", True, "assistant-request", {}, {}),
            "tool call": ("intent", PHONE, "call-1", None, "add_score", {"points": 30}, {"round": 2}),
            "tool call as OpenAI has it": ("intent", PHONE, "call-1", None, "add_score", {"points": 30}, {}),
            "tool call without arguments": ("intent", PHONE, "call-1", None, "add_score", {}, {}),
            "no tool call": ("event", PHONE, "call-1", None, "tool-calls", {}, {}),
            "status": ("event", PHONE, "call-1", None, "status-update", {}, {}),
            "end of call": ("end", PHONE, "call-1", None, "end-of-call-report", {}, {}),
            "web call": ("launch", None, "call-2", True, "assistant-request", {}, {}),
            "customer beside the call": ("launch", PHONE, "call-2", True, "assistant-request", {}, {}),
        }.items()
    },
    **{
        f"retell/{name}": ("Retell", kind, user, call, is_new, intent, entities, None, data)
        for name, (kind, user, call, is_new, intent, entities, data) in {
            "inbound call": ("launch", PHONE, None, True, "call_inbound", {}, {}),
            "inbound chat": ("launch", PHONE, None, True, "chat_inbound", {}, {}),
            "custom function": ("intent", PHONE, "rc-1", None, "add_score", {"points": 30}, {"round": "2"}),
            "started": ("event", PHONE, "rc-1", None, "call_started", {}, {}),
            "ended": ("end", PHONE, "rc-1", None, "call_ended", {}, {}),
            "analyzed": ("event", PHONE, "rc-1", None, "call_analyzed", {}, {}),
            "outbound": ("event", PHONE, "rc-1", None, "call_started", {}, {}),
            "web call": ("event", None, "rc-2", None, "call_started", {}, {}),
        }.items()
    },
    "jovo-core/anonymous": ("CorePlatformApp", "intent", None, "jovo-session", False, "TEXT", {}, "en", {}),
    "jovo-core/no session": ("CorePlatformApp", "launch", "jovo-user", None, None, "LAUNCH", {}, "en", {}),
    "jovo-web/intent": (
        *("WebApp", "intent", "jovo-user", "jovo-session", False, "HelpIntent", {}, "en", {"round": 2}),
    ),
}


def item(path: str) -> Callable[[Any], Any]:
    """What a published request holds at a dotted path."""
    return lambda raw: reduce(getitem, path.split("."), raw)


USER = item("context.System.user.userId")
SESSION = item("session.sessionId")
ATTRIBUTES = item("session.attributes")
NEW = item("session.new")
ALEXA_LOCALE = item("request.locale")
CORE_USER = item("context.user.id")
CORE_SESSION = item("context.session.id")
CORE_NEW = item("context.session.isNew")
CORE_DATA = item("context.session.data")
PUBLISHED: dict[str, tuple[Any, ...]] = {
    "alexa/published AudioPlayer.PlaybackStarted": (
        *("AlexaSkill", "event", USER, None, None, item("request.type"), {}, ALEXA_LOCALE, {}),
    ),
    "alexa/published CanFulfillIntentRequest": (
        *("AlexaSkill", "probe", USER, SESSION, NEW, item("request.intent.name"), {"name": "Jeff"}),
        *(ALEXA_LOCALE, ATTRIBUTES),
    ),
    "alexa/published IntentRequestWithSlotResolution": (
        *("AlexaSkill", "intent", USER, SESSION, NEW, item("request.intent.name"), {"name": "Jeff"}),
        *(ALEXA_LOCALE, ATTRIBUTES),
    ),
    "alexa/published IntentRequestWithSlot": (
        *("AlexaSkill", "intent", USER, SESSION, NEW, item("request.intent.name"), {"name": "jeff"}),
        *(ALEXA_LOCALE, ATTRIBUTES),
    ),
    "alexa/published LaunchRequest": (
        *("AlexaSkill", "launch", USER, SESSION, NEW, "LaunchRequest", {}, ALEXA_LOCALE, ATTRIBUTES),
    ),
    "alexa/published SessionEndedRequest": (
        *("AlexaSkill", "end", USER, SESSION, NEW, "SessionEndedRequest", {}, ALEXA_LOCALE, ATTRIBUTES),
    ),
    "jovo-core/published IntentRequest": (
        *("CorePlatformApp", "intent", CORE_USER, CORE_SESSION, CORE_NEW, item("input.intent"), {}, "en"),
        CORE_DATA,
    ),
    "jovo-core/published LaunchRequest": (
        *("CorePlatformApp", "launch", CORE_USER, CORE_SESSION, CORE_NEW, "LAUNCH", {}, "en", CORE_DATA),
    ),
    "jovo-web/published IntentRequest": (
        *("WebApp", "intent", CORE_USER, CORE_SESSION, CORE_NEW, item("input.intent"), {}, "en", CORE_DATA),
    ),
    "dialogflow-es/published DefaultWelcomeIntent": (
        *("DialogflowAgent", "launch", None, item("session"), True, "Default Welcome Intent", {}, "en", {}),
    ),
    "dialogflow-es/published HelpIntent": (
        *("DialogflowAgent", "intent", None, item("session"), None, "HelpIntent", {}, "en", {}),
    ),
    "dialogflow-es/published facebook": (
        *("DialogflowAgent", "launch", "1534862223272449", item("session"), True, "Default Welcome Intent"),
        *({}, "en", {}),
    ),
    "dialogflow-es/published df-messenger-userid": (
        *("DialogflowAgent", "intent", "testuser", item("session"), None, "call.webhook", {}, "en", {}),
    ),
    "dialogflow-cx/published df-messenger-userid": (
        *("DialogflowAgent", "intent", "testuser", item("sessionInfo.session"), None, "recommendation", {}),
        *("en", item("sessionInfo.parameters")),
    ),
    "dialogflow-cx/published generate-login": (
        *("DialogflowAgent", "launch", None, item("sessionInfo.session"), True, "Default Welcome Intent"),
        *({}, "en", {}),
    ),
    "google-assistant/published IntentRequest": (
        *("GoogleAction", "intent", item("user.params.userId"), item("session.id"), False),
        *(item("intent.name"), {}, item("user.locale"), item("session.params")),
    ),
    "lex-v1/published IntentRequest": (
        *("LexBot", "intent", item("userId"), None, True, item("currentIntent.name")),
        *(item("currentIntent.slots"), None, item("sessionAttributes")),
    ),
    "lex-v2/published v2-dialog": (
        *("LexBot", "intent", "123456789", "123456789", None, "DiningSuggestionsIntent"),
        *({"Location": "Boston", "Cuisine": "thai", "Email": None}, "en-US", {}),
    ),
    "messenger/published IntentRequest": (
        *("MessengerBot", "intent", lambda raw: raw["messaging"][0]["sender"]["id"], None, None, "Test"),
        *({}, None, None),
    ),
}
for published, row in PUBLISHED.items():
    if raw_sample := SAMPLES.get(published):
        EXPECTED[published] = tuple(cell(raw_sample) if callable(cell) else cell for cell in row)
TIMES = {
    "alexa": "2026-11-22T17:01:09Z",
    "messenger": "2026-11-22T17:01:09.316Z",
    **dict.fromkeys(f"vapi/{name}" for name in ("web call", "customer beside the call")),
    "vapi": "2025-11-26T17:00:00Z",
    "retell/inbound call": "2025-11-26T17:00:00Z",
    "messenger/dashboard sample": None,
    "messenger/entry of nothing": None,
    "messenger/no entry": None,
    "jovo-core": "2026-11-22T17:01:09.316Z",
    "jovo-web": "2026-11-22T17:01:09.316Z",
    "alexa/published CanFulfillIntentRequest": "2017-10-03T22:02:29Z",
    "alexa/published IntentRequestWithSlotResolution": "2018-12-18T09:47:45Z",
    "alexa/published AudioPlayer.PlaybackStarted": "2017-10-30T20:17:48Z",
    "alexa/published IntentRequestWithSlot": "2018-12-18T09:47:45Z",
    "alexa/published LaunchRequest": "2015-05-13T12:34:56Z",
    "alexa/published SessionEndedRequest": "2015-05-13T12:34:56Z",
    "jovo-core/published IntentRequest": "2020-11-23T12:35:36.368Z",
    "jovo-core/published LaunchRequest": "2020-11-23T12:35:36.368Z",
    "jovo-web/published IntentRequest": "2020-11-23T12:35:36.368Z",
    "messenger/published IntentRequest": "2019-09-23T09:47:23.248Z",
}


def seen(request: Request) -> tuple[Any, ...]:
    return (
        *(request.jovo_type, request.kind, request.user_id, request.session_id, request.is_new_session),
        *(request.intent, request.entities, request.locale, request.session_data),
    )


def test_every_sample_is_expected() -> None:
    assert EXPECTED.keys() - PUBLISHED.keys() == OWN_SAMPLES.keys() - {
        "messenger-batch/batch",
        "vapi-batch/two tool calls",
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_request(name: str) -> None:
    request = parsed(name)
    assert seen(request) == EXPECTED[name]
    assert request.platform == name.partition("/")[0]
    time = TIMES.get(name, TIMES.get(request.platform))
    assert request.timestamp == (time and datetime.fromisoformat(time))


@pytest.mark.parametrize(
    "name", [name for name in EXPECTED if not name.startswith(("messenger", "vapi/tool"))]
)
def test_raw_is_what_came(name: str) -> None:
    raw = sample(name)
    assert parse_request(raw)[0].raw is raw


@pytest.mark.parametrize("name", EXPECTED)
def test_session_data_is_a_copy(name: str) -> None:
    raw = sample(name)
    (request,) = parse_request(raw)
    session: Session = Turn(request).session
    for item in session.data.values():
        if isinstance(item, dict):
            item.clear()
    session.data.clear()
    assert raw == sample(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_repr_holds_nothing_of_the_user(name: str) -> None:
    request = parsed(name)
    secrets = {request.user_id, request.session_id, request.intent, *(request.session_data or {})}
    assert not [secret for secret in secrets if secret and secret in repr(request)]


def test_messenger_batch_is_one_request_per_event() -> None:
    raw = sample("messenger-batch/batch")
    requests = parse_request(raw)
    assert [(request.kind, request.user_id, request.intent) for request in requests] == [
        ("intent", "PSID-1", "one"),
        ("event", "PSID-1", "read"),
        ("intent", "PSID-2", "TWO"),
    ]
    first, second = raw["entry"]
    assert requests[1].raw == {**first, "messaging": [first["messaging"][1]]}
    assert requests[2].raw == second


@pytest.mark.parametrize(
    ("name", "delivery_id"),
    [("messenger/text", "m1"), ("messenger/standby", None), ("messenger/echo", None), ("alexa/intent", None)],
)
def test_what_may_be_delivered_again_has_an_id(name: str, delivery_id: str | None) -> None:
    assert parsed(name).delivery_id == delivery_id


def test_a_large_entry_is_not_copied_for_each_of_its_events() -> None:
    event = {"sender": {"id": "1"}, "message": {"text": "x"}}
    raw = {"object": "page", "entry": [{"id": "PAGE", "messaging": [event] * 3, "large": "x" * 1000}]}
    assert [request.raw for request in parse_request(raw)] == [{"id": "PAGE", "messaging": [event]}] * 3


def test_a_turns_session_data_is_a_copy() -> None:
    attributes = {"price": Decimal("1.5"), "rounds": [{"won": 1}, "x"]}
    raw = sample("alexa/intent")
    raw["session"]["attributes"] = attributes
    (request,) = parse_request(raw)
    data = Turn(request).session.data
    assert data == attributes
    data["rounds"][0]["won"] = 2
    data["rounds"].append("y")
    assert attributes["rounds"] == [{"won": 1}, "x"]


def test_the_tag_of_a_cx_webhook() -> None:
    assert parsed("dialogflow-cx/intent").tag == "order"
    assert parsed("dialogflow-es/intent").tag is None


@pytest.mark.parametrize("status", ["completed", "busy", "failed", "no-answer", "canceled"])
def test_twilio_call_is_over(status: str) -> None:
    (request,) = parse_request({**sample("twilio-voice/speech"), "CallStatus": status})
    assert request.kind == "end"


@pytest.mark.parametrize(
    "number",
    [
        "+266696687",
        "266696687",
        "+7378742833",
        "+2562533",
        "+8656696",
        "+86282452253",
        "Anonymous",
        "unknown",
    ],
)
def test_twilio_withheld_numbers_name_nobody(number: str) -> None:
    (request,) = parse_request({**sample("twilio-voice/speech"), "From": number})
    assert request.user_id is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-22T17:01:09Z", datetime(2026, 11, 22, 17, 1, 9, tzinfo=UTC)),
        ("2026-11-22T17:01:09.316Z", datetime(2026, 11, 22, 17, 1, 9, 316000, tzinfo=UTC)),
        (
            "2026-11-22T18:01:09+01:00",
            datetime(2026, 11, 22, 18, 1, 9, tzinfo=timezone(timedelta(hours=1))),
        ),
        ("2026-11-22T17:01:09", datetime(2026, 11, 22, 17, 1, 9, tzinfo=UTC)),
        (1795366869316, datetime(2026, 11, 22, 17, 1, 9, 316000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (True, None),
        (10**400, None),
        (1e300, None),
        (float("nan"), None),
        (None, None),
        ([], None),
    ],
)
def test_timestamps(value: Any, expected: datetime | None) -> None:
    found = moment(value)
    assert found == expected
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "text",
        b"{}",
        7,
        [],
        [{"request": {"type": "LaunchRequest"}}],
        {},
        {"hello": "world"},
        {"request": {"type": "LaunchRequest"}},
        {"context": {"System": {"user": {"userId": "u"}}}},
        {"request": {"type": ""}, "context": {"System": {}}},
        {"handler": {}, "session": {}},
        {"fulfillmentInfo": {"tag": "x"}},
        {"queryResult": "x", "currentIntent": [], "sessionState": None},
        {"messaging": []},
        {"messaging": {"sender": {"id": "1"}}},
        {"messaging": [None, "x", {}]},
        {"entry": [{"id": "PAGE", "standby": [{"sender": {"id": "1"}}]}, None]},
        {"CallSid": ""},
        {"CallSid": 7},
        {"context": {"user": {"id": "u"}}},
        {"input": {"type": "INTENT"}},
        {"entry": []},
        {"message": {}},
        {"call": {}},
        {"body": '{"request": {"type": "LaunchRequest"}}', "httpMethod": "POST"},
    ],
    ids=repr,
)
def test_unknown(raw: object) -> None:
    with pytest.raises(UnknownRequestError, match=r"Alexa.*Lex V1.*Pass the platform's JSON"):
        parse_request(raw)


def test_error_holds_no_data() -> None:
    with pytest.raises(UnknownRequestError) as caught:
        parse_request({"user": {"id": "secret-user"}, "secret-key": 1})
    assert "secret" not in str(caught.value)


def nested(levels: int) -> dict[str, Any]:
    innermost: dict[str, Any] = {}
    value = innermost
    for _ in range(levels):
        value = {"a": value}
    return value


def test_nesting_that_no_platform_sends() -> None:
    raw = sample("alexa/intent")
    raw["session"]["attributes"] = nested(100_000)
    (request,) = parse_request(raw)
    with pytest.raises(UnknownRequestError, match="nested too deeply"):
        Turn(request)
    raw = sample("lex-v2/intent")
    raw["sessionState"]["intent"]["slots"] = {"a": slot_in_slots(100_000)}
    with pytest.raises(UnknownRequestError, match="nested too deeply"):
        parse_request(raw)


def slot_in_slots(levels: int) -> Any:
    slot: Any = {"value": {"interpretedValue": "x"}}
    for _ in range(levels):
        slot = {"shape": "List", "values": [slot]}
    return slot


@pytest.mark.parametrize(
    "raw",
    [
        {"call": {"call_id": "rc-1"}},
        {"call": {"call_id": "rc-1"}, "name": "add_score"},
        {"event": "call_inbound"},
        {"event": "call_inbound", "call_inbound": "none"},
        {"message": {"text": "hello"}},
        {"message": "assistant-request"},
    ],
)
def test_what_looks_like_a_phone_agents_message(raw: dict[str, Any]) -> None:
    with pytest.raises(UnknownRequestError):
        parse_request(raw)


def test_more_events_than_messenger_sends() -> None:
    event = {"sender": {"id": "1"}, "message": {"text": "a"}}
    for raw in ({"object": "page", "entry": [{"messaging": [event] * 1001}]}, {"messaging": [event] * 1001}):
        with pytest.raises(UnknownRequestError, match="more than the 1000 events"):
            parse_request(raw)
    assert len(parse_request({"messaging": [event] * 1000})) == 1000


def test_storage_nested_too_deeply_names_nobody() -> None:
    raw = sample("dialogflow-es/storage that is no JSON")
    user = raw["originalDetectIntentRequest"]["payload"]["user"]
    user["userStorage"] = '{"a":' * 100_000 + "1" + "}" * 100_000
    assert parse_request(raw)[0].user_id == "es-user"
