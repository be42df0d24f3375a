"""Each platform end to end: its request, the stored user, its answer, the session between two requests."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from async_dynamo_store import StoreError, Turn
from async_dynamo_store.voice.requests import parse_request
from tests.faults.proxy import FaultProxy
from tests.integration.conftest import App, MakeApp, Stored, alexa, operations
from tests.unit.requests.sample import SAMPLES, sample

pytestmark = pytest.mark.one_engine

PHONE = "+4989123456"


def at(*path: str | int) -> Callable[[Any], Any]:
    def find(response: Any) -> Any:
        for key in path:
            response = response[key]
        return response

    return find


SPEECH: dict[str, Callable[[Any], Any]] = {
    "alexa": at("response", "outputSpeech", "ssml"),
    "google-assistant": at("prompt", "firstSimple", "speech"),
    "dialogflow-es": at("fulfillmentText"),
    "dialogflow-cx": at("fulfillmentResponse", "messages", 0, "text", "text", 0),
    "lex-v1": at("dialogAction", "message", "content"),
    "lex-v2": at("messages", 0, "content"),
    "messenger": at("message", "text"),
    "twilio-voice": lambda response: response[response.index("<Say>") + 5 : response.index("</Say>")],
    "jovo-core": at("output", 0, "message"),
    "jovo-web": at("output", 0, "message"),
}
MARKED_UP = {"alexa", "google-assistant", "twilio-voice"}


def said(platform: str, response: Any) -> str:
    speech: str = SPEECH[platform](response)
    return speech.removeprefix("<speak>").removesuffix("</speak>")


ANSWERED = {
    name: raw
    for name, raw in SAMPLES.items()
    if not name.startswith("messenger-batch")
    and parse_request(raw)[0].kind in {"launch", "intent"}
    and name != "messenger/nobody"  # there is nobody to answer
}


@pytest.mark.parametrize("platform", SPEECH)
async def test_every_request_of_a_platform_is_remembered_and_answered(
    app: App, stored: Stored, platform: str
) -> None:
    @app.launch
    @app.fallback
    async def count(turn: Turn) -> None:
        turn.user.data["requests"] = [*turn.user.data.get("requests", []), turn.request.intent]
        turn.user.data["platform"] = turn.request.platform
        turn.tell(f"<{len(turn.user.data['requests'])}> & on")

    samples = {name: raw for name, raw in ANSWERED.items() if name.startswith(f"{platform}/")}
    assert samples
    expected = dict[str | None, list[str]]()
    for number, raw in enumerate(samples.values()):
        another(raw, number)
        (request,) = parse_request(raw)
        heard = expected.setdefault(request.user_id, []) if request.user_id else []
        heard.append(request.intent)
        text = f"<{len(heard)}> & on"
        if platform in MARKED_UP:
            text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert said(platform, await app.handle(copy.deepcopy(raw))) == text
    for user_id, heard in expected.items():
        assert user_id
        assert await stored.data(user_id) == {"requests": heard, "platform": platform}
    assert await stored.users() == len(expected)


async def test_users_of_platforms_are_kept_apart_by_jovos_prefix(make_app: MakeApp, stored: Stored) -> None:
    app = make_app(primary_key_prefix="app-", prefix_primary_key_with_platform=True)

    @app.fallback
    async def remember(turn: Turn) -> None:
        turn.user.data["id"] = turn.user.id

    await app.handle(sample("alexa/intent"))
    await app.handle(sample("messenger/text"))
    assert await stored.data("app-AlexaSkill::amzn1.ask.account.ANNA") == {"id": "amzn1.ask.account.ANNA"}
    assert await stored.data("app-MessengerBot::PSID-1") == {"id": "PSID-1"}


def google(request: Any, response: Any) -> None:
    params = {key: value for key, value in response["session"]["params"].items() if value is not None}
    request["session"]["params"] = params


def dialogflow_es(request: Any, response: Any) -> None:
    request["queryResult"]["outputContexts"] = response["outputContexts"]


def dialogflow_cx(request: Any, response: Any) -> None:
    parameters = response["sessionInfo"]["parameters"]
    request["sessionInfo"]["parameters"] = {k: v for k, v in parameters.items() if v is not None}


def jovo(request: Any, response: Any) -> None:
    request["context"]["session"] |= {"data": response["context"]["session"]["data"], "isNew": False}


CARRIERS: dict[str, Callable[[Any, Any], None]] = {
    "alexa/intent": lambda request, response: request["session"].update(
        attributes=response["sessionAttributes"]
    ),
    "google-assistant/intent": google,
    "dialogflow-es/intent": dialogflow_es,
    "dialogflow-cx/intent": dialogflow_cx,
    "lex-v1/first": lambda request, response: request.update(sessionAttributes=response["sessionAttributes"]),
    "lex-v2/first": lambda request, response: request["sessionState"].update(
        sessionAttributes=response["sessionState"]["sessionAttributes"]
    ),
    "jovo-core/intent": jovo,
    "jovo-web/intent": jovo,
}
"""What each platform does between two requests: it sends back the session that it was given."""


def conversation(app: App) -> list[Any]:
    """Handlers of a conversation that uses the session; what they have found in it."""
    found = list[Any]()

    @app.fallback
    async def talk(turn: Turn) -> None:
        found.append(turn.session.data.get("step"))
        assert turn.session is turn.user.session
        turn.session.data["step"] = {"number": len(found), "text": "ä & <b>"}
        turn.session.data.pop("round", None)
        turn.ask("and then?")

    return found


@pytest.mark.parametrize("stored_elements", [{}, {"session": True}], ids=["not stored", "stored"])
@pytest.mark.parametrize("name", CARRIERS)
async def test_the_session_rides_with_the_platform(
    make_app: MakeApp, stored: Stored, name: str, stored_elements: dict[str, Any]
) -> None:
    app = make_app(stored_elements=stored_elements)
    found = conversation(app)
    response = await app.handle(sample(name))
    for _ in range(2):
        request = sample(name)
        CARRIERS[name](request, response)
        response = await app.handle(request)
    assert found == [None, {"number": 1, "text": "ä & <b>"}, {"number": 2, "text": "ä & <b>"}]


def another(request: dict[str, Any], number: int) -> dict[str, Any]:
    """The same request as another message: Messenger's are told by their ids."""
    for entry in (request, *request.get("entry", [])):
        for event in entry.get("messaging", []):
            (event.get("message") or event.get("postback") or {})["mid"] = f"m{number}"
    return request


