"""The fast path beside botocore: the same results, and botocore wherever somebody counts on it."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aioboto3
import pytest
from aiobotocore.client import AioBaseClient
from aiobotocore.config import AioConfig
from aiobotocore.credentials import AioDeferredRefreshableCredentials, AioRefreshableCredentials
from aiobotocore.session import get_session
from aiohttp import web
from aiohttp.client_proto import ResponseHandler
from botocore import UNSIGNED
from botocore.exceptions import CredentialRetrievalError

from async_dynamo_store import (
    AsyncDynamoStore,
    AwsConfig,
    CredentialsError,
    DynamoDbConfig,
    StoreError,
    UnavailableError,
)
from async_dynamo_store.dynamodb.fast import exchange as exchange_module
from async_dynamo_store.dynamodb.fast import path as fast_module
from async_dynamo_store.dynamodb.fast import private, sigv4
from tests.fast.server import ITEM, Recorder, dynamodb_json, recorder

if TYPE_CHECKING:
    from async_dynamo_store.dynamodb.fast.path import FastPath

KEYS = {"access_key_id": "AKIDTEST", "secret_access_key": "secret", "region": "eu-west-1"}
STOCK_ONLY = "amz-sdk-invocation-id"
"""A header that botocore puts on each request, and the fast path does not."""


@pytest.fixture
async def server() -> AsyncIterator[Recorder]:
    async with recorder() as recording:
        yield recording


@asynccontextmanager
async def opened(
    url: str, aws: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[AsyncDynamoStore]:
    session = options.pop("session", None)
    accelerate = options.pop("accelerate", True)
    config = DynamoDbConfig(
        table_name="Users", aws_config=AwsConfig(**KEYS, endpoint_url=url, **aws or {}), **options
    )
    async with AsyncDynamoStore(config, session=session, accelerate=accelerate) as store:
        yield store


async def a_turn(store: AsyncDynamoStore, user_id: str = "ada") -> None:
    async with store.turn(user_id) as user:
        user.data["score"] += 1


def ways(server: Recorder) -> list[str]:
    return ["stock" if STOCK_ONLY in request.headers else "fast" for request in server.seen]


async def test_a_turn_goes_the_fast_path_with_the_headers_of_the_stock_path(server: Recorder) -> None:
    async with opened(server.url) as store:
        await a_turn(store)
    async with opened(server.url, accelerate=False) as store:
        await a_turn(store)
    assert ways(server) == ["fast", "fast", "stock", "stock"]
    assert server.operations == ["GetItem", "UpdateItem"] * 2
    for fast, stock in zip(server.seen[:2], server.seen[2:], strict=True):
        of_retries = {"amz-sdk-invocation-id", "amz-sdk-request"}
        of_http = {"accept", "authorization", "x-amz-date", "content-length"}
        shown = [
            {
                name.lower(): re.sub(
                    r" m/\S+", "", value
                )  # the user agent's list of what was used for this call
                for name, value in request.headers.items()
                if name.lower() not in of_http | of_retries
            }
            for request in (fast, stock)
        ]
        assert shown[0] == shown[1]


async def test_a_session_token_is_sent_and_signed(server: Recorder) -> None:
    async with opened(server.url, {"session_token": "the-token"}) as store:
        await a_turn(store)
    assert ways(server) == ["fast", "fast"]
    assert {request.headers["x-amz-security-token"] for request in server.seen} == {"the-token"}
    assert all("x-amz-security-token" in request.headers["authorization"] for request in server.seen)


@pytest.mark.parametrize(
    ("status", "head", "is_good"),
    [
        (200, "content-type: application/x-amz-json-1.0", True),
        (200, "content-type:application/x-amz-json-1.0", True),
        (200, "x-amz-crc32:2745614147\r\ncontent-type: application/x-amz-json-1.1", True),
        (200, "content-type: application/x-amz-json-1.0\r\nx-amz-crc32: 2745614147", True),
        (200, "content-type: application/x-amz-json-1.0\r\nx-amz-crc32: 1", False),
        (200, "content-type: text/html", False),
        (200, "x-content-type: application/x-amz-json-1.0", False),
        (200, "x: y", False),
        (400, "content-type: application/x-amz-json-1.0", False),
    ],
)
def test_which_answer_is_read_here(status: int, head: str, is_good: bool) -> None:
    answer = exchange_module.Answer(status, f"http/1.1 {status} x\r\n{head}".encode(), b"{}")
    assert fast_module._is_good(answer) is is_good


@pytest.mark.parametrize(
    "credentials", [("AKIA\r\nx-two: 2", "token"), ("AKIA", "one\r\nx-two: 2"), ("AKIA\0", "t")]
)
async def test_credentials_with_control_characters_are_not_sent(
    server: Recorder, credentials: tuple[str, str]
) -> None:
    key, token = credentials
    session = aioboto3.Session(key, "secret", token, region_name="eu-west-1")
    config = DynamoDbConfig(table_name="Users", aws_config=AwsConfig(endpoint_url=server.url))
    async with AsyncDynamoStore(config, session=session) as store:
        with pytest.raises(StoreError):
            await store.load("ada")
        assert the_fast_path(store)._is_open()
    assert server.seen == []


async def test_credentials_that_refresh_are_asked_each_time(server: Recorder) -> None:
    """As assume-role, container and SSO credentials do."""
    generations = iter(range(100))

    async def refresh() -> dict[str, str]:
        return {
            "access_key": f"AKID{next(generations)}",
            "secret_key": "secret",
            "token": "token",
            "expiry_time": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(),
        }

    botocore_session: Any = get_session()
    botocore_session._credentials = AioRefreshableCredentials.create_from_metadata(
        metadata=await refresh(), refresh_using=refresh, method="test"
    )
    session = aioboto3.Session(botocore_session=botocore_session, region_name="eu-west-1")
    config = DynamoDbConfig(table_name="Users", aws_config=AwsConfig(endpoint_url=server.url))
    async with AsyncDynamoStore(config, session=session) as store:
        await a_turn(store)
    assert ways(server) == ["fast", "fast"]
    keys = [request.headers["authorization"].split("Credential=")[1].split("/")[0] for request in server.seen]
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda _: dynamodb_json({"__type": "x#InternalServerError"}, 500), id="500"),
        pytest.param(lambda _: dynamodb_json({"__type": "x#ThrottlingException"}, 400), id="throttled"),
        pytest.param(lambda _: dynamodb_json({"Item": ITEM}, checksum=1), id="wrong checksum"),
    ],
)
@pytest.mark.parametrize("mode", ["legacy", "standard"])
async def test_a_try_that_failed_is_the_first_of_botocores_tries(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], web.Response], mode: str
) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    server.answers = [answer]
    async with opened(server.url) as store:
        assert (await store.load("ada")).data == {"score": 1}
    assert ways(server) == ["fast", "stock"]


async def test_no_more_tries_than_max_attempts(server: Recorder) -> None:
    server.answers = [lambda _: dynamodb_json({"__type": "x#InternalServerError"}, 500)] * 10
    for attempts in (1, 2, 3):
        server.seen.clear()
        async with opened(server.url, max_attempts=attempts) as store:
            with pytest.raises(UnavailableError):
                await store.load("ada")
        assert ways(server) == ["fast", *["stock"] * (attempts - 1)]


async def test_an_answer_that_is_not_dynamodbs_is_no_new_user(server: Recorder) -> None:
    server.answers = [lambda _: web.Response(text="<html>", content_type="text/html")] * 3
    async with opened(server.url) as store:
        with pytest.raises(UnavailableError, match="is not from DynamoDB"):
            await store.load("ada")


async def test_refused_credentials_are_refused_as_on_the_stock_path(server: Recorder) -> None:
    server.answers = [lambda _: dynamodb_json({"__type": "x#ExpiredTokenException"}, 400)]
    async with opened(server.url) as store:
        with pytest.raises(CredentialsError):
            await store.load("ada")
    assert ways(server) == ["fast"]


async def test_a_quota_for_retries_is_filled_by_good_answers(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    server.answers = [lambda _: dynamodb_json({"__type": "x#InternalServerError"}, 500)] * 2
    async with opened(server.url, max_attempts=2) as store:
        with pytest.raises(UnavailableError):
            await store.load("ada")
        fast = the_fast_path(store)
        (release_quota,) = fast._credits
        quota = release_quota.__self__._quota
        before = quota.available_capacity
        await store.load("ada")
        assert quota.available_capacity == before + 1


@pytest.mark.parametrize(
    "event",
    [
        "before-parameter-build",
        "before-send",
        "request-created",
        "after-call",
        "response-received",
        "before-sign",
    ],
)
async def test_a_hook_closes_the_fast_path_and_its_removal_opens_it(server: Recorder, event: str) -> None:
    called: list[str] = []

    async def hook(event_name: str, **_: object) -> None:
        called.append(event_name)

    async with opened(server.url) as store:
        events = the_fast_path(store)._events
        name = f"{event}.dynamodb"
        await a_turn(store)
        events.register(name, hook)
        await a_turn(store)
        events.unregister(name, hook)
        await a_turn(store)
    assert ways(server) == ["fast", "fast", "stock", "stock", "fast", "fast"]
    assert called == [f"{event}.dynamodb.GetItem", f"{event}.dynamodb.UpdateItem"]


async def test_a_hook_on_the_users_own_session_is_called(server: Recorder) -> None:
    called: list[str] = []
    session = aioboto3.Session()

    async def hook(event_name: str, **_: object) -> None:
        called.append(event_name)

    session.events.register("before-call.dynamodb.GetItem", hook)
    async with opened(server.url, session=session) as store:
        await a_turn(store)
    assert ways(server) == ["stock", "stock"]
    assert called == ["before-call.dynamodb.GetItem"]


async def test_instrumentation_of_the_client_sees_each_call(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry, X-Ray and Datadog wrap this method of aiobotocore."""
    called: list[str] = []
    client_class: Any = AioBaseClient
    original = client_class._make_api_call

    class Instrumented:
        def __init__(self, wrapped: Any) -> None:
            self.wrapped = wrapped

        def __get__(self, client: Any, owner: object) -> Any:
            return types.MethodType(self, client) if client is not None else self

        def __call__(self, client: Any, name: str, parameters: Any) -> Any:
            called.append(name)
            return self.wrapped(client, name, parameters)

    async with opened(server.url) as before:
        await a_turn(before)
        monkeypatch.setattr(AioBaseClient, "_make_api_call", Instrumented(original))
        await a_turn(before)
        async with opened(server.url) as after:
            await a_turn(after)
    assert ways(server) == ["fast", "fast", *["stock"] * 4]
    assert called == ["GetItem", "UpdateItem"] * 2


