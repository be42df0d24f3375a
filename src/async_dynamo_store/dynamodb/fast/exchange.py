"""One HTTP request and its answer, on a connection of an aiohttp connector, without what aiohttp builds around them.

aiohttp keeps the connections: how many there are, how they are made, what TLS they speak, when they are too
old. A plain answer, a 200 with a length, is cut out of the bytes; any other one is read by aiohttp's parser.
"""

# As `fast` it has to know insides that are private; what is not as it knows them shuts the fast way.
# ruff: noqa: SLF001

from __future__ import annotations

import asyncio
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from yarl import URL

_HEAD_END = b"\r\n\r\n"
_MAX_HEAD_BYTES = 65_536


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
        """Raises when the session is not of the make that this room knows, whatever the reason."""
        connector: Any = session.connector
        kind: Any = type(session)
        timeout = session.timeout
        is_watched = session.trace_configs or not isinstance(kind._request, FunctionType)
        if is_watched or timeout.sock_read is None:
            raise TypeError("the session is traced, or waits without end")
        connector._factory = partial(_Protocol, loop=connector._loop)
        self._connector = connector
        self._timeout = timeout
        self._read_timeout = timeout.sock_read
        self._to = _Destination("POST", url, loop=connector._loop)
        self._to.connection_key = ClientRequest("POST", url, loop=connector._loop).connection_key

    async def post(self, request: bytes) -> Answer:
        """Send the bytes of a request and read its answer.

        Raises aiohttp's errors, TimeoutError among them.
        """
        connection = await self._connector.connect(self._to, [], self._timeout)
        try:
            while not isinstance(protocol := connection.protocol, _Protocol):
                # It was made before this room came in.
                connection.close()
                connection = await self._connector.connect(self._to, [], self._timeout)
            answer = await protocol.exchange(request, self._read_timeout)
        except BaseException:
            # An answer that may still come must not be taken for that of the next request.
            connection.close()
            raise
        connection.release()
        return answer


class _Destination(ClientRequest):
    """What a connector is asked to connect to; it looks the key up each time, which aiohttp would make anew."""

    connection_key: Any = None


class _Protocol(ResponseHandler):
    """aiohttp's end of a connection, which keeps the bytes of an exchange to itself as long as they look plain."""

    _is_exchanging = False
    _received = b""
    _heard_at = 0.0
    _watch: asyncio.TimerHandle | None = None

    async def exchange(self, request: bytes, read_timeout: float) -> Answer:
        self._is_exchanging, self._received = True, b""
        transport: Any = self.transport
        transport.write(request)
        self._heard_at = self._loop.time()
        self.read_timeout = read_timeout
        if self._watch is None:
            self._watch = self._loop.call_later(read_timeout, self._look, read_timeout)
        answer: Any
        answer, payload = await self.read()
        if isinstance(answer, Answer):
            return answer
        lines = [b"", *(name.lower() + b": " + value for name, value in answer.raw_headers)]
        return Answer(answer.code, b"\r\n".join(lines), await payload.read())

    def _look(self, read_timeout: float) -> None:
        # One timer that moves on is cheaper than one for each exchange, which nearly all are in vain.
        self._watch = None
        if self._is_exchanging:
            silent = self._loop.time() - self._heard_at
            if silent >= read_timeout:
                self._on_read_timeout()
            else:
                self._watch = self._loop.call_later(read_timeout - silent, self._look, read_timeout)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._watch:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_exchanging:
            super().data_received(data)
            return
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
        self._is_exchanging = False
        if length is not None and len(received) == end:
            answer: Any = Answer(200, head, received[end - length :]), None
            self.feed_data(answer, 0)
        else:
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
