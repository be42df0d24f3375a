"""Endpoints, TLS, proxies, pools and timeouts are the aioboto3 client's own, on the fast path too."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from aiobotocore.config import AioConfig

from async_dynamo_store import AsyncDynamoStore, UnavailableError
from async_dynamo_store.dynamodb.fast.path import FastPath
from tests.fast.certificates import Certificates
from tests.fast.server import recorder
from tests.fast.test_fast_path import a_turn, opened, ways


@pytest.mark.parametrize("options", [{}, {"use_fips_endpoint": True}, {"use_dualstack_endpoint": True}])
@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1"])
async def test_the_endpoint_is_the_one_that_botocore_chooses(options: dict[str, Any], region: str) -> None:
    chosen: list[str] = []

    async def see(request: Any, **_: object) -> None:
        chosen.append(request.url)
        raise ConnectionError

    session = aioboto3.Session(aws_access_key_id="AKID", aws_secret_access_key="secret", region_name=region)
    async with session.client(
        "dynamodb", config=AioConfig(retries={"total_max_attempts": 1}, **options)
    ) as client:
        events: Any = client.meta.events
        fast = FastPath(client)
        assert fast._is_open()
        learned = await fast._learn("GetItem", {"TableName": "Users", "Key": {}})
        events.register("before-send.dynamodb", see)
        with pytest.raises(ConnectionError):
            await client.get_item(TableName="Users", Key={})
    assert chosen == [str(learned.url)]


async def test_an_endpoint_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recorder() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        async with AsyncDynamoStore("Users") as store:
            await a_turn(store)
        assert ways(server) == ["fast", "fast"]
        assert "AKIDENV" in server.seen[0].headers["authorization"]


async def test_tls_with_the_users_own_ca_and_client_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = Certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificates.server)
    session = aioboto3.Session()
    session._session.set_default_client_config(AioConfig(client_cert=str(certificates.client)))
    async with recorder(context) as server:
        async with opened(server.url, max_attempts=1, timeout_seconds=2, session=session) as store:
            with pytest.raises(UnavailableError):
                await store.load("ada")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.ca))
        async with opened(server.url, max_attempts=1, timeout_seconds=2) as store:
            with pytest.raises(UnavailableError):
                await store.load("ada")
        assert ways(server) == []
        async with opened(server.url, session=session) as store:
            await a_turn(store)
        assert ways(server) == ["fast", "fast"]


async def test_a_proxy_is_gone_through_on_the_stock_path(monkeypatch: pytest.MonkeyPatch) -> None:
    async with recorder() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        async with opened("http://dynamodb.invalid") as store:
            await a_turn(store)
        assert ways(proxy) == ["stock", "stock"]
        assert {request.headers["host"] for request in proxy.seen} == {"dynamodb.invalid"}


async def test_no_more_connections_than_the_client_may_have() -> None:
    session = aioboto3.Session()
    session._session.set_default_client_config(AioConfig(max_pool_connections=3))
    async with recorder() as server:
        async with opened(server.url, session=session) as store:
            await asyncio.gather(*(store.load(f"user{number}") for number in range(60)))
        assert len(server.seen) == 60
        assert len(server.peers) == 3


@pytest.mark.parametrize("accelerate", [True, False])
async def test_a_connection_is_kept_from_one_request_of_a_talk_to_the_next(
    accelerate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = 0.0
    monkeypatch.setattr("aiohttp.connector.monotonic", lambda: time.monotonic() + later)
    connections: list[int] = []
    async with recorder() as server, opened(server.url, accelerate=accelerate) as store:
        for seconds in (0, 20, 50, 70):
            later += seconds
            await a_turn(store)
            connections.append(len(server.peers))
    assert connections == [1, 1, 1, 2]


async def test_a_connection_that_died_while_idle_is_healed_within_the_call() -> None:
    """As after a Lambda environment was frozen."""
    async with recorder() as server, opened(server.url) as store:
        await store.load("ada")
        await server.hang_up()
        await a_turn(store)
        assert server.operations == ["GetItem", "GetItem", "UpdateItem"]


async def test_a_server_that_says_nothing_is_left_in_time() -> None:
    with silence() as url:
        async with opened(url, timeout_seconds=0.3, max_attempts=2) as store:
            with pytest.raises(UnavailableError):
                await store.load("ada")


async def test_what_speaks_no_http_is_nobody() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"what?\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with (
        server,
        opened(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", max_attempts=1) as store,
    ):
        with pytest.raises(UnavailableError):
            await store.load("ada")


async def test_nobody_there() -> None:
    with silence() as url:
        pass
    async with opened(url, timeout_seconds=2) as store:
        with pytest.raises(UnavailableError, match="EndpointConnectionError"):
            await store.load("ada")


@contextmanager
def silence() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
