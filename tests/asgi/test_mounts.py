"""A `VoiceApp` as a mount inside other frameworks, and the middleware in Litestar."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from litestar import Litestar, Request, asgi, post
from litestar.middleware import DefineMiddleware
from starlette.applications import Starlette
from starlette.routing import Mount

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.integrations.asgi import AsgiApp
from async_dynamo_store.integrations.asgi_messages import ASGIApp
from async_dynamo_store.integrations.middleware import UserMiddleware
from async_dynamo_store.integrations.verification import TwilioVerifier
from tests.asgi.apps import counting_skill, header
from tests.asgi.conftest import client
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine


def in_starlette(app: AsgiApp) -> ASGIApp:
    return Starlette(routes=[Mount("/voice", app)])


def in_fastapi(app: AsgiApp) -> ASGIApp:
    api = FastAPI()
    api.mount("/voice", app)
    return api


def in_litestar(app: AsgiApp) -> ASGIApp:
    return Litestar([asgi("/voice", is_mount=True, copy_scope=True)(app)])  # type: ignore[return-value]  # Litestar's own type of an ASGI app is narrower


@pytest.mark.parametrize("mount", [in_starlette, in_fastapi, in_litestar])
async def test_a_mount(mount: Callable[[AsgiApp], ASGIApp]) -> None:
    app = mount(AsgiApp(counting_skill(None), verify="off"))
    async with client(app) as http:
        assert "Hello" in (await http.post("/voice/alexa", json=sample("alexa/launch"))).text
        assert "Hello" in (await http.post("/voice/", data=sample("twilio-voice/launch"))).text
        assert (await http.post("/voice/", content=b"{")).status_code == 415
        assert (await http.post("/elsewhere", json=sample("alexa/launch"))).status_code == 404


@pytest.mark.parametrize("mount", [in_starlette, in_fastapi, in_litestar])
async def test_the_address_that_twilio_signs_is_the_whole_one(mount: Callable[[AsgiApp], ASGIApp]) -> None:
    app = mount(AsgiApp(counting_skill(None), verify=[TwilioVerifier("12345")]))
    raw = sample("twilio-voice/launch")
    text = "https://skill.example/voice/call?a=1" + "".join(k + v for k, v in sorted(raw.items()))
    signature = base64.b64encode(hmac.new(b"12345", text.encode(), hashlib.sha1).digest()).decode()
    headers = {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded"}
    async with client(app) as http:
        response = await http.post("/voice/call?a=1", content=urlencode(raw), headers=headers)
    assert response.status_code == 200


async def test_the_middleware_in_litestar(store: AsyncDynamoStore[Any]) -> None:
    @post("/score")
    async def score(request: Request[Any, Any, Any]) -> dict[str, int]:
        user = request.state.user
        user.data["score"] = user.data.get("score", 0) + 1
        return {"score": user.data["score"]}

    middleware = DefineMiddleware(UserMiddleware, store=store, user_id=header)  # type: ignore[arg-type]  # it wants its own protocol
    app: Any = Litestar([score], middleware=[middleware])
    async with client(app, **{"x-user": "u1"}) as http:
        for expected in (1, 2):
            assert (await http.post("/score")).json() == {"score": expected}
    assert await store.get("u1", "score") == 2
