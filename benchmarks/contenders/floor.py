"""The least that a client on aiohttp's session can do: ready bytes posted, answers read and thrown away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

import aiohttp
from yarl import URL

from benchmarks.contenders import Backend, Steps
from benchmarks.users import KEY_COLUMN, SCORE, TABLE_NAME, now


def _headers(operation: str) -> dict[str, str]:
    """Headers of the size that a signed call has."""
    return {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "X-Amz-Date": "20261122T170109Z",
        "Authorization": (
            "AWS4-HMAC-SHA256 Credential=BENCHMARK/20261122/us-east-1/dynamodb/aws4_request, "
            f"SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}"
        ),
    }


@lru_cache(maxsize=1024)
def _bodies(user_id: str) -> tuple[bytes, bytes]:
    """GetItem's and UpdateItem's, ready to be sent."""
    key = {"TableName": TABLE_NAME, "Key": {KEY_COLUMN: {"S": user_id}}}
    update = {
        "UpdateExpression": "SET #0.#1.#2 = :0, #3 = :1",
        "ExpressionAttributeNames": {"#0": "user", "#1": "data", "#2": "score", "#3": "updatedAt"},
        "ExpressionAttributeValues": {":0": {"N": str(SCORE + 1)}, ":1": {"S": now()}},
    }
    return json.dumps(key | {"ConsistentRead": True}).encode(), json.dumps(key | update).encode()


@asynccontextmanager
async def posts(backend: Backend) -> AsyncIterator[Steps]:
    """Two posts for a turn, one for a read."""
    url = URL(backend.endpoint_url)
    get_headers, update_headers = _headers("GetItem"), _headers("UpdateItem")
    connector = aiohttp.TCPConnector(limit=backend.in_flight)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def post(body: bytes, headers: dict[str, str]) -> None:
            async with session.post(url, data=body, headers=headers) as response:
                await response.read()

        async def read(user_id: str) -> None:
            get, _ = _bodies(user_id)
            await post(get, get_headers)

        async def turn(user_id: str) -> None:
            get, update = _bodies(user_id)
            await post(get, get_headers)
            await post(update, update_headers)

        yield Steps(turn, read)
