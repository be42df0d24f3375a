"""The fast way: a turn's calls without botocore's own building, signing and parsing of every request.

It stands beside an aioboto3 client and uses that client's own connections, credentials and endpoint. Whatever
it does not do itself goes the stock way: it is shut while anybody hooks into the client's events or methods,
and for adaptive retries and other signatures. A try that does not end well is handed to botocore as its own
first try, so that errors and retries are botocore's alone. Taking this room out changes nothing but the price
of a call.
"""

# It has to know aioboto3's insides, which are private; that it knows them right is looked at when a client
# comes in, and what it does not know goes the stock way.
# ruff: noqa: SLF001

from __future__ import annotations

import base64
import logging
import time
import types
import zlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from .exchange import Answer, Exchanges
from .sigv4 import Signer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from types_aiobotocore_dynamodb import DynamoDBClient

    StockWay = Callable[[], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)

_OPERATIONS = {
    "get_item": "GetItem",
    "put_item": "PutItem",
    "update_item": "UpdateItem",
    "delete_item": "DeleteItem",
}
_STOCK_HANDLERS = {
    "provide-client-params": (),
    "before-parameter-build": ("botocore.handlers", "botocore.discovery"),
    "before-endpoint-resolution": (),
    "before-call": ("botocore.handlers",),
    "request-created": ("aiobotocore.signers", "botocore.useragent", "botocore.handlers"),
    "choose-signer": ("botocore.handlers",),
    "before-sign": (),
    "before-send": (__name__,),
    "response-received": (),
    "before-parse": ("async_dynamo_store.dynamodb.client",),
    "needs-retry": ("aiobotocore.retryhandler", "aiobotocore.retries.standard"),
    "after-call": ("botocore.retries.standard",),
    "after-call-error": (),
}
"""The events of a call, and whose handlers a client has at them by itself; any other handler is a hook."""

_failed_try: ContextVar[list[Any] | None] = ContextVar("failed_try", default=None)


