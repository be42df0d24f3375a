"""The fast path: makes a turn's calls without botocore's request building, signing and response parsing.

It uses the connections, credentials and endpoint of an existing aioboto3 client. It falls back to botocore if
somebody has hooked into the client's events or methods, or the client uses adaptive retries or another signature
version. The outcome of a failed attempt is passed to botocore as its own first attempt, so botocore alone handles
errors and retries. Without the fast path, calls behave the same and only cost more time.
"""

from __future__ import annotations

import base64
import logging
import zlib
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from async_dynamo_store.dynamodb.hooks import check_answer

from .exchange import Answer, Exchanges
from .private import ClientParts, response
from .template import Template, UnsafeHeaderError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from types_aiobotocore_dynamodb import DynamoDBClient

    from .private import Keys

    BotocoreCall = Callable[[], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)

_OPERATIONS = {
    "get_item": "GetItem",
    "put_item": "PutItem",
    "update_item": "UpdateItem",
    "delete_item": "DeleteItem",
    "query": "Query",
}
_OF_A_TURN = ("GetItem", "UpdateItem")
_OWN_HANDLERS = {
    "provide-client-params": (),
    "before-parameter-build": ("botocore.handlers", "botocore.discovery"),
    "before-endpoint-resolution": (),
    "before-call": ("botocore.handlers",),
    "request-created": ("aiobotocore.signers", "botocore.useragent", "botocore.handlers"),
    "choose-signer": ("botocore.handlers",),
    "before-sign": (),
    "before-send": (__name__,),
    "response-received": (),
    "before-parse": (check_answer.__module__,),
    "needs-retry": ("aiobotocore.retryhandler", "aiobotocore.retries.standard", check_answer.__module__),
    "after-call": ("botocore.retries.standard",),
    "after-call-error": (),
}
"""The events of a call, each with the modules of the handlers registered by default; any other handler is a hook."""

_failed_try: ContextVar[list[Any] | None] = ContextVar("failed_try", default=None)


def fast_path(client: DynamoDBClient) -> FastPath | None:
    """The fast path of a client; None, with a log line, if the client's private parts differ from what is expected."""
    try:
        return FastPath(client)
    except Exception as error:  # noqa: BLE001 - an unknown aioboto3 version may raise anything; fall back to botocore
        log.info("This client has no fast path and uses botocore: %s: %s", type(error).__name__, error)
        return None


async def why_closed(client: DynamoDBClient, parameters: dict[str, Any]) -> str | None:
    """Why a client's GetItem would go through botocore; None if it would take the fast path. Nothing is sent."""
    try:
        return await FastPath(client).try_out(parameters)
    except Exception as error:  # noqa: BLE001 - as in `fast_path`
        return str(error) or type(error).__name__


