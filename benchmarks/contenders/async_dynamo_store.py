"""This project's own store."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
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
    app = VoiceApp({"db": {"table_name": TABLE_NAME, "aws_config": {"endpoint_url": backend.endpoint_url}}})

    @app.intent("turn")
    async def add_one(turn: Turn[dict[str, Any]]) -> None:
        turn.user.data["score"] += 1
        turn.ask(f"Score {turn.user.data['score']}")

    @app.intent("read")
    async def tell_score(turn: Turn[dict[str, Any]]) -> None:
        turn.ask(f"Score {turn.user.data['score']}")

    async def handle(intent: str, user_id: str) -> None:
        json.dumps(await app.handle(json.loads(_request(intent, user_id))))

    async with app:
        yield Steps(turn=partial(handle, "turn"), read=partial(handle, "read"))


def _request(intent: str, user_id: str) -> str:
    """The same request that the Jovo app is sent."""
    return json.dumps(
        {
            "version": "4.0",
            "platform": "core",
            "id": "7bd31461-0211-4c92-b642-69a978c2f18c",
            "timestamp": "2026-11-22T17:01:09.316Z",
            "timeZone": "Europe/London",
            "locale": "en",
            "data": {},
            "input": {"type": "INTENT", "intent": intent},
            "context": {
                "device": {"capabilities": ["AUDIO", "TEXT"]},
                "session": {"id": "s-1", "data": {}, "isNew": False, "updatedAt": "2026-11-22T17:01:00.000Z"},
                "user": {"id": user_id, "data": {}},
            },
        }
    )


def codec(item: dict[str, Any], wire: dict[str, Any]) -> Codec:
    """The store's own codec, limits checked."""
    return Codec(encode=lambda: encode(item)["M"], decode=lambda: decode({"M": wire}))
