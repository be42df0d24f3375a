"""A server that answers DynamoDB's requests as a test says, for what no engine can be brought to answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = web.Response | None
"""None: no answer ever comes."""

JSON = "application/x-amz-json-1.0"


def ok(**body: Any) -> web.Response:
    return web.Response(text=json.dumps(body), content_type=JSON)


def refused(code: str, message: str = "no", status: int = 400) -> web.Response:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return web.Response(status=status, text=json.dumps(body), content_type=JSON)


@asynccontextmanager
async def canned(answer: Callable[[str], Answer]) -> AsyncIterator[dict[str, str]]:
    """Serve `answer(operation)`; yields the `aws_config` that leads here."""

    over = asyncio.Event()

    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        response = answer(request.headers["X-Amz-Target"].rpartition(".")[2])
        if response is None:
            await over.wait()
            response = web.Response(status=500)
        return response

    server = web.Server(respond)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield {
            "access_key_id": "testAccessKeyId",
            "secret_access_key": "testSecretAccessKey",
            "region": "eu-west-1",
            "endpoint_url": f"http://{host}:{port}",
        }
    finally:
        over.set()
        await runner.cleanup()
