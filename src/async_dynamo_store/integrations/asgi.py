"""ASGI: `app = AsgiApp(skill, verify=[…])` serves a `VoiceApp`, alone (`uvicorn skill:app`) or as a mount."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from async_dynamo_store.errors import StoreError

from .asgi_messages import Receive, Scope, Send, StoreLifetime, send_answer
from .http_endpoint import HttpEndpoint, Incoming, RefusedError, refusal
from .verification import Verifier

if TYPE_CHECKING:
    from async_dynamo_store.store.store import AsyncDynamoStore
    from async_dynamo_store.voice.app import VoiceApp

__all__ = ["AsgiApp"]

log = logging.getLogger(__name__)

_BODY_SECONDS = 10
"""The time limit for receiving a body. No platform waits longer than this for the whole answer."""


class AsgiApp:
    """An ASGI application that answers POST requests of any platform, at any path.

    `verify` has a verifier for each platform that you serve. A request of another platform is refused (403),
    since it could name any user. `verify="off"` accepts every request: for development.
    `max_body_bytes` limits a body. `health_path` answers GET and HEAD with 200, for a health check of the server;
    it does not ask DynamoDB.

    A response of 200 means that the turn is stored. Without an `on_error`, an exception is logged and answered
    with 500, a conflict with 409, and an unreachable database with 503.
    """

    def __init__(
        self,
        app: VoiceApp[Any],
        *,
        verify: Iterable[Verifier] | Literal["off"],
        max_body_bytes: int = 1_048_576,
        health_path: str | None = None,
    ) -> None:
        if isinstance(verify, str) and verify != "off":
            raise ValueError(f'verify must be a list of verifiers, or "off" for development, not {verify!r}')
        self._endpoint = HttpEndpoint(app, None if verify == "off" else verify, health_path)
        self._lifetime = StoreLifetime(_store(app))
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan of the server."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            raise ValueError(f"AsgiApp does not support the scope type {scope['type']!r}")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._lifetime.begin()
        except Exception as error:
            log.exception("The store could not be opened")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._lifetime.end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._lifetime.ensure()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                body = await self._body(receive)
        except TimeoutError:
            refused = RefusedError(408, f"The body did not arrive within {_BODY_SECONDS} seconds.")
            await send_answer(send, refusal(refused))
        except RefusedError as refused:
            await send_answer(send, refusal(refused))
        except _ClientLeftError:
            log.info("A client disconnected before its request was complete")
        else:
            await send_answer(send, await self._endpoint.answer(_incoming(scope, body)))

    async def _body(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientLeftError
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                raise RefusedError(413, f"The body is larger than {self._max_body_bytes} bytes.")
            if not message.get("more_body", False):
                return bytes(body)


class _ClientLeftError(Exception):
    """The client disconnected before the request was complete."""


def _incoming(scope: Scope, body: bytes) -> Incoming:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    raw_path: bytes | None = scope.get("raw_path")
    path = raw_path.decode("latin-1") if raw_path else quote(scope["path"])
    query: str = scope["query_string"].decode("latin-1")
    return Incoming(
        method=scope["method"],
        url=f"{scope['scheme']}://{headers.get('host', '')}{path}{'?' if query else ''}{query}",
        path=_path(scope),
        query=query,
        headers=headers,
        body=body,
    )


def _path(scope: Scope) -> str:
    """The path below the app's mount; in a mounted app, `path` begins with `root_path` (ASGI)."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") else path


def _store(app: VoiceApp[Any]) -> AsyncDynamoStore[Any] | None:
    try:
        return app.store
    except StoreError:
        return None
