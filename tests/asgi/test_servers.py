"""Real servers on loopback, each in a process of its own: what clients do to them, and how they stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from async_dynamo_store import AsyncDynamoStore
from tests.engine_process import HOST, free_port, wait_until_it_accepts
from tests.faults.proxy import Fault, FaultProxy
from tests.soak import some
from tests.unit.requests.sample import sample
from tests.waiting import reached

pytestmark = [pytest.mark.one_engine, pytest.mark.server, pytest.mark.unmeasured]

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 30
SERVERS: dict[str, Callable[[str, int], list[str]]] = {
    "uvicorn": lambda target, port: ["uvicorn", target, "--host", HOST, "--port", str(port)],
    "hypercorn": lambda target, port: [
        "hypercorn",
        target,
        "--bind",
        f"{HOST}:{port}",
        "--workers",
        "0",
        "--backlog",
        "1000",
    ],
    "granian": lambda target, port: [
        "granian",
        target,
        "--interface",
        "asgi",
        "--host",
        HOST,
        "--port",
        str(port),
    ],
}
OTHERS_IN_SOAK = pytest.mark.parametrize("serve", some(SERVERS, "uvicorn"), indirect=True)
Store = AsyncDynamoStore[Any]


@dataclass
class Server:
    """A running server; `tracebacks` is how many it is meant to print."""

    process: subprocess.Popen[bytes]
    port: int
    tracebacks: int = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)


Serve = Callable[..., Any]


@pytest.fixture(params=SERVERS)
def serve(request: pytest.FixtureRequest, db: dict[str, Any], tmp_path: Path) -> Serve:
    """Starts a server of each kind, on `tests.asgi.served`'s app of that name."""

    @contextmanager
    def start(app: str = "app", *options: str) -> Iterator[Server]:
        port = free_port()
        log = tmp_path / "server.log"
        command = [sys.executable, "-m", *SERVERS[request.param](f"tests.asgi.served:{app}", port), *options]
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ
                | {
                    "SERVED_DB": json.dumps(db),
                    "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ['PYTHONPATH']}",
                },
            )
        server = Server(process, port)
        try:
            wait_until_it_accepts(process, port, log)
            yield server
            if process.poll() is None:
                server.stop()
        finally:
            process.kill()
            process.wait()
        printed = log.read_text()
        assert "Unclosed" not in printed, printed
        assert printed.count("Traceback") == server.tracebacks, printed

    return start


def request_of(user_id: str) -> dict[str, Any]:
    raw: dict[str, Any] = sample("jovo-core/launch")
    raw["context"]["user"]["id"] = user_id
    return raw


def raw_request(content: bytes, *, length: int | None = None, path: str = "/", more: str = "") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n{more}"
        f"Content-Length: {len(content) if length is None else length}\r\n\r\n"
    )
    return head.encode() + content


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def response_on(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].partition("\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


async def test_clients_that_keep_their_connection_are_slow_or_break_off(
    serve: Serve, store: Store, proxy: FaultProxy
) -> None:
    content = json.dumps(request_of("u1")).encode()
    with serve() as server:
        async with connected(server) as (reader, writer):
            for visit in (1, 2, 3):  # keep-alive
                writer.write(raw_request(content))
                status, answer = await response_on(reader)
                assert status == 200
                assert f"Visit {visit}" in answer.decode()

            for byte in raw_request(content):  # in pieces
                writer.write(bytes([byte]))
                await writer.drain()
            assert (await response_on(reader))[0] == 200
        calls = len(proxy.log)

        for part in (b"POST / HT", raw_request(content)[:-9], raw_request(b"", length=999)):
            async with connected(server) as (_, writer):
                writer.write(part)
                await writer.drain()

        async with connected(server) as (reader, writer):  # and it goes on
            writer.write(raw_request(b"{"))
            assert (await response_on(reader))[0] == 400
        assert len(proxy.log) == calls
        assert await store.get("u1", "visits") == 4


@OTHERS_IN_SOAK
async def test_a_body_over_the_limit(serve: Serve, proxy: FaultProxy) -> None:
    with serve() as server:
        for more in ("", "Expect: 100-continue\r\n"):
            async with connected(server) as (reader, writer):
                writer.write(raw_request(b" " * 1_100_000, length=3_000_000, more=more))
                head = await reader.readuntil(b"\r\n\r\n")
                if b" 100 " in head:
                    head = await reader.readuntil(b"\r\n\r\n")
                assert b" 413 " in head
        assert proxy.log == []


@OTHERS_IN_SOAK
async def test_500_requests_in_flight(serve: Serve, store: Store) -> None:
    users = [f"u{number % 50}" for number in range(500)]
    await store.ensure_table()
    with serve() as server:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(server.url, connector=connector) as http:

            async def visit(user_id: str) -> int:
                async with http.post("/", json=request_of(user_id)) as response:
                    await response.read()
                    return response.status

            assert Counter(await asyncio.gather(*map(visit, users))) == {200: 500}
    counted = await store.load_many(sorted(set(users)))
    assert [user.data["visits"] for user in counted] == [10] * 50


async def test_a_server_that_stops_during_a_save_finishes_it(
    serve: Serve, store: Store, proxy: FaultProxy
) -> None:
    await store.ensure_table()
    with serve() as server:
        async with connected(server) as (reader, writer):
            save = proxy.fail("PutItem", Fault.slow_answer)
            writer.write(raw_request(json.dumps(request_of("u1")).encode()))
            responding = asyncio.create_task(response_on(reader))
            await reached(save.reached, responding)
            server.process.send_signal(signal.SIGTERM)
            # It accepts nobody any more, and still has its client.
            while await is_accepting(server):  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.01)
            assert server.process.poll() is None
            save.release()
            status, answer = await responding
            assert (status, b"Visit 1" in answer) == (200, True)
        await asyncio.to_thread(server.process.wait, STOP_SECONDS)
    assert await store.get("u1", "visits") == 1


