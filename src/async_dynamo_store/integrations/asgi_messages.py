"""Shared by the ASGI integrations: ASGI's types (ASGI Specification 3.0), sending an answer, the store's lifetime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from .http_endpoint import Answer

if TYPE_CHECKING:
    from async_dynamo_store.store.store import AsyncDynamoStore

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


async def send_answer(send: Send, answer: Answer) -> None:
    """Send a whole response."""
    body = answer.text.encode()
    fields = {**answer.headers, "content-length": str(len(body))}
    headers = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class StoreLifetime:
    """Opens a store's client before the server takes requests, and closes it after the last one."""

    def __init__(self, store: AsyncDynamoStore[Any] | None) -> None:
        self._store = store
        self._closings: dict[asyncio.AbstractEventLoop, AsyncGenerator[None] | None] = {}

    async def begin(self) -> None:
        """Open the store when the server starts; this sends nothing yet."""
        self._closings[asyncio.get_running_loop()] = None
        if self._store:
            await self._store.__aenter__()

    async def end(self) -> None:
        """Finish pending writes and close the client when the server stops.

        A restarted server opens a new client.
        """
        self._closings.pop(asyncio.get_running_loop(), None)
        if self._store:
            await self._store.disconnect()

    async def ensure(self) -> None:
        """Called before each request, for servers that send no startup event and therefore no shutdown event.

        Their client is closed with the event loop: as its last step, asyncio closes the async generators that are
        still open.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._closings:
            closing = self._closings[loop] = self._until_closed()
            await anext(closing)

    async def _until_closed(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.end()
