"""Vapi and Retell: who is calling, what tools answer, and the end of a call, from their JSON to the stored item."""

from __future__ import annotations

import json

import pytest

from async_dynamo_store import Turn, UnsupportedValueError
from async_dynamo_store.integrations.http_endpoint import HttpEndpoint, Incoming
from async_dynamo_store.integrations.verification import SharedSecret
from tests.integration.conftest import App, MakeApp, Stored
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine

PHONE = "+4989123456"


def remembering(app: App) -> App:
    @app.launch
    async def greet(turn: Turn) -> None:
        name = turn.user.data.get("name", "stranger")
        turn.session.data |= {"name": name, "visits": turn.user.increment("visits")}
        turn.ask(f"Hello {name}!", native={"vapi": {"assistantId": "assistant-1"}})

    @app.intent("add_score")
    async def add(turn: Turn) -> None:
        turn.tell(f"{turn.user.increment('score', turn.request.entities.get('points', 1))} points")

    @app.intent("say_score")
    async def say(turn: Turn) -> None:
        turn.tell(f"You have {turn.user.data['score']}.")

    @app.end
    async def end(turn: Turn) -> None:
        turn.user.increment("calls")

    return app


async def test_vapi_is_told_who_is_calling(app: App, stored: Stored) -> None:
    remembering(app)
    await app.store.set(PHONE, "name", "Anna")
    assert await app.handle(sample("vapi/assistant request")) == {
        "assistantId": "assistant-1",
        "assistantOverrides": {
            "variableValues": {"name": "Anna", "visits": 1},
            "firstMessage": "Hello Anna!",
        },
    }
    assert await stored.data(PHONE) == {"name": "Anna", "visits": 1}


async def test_the_tool_calls_of_a_message_are_answered_together(app: App, stored: Stored) -> None:
    remembering(app)
    assert await app.handle(sample("vapi-batch/two tool calls")) == {
        "results": [
            {"toolCallId": "t1", "name": "add_score", "result": "30 points"},
            {"toolCallId": "t2", "name": "say_score", "result": "You have 30."},
        ]
    }
    assert await app.handle(sample("vapi/tool call as OpenAI has it")) == {
        "results": [{"toolCallId": "t1", "name": "add_score", "result": "60 points"}]
    }
    assert await stored.data(PHONE) == {"score": 60}


async def test_a_tool_that_fails_says_so(app: App) -> None:
    @app.intent("add_score")
    async def fail(turn: Turn) -> None:
        raise LookupError

    @app.launch
    async def fail_too(turn: Turn) -> None:
        raise LookupError

    @app.on_error
    async def sorry(turn: Turn) -> None:
        turn.tell("That did not work.")

    assert await app.handle(sample("vapi/tool call")) == {
        "results": [{"toolCallId": "t1", "name": "add_score", "error": "That did not work."}]
    }
    assert await app.handle(sample("vapi/assistant request")) == {"error": "That did not work."}
    assert await app.handle(sample("retell/custom function")) == {"result": "That did not work."}


@pytest.mark.parametrize("name", ["vapi/end of call", "retell/ended"])
async def test_the_end_of_a_call_counts_once_however_often_it_is_sent(
    app: App, stored: Stored, name: str
) -> None:
    remembering(app)
    for _ in range(4):
        assert await app.handle(sample(name)) == {}
    assert await stored.data(PHONE) == {"calls": 1}
    another = sample(name)
    (another["message"]["call"] if name.startswith("vapi") else another["call"]).update(
        {"id": "next", "call_id": "next"}
    )
    await app.handle(another)
    assert await stored.data(PHONE) == {"calls": 2}


async def test_retell_is_told_who_is_calling(app: App, stored: Stored) -> None:
    remembering(app)
    await app.store.set(PHONE, "name", "Anna")
    for name, event, visits in (("inbound call", "call_inbound", "1"), ("inbound chat", "chat_inbound", "2")):
        answer = await app.handle(sample(f"retell/{name}"))
        assert answer == {event: {"dynamic_variables": {"name": "Anna", "visits": visits}}}
    assert await stored.data(PHONE) == {"name": "Anna", "visits": 2}


async def test_retells_custom_function(app: App, stored: Stored) -> None:
    remembering(app)
    assert await app.handle(sample("retell/custom function")) == {"result": "30 points"}
    assert await stored.data(PHONE) == {"score": 30}


@pytest.mark.parametrize("name", ["vapi/status", "vapi/no tool call", "retell/started", "retell/analyzed"])
async def test_what_is_reported_reaches_a_handler_of_its_name(app: App, stored: Stored, name: str) -> None:
    @app.event("status-update", "tool-calls", "call_started", "call_analyzed")
    async def note(turn: Turn) -> None:
        turn.user.data["last"] = turn.request.intent

    assert await app.handle(sample(name)) == {}
    assert await stored.data(PHONE) == {"last": (await app.store.load(PHONE)).data["last"]}


async def test_variables_are_read_later_and_not_changed(make_app: MakeApp) -> None:
    app = make_app()

    @app.intent("add_score")
    async def read(turn: Turn) -> None:
        turn.tell(f"round {turn.session.data['round']}")

    @app.event("call_started")
    async def change(turn: Turn) -> None:
        turn.session.data["round"] = 3
        turn.user.data["never"] = "saved"

    for name in ("vapi/tool call", "retell/custom function"):
        assert "round 2" in str(await app.handle(sample(name)))
    with pytest.raises(
        UnsupportedValueError, match=r"only in the answer to the launch.*store later changes in user\.data"
    ):
        await app.handle(sample("retell/started"))
    assert not await app.store.exists(PHONE)


async def test_a_stranger_is_no_vapi(app: App) -> None:
    endpoint = HttpEndpoint(remembering(app), [SharedSecret("vapi", header="X-Vapi-Secret", secret="s")])
    for secret, status in (("s", 200), ("t", 403)):
        answer = await endpoint.answer(vapi_over_http({"x-vapi-secret": secret}))
        assert answer.status == status


def vapi_over_http(headers: dict[str, str]) -> Incoming:
    return Incoming(
        method="POST",
        url="https://agent.example/",
        path="/",
        query="",
        headers={"content-type": "application/json", **headers},
        body=json.dumps(sample("vapi/tool call")).encode(),
    )
