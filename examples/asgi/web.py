"""A FastAPI app whose endpoints receive the current user. Run `uvicorn web:app`, then

    curl -X POST localhost:8000/points/10 -H "X-User: anna"
    curl localhost:8000/points -H "X-User: anna"

This example trusts the `X-User` header. A real app takes the user id from its own login.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, WebSocket
from pydantic import BaseModel

from async_dynamo_store import AsyncDynamoStore, DynamoDbSettings
from async_dynamo_store.integrations.fastapi import CurrentUser
from async_dynamo_store.integrations.middleware import UserMiddleware

EMBEDDED = {"type": "embedded", "tableName": "WebUsers"}


class Profile(BaseModel):
    points: int = 0


def who(scope: Mapping[str, Any]) -> str | None:
    name: bytes | None = dict(scope["headers"]).get(b"x-user")
    return name.decode() if name else None


store = AsyncDynamoStore(
    DynamoDbSettings() if "VOICE_DB_TABLE_NAME" in os.environ else EMBEDDED, data_model=Profile
)
app = FastAPI()
app.add_middleware(UserMiddleware, store=store, user_id=who)


@app.get("/points")
async def read_points(user: CurrentUser[Profile]) -> Profile:
    return user.data


@app.post("/points/{points}")
async def add_points(user: CurrentUser[Profile], points: int) -> Profile:
    user.data.points += points
    return user.data


@app.websocket("/play")
async def play(socket: WebSocket, user: CurrentUser[Profile]) -> None:
    await socket.accept()
    async for points in socket.iter_text():
        user.data.points += int(points)
        await socket.send_json(user.data.points)
