"""This project's own store."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Any

from async_dynamo_store import AsyncDynamoStore, Turn, VoiceApp
from async_dynamo_store.wire.codec import decode, encode
from benchmarks.contenders import Backend, Codec, Steps
from benchmarks.shapes.model import Data
from benchmarks.users import TABLE_NAME


@asynccontextmanager
async def store(backend: Backend) -> AsyncIterator[Steps]:
    """`store.turn`, with the configuration that users get by default."""
    config = {"table_name": TABLE_NAME, "aws_config": {"endpoint_url": backend.endpoint_url}}
    async with AsyncDynamoStore(config) as users:

        async def read(user_id: str) -> None:
            async with users.turn(user_id):
                pass

        async def turn(user_id: str) -> None:
            async with users.turn(user_id) as user:
                user.data["score"] += 1

        yield Steps(turn, read)


@asynccontextmanager
async def frozen_store(backend: Backend) -> AsyncIterator[Steps]:
    """`store.turn`, while the garbage collector skips what is there after opening, such as botocore's data."""
    async with store(backend) as steps:
        gc.collect()
        gc.freeze()
        yield steps


@asynccontextmanager
async def typed_store(backend: Backend) -> AsyncIterator[Steps]:
    """The same with a pydantic model."""
    config = {"table_name": TABLE_NAME, "aws_config": {"endpoint_url": backend.endpoint_url}}
    async with AsyncDynamoStore(config, data_model=Data) as users:

        async def read(user_id: str) -> None:
            async with users.turn(user_id):
                pass

        async def turn(user_id: str) -> None:
            async with users.turn(user_id) as user:
                user.data.score += 1

        yield Steps(turn, read)


@asynccontextmanager
async def voice_app(backend: Backend) -> AsyncIterator[Steps]:
    """Whole turns of a `VoiceApp`, from request JSON to response JSON."""
    async with _app(backend, _OF_JOVO) as steps:
        yield steps


@asynccontextmanager
async def alexa_skill(backend: Backend) -> AsyncIterator[Steps]:
    """The same for requests of Alexa."""
    async with _app(backend, _OF_ALEXA) as steps:
        yield steps


@asynccontextmanager
async def alexa_skill_with_history(backend: Backend) -> AsyncIterator[Steps]:
    """The same with the last turns and the session in the user's item."""
    async with _app(backend, _OF_ALEXA, stored_elements={"history": True, "session": True}) as steps:
        yield steps


@asynccontextmanager
async def _app(backend: Backend, request: Mapping[str, Any], **config: Any) -> AsyncIterator[Steps]:
    config |= {"table_name": TABLE_NAME, "aws_config": {"endpoint_url": backend.endpoint_url}}
    app = VoiceApp({"db": config})

    @app.intent("turn")
    async def add_one(turn: Turn[dict[str, Any]]) -> None:
        turn.user.data["score"] += 1
        turn.ask(f"Score {turn.user.data['score']}")

    @app.intent("read")
    async def tell_score(turn: Turn[dict[str, Any]]) -> None:
        turn.ask(f"Score {turn.user.data['score']}")

    text = json.dumps(request)

    @cache
    def sent(intent: str, user_id: str) -> str:
        """The JSON text as a platform sends it; writing it is no work of the app."""
        return text.replace("INTENT_NAME", intent).replace("USER_ID", user_id)

    async def handle(intent: str, user_id: str) -> None:
        json.dumps(await app.handle(json.loads(sent(intent, user_id))))

    async with app:
        yield Steps(turn=partial(handle, "turn"), read=partial(handle, "read"))


_OF_JOVO = {
    "version": "4.0",
    "platform": "core",
    "id": "7bd31461-0211-4c92-b642-69a978c2f18c",
    "timestamp": "2026-11-22T17:01:09.316Z",
    "timeZone": "Europe/London",
    "locale": "en",
    "data": {},
    "input": {"type": "INTENT", "intent": "INTENT_NAME"},
    "context": {
        "device": {"capabilities": ["AUDIO", "TEXT"]},
        "session": {"id": "s-1", "data": {}, "isNew": False, "updatedAt": "2026-11-22T17:01:00.000Z"},
        "user": {"id": "USER_ID", "data": {}},
    },
}
"""The same request that the Jovo app is sent."""

_ALEXA_APPLICATION = {"applicationId": "amzn1.ask.skill.a5efe6ba-3f54-4f6b-b351-2b0c1a8d1f77"}
_OF_ALEXA = {
    "version": "1.0",
    "session": {
        "new": False,
        "sessionId": "amzn1.echo-api.session.3b2a0c66-1f37-4d0b-9b0a-0e8f5c2d7a10",
        "application": _ALEXA_APPLICATION,
        "attributes": {"question": 3},
        "user": {"userId": "USER_ID"},
    },
    "context": {
        "System": {
            "application": _ALEXA_APPLICATION,
            "user": {"userId": "USER_ID"},
            "device": {"deviceId": "amzn1.ask.device.XYZ", "supportedInterfaces": {"AudioPlayer": {}}},
            "apiEndpoint": "https://api.eu.amazonalexa.com",
            "apiAccessToken": "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ",
        },
        "Viewport": {"shape": "RECTANGLE", "pixelWidth": 1024, "pixelHeight": 600, "touch": ["SINGLE"]},
    },
    "request": {
        "type": "IntentRequest",
        "requestId": "amzn1.echo-api.request.5c8d5a5e-0a0d-4a4e-9c55-6b1f7f1f6f0d",
        "timestamp": "2026-11-22T17:01:09Z",
        "locale": "en-GB",
        "dialogState": "COMPLETED",
        "intent": {
            "name": "INTENT_NAME",
            "confirmationStatus": "NONE",
            "slots": {
                "points": {"name": "points", "value": "1", "confirmationStatus": "NONE", "source": "USER"}
            },
        },
    },
}


def codec(item: dict[str, Any], wire: dict[str, Any]) -> Codec:
    """The store's own codec, limits checked."""
    return Codec(encode=lambda: encode(item)["M"], decode=lambda: decode({"M": wire}))
