"""`UserMiddleware`: loads and saves the user around each HTTP request or WebSocket message of any ASGI app."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from async_dynamo_store.errors import StoreError
from async_dynamo_store.records.loaded import TurnScope
from async_dynamo_store.records.record import UserRecord
from async_dynamo_store.voice.user_ids import FindUserId, found_user_id

from .asgi_messages import ASGIApp, Message, Receive, Scope, Send, StoreLifetime, send_answer
from .http_endpoint import refusal, refused_for

if TYPE_CHECKING:
    from async_dynamo_store.store.store import AsyncDynamoStore

__all__ = ["UserMiddleware"]

log = logging.getLogger(__name__)


class UserMiddleware:
    """Loads the user before the endpoint, and saves it before the response starts.

    `user_id` is a function, sync or async, from the ASGI scope to the user's id, or None if there is none. The endpoint
    finds the `UserRecord` in `scope["state"]["user"]`, which is Starlette's `request.state.user`; it is None if there
    is no user.

    - A response below 400 is sent after the save, so it means that the turn is stored.
    - Nothing is saved when the endpoint raised, when it answered with 400 or more, or when the client left
      before the response.
    - When the load or the save fails, the response is 409 for a conflict, 503 for an unreachable database,
      400 for an id that cannot be stored; other errors are raised. The endpoint's own response is not sent.
    - What the endpoint changes after its response has started (a background task, a stream) is not saved.

    In a WebSocket, each message is a turn. The same record is reloaded before the endpoint receives a message. It is
    saved before the endpoint sends in the same task, and when it receives the next message or returns. An error of
    the store is raised where the endpoint receives or sends.
    """

    def __init__(self, app: ASGIApp, store: AsyncDynamoStore[Any], *, user_id: FindUserId) -> None:
        self._app = app
        self._store = store
        self._find_user_id = user_id
        self._lifetime = StoreLifetime(store)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, one WebSocket, or the lifespan of the server."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, self._around_lifespan(send))
            return
        await self._lifetime.ensure()
        user_id = await found_user_id(self._find_user_id, scope)
        state = scope.setdefault("state", {})
        state["user"] = None
        if user_id is None:
            await self._app(scope, receive, send)
            return
        with TurnScope():
            if scope["type"] == "http":
                await self._http(user_id, scope, receive, send)
            else:
                await self._websocket(user_id, scope, receive, send)

    def _around_lifespan(self, send: Send) -> Send:
        async def send_around(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await self._lifetime.begin()
            elif message["type"] == "lifespan.shutdown.complete":
                await self._lifetime.end()
            await send(message)

        return send_around

    async def _http(self, user_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            user = scope["state"]["user"] = await self._store.load(user_id)
        except StoreError as error:
            await _refuse_or_raise(error, send)
            return
        client = _HttpClient(receive)
        failure: Exception | None = None

        async def save_and_send(message: Message) -> None:
            nonlocal failure
            if message["type"] == "http.response.start" and message["status"] < 400:
                try:
                    await self._save(user, client)
                except Exception as error:
                    failure = error
                    raise _NotSavedError from error
            await send(message)

        try:
            await self._app(scope, client.receive, save_and_send)
        except Exception:
            if failure is None:
                raise
        finally:
            await client.close()
        if failure is not None:
            await _refuse_or_raise(failure, send)

    async def _websocket(self, user_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        user = scope["state"]["user"] = await self._store.load(user_id)
        client = _WebSocketClient(receive)
        turn = asyncio.current_task()

        async def save_and_receive() -> Message:
            nonlocal turn
            await self._save(user, client)
            message = await client.receive()
            if message["type"] == "websocket.receive":
                turn = asyncio.current_task()
                user.become(await self._store.load(user_id))
            return message

        async def save_and_send(message: Message) -> None:
            if turn is asyncio.current_task():
                await self._save(user, client)
            await send(message)
            client.is_connected = True

        try:
            await self._app(scope, save_and_receive, save_and_send)
            await self._save(user, client)
        finally:
            await client.close()

    async def _save(self, user: UserRecord[Any], client: _HttpClient | _WebSocketClient) -> None:
        if await client.has_left():
            log.info("A client disconnected before the endpoint ended; its changes are not saved")
        else:
            await self._store.save(user)


class _NotSavedError(OSError):
    """Ends an endpoint whose response is not sent. ASGI's `send` raises `OSError` too after a disconnect."""


class _HttpClient:
    """The client of a request. A task reads its messages ahead of the endpoint, so that a disconnect is noticed.

    An outer middleware may delay a disconnect by a few steps of the event loop.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: asyncio.Queue[Message | Exception] = asyncio.Queue(maxsize=1)
        self._has_left = False
        self._reader = asyncio.create_task(self._read())

    async def receive(self) -> Message:
        """The next message."""
        message = await self._messages.get()
        if self._reader.done():  # the last message, which later calls receive too
            self._messages.put_nowait(message)
        if isinstance(message, Exception):
            raise message
        return message

    async def has_left(self) -> bool:
        """Whether the client has disconnected."""
        await asyncio.sleep(0)  # lets the reader process a message that arrived since its last step
        return self._has_left

    async def close(self) -> None:
        """Stop reading."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        while not self._has_left:
            try:
                message = await self._receive()
            except Exception as error:  # noqa: BLE001 - raised where the endpoint receives
                await self._messages.put(error)
                return
            self._has_left = message["type"] == "http.disconnect"
            await self._messages.put(message)


class _WebSocketClient:
    """The client of a WebSocket. Messages are read ahead of the endpoint to notice a disconnect."""

    def __init__(self, receive: Receive) -> None:
        self.is_connected = False
        self._receive = receive
        self._seen: deque[Message] = deque()
        self._ahead: asyncio.Task[Message] | None = None
        self._waiting = 0
        self._has_left = False

    async def receive(self) -> Message:
        """The next message."""
        if self._ahead:
            await self._look(self._ahead)
        if self._seen:
            return self._seen.popleft()
        self._waiting += 1
        try:
            return await self._read()
        finally:
            self._waiting -= 1

    async def has_left(self) -> bool:
        """Whether the client has disconnected. Other messages are kept for `receive`."""
        while self._may_have_left():
            if self._waiting:  # a task of the endpoint is reading already, and will get the disconnect
                await asyncio.sleep(0)
                break
            self._ahead = self._ahead or asyncio.create_task(self._read())
            if not await self._look(self._ahead, 0):
                break
        return self._has_left

    async def close(self) -> None:
        """Stop reading."""
        if self._ahead:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)

    def _may_have_left(self) -> bool:
        has_more_to_say = bool(self._seen) and self._seen[-1]["type"] == "websocket.receive"
        return self.is_connected and not self._has_left and not has_more_to_say

    async def _look(self, ahead: asyncio.Task[Message], seconds: float | None = None) -> bool:
        """Whether the next message arrived in time."""
        if not ahead.done():
            await asyncio.wait([ahead], timeout=seconds)
        if ahead.done() and self._ahead is ahead:
            self._ahead = None
            self._seen.append(ahead.result())
        return ahead.done()

    async def _read(self) -> Message:
        message = await self._receive()
        self._has_left = message["type"] == "websocket.disconnect"
        return message


async def _refuse_or_raise(error: Exception, send: Send) -> None:
    refused = refused_for(error)
    if refused.status == 500:
        raise error
    log.warning("A request was answered with %d: %s", refused.status, error)
    await send_answer(send, refusal(refused))
