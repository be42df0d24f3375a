"""An app on the engine with a bad network between them, and ASGI spoken by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import aioboto3
import httpx2 as httpx
import pytest

from async_dynamo_store import AsyncDynamoStore, VoiceApp
from async_dynamo_store.integrations.asgi_messages import ASGIApp, Message
from tests.asgi.apps import counting_skill
from tests.faults.proxy import FaultProxy

MakeStore = Callable[..., AsyncDynamoStore[Any]]


@pytest.fixture
def db(table_name: str, aws_config: dict[str, str], proxy: FaultProxy) -> dict[str, Any]:
    """What a user would give as `db`, with time enough for a machine that is busy."""
    aws = aws_config | {"endpoint_url": proxy.endpoint_url}
    return {"table_name": table_name, "aws_config": aws, "timeout_seconds": 60}


@pytest.fixture
async def make_store(db: dict[str, Any]) -> AsyncIterator[MakeStore]:
    """Makes stores on the test's table; they are closed when it ends."""
    session = aioboto3.Session()
    async with AsyncExitStack() as stack:

        def make(data_model: Any = None, **options: Any) -> AsyncDynamoStore[Any]:
            store: AsyncDynamoStore[Any] = AsyncDynamoStore(
                db | options, data_model=data_model, session=session
            )
            stack.push_async_callback(store.aclose)
            return store

        yield make


@pytest.fixture
def store(make_store: MakeStore) -> AsyncDynamoStore[Any]:
    return make_store()


@pytest.fixture
async def skill(db: dict[str, Any]) -> AsyncIterator[VoiceApp[Any]]:
    """Counts a user's requests."""
    app = counting_skill(db)
    yield app
    await app.store.aclose()


def client(app: ASGIApp, **headers: str) -> httpx.AsyncClient:
    """A client of the app in this process; what the app raises after its answer goes to the server alone."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://skill.example", headers=headers)


class Connection:
    """ASGI spoken by hand: `say` is what the client sends, in that order, and then it waits for ever."""

    def __init__(self, app: ASGIApp, scope: Mapping[str, Any], *say: Message) -> None:
        self.sent: list[Message] = []
        self.is_waited_for = asyncio.Event()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._sends = asyncio.Condition()
        for message in say:
            self.say(message)
        self._app = app
        self.scope: dict[str, Any] = {"headers": [], "query_string": b"", **scope}

    def say(self, message: Message) -> None:
        self._said.put_nowait(message)

    async def run(self) -> list[Message]:
        """What the app sends."""
        await self._app(self.scope, self._receive, self._send)
        return self.sent

    @property
    def status(self) -> int | None:
        """The status of the response, None where none was sent."""
        starts = [message["status"] for message in self.sent if message["type"] == "http.response.start"]
        assert len(starts) < 2
        return starts[0] if starts else None

    async def has_sent(self, count: int) -> None:
        """Wait until the app has sent so many messages."""
        async with self._sends:
            await self._sends.wait_for(lambda: len(self.sent) >= count)

    async def _receive(self) -> Message:
        if self._said.empty():
            self.is_waited_for.set()
        return await self._said.get()

    async def _send(self, message: Message) -> None:
        async with self._sends:
            self.sent.append(message)
            self._sends.notify_all()


def http_scope(method: str = "POST", content_type: str = "application/json", **more: Any) -> dict[str, Any]:
    """The scope of a request."""
    headers = [(b"content-type", content_type.encode()), (b"host", b"skill.example")]
    return {"type": "http", "method": method, "scheme": "https", "path": "/", "headers": headers} | more


def body(part: bytes, *, more_body: bool = False) -> Message:
    return {"type": "http.request", "body": part, "more_body": more_body}


LEFT: Message = {"type": "http.disconnect"}
