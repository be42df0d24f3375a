"""Whether a session is new: said by the platform, shown by the request, or known from what is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from async_dynamo_store import Turn
from tests.integration.conftest import MakeApp, Stored
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine


def lex_v2(session: str) -> Any:
    return sample("lex-v2/first") | {"sessionId": "anna", "bot": {"aliasName": session}}


def dialogflow_es(session: str) -> Any:
    raw = sample("dialogflow-es/intent")
    raw["queryResult"].pop("outputContexts", None)
    return raw | {"session": f"projects/quiz/agent/sessions/{session}"}


def dialogflow_cx(session: str) -> Any:
    raw = sample("dialogflow-cx/intent")
    raw["sessionInfo"]["session"] = f"projects/quiz/locations/global/agents/a1/sessions/{session}"
    return raw


def actions_builder(session: str) -> Any:
    raw = sample("google-assistant/intent")
    raw["session"] |= {"id": session, "params": {}}
    return raw


def twilio(session: str) -> Any:
    return sample("twilio-voice/speech") | {"CallSid": session}


def messenger(session: str) -> Any:
    raw = sample("messenger/text")
    raw["entry"][0]["messaging"][0]["message"]["mid"] = f"m-{session}-{next(NUMBERS)}"
    return raw


NUMBERS = iter(range(1000))
SILENT: list[Callable[[str], Any]] = [dialogflow_es, dialogflow_cx, actions_builder]


@pytest.mark.parametrize("request_of", SILENT)
async def test_a_silent_platforms_new_session_is_known_from_the_stored_one(
    make_app: MakeApp, request_of: Callable[[str], Any]
) -> None:
    app, seen = make_app(stored_elements={"session": True}), list[bool]()

    @app.fallback
    async def talk(turn: Turn) -> None:
        seen.append(turn.session.is_new)
        turn.tell("Hello")

    for session in ("s1", "s1", "s2", "s2", "s1"):
        await app.handle(request_of(session))
    assert seen == [True, False, True, False, True]


async def test_sessions_of_a_platform_without_attributes(make_app: MakeApp) -> None:
    app, seen = make_app(stored_elements={"session": True}), list[bool]()

    @app.fallback
    async def talk(turn: Turn) -> None:
        seen.append(turn.session.is_new)
        turn.session.data["n"] = turn.session.data.get("n", 0) + 1

    for request_of in (messenger, twilio):
        for session in ("s1", "s1"):
            await app.handle(request_of(session))
    assert seen == [True, False] * 2


async def test_the_first_request_of_a_call_is_new(make_app: MakeApp) -> None:
    app, seen = make_app(), list[bool]()

    async def talk(turn: Turn) -> None:
        seen.append(turn.session.is_new)
        turn.ask("Yes?")

    app.launch(talk)
    app.fallback(talk)
    for name in ("launch", "speech", "digits"):
        await app.handle(sample(f"twilio-voice/{name}"))
    assert seen == [True, False, False]


@pytest.mark.parametrize("request_of", SILENT)
async def test_jovo_3_counts_a_silent_platforms_sessions(
    make_app: MakeApp, stored: Stored, request_of: Callable[[str], Any]
) -> None:
    app = make_app(user_id=lambda raw: "anna", layout="jovo3", stored_elements={"session": True})
    await app.store.ensure_table()
    await stored.put("anna", userData={"data": {}, "metaData": {"sessionsCount": 5}})

    @app.fallback
    async def talk(turn: Turn) -> None:
        turn.user.increment("requests")

    for session in ("s1", "s1", "s2"):
        await app.handle(request_of(session))
    meta_data = (await stored.item("anna"))["userData"]["metaData"]
    assert meta_data["sessionsCount"] == 7


async def test_nothing_is_known_of_the_sessions_of_nobody(make_app: MakeApp) -> None:
    app, seen = make_app(stored_elements={"session": True}), list[bool]()

    @app.fallback
    async def talk(turn: Turn) -> None:
        assert turn.user.is_anonymous
        seen.append(turn.session.is_new)

    for _ in range(2):
        await app.handle(sample("dialogflow-cx/anonymous"))
    assert seen == [False, False]


async def test_lex_keeps_one_session_for_a_user(make_app: MakeApp) -> None:
    app, seen = make_app(stored_elements={"session": True}), list[bool]()

    @app.fallback
    async def talk(turn: Turn) -> None:
        seen.append(turn.session.is_new)

    for session in ("s1", "s1"):
        await app.handle(lex_v2(session))
    assert seen == [True, False]
