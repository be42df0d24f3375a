"""A bad network between DynamoDB clients and a real engine: it fails the requests that a test names."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum, auto
from http import HTTPStatus
from io import BytesIO
from typing import Any, Self

import aiohttp
from multidict import CIMultiDict

Hook = Callable[[], Awaitable[object]]
Draw = Callable[[], "Fault | None"]


class Fault(StrEnum):
    """What befalls one request."""

    # The engine never sees the request:
    reset_before = auto()  # the connection is reset (RST)
    drop_before = auto()  # it is closed (FIN) without an answer, as a keep-alive socket gone stale
    server_error = auto()  # 500 InternalServerError
    throttle = auto()  # 400 ProvisionedThroughputExceededException
    throttle_rate = auto()  # 400 ThrottlingException

    # The engine does what is asked, but the client is not told so:
    reset_answer = auto()  # RST instead of the answer
    drop_answer = auto()  # FIN without one byte of the answer
    half_answer = auto()  # all headers, half of the body, FIN
    server_error_after = auto()  # 500 InternalServerError
    slow_answer = auto()  # the answer is held until released, or until the client has gone

    # The engine sees the request later:
    slow_request = auto()  # when released, or when the client has gone
    late_request = auto()  # when released, even if the client has gone: it can come after its own retry


_ERRORS: Mapping[Fault | None, tuple[int, str]] = {
    Fault.server_error: (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
    Fault.server_error_after: (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
    Fault.throttle: (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
    Fault.throttle_rate: (400, "com.amazon.coral.availability#ThrottlingException"),
}
_BEFORE = {Fault.reset_before, Fault.drop_before, Fault.server_error, Fault.throttle, Fault.throttle_rate}
# RFC 9110, 7.6.1: these belong to one connection. Content-Length is written anew for the body as it was read.
_NOT_FORWARDED = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Exchange:
    """One request as the client sent it (attribute values in DynamoDB's JSON), and what became of it.

    `engine_status` is None when the engine has not answered, `status` when nothing was sent to the client.
    """

    operation: str
    body: dict[str, Any]
    fault: Fault | None
    engine_status: int | None = None
    status: int | None = None


@dataclass
class _Message:
    start: str  # the request line, or the status line without its version
    headers: CIMultiDict[str]
    body: bytes


@dataclass
class _Client:
    """The connection of a client that sends Content-Length and waits for each answer, as AWS SDKs do."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> _Message | None:
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            start, *lines = head.rstrip().split("\r\n")
            fields = (line.partition(":") for line in lines)
            headers = CIMultiDict((name, value.strip()) for name, _, value in fields)
            length = int(headers.get("Content-Length", "0"))
            return _Message(start, headers, await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def gone(self) -> None:
        with suppress(ConnectionError):
            await self.reader.read(1)

    def send(self, answer: _Message | None, fault: Fault | None) -> int | None:
        """Send what the fault leaves of the answer, and return the status that went out."""
        if fault in {Fault.reset_before, Fault.reset_answer}:
            # With a linger time of 0 the kernel sends RST instead of FIN (socket(7), SO_LINGER).
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
            return None
        if answer is None or fault is Fault.drop_answer or self.reader.at_eof() or self.writer.is_closing():
            self.writer.close()
            return None
        fields = [f"{name}: {value}" for name, value in answer.headers.items()]
        head = "\r\n".join(
            [f"HTTP/1.1 {answer.start}", *fields, f"Content-Length: {len(answer.body)}", "", ""]
        )
        if fault is Fault.half_answer:
            self.writer.write(head.encode("latin-1") + answer.body[: len(answer.body) // 2])
            self.writer.close()
        else:
            self.writer.write(head.encode("latin-1") + answer.body)
        return int(answer.start[:3])


async def _nothing() -> None: ...


@dataclass
class Rule:
    """What `FaultProxy.fail` was asked for.

    `naming` is a text that a request has to have in it; `taken` has the requests that the rule was for.
    `reached` is set once a slow or late request is held; of a slow answer the engine's work is done by then.
    """

    operation: str | None
    fault: Fault | Draw | None
    times: float
    before: Hook
    after: Hook
    naming: str = ""
    taken: list[Exchange] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Let go what is held, and hold nothing more."""
        self._released.set()

    def take(self, operation: str, body: bytes) -> bool:
        """Whether the request that has come is for this rule; counts it."""
        if self.times < 1 or self.operation not in {None, operation} or self.naming.encode() not in body:
            return False
        self.times -= 1
        return True

    async def hold(self, client: _Client, fault: Fault | None) -> None:
        self.reached.set()
        if fault is Fault.late_request:
            await self._released.wait()
            return
        ends = {asyncio.ensure_future(end) for end in (self._released.wait(), client.gone())}
        _, pending = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in pending:
            end.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


class FaultProxy:
    """Passes DynamoDB requests on to the engine at `upstream_url`, and fails those that a test names.

    Inside `async with` it serves `endpoint_url` on loopback to clients of any event loop or process; `log`
    has all requests in the order of their arrival. As on a network, a request runs its course when its client
    has left. What a hook raises, and an engine that cannot be reached, breaks the client's connection and
    comes out of `settle` as an exception group. Leaving the `async with` heals.
    """

    def __init__(self, upstream_url: str) -> None:
        self.endpoint_url = ""
        self.log: list[Exchange] = []
        self._upstream_url = upstream_url.rstrip("/")
        self._rules: list[Rule] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._exchanges: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        # A connection per request: one that the engine closes while it idles would be a fault of its own.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        own_headers = ("Accept", "Accept-Encoding", "User-Agent")
        self._engine = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, skip_auto_headers=own_headers
        )
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024)
        self.endpoint_url = "http://{}:{}".format(*self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        try:
            await self.heal()
        finally:
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self._server.wait_closed()
            await self._engine.close()

    def fail(
        self,
        operation: str | None,
        fault: Fault | Draw | None,
        *,
        times: float = 1,
        before: Hook = _nothing,
        after: Hook = _nothing,
        naming: str = "",
    ) -> Rule:
        """Fail the next `times` requests of the operation (None: of any), with `math.inf` all until `heal`.

        With `naming`, only requests that name it count, such as the id of one user among many.
        A request meets the first rule made that is for it. `before` runs when it has come; `after` when the
        engine's part is over and nothing is answered yet. With `fault=None` it passes, with its hooks; a
        function says anew for each request what befalls it.
        """
        self._rules.append(Rule(operation, fault, times, before, after, naming))
        return self._rules[-1]

    def script(self, faults: Iterable[Fault | None]) -> list[Rule]:
        """Say what befalls each of the next requests, in the order of their arrival; None: it passes."""
        return [self.fail(None, fault) for fault in faults]

    async def heal(self) -> None:
        """Forget all rules, let go what is held, and settle."""
        while self._rules:
            self._rules.pop().release()
        await self.settle()

    async def settle(self) -> None:
        """Wait until the requests that have come have run their course, those that are held too."""
        exchanges, self._exchanges = self._exchanges, set()
        outcomes = await asyncio.gather(*exchanges, return_exceptions=True)
        if errors := [outcome for outcome in outcomes if outcome is not None]:
            raise BaseExceptionGroup("requests that broke in the proxy", errors)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(_Client(reader, writer)))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, client: _Client) -> None:
        try:
            while not client.writer.is_closing() and (request := await client.request()):
                exchange = asyncio.create_task(self._exchange(request, client))
                self._exchanges.add(exchange)
                await asyncio.wait({exchange})
                if exchange.exception() is not None:
                    break
                self._exchanges.discard(exchange)
        finally:
            client.writer.close()

    async def _exchange(self, request: _Message, client: _Client) -> None:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        passing = Rule(operation, None, 1, _nothing, _nothing)
        rule = next((rule for rule in self._rules if rule.take(operation, request.body)), passing)
        fault = rule.fault() if callable(rule.fault) else rule.fault
        exchange = Exchange(operation, json.loads(request.body), fault)
        self.log.append(exchange)
        rule.taken.append(exchange)
        await rule.before()
        if fault in {Fault.slow_request, Fault.late_request}:
            await rule.hold(client, fault)
        answer = None
        if fault not in _BEFORE:
            answer = await self._forward(request)
            exchange.engine_status = int(answer.start[:3])
        await rule.after()
        if fault is Fault.slow_answer:
            await rule.hold(client, fault)
        if fault in _ERRORS:
            answer = _error(*_ERRORS[fault])
        exchange.status = client.send(answer, fault)

    async def _forward(self, request: _Message) -> _Message:
        method, target, _ = request.start.split(" ")
        url = self._upstream_url + target
        headers = _end_to_end(request.headers)
        body = BytesIO(request.body)  # aiohttp warns of bytes over 1 MB
        async with self._engine.request(method, url, headers=headers, data=body) as answer:
            start = f"{answer.status} {answer.reason}"
            return _Message(start, _end_to_end(answer.headers), await answer.read())


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _NOT_FORWARDED)


def _error(status: int, code: str) -> _Message:
    body = json.dumps({"__type": code, "message": "made by the fault proxy"}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amz-crc32": str(zlib.crc32(body))}
    return _Message(f"{status} {HTTPStatus(status).phrase}", CIMultiDict(headers), body)
