"""aiodynamo over aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiodynamo.client import Client, Table
from aiodynamo.credentials import Credentials
from aiodynamo.expressions import F
from aiodynamo.http.aiohttp import AIOHTTP
from aiodynamo.utils import dy2py, py2dy
from yarl import URL

from benchmarks.contenders import Backend, Codec, Steps
from benchmarks.users import KEY_COLUMN, TABLE_NAME, now


@asynccontextmanager
async def _table(backend: Backend) -> AsyncIterator[Table]:
    connector = aiohttp.TCPConnector(limit=backend.in_flight)
    async with aiohttp.ClientSession(connector=connector) as session:
        client = Client(AIOHTTP(session), Credentials.auto(), "us-east-1", URL(backend.endpoint_url))
        yield client.table(TABLE_NAME)


@asynccontextmanager
async def get_and_put(backend: Backend) -> AsyncIterator[Steps]:
    """The whole item is put back."""
    async with _table(backend) as table:

        async def read(user_id: str) -> None:
            await table.get_item({KEY_COLUMN: user_id}, consistent_read=True)

        async def turn(user_id: str) -> None:
            user = await table.get_item({KEY_COLUMN: user_id}, consistent_read=True)
            user["user"]["data"]["score"] += 1
            user["updatedAt"] = now()
            await table.put_item(user)

        yield Steps(turn, read)


@asynccontextmanager
async def get_and_update(backend: Backend) -> AsyncIterator[Steps]:
    """Only the changed field is sent."""
    async with _table(backend) as table:

        async def read(user_id: str) -> None:
            await table.get_item({KEY_COLUMN: user_id}, consistent_read=True)

        async def turn(user_id: str) -> None:
            user = await table.get_item({KEY_COLUMN: user_id}, consistent_read=True)
            score = user["user"]["data"]["score"] + 1
            changes = F("user", "data", "score").set(score) & F("updatedAt").set(now())
            await table.update_item({KEY_COLUMN: user_id}, changes)

        yield Steps(turn, read)


def codec(item: dict[str, Any], wire: dict[str, Any]) -> Codec:
    """`py2dy` and `dy2py`, numbers as floats, as the client has it by default."""
    return Codec(encode=lambda: py2dy(item), decode=lambda: dy2py(wire, float))
