"""What the ASGI integrations share: ASGI's types (ASGI Specification 3.0), an answer, a store's lifetime."""

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
        """The server starts up: open the store, which sends nothing yet."""
        self._closings[asyncio.get_running_loop()] = None
        if self._store:
            await self._store.__aenter__()

    async def end(self) -> None:
        """The server shuts down: finish pending writes and close the client.

        A server that starts again opens a new one.
        """
        self._closings.pop(asyncio.get_running_loop(), None)
        if self._store:
            await self._store.disconnect()

    async def ensure(self) -> None:
        """Called before each request: a server that sent no startup event will send no shutdown event either.

        The client is then closed with the event loop: asyncio closes the async generators that are still open
        as its last step.
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
