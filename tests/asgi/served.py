"""What the real servers of these tests serve; SERVED_DB has the store's configuration, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request  # noqa: TC002 - Starlette reads annotations
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket  # noqa: TC002 - Starlette reads annotations

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.integrations.asgi import AsgiApp
from async_dynamo_store.integrations.middleware import UserMiddleware
from tests.asgi.apps import counting_skill, header

DB: dict[str, Any] = json.loads(os.environ["SERVED_DB"])

app = AsgiApp(counting_skill(DB), verify="off")
client_left = asyncio.Event()


async def score(request: Request) -> Response:
    user = request.state.user
    user.data["score"] = user.data.get("score", 0) + len(await request.body())
    return JSONResponse(user.data["score"])


async def wait_until_the_client_leaves(request: Request) -> Response:
    await request.body()
    request.state.user.data["waited"] = True
    await store.exists("somebody else")
    while not await request.is_disconnected():  # noqa: ASYNC110 - as endpoints do
        await asyncio.sleep(0.01)
    client_left.set()
    return Response()


async def wait_until_one_has_left(_: Request) -> Response:
    await client_left.wait()
    return Response()


async def play(socket: WebSocket) -> None:
    await socket.accept()
    async for points in socket.iter_text():
        socket.state.user.data["score"] = socket.state.user.data.get("score", 0) + int(points)
        await socket.send_json(socket.state.user.data["score"])


skill = counting_skill(DB)
store = AsyncDynamoStore(DB)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    async with skill:  # granian does not close its event loop, which would do
        yield


site = Starlette(
    lifespan=lifespan,
    routes=[
        Mount("/voice", AsgiApp(skill, verify="off")),
        Route("/score", score, methods=["POST"]),
        Route("/wait", wait_until_the_client_leaves, methods=["POST"]),
        Route("/left", wait_until_one_has_left),
        WebSocketRoute("/play", play),
    ],
    middleware=[Middleware(UserMiddleware, store=store, user_id=header)],
)