async def is_accepting(server: Server) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, server.port)
    except ConnectionError:
        return False
    writer.close()
    return True


@OTHERS_IN_SOAK
async def test_the_middleware(serve: Serve, store: Store) -> None:
    user = {"x-user": "u1"}
    with serve("site") as server:
        async with aiohttp.ClientSession(server.url, headers=user) as http:
            for expected in (3, 6):
                async with http.post("/score", data=b"abc") as response:
                    assert await response.json() == expected
                    assert await store.get("u1", "score") == expected
            async with http.ws_connect("/play") as socket:
                for expected in (7, 8):
                    await socket.send_str("1")
                    assert await socket.receive_json() == expected
                    assert await store.get("u1", "score") == expected
            async with http.post("/voice/any", json=request_of("u2")) as response:
                assert "Visit 1" in await response.text()
            async with http.post("/nowhere") as response:
                assert response.status == 404


async def test_the_middleware_saves_nothing_for_a_client_that_left(
    serve: Serve, store: Store, proxy: FaultProxy
) -> None:
    await store.ensure_table()
    with serve("site") as server:
        async with connected(server) as (reader, writer):
            proxy.fail("GetItem", None)
            asking = proxy.fail("GetItem", Fault.slow_answer)
            writer.write(raw_request(b"abc", path="/wait", more="X-User: u1\r\n"))
            await reached(asking.reached, asyncio.create_task(reader.read(100)))
        asking.release()
        async with aiohttp.ClientSession(server.url) as http, http.get("/left") as response:
            assert response.status == 200
        await asyncio.to_thread(server.stop)
    assert not await store.exists("u1")


@pytest.mark.parametrize("serve", ["uvicorn"], indirect=True)
async def test_a_server_that_sends_no_lifespan(serve: Serve, store: Store) -> None:
    with serve("app", "--lifespan", "off") as server:
        async with (
            aiohttp.ClientSession(server.url) as http,
            http.post("/", json=request_of("u1")) as response,
        ):
            assert response.status == 200
    assert await store.get("u1", "visits") == 1


@pytest.mark.parametrize("serve", ["uvicorn"], indirect=True)
async def test_a_server_that_waits_no_longer_finishes_the_save_all_the_same(
    serve: Serve, store: Store, proxy: FaultProxy
) -> None:
    await store.ensure_table()
    with serve("app", "--timeout-graceful-shutdown", "1") as server:
        async with connected(server) as (reader, writer):
            save = proxy.fail("PutItem", Fault.slow_request)
            writer.write(raw_request(json.dumps(request_of("u1")).encode()))
            responding = asyncio.create_task(reader.read())
            await reached(save.reached, responding)
            server.process.send_signal(signal.SIGTERM)
            server.tracebacks = 1  # uvicorn's, of the cancelled task
            assert b"200 OK" not in await responding  # the turn is cancelled
            save.release()
        await asyncio.to_thread(server.process.wait, STOP_SECONDS)
    assert await store.get("u1", "visits") == 1
