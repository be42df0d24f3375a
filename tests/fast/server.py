"""A DynamoDB of a few lines that keeps every request, headers and all, and answers what the test says."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

ITEM = {"userId": {"S": "ada"}, "user": {"M": {"data": {"M": {"score": {"N": "1"}}}}}}

Answer = Callable[[str], web.Response]


def dynamodb_json(body: dict[str, Any], status: int = 200, *, checksum: int | None = None) -> web.Response:
    payload = json.dumps(body).encode()
    crc = zlib.crc32(payload) if checksum is None else checksum
    return web.Response(
        status=status,
        body=payload,
        headers={"content-type": "application/x-amz-json-1.0", "x-amz-crc32": str(crc)},
    )


def answer_well(operation: str) -> web.Response:
    return dynamodb_json({"Item": ITEM} if operation == "GetItem" else {})


@dataclass
class Seen:
    operation: str
    headers: CIMultiDictProxy[str]
    body: bytes


@dataclass
class Recorder:
    """`answers` are used up first, one a request; then each request is answered well."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    peers: set[object] = field(default_factory=set)
    _transports: set[asyncio.Transport] = field(default_factory=set)

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.seen]

    async def handle(self, request: web.Request) -> web.Response:
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if isinstance(request.transport, asyncio.Transport):
            self.peers.add(request.transport.get_extra_info("peername"))
            self._transports.add(request.transport)
        self.seen.append(Seen(operation, request.headers, await request.read()))
        answer = self.answers.pop(0) if self.answers else answer_well
        return answer(operation)

    async def hang_up(self) -> None:
        """Close every connection without a word; what the client has of them is dead from then on."""
        for transport in self._transports:
            transport.abort()


@asynccontextmanager
async def recorder(ssl_context: SSLContext | None = None) -> AsyncIterator[Recorder]:
    recording = Recorder()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", recording.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    port = runner.addresses[0][1]
    recording.url = f"{'https' if ssl_context else 'http'}://127.0.0.1:{port}"
    yield recording
    await runner.cleanup()
