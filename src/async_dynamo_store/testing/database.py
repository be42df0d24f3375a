"""`VoiceDb`: the embedded engine as a test's database, and fault injection."""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from unittest import mock
from uuid import uuid4

import botocore.loaders

from async_dynamo_store.dynamodb import embedded
from async_dynamo_store.store.store import AsyncDynamoStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_WRITES = ("PutItem", "UpdateItem", "DeleteItem")
_THROTTLED = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "requested by the test",
    }
).encode()

_OPERATIONS = (
    *_WRITES,
    "GetItem",
    "BatchGetItem",
    "Query",
    "Scan",
    "CreateTable",
    "DescribeTable",
    "DescribeTimeToLive",
    "UpdateTimeToLive",
)

_Answer = Callable[["WSGIApplication", "WSGIEnvironment", "StartResponse"], Iterable[bytes]]


@dataclass
class Faults:
    """The faults of a block; `count` is how many requests were affected so far."""

    operations: tuple[str, ...]
    left: float
    answer: _Answer = field(repr=False)
    count: int = 0


class VoiceDb:
    """A database for one test: the embedded engine, without tables.

    `endpoint_url` is the engine's URL. `config` can be passed as `db` to an app that is created for the test: a table
    with a unique name on the engine. An app that uses the default AWS chain, or whose `type` is `"embedded"`, uses the
    engine without it.

    Faults are injected between the client and the engine, for every client of the engine. Operations have DynamoDB's
    names (`"GetItem"`, `"UpdateItem"`); without a name, the fault applies to all. Raises ValueError for an unknown
    operation, and for `times` under 1.
    """

    def __init__(self, endpoint_url: str, table_name: str) -> None:
        self.endpoint_url = endpoint_url
        self.table_name = table_name
        self._faults: list[Faults] = []
        self._lock = threading.Lock()

    @property
    def config(self) -> dict[str, Any]:
        """A new dict of the fields of `DynamoDbConfig`, to change or add to."""
        aws = {
            "endpoint_url": self.endpoint_url,
            "region": embedded.REGION,
            "access_key_id": KEY,
            "secret_access_key": KEY,
        }
        return {"table_name": self.table_name, "aws_config": aws}

    @property
    def environment(self) -> Mapping[str, str | None]:
        """The environment variables that point the default AWS chain to the engine; None for those to unset."""
        return {
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": embedded.REGION,
            "AWS_REGION": embedded.REGION,
            "AWS_SESSION_TOKEN": None,
            "AWS_PROFILE": None,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": None,
            **dict.fromkeys(("NO_PROXY", "no_proxy"), _no_proxy()),
        }

    @contextmanager
    def throttled(self, *operations: str, times: float = math.inf) -> Generator[Faults]:
        """Within the block, DynamoDB throttles all requests for these operations, or the next `times`.

        The client makes `max_attempts` attempts; then it raises `ThrottledError`.
        """
        with self._failing(operations, times, _throttle) as faults:
            yield faults

    @contextmanager
    def answers_lost(self, *operations: str, times: float = math.inf) -> Generator[Faults]:
        """Within the block, DynamoDB executes requests, but the connection breaks before the answer.

        The client retries; if all answers are lost, it raises `UnavailableError`.
        """
        with self._failing(operations, times, _lose_answer) as faults:
            yield faults

    @contextmanager
    def conflict(
        self, store: AsyncDynamoStore[Any], user_id: str, change: Mapping[str, Any]
    ) -> Generator[Faults]:
        """Within the block, another writer comes first: before the next write, it sets `change` in this user's data.

        `change` maps paths to values, as in `store.set`; `store` defines the table and the layout. With
        `on_conflict="raise"` the turn gets a `ConflictError`; with `"merge"` both changes are kept. If `change` cannot be
        written, the block raises the error.
        """
        failed: list[Exception] = []

        async def write() -> None:
            async with AsyncDynamoStore(store.config) as other:
                for path, value in change.items():
                    await other.set(user_id, path, value)

        def come_first(
            engine: WSGIApplication, environ: WSGIEnvironment, start: StartResponse
        ) -> Iterable[bytes]:
            try:
                asyncio.run(write())
            except Exception as error:  # noqa: BLE001 - raised in the test's own thread
                failed.append(error)
            return engine(environ, start)

        try:
            with self._failing(_WRITES, 1, come_first) as faults:
                yield faults
        finally:
            if failed:
                raise failed[0]

    @contextmanager
    def _failing(self, operations: tuple[str, ...], times: float, answer: _Answer) -> Generator[Faults]:
        for operation in operations:
            if operation not in _OPERATIONS:
                raise ValueError(
                    f"unknown operation {operation!r}; the store uses {', '.join(sorted(_OPERATIONS))}"
                )
        if times < 1:
            raise ValueError(f"times is {times}; pass 1 or more, or omit it for all requests")
        faults = Faults(operations, times, answer)
        self._faults.append(faults)
        try:
            yield faults
        finally:
            self._faults.remove(faults)

    def middleware(self, engine: WSGIApplication) -> WSGIApplication:
        """The engine with fault injection in front of it."""

        def serve(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            operation = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
            faults = self._take(operation)
            return faults.answer(engine, environ, start) if faults else engine(environ, start)

        return serve

    def _take(self, operation: str) -> Faults | None:
        with self._lock:
            for faults in self._faults:
                if faults.left >= 1 and operation in (faults.operations or (operation,)):
                    faults.left -= 1
                    faults.count += 1
                    return faults
        return None


KEY = "embedded"
"""The access key for the engine, which accepts any."""


class _Owner:
    """An owner that keeps the engine running."""


@contextmanager
def engine_running() -> Generator[str]:
    """Start the engine, or share the running one, for the duration of the block. Yields its URL."""
    owner = _Owner()
    url = embedded.start(owner)
    try:
        yield url
    finally:
        embedded.stop(owner)


@contextmanager
def descriptions_read_once() -> Generator[None]:
    """Within the block, botocore caches AWS's API descriptions; reading them takes most of the time of creating a client."""
    loader, files = botocore.loaders.Loader, botocore.loaders.JSONFileLoader
    list_services = loader.list_available_services
    listed: dict[tuple[str, ...], list[str]] = {}

    def list_once(self: botocore.loaders.Loader, type_name: str) -> list[str]:
        key = (type_name, *self.search_paths)
        if key not in listed:
            listed[key] = list_services(self, type_name)
        return listed[key]

    with (
        mock.patch.object(files, "load_file", staticmethod(cache(files().load_file))),
        mock.patch.object(loader, "list_available_services", list_once),
    ):
        yield


def warm_up() -> None:
    """Make a first request, so that its imports do not count toward the `timeout_seconds` of a test's store."""

    async def first_request() -> None:
        config = {"type": "embedded", "table_name": "warm-up", "timeout_seconds": 60}
        async with AsyncDynamoStore(config) as store:
            await store.ensure_table()

    # In a separate thread, because pytest owns the event loop of this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, first_request()).result()


@contextmanager
def voice_database() -> Generator[VoiceDb]:
    """Yield a `VoiceDb` without tables. Use one at a time, since all tests of a process share the engine."""
    with engine_running() as url:
        embedded.drop_tables()
        database = VoiceDb(url, f"test-{uuid4().hex}")
        with embedded.behind(database.middleware):
            yield database


def _no_proxy() -> str:
    """The hosts that bypass the proxy, with the engine's host added."""
    hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return f"{hosts},127.0.0.1" if hosts else "127.0.0.1"


def _throttle(engine: WSGIApplication, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    _read_body(environ)
    headers = [
        ("Content-Type", "application/x-amz-json-1.0"),
        ("Content-Length", str(len(_THROTTLED))),
        ("x-amz-crc32", str(zlib.crc32(_THROTTLED))),
    ]
    start("400 Bad Request", headers)
    return [_THROTTLED]


def _lose_answer(engine: WSGIApplication, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    body = BytesIO(_read_body(environ))
    for part in engine(environ | {"wsgi.input": body}, start):
        del part
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("lost answer, requested by the test")


def _read_body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return body