@pytest.mark.parametrize(("name", "user_id"), [("messenger/text", "PSID-1"), ("twilio-voice/speech", PHONE)])
async def test_a_platform_without_sessions_has_the_stored_one(
    make_app: MakeApp, stored: Stored, name: str, user_id: str
) -> None:
    app = make_app(stored_elements={"session": True})
    found = conversation(app)
    for number in range(2):
        await app.handle(another(sample(name), number))
    assert found == [None, {"number": 1, "text": "ä & <b>"}]
    session = (await stored.item(user_id))["session"]
    assert session["data"] == {"step": {"number": 2, "text": "ä & <b>"}}


async def test_a_new_call_is_a_new_session(make_app: MakeApp) -> None:
    app = make_app(stored_elements={"session": True})
    found = conversation(app)
    await app.handle(sample("twilio-voice/speech"))
    await app.handle(sample("twilio-voice/speech") | {"CallSid": "CA2"})
    assert found == [None, None]


async def test_a_session_that_is_nowhere_kept_ends_with_its_turn(app: App, stored: Stored) -> None:
    found = conversation(app)
    for _ in range(2):
        await app.handle(sample("messenger/text"))
    assert found == [None, None]
    assert await stored.users() == 0


async def test_each_event_of_messenger_is_a_turn_of_its_own(
    app: App, stored: Stored, proxy: FaultProxy
) -> None:
    @app.event("read")
    async def seen(turn: Turn) -> None:
        turn.user.data["has_read"] = True

    @app.fallback
    async def echo(turn: Turn) -> None:
        turn.user.increment("events")
        turn.tell(turn.request.intent.lower())

    answers = await app.handle(sample("messenger-batch/batch"))
    assert [answer.get("message") for answer in answers] == [{"text": "one"}, None, {"text": "two"}]
    assert [answer["recipient"]["id"] for answer in (answers[0], answers[2])] == ["PSID-1", "PSID-2"]
    assert await stored.data("PSID-1") == {"events": 1, "has_read": True}
    assert await stored.data("PSID-2") == {"events": 1}
    assert operations(proxy)[-2:] == ["GetItem", "PutItem"]


HISTORY = {
    "size": 2,
    **dict.fromkeys(("input", "state", "entities", "request", "response"), True),
    "words": lambda turn: len(turn.reply.speech.split()),
    "nothing": lambda turn: None,
}


async def test_the_history_holds_the_last_turns_in_jovos_shapes(make_app: MakeApp, stored: Stored) -> None:
    async def platform(turn: Turn) -> str:
        return turn.request.platform

    app = make_app(stored_elements={"history": {**HISTORY, "platform": platform}})
    prev = list[Any]()

    @app.fallback
    async def talk(turn: Turn) -> None:
        prev.append(turn.history.prev and turn.history.prev["nlu"]["intent"]["name"])
        turn.session.data["state"] = [{"component": "Order"}]
        turn.ask("One more?", "Well?")

    order, launch = sample("jovo-core/intent"), sample("jovo-core/launch")
    for request in (launch, order):
        await app.handle(request)
    response = await app.handle(order)
    (user_id,) = {parse_request(raw)[0].user_id for raw in (order, launch)}
    assert user_id
    newest, older = (await stored.item(user_id))["history"]["items"]
    parsed = parse_request(order)[0]
    entities = {name: {"value": value, "resolved": value} for name, value in parsed.entities.items()} | {
        "size": {"id": "l", "value": "large ones", "resolved": "large"}
    }
    assert newest == older
    assert newest == {
        "output": [{"message": "One more?", "reprompt": "Well?", "listen": True}],
        "nlu": {"intent": {"name": parsed.intent}, "entities": entities},
        "input": {"type": "INTENT", "intent": parsed.intent, "entities": entities},
        "state": [{"component": "Order"}],
        "entities": entities,
        "request": order,
        "response": response,
        "words": 2,
        "platform": "jovo-core",
    }
    assert prev == [None, parse_request(launch)[0].intent, parsed.intent]
    await make_app(stored_elements={"history": True}).handle(order)
    assert (await stored.item(user_id))["history"]["items"][0]["output"] == []


async def test_what_was_said_last_is_said_again(make_app: MakeApp) -> None:
    app = make_app(stored_elements={"history": True})

    @app.launch
    async def silent(turn: Turn) -> None: ...

    @app.intent("Ask")
    async def ask(turn: Turn) -> None:
        turn.ask("Which size?", "Large or small?")

    @app.intent("AMAZON.RepeatIntent")
    async def repeat(turn: Turn) -> None:
        turn.repeat()

    with pytest.raises(StoreError, match="nothing to repeat"):
        await app.handle(alexa("AMAZON.RepeatIntent"))
    asked = await app.handle(alexa("Ask"))
    await app.handle(alexa("LaunchRequest"))
    for _ in range(4):
        assert await app.handle(alexa("AMAZON.RepeatIntent")) == asked
