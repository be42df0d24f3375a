"""Sends one HTTP request on a connection of an aiohttp connector, without aiohttp's request and response objects.

aiohttp manages the connections: their number, creation, TLS and age. A plain response (status 200 with a content length)
is cut out of the received bytes; any other response is read by aiohttp's parser.
"""

from __future__ import annotations

import asyncio
import re
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .private import ConnectorParts, ResponseHandler, loop_of

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from yarl import URL

_HEAD_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 65_536
_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|connection):([^\r]*)")
"""The headers that say where a response ends (RFC 9112, 6.3)."""


class UnknownAiohttpError(Exception):
    """This aiohttp version behaves differently than the exchange expects, so the fast path cannot be used."""


class Answer(NamedTuple):
    """An HTTP response; `head` is the status line and the headers, in lower case."""

    status: int
    head: bytes
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by lower-case name."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Exchanges:
    """Sends requests to the host of one URL through the connector of an aiohttp session."""

    def __init__(self, session: ClientSession, url: URL) -> None:
        """Raise if this aiohttp version lacks a required part, or its session must not be bypassed."""
        self._connector = ConnectorParts(session, url, partial(_Protocol, loop=loop_of(session)))
        # aiohttp hands a released connection to the next caller, even if other callers have waited longer.
        self._line = asyncio.Semaphore(self._connector.limit)

    async def post(self, request: bytes) -> Answer:
        """Send the bytes of a request and read its response; callers are served in order.

        Raises aiohttp's errors, including TimeoutError, and `UnknownAiohttpError`.
        """
        await self._line.acquire()
        try:
            connection = await self._connector.connect()
            try:
                if not isinstance(connection.protocol, _Protocol):
                    # The connection was created before our protocol was set in the connector.
                    connection.close()
                    connection = await self._connector.connect()
                protocol = connection.protocol
                if not isinstance(protocol, _Protocol):
                    raise UnknownAiohttpError(
                        f"a new connection has the protocol {type(protocol).__qualname__}"
                    )
                answer = await protocol.exchange(request, self._connector.read_timeout)
            except BaseException:
                # A late response must not be taken for the response to the next request.
                connection.close()
                raise
            connection.release()
        finally:
            self._line.release()
        return answer

    def end(self) -> None:
        """Restore the connector; pending exchanges are finished."""
        self._connector.restore()


class _State(Enum):
    """The reader of the received data."""

    IDLE = auto()
    """aiohttp, because no exchange is pending."""
    PLAIN = auto()
    """The exchange, because the response looks plain so far."""
    PARSED = auto()
    """aiohttp's parser on behalf of the exchange, because the response is not plain."""


class _Protocol(ResponseHandler):
    """aiohttp's protocol for a connection; it reads plain responses itself and passes others to aiohttp's parser."""

    _state = _State.IDLE
    _received = b""
    _heard_at = 0.0
    _watch: asyncio.TimerHandle | None = None

    async def exchange(self, request: bytes, read_timeout: float) -> Answer:
        self._state, self._received = _State.PLAIN, b""
        transport: Any = self.transport
        transport.write(request)
        self._heard_at = self._loop.time()
        self.read_timeout = read_timeout
        if self._watch is None:
            self._watch = self._loop.call_later(read_timeout, self._check_silence, read_timeout)
        answer: Any
        answer, payload = await self.read()
        if isinstance(answer, Answer):
            return answer
        lines = [b"", *(name.lower() + b": " + value for name, value in answer.raw_headers)]
        whole = Answer(answer.code, b"\r\n".join(lines), await payload.read())
        self._state = _State.IDLE
        return whole

    def _check_silence(self, read_timeout: float) -> None:
        # One timer per connection is cheaper than one per exchange, which would nearly always be cancelled unused.
        self._watch = None
        if self._state is _State.PLAIN:
            silent = self._loop.time() - self._heard_at
            if silent >= read_timeout:
                self._on_read_timeout()
            else:
                self._watch = self._loop.call_later(read_timeout - silent, self._check_silence, read_timeout)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._watch:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._state is not _State.PLAIN:
            super().data_received(data)
            return
        try:
            self._receive(data)
        except Exception as error:  # noqa: BLE001 - asyncio would report it as a network error
            failure = UnknownAiohttpError(f"{type(error).__name__} while a response was read")
            failure.__cause__ = error
            self._state = _State.IDLE
            self.set_exception(failure)

    def _receive(self, data: bytes) -> None:
        received = self._received = self._received + data
        head_end = received.find(_HEAD_END)
        if head_end < 0 and len(received) < _MAX_HEAD_BYTES:
            self._heard_at = self._loop.time()
            return
        head = received[:head_end].lower()
        length = _plain_length(head)
        end = head_end + len(_HEAD_END) + (length or 0)
        if length is not None and len(received) < end:
            self._heard_at = self._loop.time()
            return
        if length is not None and len(received) == end:
            self._state = _State.IDLE
            answer: Any = Answer(200, head, received[end - length :]), None
            self.feed_data(answer, 0)
        else:
            self._state = _State.PARSED
            self.set_response_params(
                read_until_eof=True, auto_decompress=False, read_timeout=self.read_timeout
            )
            super().data_received(received)


def _plain_length(head: bytes) -> int | None:
    """The body length of a plain response; None if the response is not clearly plain."""
    found = _FRAMING.findall(head)
    framing = dict(found)
    is_plain = (
        head.startswith(b"http/1.1 200 ")
        and len(framing) == len(found)
        and b"transfer-encoding" not in framing
        and framing.get(b"connection", b"keep-alive").strip() == b"keep-alive"
    )
    length = framing.get(b"content-length", b"").strip() if is_plain else b""
    return int(length) if length.isdigit() else None