async def test_adaptive_retries_are_the_stock_path_s(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    async with opened(server.url) as store:
        await a_turn(store)
    assert ways(server) == ["stock", "stock"]


async def test_an_endpoint_with_a_path_is_the_stock_path_s(server: Recorder) -> None:
    async with opened(f"{server.url}/dynamodb") as store:
        await a_turn(store)
    assert ways(server) == ["stock", "stock"]


async def test_unknown_aioboto3_goes_the_stock_path_with_one_line(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A future version may have none of what the fast path reaches for, even if its client looked well."""
    caplog.set_level(logging.INFO, "async_dynamo_store")
    monkeypatch.delattr(fast_module.FastPath, "_learn")
    async with opened(server.url) as store:
        await a_turn(store)
        await a_turn(store)
    assert ways(server) == ["stock"] * 4
    assert [record.message for record in caplog.records if "fast path" in record.message] == [
        "The fast path is off for this client, which uses botocore: AttributeError"
    ]


async def test_the_calls_of_a_turn_are_learned_while_it_opens(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(server.url) as store:
        assert server.seen == []
        monkeypatch.delattr(fast_module.FastPath, "_learn")
        await a_turn(store)
    assert ways(server) == ["fast", "fast"]


async def test_the_signing_key_of_fixed_credentials_is_made_while_it_opens(
    server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sigv4._signing_key.cache_clear()
    async with opened(server.url) as store:
        monkeypatch.delattr(hmac, "digest")
        await a_turn(store)
    assert ways(server) == ["fast", "fast"]


async def test_credentials_that_come_with_the_first_call_are_not_asked_for_while_it_opens(
    server: Recorder,
) -> None:
    asked: list[str] = []

    async def refresh() -> dict[str, str]:
        asked.append("role")
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        return {"access_key": "AKIDTEST", "secret_key": "secret", "token": "t", "expiry_time": later}

    session: Any = get_session()
    session._credentials = AioDeferredRefreshableCredentials(refresh, "assume-role")
    config = DynamoDbConfig(
        table_name="Users", aws_config=AwsConfig(region="eu-west-1", endpoint_url=server.url)
    )
    async with AsyncDynamoStore(config, session=aioboto3.Session(botocore_session=session)) as store:
        assert asked == []
        await a_turn(store)
    assert asked == ["role"]
    assert ways(server) == ["fast", "fast"]


async def test_unknown_aiohttp_goes_the_stock_path_with_one_line(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its connections may lack what an exchange reaches for, which shows only when there is one."""
    caplog.set_level(logging.INFO, "async_dynamo_store")
    monkeypatch.delattr(exchange_module._Protocol, "exchange")
    async with opened(server.url) as store:
        await a_turn(store)
        await a_turn(store)
    assert ways(server) == ["stock"] * 4
    assert [record.message for record in caplog.records if "fast path" in record.message] == [
        "The fast path is off for this client, which uses botocore: AttributeError"
    ]


async def test_aiohttp_that_does_not_take_our_protocol_is_asked_twice_and_never_again(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "async_dynamo_store")
    restored: list[private.ConnectorParts] = []

    def restore(self: private.ConnectorParts) -> None:
        restored.append(self)

    monkeypatch.setattr(private.ConnectorParts, "restore", restore)
    made = private.ConnectorParts.__init__

    def ignored(self: private.ConnectorParts, session: Any, url: Any, protocol: Any) -> None:
        factory = session.connector._factory
        made(self, session, url, protocol)
        session.connector._factory = factory

    monkeypatch.setattr(private.ConnectorParts, "__init__", ignored)
    async with opened(server.url) as store:
        await a_turn(store)
        await a_turn(store)
    assert ways(server) == ["stock"] * 4
    assert len(server.peers) <= 3
    assert len(restored) == 1
    assert "The fast path is off for this client, which uses botocore: UnknownAiohttpError" in caplog.text


async def test_an_error_of_ours_while_an_answer_is_read_ends_the_fast_path_and_loses_no_call(
    server: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(head: bytes) -> int | None:
        raise LookupError

    caplog.set_level(logging.INFO, "async_dynamo_store")
    monkeypatch.setattr(exchange_module, "_plain_length", fail)
    async with opened(server.url) as store:
        fast = the_fast_path(store)
        await asyncio.gather(store.load("ada"), store.load("bob"))
        await a_turn(store)
        events, aiohttp_session = fast._events, await fast._parts.aiohttp_session()
        connector: Any = aiohttp_session.connector
        assert connector._factory.func is ResponseHandler
        assert fast_module._take_failed_try not in events._emitter._handlers.prefix_search(
            "before-send.dynamodb"
        )
    assert ways(server).count("stock") == 4
    assert caplog.text.count("The fast path is off") == 1


@pytest.mark.parametrize(
    "error", [CredentialRetrievalError(provider="test", error_msg="no"), RuntimeError("no")]
)
async def test_credentials_that_cannot_be_refreshed_leave_the_fast_path_open(
    server: Recorder, error: Exception
) -> None:
    works = True

    async def refresh() -> dict[str, str]:
        if not works:
            raise error
        expiry = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        return {"access_key": "AKID", "secret_key": "secret", "token": "token", "expiry_time": expiry}

    botocore_session: Any = get_session()
    botocore_session._credentials = AioRefreshableCredentials.create_from_metadata(
        metadata=await refresh(), refresh_using=refresh, method="test"
    )
    session = aioboto3.Session(botocore_session=botocore_session, region_name="eu-west-1")
    config = DynamoDbConfig(table_name="Users", aws_config=AwsConfig(endpoint_url=server.url))
    async with AsyncDynamoStore(config, session=session) as store:
        works = False
        with pytest.raises((CredentialsError, RuntimeError)):
            await store.load("ada")
        works = True
        await a_turn(store)
    assert ways(server) == ["fast", "fast"]


@pytest.mark.parametrize("text", ['{ "B": "eA==" }', '{"B":"eA=="}', '{\n  "B" : "eA=="\n}'])
async def test_bytes_in_spaced_json(server: Recorder, text: str) -> None:
    item = json.dumps({"Item": ITEM}).replace('{"N": "1"}', text)
    server.answers = [
        lambda _: web.Response(text=item, content_type="application/x-amz-json-1.0"),
        lambda _: web.Response(
            text=item.replace('"B"', '"BS"').replace('"eA=="', '["eA=="]'),
            content_type="application/x-amz-json-1.0",
        ),
    ]
    async with opened(server.url) as store:
        assert (await store.load("ada")).data == {"score": b"x"}
        assert (await store.load("ada")).data == {"score": {b"x"}}
    assert ways(server) == ["fast", "fast"]


async def test_a_client_that_does_not_sign_goes_the_stock_path(server: Recorder) -> None:
    session = aioboto3.Session()
    session._session.set_default_client_config(AioConfig(signature_version=UNSIGNED))
    async with opened(server.url, session=session) as store:
        await a_turn(store)
    assert ways(server) == ["stock", "stock"]


async def test_a_client_of_another_make_goes_the_stock_path(
    server: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "async_dynamo_store")
    assert fast_module.fast_path(object()) is None  # type: ignore[arg-type]  # what is wrong is the test
    assert [record.message for record in caplog.records] == [
        (
            "This client has no fast path and uses botocore:"
            " AttributeError: 'object' object has no attribute 'meta'"
        )
    ]


def the_fast_path(store: AsyncDynamoStore) -> FastPath:
    (connection,) = store._client._connections.values()
    assert connection._fast is not None
    return connection._fast
