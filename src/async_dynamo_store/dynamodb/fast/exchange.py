"""One HTTP request and its answer, on a connection of an aiohttp connector, without what aiohttp builds around them.

aiohttp keeps the connections: how many there are, how they are made, what TLS they speak, when they are too
old. A plain answer, a 200 with a length, is cut out of the bytes; any other one is read by aiohttp's parser.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .private import ConnectorParts, ResponseHandler, loop_of

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from yarl import URL

_HEAD_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 65_536


class UnknownAiohttpError(Exception):
    """This aiohttp does not behave as the exchange needs it: the fast path is of no use with it."""


class Answer(NamedTuple):
    """An HTTP response; `head` is what stands before its body, in lower case."""

    status: int
    head: bytes
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers by their names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


class Exchanges:
    """Exchanges with the host of one URL through the connector of an aiohttp session."""

    def __init__(self, session: ClientSession, url: URL) -> None:
        """Raises when this aiohttp lacks a part that is needed, or its session must not be bypassed."""
        self._connector = ConnectorParts(session, url, partial(_Protocol, loop=loop_of(session)))
        # aiohttp gives a connection that was just given back to whoever asks next, even while others have waited longer.
        self._line = asyncio.Semaphore(self._connector.limit)

    async def post(self, request: bytes) -> Answer:
        """Send the bytes of a request and read its answer; who came first is served first.

        Raises aiohttp's errors, TimeoutError among them, and `UnknownAiohttpError`.
        """
        await self._line.acquire()
        try:
            connection = await self._connector.connect()
            try:
                if not isinstance(connection.protocol, _Protocol):
                    # It was made before the exchange had its protocol in the connector.
                    connection.close()
                    connection = await self._connector.connect()
                protocol = connection.protocol
                if not isinstance(protocol, _Protocol):
                    raise UnknownAiohttpError(
                        f"a new connection has the protocol {type(protocol).__qualname__}"
                    )
                answer = await protocol.exchange(request, self._connector.read_timeout)
            except BaseException:
                # An answer that may still come must not be taken for that of the next request.
                connection.close()
                raise
            connection.release()
        finally:
            self._line.release()
        return answer

    def end(self) -> None:
        """Leave the connector unchanged; pending exchanges are finished."""
        self._connector.restore()


class _State(Enum):
    """Who reads what the connection receives."""

    IDLE = auto()
    """No exchange is pending: aiohttp."""
    PLAIN = auto()
    """The answer looks plain so far: the exchange."""
    PARSED = auto()
    """The answer is not plain: aiohttp's parser, for the exchange."""


class _Protocol(ResponseHandler):
    """aiohttp's end of a connection, which keeps the bytes of an exchange to itself as long as they look plain."""

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
        # One timer that moves on is cheaper than one for each exchange, which would be cancelled unused nearly always.
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
        except Exception as error:  # noqa: BLE001 - asyncio would report it as an error of the network
            failure = UnknownAiohttpError(f"{type(error).__name__} while an answer was read")
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
    """The bytes of a plain answer's body; None when it is any other, or its head leaves a question."""
    _, *lengths = head.split(b"\r\ncontent-length:")
    is_plain = (
        head.startswith(b"http/1.1 200 ")
        and len(lengths) == 1
        and b"\r\ntransfer-encoding:" not in head
        and (b"\r\nconnection:" not in head or b"\r\nconnection: keep-alive" in head)
    )
    length = lengths[0].partition(b"\r")[0].strip() if is_plain else b""
    return int(length) if length.isdigit() else None