class FastPath:
    """The fast path of one aioboto3 client."""

    def __init__(self, client: DynamoDBClient) -> None:
        """Raise if the client lacks a required part."""
        self._parts = ClientParts(client)
        self._events = cast("Any", client.meta.events)
        self._handlers_version: object = None
        self._has_no_hooks = False
        self._is_off = False
        self._credits: list[Any] = []
        self._templates: dict[str, Template] = {}
        self._exchanges: dict[str, Exchanges] = {}
        self._events.register_first("before-send.dynamodb", _take_failed_try)

    async def prepare(self, parameters: dict[str, Any]) -> None:
        """Prepare the templates of a turn's calls, the signing key and the TLS context. Nothing is sent.

        Errors are ignored here: the call itself tries again and reports them. Nothing is prepared if the credentials
        have yet to be fetched, because the endpoint may depend on them.
        """
        with suppress(Exception):
            if self._is_open() and self._parts.has_credentials:
                keys = self._parts.fixed_keys
                for name in _OF_A_TURN:
                    template = await self._learn(name, parameters)
                    if keys:
                        template.request(keys, b"")

    async def call(
        self, operation: str, parameters: dict[str, Any], keys: Keys, botocore_call: BotocoreCall
    ) -> dict[str, Any]:
        """Call an operation; returns and raises the same as `botocore_call`, the client's own method."""
        request = await self._request(operation, parameters, keys)
        if request is None:
            return await botocore_call()
        template, message = request
        try:
            answer = await template.exchanges.post(message)
        except (aiohttp.ClientError, HttpProcessingError, OSError, TimeoutError) as error:
            return await _after_failed_try(_as_botocore_has_it(error, template.url), botocore_call)
        except Exception as error:  # noqa: BLE001 - an unknown aiohttp version; the request may safely be sent again
            self._switch_off(error)
            return await botocore_call()
        if not _is_good(answer):
            return await _after_failed_try(_as_botocore_reads_it(answer, template.url), botocore_call)
        for release_quota in self._credits:
            release_quota(context={}, http_response=_as_botocore_reads_it(answer, template.url))
        return _parsed(answer.body)

    async def _request(
        self, operation: str, parameters: dict[str, Any], keys: Keys
    ) -> tuple[Template, bytes] | None:
        """The bytes to send for a call; None if it has to go through botocore."""
        name = _OPERATIONS.get(operation)
        if name is None or not self._is_open():
            return None
        try:
            template = self._templates.get(name) or await self._learn(name, parameters)
            body = orjson.dumps(parameters, default=_base64)
            return template, template.request(keys, body)
        except UnsafeHeaderError:
            return None
        except Exception as error:  # noqa: BLE001 - fall back to botocore, which reports errors better
            self._switch_off(error)
            return None

    def _switch_off(self, error: Exception) -> None:
        """Use botocore from now on, and undo the changes to the client."""
        if self._is_off:
            return
        log.info("The fast path is off for this client, which uses botocore: %s", type(error).__name__)
        self._is_off = True
        self._events.unregister("before-send.dynamodb", _take_failed_try)
        for exchanges in self._exchanges.values():
            exchanges.end()

    def _is_open(self) -> bool:
        """Whether the client has no hooks; checked again only after its handlers have changed."""
        if self._is_off or self._parts.is_instrumented:
            return False
        if self._parts.handlers_version is not self._handlers_version:
            self._handlers_version = self._parts.handlers_version
            self._has_no_hooks = next(self._hooks(), None) is None
            self._credits = list(self._parts.handlers("after-call.dynamodb.GetItem"))
        return self._has_no_hooks

    def _hooks(self) -> Iterator[str]:
        """The event and the module of each handler that is not registered by default."""
        for event, modules in _OWN_HANDLERS.items():
            for name in _OPERATIONS.values():
                for handler in self._parts.handlers(f"{event}.dynamodb.{name}"):
                    if not _module(handler).startswith(modules):
                        yield f"{event} of {name}: {_module(handler)}"

    async def try_out(self, parameters: dict[str, Any]) -> str | None:
        """Why a GetItem with these parameters would go through botocore; None if it would take the fast path."""
        if hook := next(self._hooks(), None):
            return f"something has hooked into the client ({hook})"
        await self._learn("GetItem", parameters)
        return None

    async def _learn(self, name: str, parameters: dict[str, Any]) -> Template:
        """The template of an operation, derived from the request that botocore builds for it."""
        made = await self._parts.request(name, parameters)
        host = urlsplit(made.url)
        if host.path != "/" or made.has_own_signature:
            raise TypeError("the endpoint has a path, or requires a special signature")
        if self._parts.has_proxy(made.url):
            raise TypeError("the client uses a proxy")
        if made.url not in self._exchanges:
            session = await self._parts.aiohttp_session()
            self._exchanges[made.url] = Exchanges(session, URL(made.url, encoded=True))
        headers = {key.lower(): value for key, value in made.headers.items()} | {"host": host.netloc}
        template = self._templates[name] = Template(
            self._exchanges[made.url], made.url, headers, (made.region, made.service)
        )
        return template


async def _after_failed_try(outcome: Any, botocore_call: BotocoreCall) -> dict[str, Any]:
    """Let botocore continue with `outcome`, a response or an exception, as the outcome of its first attempt."""
    token = _failed_try.set([outcome])
    try:
        return await botocore_call()
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
    return response(url, answer.status, answer.headers, answer.body)


def _as_botocore_has_it(error: Exception, url: str) -> Exception:
    """The exception that aiobotocore's HTTP session would raise for an exception of aiohttp."""
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
    # Look for bytes only if the JSON text contains these tags: bytes are rare.
    if b'"B"' in payload or b'"BS"' in payload:
        for part in {"Item", "Attributes"} & answer.keys():
            answer[part] = _with_bytes({"M": answer[part]})["M"]
        for item in answer.get("Items", ()):
            item.update(_with_bytes({"M": item})["M"])
    return answer


def _base64(value: Any) -> str:
    return base64.b64encode(value).decode()


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """An attribute value as botocore returns it, with base64 text decoded to bytes."""
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
