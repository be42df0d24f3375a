"""Messenger's webhooks: every valid one is 200, and a message that is delivered again is not counted again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from async_dynamo_store import Turn
from async_dynamo_store.integrations.http_endpoint import HttpEndpoint, Incoming
from tests.faults.proxy import FaultProxy
from tests.integration.conftest import App, MakeApp, Stored, operations
from tests.unit.requests.sample import sample

pytestmark = [pytest.mark.one_engine, pytest.mark.unmeasured]

USER = "PSID-1"


def counting(app: App) -> App:
    @app.launch
    @app.fallback
    async def count(turn: Turn) -> None:
        turn.tell(f"message {turn.user.increment('messages')}")

    @app.event("optin", "referral", "account_linking")
    async def greet(turn: Turn) -> None:
        if turn.user.is_anonymous:
            turn.tell("welcome")
        else:
            turn.tell(f"greeting {turn.user.increment('greetings')}")

    return app


def message(mid: str, text: str = "hi") -> dict[str, Any]:
    raw: dict[str, Any] = sample("messenger/text")
    raw["entry"][0]["messaging"][0]["message"] = {"mid": mid, "text": text}
    return raw


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("standby", None),
        ("feed", None),
        ("dashboard test", None),
        ("dashboard sample", None),
        ("no entry", None),
        ("delivery", None),
        ("opt-in of a web page", {"user_ref": "REF-1"}),
        ("opt-in", {"id": USER}),
        ("referral", {"id": USER}),
        ("account linking", {"id": USER}),
        ("text", {"id": USER}),
    ],
)
async def test_every_valid_webhook_is_accepted(app: App, stored: Stored, name: str, said: Any) -> None:
    endpoint = HttpEndpoint(counting(app), None)
    answer = await endpoint.answer(
        Incoming(
            method="POST",
            url="https://example.com/",
            path="/",
            query="",
            headers={"content-type": "application/json"},
            body=json.dumps(sample(f"messenger/{name}")).encode(),
        )
    )
    assert answer.status == 200
    assert json.loads(answer.text).get("recipient") == said
    await app.store.ensure_table()
    assert await stored.users() == (said == {"id": USER})


async def test_a_message_that_is_delivered_again_is_not_counted_again(
    app: App, stored: Stored, proxy: FaultProxy
) -> None:
    counting(app)
    assert (await app.handle(message("m1")))["message"] == {"text": "message 1"}
    assert (await app.handle(message("m2")))["message"] == {"text": "message 2"}
    operations(proxy)
    assert await app.handle(message("m1")) == {}
    assert operations(proxy) == ["GetItem"]
    assert await stored.data(USER) == {"messages": 2}


async def test_a_button_that_is_delivered_again_is_not_counted_again(app: App, stored: Stored) -> None:
    counting(app)
    raw = sample("messenger/postback")
    raw["entry"][0]["messaging"][0]["postback"]["mid"] = "m1"
    assert [bool(await app.handle(raw)) for _ in range(3)] == [True, False, False]
    assert await stored.data(USER) == {"messages": 1}


async def test_a_message_whose_turn_failed_is_answered_when_it_is_delivered_again(
    app: App, stored: Stored
) -> None:
    errors = [LookupError("no pizza")]

    @app.fallback
    async def fail_once(turn: Turn) -> None:
        turn.tell(f"message {turn.user.increment('messages')}")
        if errors:
            raise errors.pop()

    with pytest.raises(LookupError):
        await app.handle(message("m1"))
    assert (await app.handle(message("m1")))["message"] == {"text": "message 1"}
    assert await stored.data(USER) == {"messages": 1}


@pytest.mark.parametrize("layout", ["jovo4", "jovo3", "jovo1", "ask-sdk"])
@pytest.mark.parametrize("on_conflict", ["merge", "raise", "overwrite"])
async def test_what_is_remembered_is_bounded(
    make_app: MakeApp, stored: Stored, layout: str, on_conflict: str
) -> None:
    app = counting(make_app(layout=layout, on_conflict=on_conflict))
    for number in range(25):
        await app.handle(message(f"m{number}"))
    column = "id" if layout == "ask-sdk" else "userId"
    seen = (await stored.item(USER, column))["_store"]["seen"]
    assert len(seen) == len(set(seen)) == 20
    assert all(len(each) == 16 for each in seen)
    assert await app.handle(message("m5")) == {}
    assert await app.handle(message("m24")) == {}
    assert await app.store.get(USER, "messages") == 25


async def test_a_message_that_changes_nothing_is_not_remembered(app: App, stored: Stored) -> None:
    @app.fallback
    async def echo(turn: Turn) -> None:
        turn.tell(turn.request.intent)

    assert await app.handle(message("m1")) == await app.handle(message("m1"))
    assert await stored.users() == 0


async def test_other_platforms_note_no_messages(app: App, stored: Stored) -> None:
    counting(app)
    await app.handle(sample("alexa/intent"))
    assert "seen" not in (await stored.item())["_store"]
