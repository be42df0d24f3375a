"""What the ASGI doors share: ASGI's types (ASGI Specification 3.0), an answer, a store's lifetime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from .http_door import Answer

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
    """Has a store's client opened before, and closed after, the event loop serves."""

    def __init__(self, store: AsyncDynamoStore[Any] | None) -> None:
        self._store = store
        self._closings: dict[asyncio.AbstractEventLoop, AsyncGenerator[None] | None] = {}

    async def begin(self) -> None:
        """The server starts up: open the store, which sends nothing yet."""
        self._closings[asyncio.get_running_loop()] = None
        if self._store:
            await self._store.open()

    async def end(self) -> None:
        """The server shuts down: finish the writes under way, and close the client.

        A server that starts again opens it anew.
        """
        self._closings.pop(asyncio.get_running_loop(), None)
        if self._store:
            await self._store.disconnect()

    async def ensure(self) -> None:
        """A request has come. A server that has not said that it starts up will not say that it shuts down.

        The client is then closed with the event loop: the last thing that asyncio does in one is to close the
        async generators that are still open.
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
