"""A relay between a function and an engine: it counts connections, reads who signs, closes idle sockets."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CREDENTIAL = re.compile(rb"Credential=([^/]+)/")


class Relay:
    """Passes bytes on to the engine at `upstream_url`.

    `access_keys` has those who signed, in the order of their first requests. With `tls` it serves HTTPS.
    """

    def __init__(self, upstream_url: str, tls: ssl.SSLContext | None = None) -> None:
        self.endpoint_url = ""
        self._tls = tls
        self.connections = 0
        self.access_keys: list[str] = []
        self._upstream = urlsplit(upstream_url)
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept,
            "127.0.0.1",
            0,
            ssl=self._tls,
            # A server does not wait for a client that stands still to say goodbye too.
            ssl_shutdown_timeout=0.1 if self._tls else None,
        )
        scheme = "https" if self._tls else "http"
        self.endpoint_url = "{}://{}:{}".format(scheme, *self._server.sockets[0].getsockname())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.close_connections()

    @property
    def open(self) -> int:
        """How many connections the function has now."""
        return len(self._open)

    async def close_connections(self, *, reset: bool = False) -> None:
        """Close them all: as a server does with idle ones (FIN), or as a gateway that has lost them (RST)."""
        serving = dict(self._open)
        for writer in serving:
            if reset:
                # With a linger time of 0 the kernel sends RST instead of FIN (socket(7), SO_LINGER).
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            writer.close()
        await asyncio.gather(*serving.values(), return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._open[writer] = task
        try:
            assert self._upstream.port
            engine_reader, engine_writer = await asyncio.open_connection("127.0.0.1", self._upstream.port)
            with suppress(ConnectionError):
                await asyncio.gather(
                    self._pass_on(reader, engine_writer), self._pass_on(engine_reader, writer)
                )
        finally:
            del self._open[writer]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                for key in CREDENTIAL.findall(data):
                    if key.decode() not in self.access_keys:
                        self.access_keys.append(key.decode())
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()
