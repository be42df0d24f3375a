"""Answers in every shape that HTTP has for them, from a server that writes bytes."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import pytest
from yarl import URL

from async_dynamo_store.dynamodb.fast.exchange import Answer, Exchanges
from tests.waiting import reached

REQUEST = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}"
PLAIN = b'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: 7\r\n\r\n{"a":1}'


class Wire:
    """A server that answers each request with the next pieces of bytes, `pause` seconds apart."""

    def __init__(self) -> None:
        self.answers: list[list[bytes]] = []
        self.connections = 0
        self.url = URL()
        self.pause = 0.01
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n{}"):
                self.asked.set()
                await self.may_answer.wait()
                for piece in self.answers.pop(0):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(self.pause)
                    if not piece:
                        return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def exchanging(
    *answers: list[bytes], **timeouts: float
) -> AsyncIterator[tuple[Exchanges, Wire, aiohttp.ClientSession]]:
    wire = Wire()
    wire.answers = [*answers]
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    timeout = aiohttp.ClientTimeout(sock_connect=5, **{"sock_read": 5, **timeouts})
    async with server, aiohttp.ClientSession(timeout=timeout) as session:
        try:
            yield Exchanges(session, wire.url), wire, session
        finally:
            wire.may_answer.set()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([PLAIN], id="at once"),
        pytest.param([PLAIN[:20], PLAIN[20:60], PLAIN[60:-3], PLAIN[-3:]], id="in pieces"),
        pytest.param(
            [PLAIN.replace(b"Content-Length: 7", b"Connection: keep-alive\r\ncontent-length:7")],
            id="keep-alive",
        ),
        pytest.param(
            [
                PLAIN.replace(b"Content-Length: 7\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n7\r\n")
                + b"\r\n0\r\n\r\n"
            ],
            id="chunked",
        ),
    ],
)
async def test_an_answer_is_read_whole_and_its_connection_kept(pieces: list[bytes]) -> None:
    async with exchanging(pieces, [PLAIN]) as (exchanges, wire, _):
        for _ in range(2):
            answer = await exchanges.post(REQUEST)
            assert (answer.status, answer.body) == (200, b'{"a":1}')
            assert answer.headers["content-type"] == "application/x-amz-json-1.0"
        assert wire.connections == 1


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([PLAIN.replace(b"Content-Length", b"Connection: close\r\nContent-Length")], id="close"),
        pytest.param([PLAIN.replace(b"Content-Length: 7\r\n", b""), b""], id="until the end"),
        pytest.param([PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"), b""], id="HTTP/1.0"),
    ],
)
async def test_a_connection_that_is_to_be_closed_is(pieces: list[bytes]) -> None:
    async with exchanging(pieces, [PLAIN]) as (exchanges, wire, _):
        for _ in range(2):
            assert (await exchanges.post(REQUEST)).body == b'{"a":1}'
        assert wire.connections == 2


async def test_any_other_status_with_its_headers() -> None:
    body = b"no"
    head = f"HTTP/1.1 400 Bad Request\r\nX-Amz-Crc32: {zlib.crc32(body)}\r\nContent-Length: 2\r\n\r\n"
    async with exchanging([head.encode() + body]) as (exchanges, _, _):
        answer = await exchanges.post(REQUEST)
    assert (answer.status, answer.body) == (400, body)
    assert answer.headers == {"x-amz-crc32": str(zlib.crc32(body)), "content-length": "2"}


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"what?\r\n\r\n"], id="no HTTP"),
        pytest.param([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000], id="a head without end"),
        pytest.param([PLAIN[:-2], b""], id="cut in the body"),
        pytest.param([PLAIN[:30], b""], id="cut in the head"),
        pytest.param([b""], id="nothing"),
        pytest.param([PLAIN.replace(b"\r\n\r\n", b"\r\nContent-Length: 8\r\n\r\n")], id="two lengths"),
    ],
)
async def test_what_is_no_answer_raises(pieces: list[bytes]) -> None:
    async with exchanging(pieces, [PLAIN]) as (exchanges, wire, _):
        with pytest.raises((aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError)):
            await exchanges.post(REQUEST)
        assert (await exchanges.post(REQUEST)).body == b'{"a":1}'
        assert wire.connections == 2


async def test_more_than_was_asked_for_is_not_taken_for_the_next_answer() -> None:
    async with exchanging([PLAIN + PLAIN.replace(b"1}", b"9}")], [PLAIN]) as (exchanges, wire, _):
        assert (await exchanges.post(REQUEST)).body == b'{"a":1}'
        assert (await exchanges.post(REQUEST)).body == b'{"a":1}'
        assert wire.connections == 2


async def test_silence_is_left_after_the_time_and_not_while_something_comes() -> None:
    slow = [PLAIN[at : at + 8] for at in range(0, len(PLAIN), 8)]
    async with exchanging([PLAIN], slow, [PLAIN[:-3]], sock_read=0.5) as (exchanges, wire, _):
        await exchanges.post(REQUEST)
        await asyncio.sleep(0.6)
        wire.pause = 0.06
        assert (await exchanges.post(REQUEST)).body == b'{"a":1}'
        with pytest.raises(TimeoutError):
            await exchanges.post(REQUEST)


async def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next_one() -> None:
    async with exchanging([PLAIN.replace(b"1}", b"9}")], [PLAIN]) as (exchanges, wire, _):
        wire.may_answer.clear()
        asking = asyncio.create_task(exchanges.post(REQUEST))
        await reached(wire.asked, asking)
        asking.cancel()
        await asyncio.wait([asking])
        wire.may_answer.set()
        assert (await exchanges.post(REQUEST)).body == b'{"a":1}'
        assert wire.connections == 2


async def test_who_waits_is_served_before_who_comes_back() -> None:
    """With one connection: a turn's second call is not served before another turn's first, which waits already."""
    wire = Wire()
    wire.answers = [[PLAIN] for _ in range(6)]
    wire.pause = 0
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    timeout = aiohttp.ClientTimeout(sock_connect=5, sock_read=5)
    served: list[str] = []
    async with (
        server,
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        exchanges = Exchanges(session, wire.url)

        async def turn(name: str) -> None:
            for call in (1, 2):
                await exchanges.post(REQUEST)
                served.append(f"{name}{call}")

        await asyncio.gather(*map(turn, "abc"))
    assert served == ["a1", "b1", "c1", "a2", "b2", "c2"]
    assert wire.connections == 1


async def test_a_place_in_line_is_given_back_when_its_owner_leaves() -> None:
    async with exchanging([PLAIN], [PLAIN]) as (exchanges, wire, _):
        exchanges._line = asyncio.Semaphore(1)
        wire.may_answer.clear()
        first, second, third = (asyncio.create_task(exchanges.post(REQUEST)) for _ in range(3))
        await reached(wire.asked, first, second, third)
        second.cancel()
        first.cancel()
        wire.may_answer.set()
        assert (await third).status == 200
        left = await asyncio.gather(first, second, return_exceptions=True)
        assert [type(each) for each in left] == [asyncio.CancelledError] * 2


async def test_a_connection_that_aiohttp_made_before_is_not_used() -> None:
    async with exchanging([PLAIN], [PLAIN]) as (_, wire, _):
        timeout = aiohttp.ClientTimeout(sock_read=5)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            async with session.post(wire.url, data=b"{}") as response:
                assert await response.read() == b'{"a":1}'
            assert (await Exchanges(session, wire.url).post(REQUEST)).body == b'{"a":1}'
        assert wire.connections == 2


async def test_aiohttp_itself_goes_on_with_the_connection() -> None:
    async with exchanging([PLAIN], [PLAIN]) as (exchanges, wire, session):
        await exchanges.post(REQUEST)
        async with session.post(wire.url, data=b"{}") as response:
            assert await response.read() == b'{"a":1}'
        assert wire.connections == 1


@pytest.mark.parametrize(
    "make",
    [
        aiohttp.ClientSession,
        lambda: aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(sock_read=1), trace_configs=[aiohttp.TraceConfig()]
        ),
    ],
)
async def test_a_session_that_is_traced_or_waits_without_end_is_refused(make: Callable[[], Any]) -> None:
    async with make() as session:
        with pytest.raises(TypeError, match="traced or instrumented, or has no read timeout"):
            Exchanges(session, URL("http://127.0.0.1/"))


async def test_a_session_whose_requests_are_instrumented_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Datadog does it."""
    monkeypatch.setattr(aiohttp.ClientSession, "_request", partial(aiohttp.ClientSession._request))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=1)) as session:
        with pytest.raises(TypeError, match="traced"):
            Exchanges(session, URL("http://127.0.0.1/"))


def test_headers_of_an_answer() -> None:
    answer = Answer(200, b"http/1.1 200 ok\r\na: b: c\r\nd:e ", b"")
    assert answer.headers == {"a": "b: c", "d": "e"}
