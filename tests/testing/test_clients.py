"""Each client speaks as its platform does: who, what, the session, and what is said back."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from async_dynamo_store import CredentialsError, Turn, UnknownRequestError, VoiceApp
from async_dynamo_store.testing import (
    ActionsBuilder,
    Alexa,
    Answer,
    DialogflowCx,
    DialogflowEs,
    JovoCore,
    JovoWeb,
    LexV1,
    LexV2,
    Messenger,
    PlatformClient,
    Retell,
    TwilioVoice,
    Vapi,
    VoiceDb,
)
from async_dynamo_store.voice.requests import Platform, Request

pytestmark = pytest.mark.server


@dataclass(frozen=True)
class Spoken:
    """What a platform can: launch, slots as texts or as they are, session attributes, ends that the app hears of."""

    client: type[PlatformClient]
    platform: Platform
    launches: bool = True
    points: Any = 30
    keeps_data: bool = True
    reprompts: bool = False
    tell_ends: bool = True
    reports_end: bool = False
    has_sessions: bool = True


PLATFORMS = [
    Spoken(Alexa, "alexa", points="30", reprompts=True, reports_end=True),
    Spoken(ActionsBuilder, "google-assistant", reports_end=True),
    Spoken(DialogflowEs, "dialogflow-es", tell_ends=False),
    Spoken(DialogflowCx, "dialogflow-cx"),
    Spoken(LexV1, "lex-v1", launches=False, points="30", has_sessions=False),
    Spoken(LexV2, "lex-v2", launches=False, points="30", has_sessions=False),
    Spoken(JovoCore, "jovo-core", reprompts=True, reports_end=True),
    Spoken(JovoWeb, "jovo-web", reprompts=True, reports_end=True),
    Spoken(Messenger, "messenger", points=None, keeps_data=False, tell_ends=False, has_sessions=False),
    Spoken(TwilioVoice, "twilio-voice", points=None, keeps_data=False, reprompts=True, reports_end=True),
    Spoken(Vapi, "vapi", keeps_data=False, tell_ends=False, reports_end=True),
    Spoken(Retell, "retell", keeps_data=False, tell_ends=False, reports_end=True),
]
SAID = "Welcome to <Quiz> & Co!"


class Quiz:
    """An app, and the requests that it has got."""

    def __init__(self, voice_db: VoiceDb) -> None:
        self.app = app = VoiceApp({"db": voice_db.config | {"timeout_seconds": 60}})
        self.requests: list[Request] = []
        self.sessions: list[dict[str, Any]] = []

        @app.launch
        async def welcome(turn: Turn) -> None:
            turn.session.data["round"] = 1
            turn.ask(SAID, reprompt="Are you there?")

        @app.intent("ScoreIntent")
        async def score(turn: Turn) -> None:
            points = turn.user.increment("score", int(turn.request.entities.get("points") or 1))
            turn.ask(f"You have {points}.")

        @app.intent("RoundIntent")
        async def next_round(turn: Turn) -> None:
            turn.session.data["round"] = turn.session.data.get("round", 0) + 1
            turn.session.data["odd"] = None
            turn.ask(f"Round {turn.session.data['round']}.", reprompt="Are you there?")

        @app.intent("ForgetIntent")
        async def forget(turn: Turn) -> None:
            turn.session.data.clear()
            turn.ask("Forgotten.")

        @app.intent("StopIntent")
        async def stop(turn: Turn) -> None:
            turn.tell("Bye.")

        @app.intent("SilentIntent")
        async def say_nothing(turn: Turn) -> None:
            pass

        @app.end
        async def over(turn: Turn) -> None:
            turn.user.data["ended"] = True

        async def note(turn: Turn) -> None:
            self.requests.append(turn.request)
            self.sessions.append(dict(turn.session.data))

        app.pipeline.use("request", note)

    @property
    def last(self) -> Request:
        return self.requests[-1]


@pytest.fixture
def quiz(voice_db: VoiceDb) -> Quiz:
    return Quiz(voice_db)


spoken = pytest.mark.parametrize("spoken", PLATFORMS, ids=[each.platform for each in PLATFORMS])


@spoken
async def test_a_request_has_who_where_and_what(quiz: Quiz, spoken: Spoken) -> None:
    async with spoken.client(quiz.app, user_id="anna", locale="de-DE") as client:
        answer = await client.launch()
        first = quiz.last
        assert (first.platform, first.user_id) == (spoken.platform, "anna")
        assert first.kind == ("launch" if spoken.launches else "intent")
        assert first.locale in {"de-DE", None}
        if spoken.launches:
            assert answer.text == (SAID if spoken.platform != "retell" else "")
            assert answer.reprompt == ("Are you there?" if spoken.reprompts else "")
            assert not answer.ends_session

        entities = {} if spoken.points is None else {"points": 30}
        answer = await client.intent("ScoreIntent", **entities)
        assert answer.text == f"You have {spoken.points or 1}."
        assert quiz.last.intent == "ScoreIntent"
        assert quiz.last.entities.get("points") == spoken.points
        if spoken.has_sessions:
            assert quiz.last.session_id
            assert first.session_id in {
                quiz.last.session_id,
                None,
            }  # Retell names no call in its inbound webhook


@spoken
async def test_what_is_said_at_last_ends_the_session(quiz: Quiz, spoken: Spoken) -> None:
    async with spoken.client(quiz.app) as client:
        await client.intent("ScoreIntent")
        answer = await client.intent("StopIntent")
        assert answer.text == "Bye."
        assert answer.ends_session is spoken.tell_ends
        stopped = quiz.last.session_id
        await client.intent("ScoreIntent")
        is_new = spoken.has_sessions and spoken.tell_ends
        assert (quiz.last.session_id != stopped) is is_new


@spoken
async def test_the_user_ends_the_session(quiz: Quiz, spoken: Spoken) -> None:
    async with spoken.client(quiz.app, user_id="anna") as client:
        await client.intent("ScoreIntent")
        requests = len(quiz.requests)
        first = quiz.last.session_id
        answer = await client.end()
        assert answer.text == ""
        assert (answer.raw is not None) is spoken.reports_end
        assert len(quiz.requests) - requests == spoken.reports_end
        assert await quiz.app.store.get("anna", "ended", False) is spoken.reports_end
        assert not client.session_data
        await client.intent("ScoreIntent")
        assert (quiz.last.session_id != first) is spoken.has_sessions


@pytest.mark.parametrize("client", [each.client for each in PLATFORMS if each.keeps_data])
async def test_session_attributes_are_carried_along(quiz: Quiz, client: type[PlatformClient]) -> None:
    async with client(quiz.app) as user:
        assert user.session_data == {}
        assert (await user.intent("RoundIntent")).text == "Round 1."
        assert (await user.intent("RoundIntent")).text == "Round 2."
        assert user.session_data is not None
        assert user.session_data["round"] == 2
        await user.intent("ScoreIntent", points=3)
        assert user.session_data["round"] == 2
        await user.intent("ForgetIntent")
        assert user.session_data == {}
        await user.intent("RoundIntent")
        user.begin_session()
        assert (await user.intent("RoundIntent")).text == "Round 1."


@pytest.mark.parametrize(("client", "first"), [(Vapi, 1), (Retell, "1")])
async def test_variables_of_a_call_stay_as_its_beginning_set_them(
    quiz: Quiz, client: type[PlatformClient], first: Any
) -> None:
    async with client(quiz.app) as user:
        await user.launch()
        await user.intent("ScoreIntent")
        assert quiz.sessions[-1] == user.session_data == {"round": first}


@pytest.mark.parametrize("client", [Messenger, TwilioVoice])
async def test_a_platform_without_attributes_and_slots_says_so(
    quiz: Quiz, client: type[PlatformClient]
) -> None:
    async with client(quiz.app) as user:
        assert user.session_data is None
        with pytest.raises(TypeError, match="has no slots, and the intent is the text: remove points"):
            await user.intent("ScoreIntent", points=3)


@spoken
async def test_nothing_said_is_an_empty_text(quiz: Quiz, spoken: Spoken) -> None:
    async with spoken.client(quiz.app) as client:
        assert (await client.intent("SilentIntent")).text == ""


@spoken
async def test_an_empty_slot(quiz: Quiz, spoken: Spoken) -> None:
    if spoken.points is None:
        return
    async with spoken.client(quiz.app) as client:
        assert (await client.intent("ScoreIntent", points=None)).text == "You have 1."
        assert not quiz.last.entities.get("points")


@spoken
async def test_a_request_that_names_nobody(quiz: Quiz, spoken: Spoken) -> None:
    async with spoken.client(quiz.app, user_id="") as client:
        await client.intent("StopIntent")
        assert quiz.last.user_id is None


async def test_new_sessions_are_said_where_the_platform_says_so(quiz: Quiz) -> None:
    async with Alexa(quiz.app) as alexa, LexV1(quiz.app) as lex:
        for client in (alexa, lex):
            for _ in range(2):
                await client.intent("RoundIntent")
            client.begin_session()
            await client.intent("RoundIntent")
    assert [request.is_new_session for request in quiz.requests] == [True, False, True] * 2


async def test_alexa_asks_whether_the_app_can(quiz: Quiz) -> None:
    @quiz.app.can_fulfill("ScoreIntent")
    async def can_score(turn: Turn) -> None:
        turn.can_fulfill("YES" if turn.request.entities["points"] == "30" else "MAYBE")

    async with Alexa(quiz.app) as alexa:
        assert await alexa.can_fulfill("ScoreIntent", points=30) == "YES"
        assert await alexa.can_fulfill("ScoreIntent", points=None) == "MAYBE"
        assert await alexa.can_fulfill("OtherIntent") == "NO"


async def test_a_call_to_a_dialogflow_agent_is_hung_up(quiz: Quiz) -> None:
    async with DialogflowEs(quiz.app, user_id="+4989123456", is_call=True) as phone:
        assert (await phone.intent("StopIntent")).ends_session
        assert quiz.last.user_id == "+4989123456"


async def test_a_tag_for_all_webhooks(quiz: Quiz) -> None:
    async with DialogflowCx(quiz.app, tag="main") as client:
        await client.intent("ScoreIntent")
        assert (quiz.last.tag, quiz.last.intent) == ("main", "ScoreIntent")


async def test_contexts_of_dialogflow_end_after_their_turns(quiz: Quiz) -> None:
    def contexts(lifespan: int) -> dict[Platform, Any]:
        name = f"projects/test/agent/sessions/{client.session_id}/contexts/order"
        return {"dialogflow-es": {"outputContexts": [{"name": name, "lifespanCount": lifespan}]}}

    @quiz.app.intent("OrderIntent")
    async def order(turn: Turn) -> None:
        turn.ask("What?", native=contexts(2))

    async with DialogflowEs(quiz.app) as client:
        await client.intent("OrderIntent")
        seen = []
        for _ in range(3):
            await client.intent("ScoreIntent", points=7)
            seen.append([each["parameters"] for each in quiz.last.raw["queryResult"]["outputContexts"]])
    heard = {"points": 7, "points.original": "7"}
    assert seen == [[heard], [heard], []]


async def test_messenger_says_what_the_user_types(quiz: Quiz) -> None:
    async with Messenger(quiz.app) as messenger:
        assert (await messenger.say("ScoreIntent")).text == "You have 1."
        assert "message" in quiz.last.raw["messaging"][0]


async def test_twilio_presses_keys_and_hears_nothing_after_the_end(quiz: Quiz) -> None:
    @quiz.app.intent("12")
    async def twelve(turn: Turn) -> None:
        turn.tell("Twelve & over.")

    async with TwilioVoice(quiz.app) as phone:
        answer = await phone.press("12")
        assert (answer.text, answer.reprompt, answer.ends_session) == ("Twelve & over.", "", True)


@pytest.mark.parametrize("client", [Vapi, Retell])
async def test_what_failed_is_said_too(quiz: Quiz, client: type[PlatformClient]) -> None:
    @quiz.app.on_error
    async def apologize(turn: Turn) -> None:
        turn.tell("Sorry.")

    async with client(quiz.app) as phone:
        assert (await phone.intent("ScoreIntent", points="many")).text == "Sorry."


async def test_vapi_is_told_that_a_call_cannot_be_taken(quiz: Quiz) -> None:
    app: VoiceApp[Any] = VoiceApp()

    @app.launch
    async def fail(turn: Turn) -> None:
        raise ValueError("no")

    @app.on_error
    async def apologize(turn: Turn) -> None:
        turn.tell("Sorry.")

    async with Vapi(app) as phone:
        assert (await phone.launch()).text == "Sorry."


async def test_native_output_is_read_too() -> None:
    app: VoiceApp[Any] = VoiceApp()

    @app.fallback
    async def speak(turn: Turn) -> None:
        plain = {"outputSpeech": {"type": "PlainText", "text": "From the card"}}
        messages = [{"message": {"speech": "<b>", "text": ""}}, {"message": {"text": "Two"}}]
        turn.send({"alexa": {"response": plain}, "jovo-core": {"output": messages}})

    assert (await Alexa(app).intent("A")).text == "From the card"
    assert (await JovoCore(app).intent("A")).text == "<b>\nTwo"


async def test_any_request_can_be_sent_and_the_session_goes_on(quiz: Quiz) -> None:
    async with Alexa(quiz.app) as alexa:
        await alexa.launch()
        request = alexa.request("Display.ElementSelected", token="two")
        answer = await alexa.send(request)
        assert quiz.last.kind == "event"
        assert quiz.sessions[-1] == {"round": 1}
        assert answer == Answer(raw={"version": "1.0", "sessionAttributes": {"round": 1}, "response": {}})
        with pytest.raises(UnknownRequestError):
            await alexa.send({"no": "request"})


async def test_the_connection_is_open_before_the_first_request(
    quiz: Quiz, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "async_dynamo_store")
    async with Alexa(quiz.app):
        assert caplog.messages == ["DynamoDB client opened"]


async def test_a_connection_that_cannot_be_opened_is_the_error_of_the_first_turn() -> None:
    app: VoiceApp[Any] = VoiceApp({"db": {"tableName": "Users", "awsConfig": {"profile": "nowhere"}}})
    async with Alexa(app) as alexa:
        with pytest.raises(CredentialsError, match="There is no AWS profile 'nowhere'"):
            await alexa.launch()


async def test_an_app_without_a_database_is_spoken_to() -> None:
    app: VoiceApp[Any] = VoiceApp()

    @app.launch
    async def welcome(turn: Turn) -> None:
        turn.tell("Hello.")

    async with Alexa(app) as alexa:
        assert (await alexa.launch()).text == "Hello."