class _Template:
    """What all requests of one operation have in common, and for one second their head and signature too."""

    def __init__(
        self, exchanges: Exchanges, url: str, headers: dict[str, str], scope: tuple[str, str]
    ) -> None:
        self.exchanges = exchanges
        self.url = url
        self._headers = headers
        self._scope = scope
        self._written_for: tuple[int, Any] | None = None

    def request(self, keys: Any, body: bytes) -> bytes:
        """The whole request, signed now with these credentials."""
        now = int(time.time())
        if self._written_for != (now, keys):
            self._write_head(now, keys)
            self._written_for = now, keys
        authorization = self._signer.authorization(body)
        return f"{self._head}{authorization}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    def _write_head(self, now: int, keys: Any) -> None:
        headers = {**self._headers, "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))}
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        self._signer = Signer(keys.access_key, keys.secret_key, *self._scope, headers)
        lines = [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header with a line break")
        self._head = "\r\n".join(["POST / HTTP/1.1", *lines, "accept-encoding: identity", "authorization: "])


def fast_way(client: DynamoDBClient) -> FastWay | None:
    """The fast way of a client; None, with a line in the log, for one whose make this room does not know."""
    try:
        return FastWay(client)
    except Exception as error:  # noqa: BLE001 - whatever an unknown aioboto3 does, its own way is there
        log.info("No fast way for this client, which goes the stock way: %s: %s", type(error).__name__, error)
        return None


class FastWay:
    """The fast way of one aioboto3 client."""

    def __init__(self, client: DynamoDBClient) -> None:
        """Raises when the client is not of the make that this room knows, whatever the reason."""
        stock: Any = client
        self._client = stock
        self._emitter = stock.meta.events._emitter
        self._signer = stock._request_signer
        self._http = stock._endpoint.http_session
        self._make_api_call = type(stock)._make_api_call
        self._handlers: object = None
        self._is_open = False
        self._is_shut = False
        self._credits: list[Any] = []
        self._templates: dict[str, _Template] = {}
        if (
            not isinstance(self._make_api_call, types.FunctionType)
            or self._make_api_call.__module__ != "aiobotocore.client"
        ):
            raise TypeError("the client's calls are instrumented")
        if self._signer._signature_version != "v4":
            raise TypeError("the client signs in another way")
        stock.meta.events.register_first("before-send.dynamodb", _take_failed_try)

    async def call(self, operation: str, parameters: dict[str, Any], stock_way: StockWay) -> dict[str, Any]:
        """What `stock_way`, the same call by the client's own method, would return or raise."""
        request = await self._request(operation, parameters)
        if request is None:
            return await stock_way()
        template, message = request
        try:
            answer = await template.exchanges.post(message)
        except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError) as error:
            return await _after_failed_try(_as_botocore_has_it(error, template.url), stock_way)
        except Exception as error:  # noqa: BLE001 - an unknown aiohttp; what it has sent may be sent again
            self._shut(error)
            return await stock_way()
        if not _is_good(answer):
            return await _after_failed_try(_as_botocore_reads_it(answer, template.url), stock_way)
        for release_quota in self._credits:
            release_quota(context={}, http_response=_as_botocore_reads_it(answer, template.url))
        return _parsed(answer.body)

    async def _request(self, operation: str, parameters: dict[str, Any]) -> tuple[_Template, bytes] | None:
        """What to send for a call; None when the way is shut."""
        name = _OPERATIONS.get(operation)
        credentials = self._signer._credentials
        if name is None or credentials is None or not self._open():
            return None
        try:
            template = self._templates.get(name) or await self._learn(name, parameters)
            body = orjson.dumps(parameters, default=_base64)
            return template, template.request(await credentials.get_frozen_credentials(), body)
        except Exception as error:  # noqa: BLE001 - the stock way is there, and says better what is wrong
            self._shut(error)
            return None

    def _shut(self, error: Exception) -> None:
        from botocore.exceptions import BotoCoreError

        if not isinstance(error, BotoCoreError):
            log.info(
                "The fast way is shut for this client, which goes the stock way: %s", type(error).__name__
            )
            self._is_shut = True

    def _open(self) -> bool:
        """Whether nobody has hooked into the client; looked at closely when its handlers have changed."""
        if self._is_shut or type(self._client)._make_api_call is not self._make_api_call:
            return False
        # botocore starts a new cache whenever a handler comes or goes.
        if self._emitter._lookup_cache is not self._handlers:
            self._handlers = self._emitter._lookup_cache
            self._is_open = all(
                _module(handler).startswith(modules)
                for event, modules in _STOCK_HANDLERS.items()
                for name in _OPERATIONS.values()
                for handler in self._emitter._handlers.prefix_search(f"{event}.dynamodb.{name}")
            )
            self._credits = self._emitter._handlers.prefix_search("after-call.dynamodb.GetItem")
        return self._is_open

    async def _learn(self, name: str, parameters: dict[str, Any]) -> _Template:
        """What botocore makes of an operation, and the connections that aiobotocore would send it through."""
        client = self._client
        model = client.meta.service_model.operation_model(name)
        context: dict[str, Any] = {
            "client_region": client.meta.region_name,
            "client_config": client.meta.config,
            "has_streaming_input": False,
            "auth_type": model.resolved_auth_type,
            "unsigned_payload": model.unsigned_payload,
            "auth_options": client._service_model.metadata.get("auth"),
        }
        endpoint, headers, _ = await client._resolve_endpoint_ruleset(model, parameters, context)
        request = await client._convert_to_request_dict(parameters, model, endpoint, context, headers)
        url = request["url"]
        if urlsplit(url).path != "/" or context.get("signing"):
            raise TypeError("the endpoint has a path, or is signed for in its own way")
        if self._http._proxy_config.proxy_url_for(url):
            raise TypeError("the client goes through a proxy")
        template = self._templates[name] = _Template(
            Exchanges(await self._http._get_session(None), URL(url, encoded=True)),
            url,
            {key.lower(): value for key, value in request["headers"].items()}
            | {"host": urlsplit(url).netloc},
            (self._signer._region_name, self._signer._signing_name),
        )
        return template


async def _after_failed_try(outcome: Any, stock_way: StockWay) -> dict[str, Any]:
    """Go the stock way with `outcome`, a response or an exception, as the outcome of its first try."""
    token = _failed_try.set([outcome])
    try:
        return await stock_way()
    finally:
        _failed_try.reset(token)


async def _take_failed_try(**_: Any) -> Any:
    outcomes = _failed_try.get()
    if not outcomes:
        return None
    outcome = outcomes.pop()
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _is_good(answer: Answer) -> bool:
    _, _, kind = answer.head.partition(b"\r\ncontent-type:")
    if answer.status != 200 or not kind.lstrip().startswith(b"application/x-amz-json"):
        return False
    _, named, checksum = answer.head.partition(b"\r\nx-amz-crc32:")
    return not named or checksum.partition(b"\r")[0].strip() == b"%d" % zlib.crc32(answer.body)


def _as_botocore_reads_it(answer: Answer, url: str) -> Any:
    from aiobotocore.awsrequest import AioAWSResponse

    headers: Any = answer.headers
    read: Any = AioAWSResponse(url, answer.status, headers, None)
    read._content = answer.body
    return read


def _as_botocore_has_it(error: Exception, url: str) -> Exception:
    """The exceptions that aiobotocore's HTTP session makes of aiohttp's."""
    from botocore.exceptions import (
        ConnectionClosedError,
        EndpointConnectionError,
        HTTPClientError,
        ReadTimeoutError,
    )

    match error:
        case TimeoutError():
            return ReadTimeoutError(endpoint_url=url, error=error)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return ConnectionClosedError(endpoint_url=url, error=error, request=None)
        case aiohttp.ClientConnectionError() | OSError():
            return EndpointConnectionError(endpoint_url=url, error=error)
        case _:
            return HTTPClientError(error=error)


def _module(handler: Any) -> str:
    return str(getattr(handler, "__module__", "") or type(handler).__module__)


def _parsed(payload: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(payload)
    # The first look is cheap and enough for most; the others tell bytes from text that ends in a B.
    if (b'B"' in payload or b'{"BS"' in payload) and (b'{"B":' in payload or b'{"BS"' in payload):
        for part in {"Item", "Attributes"} & answer.keys():
            answer[part] = _with_bytes({"M": answer[part]})["M"]
    return answer


def _base64(value: Any) -> str:
    return base64.b64encode(value).decode()


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """An attribute value as botocore gives it: with bytes where JSON has base64."""
    ((tag, content),) = value.items()
    match tag:
        case "M":
            return {"M": {key: _with_bytes(member) for key, member in content.items()}}
        case "L":
            return {"L": [_with_bytes(member) for member in content]}
        case "B":
            return {"B": base64.b64decode(content)}
        case "BS":
            return {"BS": [base64.b64decode(member) for member in content]}
        case _:
            return value
