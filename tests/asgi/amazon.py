"""Amazon's certificates where a skill would download them, behind a proxy of the environment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

from tests.asgi.pki import Issued, server_context

HOST = "s3.amazonaws.com"


@dataclass
class Amazon:
    """Serves `files` by their path, as https://s3.amazonaws.com, to clients whose HTTPS_PROXY is `proxy_url`.

    A path without a file is 404; one whose file is None is not answered as long as the test runs. `asked` has
    the paths in the order of their requests; `has_been_asked` is set by the first.
    """

    tls: Issued
    files: dict[str, bytes | None] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    proxy_url: str = ""

    async def __aenter__(self) -> Self:
        self._tunnels: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self.has_been_asked = asyncio.Event()
        self._context = server_context(self.tls)
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context.__enter__())
        await site.start()
        (address,) = self._runner.addresses
        self._port: int = address[1]
        self._proxy = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.proxy_url = f"http://127.0.0.1:{self._proxy.sockets[0].getsockname()[1]}"
        return self

    async def no_client_is_connected(self) -> None:
        """Wait until the clients have closed their connections: TLS takes a moment for that."""
        while self._tunnels:  # noqa: ASYNC110 - it is asked from other event loops too
            await asyncio.sleep(0.01)

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        async with asyncio.timeout(10):
            await self.no_client_is_connected()
        self._proxy.close()
        await self._runner.cleanup()
        self._context.__exit__(None, None, None)

    async def _serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.has_been_asked.set()
        if request.path in self.redirects:
            raise web.HTTPFound(self.redirects[request.path])
        if request.path not in self.files:
            raise web.HTTPNotFound
        file = self.files[request.path]
        if file is None:
            await self._ended.wait()
        return web.Response(body=file)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel = asyncio.create_task(self._tunnel(reader, writer))
        self._tunnels.add(tunnel)
        tunnel.add_done_callback(self._tunnels.discard)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith(f"CONNECT {HOST}:443 "), head
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.close()
            writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # the other side has gone already
        while part := await source.read(65536):
            target.write(part)
        target.write_eof()
