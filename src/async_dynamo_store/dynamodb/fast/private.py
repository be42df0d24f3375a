"""Every private part of aiobotocore, botocore and aiohttp that the fast path uses.

They exist in aiobotocore 2.25.1, botocore 1.40.61 and aiohttp 3.14.5. If a part is missing, `AttributeError` or
`TypeError` is raised and the client falls back to botocore. To support another version, change only this module.
"""

# ruff: noqa: SLF001

from __future__ import annotations

import sys
import types
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from types_aiobotocore_dynamodb import DynamoDBClient
    from yarl import URL

__all__ = [
    "ClientParts",
    "ConnectorParts",
    "Credentials",
    "Destination",
    "Keys",
    "RequestParts",
    "ResponseHandler",
    "credentials_of",
    "response",
    "set_endpoint",
]


class Keys(Protocol):
    """`botocore.credentials.ReadOnlyCredentials`."""

    access_key: str
    secret_key: str
    token: str | None


class Credentials(Protocol):
    """`aiobotocore.credentials.AioCredentials`, refreshable or not."""

    async def get_frozen_credentials(self) -> Keys:
        """The current signing keys, refreshed if they are about to expire."""
        ...


def credentials_of(client: DynamoDBClient) -> Credentials | None:
    """The credentials of a client; None if it does not sign, or they cannot be found."""
    signer = getattr(client, "_request_signer", None)
    credentials: Credentials | None = getattr(signer, "_credentials", None)
    return credentials


def set_endpoint(client: DynamoDBClient, url: str) -> None:
    """Send a client's requests to another URL than the one it was created with."""
    from botocore.regions import EndpointResolverBuiltins

    cast("Any", client)._ruleset_resolver._builtins[EndpointResolverBuiltins.SDK_ENDPOINT] = url


class RequestParts(NamedTuple):
    """The request that botocore builds for one operation: its URL and the headers common to all such requests."""

    url: str
    headers: Mapping[str, str]
    region: str
    service: str
    has_own_signature: bool


class ClientParts:
    """The private parts of an aioboto3 client. Raises `AttributeError` or `TypeError` if one is missing."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client = cast("Any", client)
        self._emitter: Any = self._client.meta.events._emitter
        self._signer: Any = self._client._request_signer
        self._http: Any = self._client._endpoint.http_session
        self._make_api_call: Any = type(self._client)._make_api_call
        if (
            not isinstance(self._make_api_call, types.FunctionType)
            or self._make_api_call.__module__ != "aiobotocore.client"
        ):
            raise TypeError("the client's calls are instrumented")
        if self._signer._signature_version != "v4":
            raise TypeError("the client does not sign with Signature Version 4")

    @property
    def has_credentials(self) -> bool:
        """Whether the client has its credentials; those of an assumed role are fetched with the first call."""
        from botocore.credentials import DeferredRefreshableCredentials

        return not isinstance(self._signer._credentials, DeferredRefreshableCredentials)

    @property
    def fixed_keys(self) -> Keys | None:
        """The client's signing keys, unless a source refreshes them."""
        from botocore.credentials import RefreshableCredentials

        credentials: Any = self._signer._credentials
        return None if isinstance(credentials, RefreshableCredentials) else credentials

    @property
    def is_instrumented(self) -> bool:
        """Whether the method behind all calls has been wrapped, for example by OpenTelemetry."""
        return type(self._client)._make_api_call is not self._make_api_call

    @property
    def handlers_version(self) -> object:
        """An object that is replaced whenever a handler is added or removed, because botocore then starts a new cache."""
        return self._emitter._lookup_cache

    def handlers(self, event: str) -> Iterable[Callable[..., Any]]:
        """The handlers of an event (`before-send.dynamodb.GetItem`)."""
        found: Iterable[Callable[..., Any]] = self._emitter._handlers.prefix_search(event)
        return found

    async def request(self, operation: str, parameters: dict[str, Any]) -> RequestParts:
        """The request that botocore builds for an operation (`GetItem`)."""
        client = self._client
        model = client.meta.service_model.operation_model(operation)
        context: dict[str, Any] = {
            "client_region": client.meta.region_name,
            "client_config": client.meta.config,
            "has_streaming_input": False,
            "auth_type": model.resolved_auth_type,
            "unsigned_payload": model.unsigned_payload,
            "auth_options": client._service_model.metadata.get("auth"),
        }
        endpoint, headers, _ = await client._resolve_endpoint_ruleset(model, parameters, context)
        made = await client._convert_to_request_dict(parameters, model, endpoint, context, headers)
        return RequestParts(
            made["url"],
            made["headers"],
            self._signer._region_name,
            self._signer._signing_name,
            "signing" in context,
        )

    def has_proxy(self, url: str) -> bool:
        """Whether the client reaches the URL through a proxy."""
        return bool(self._http._proxy_config.proxy_url_for(url))

    async def aiohttp_session(self) -> ClientSession:
        """The session with which aiobotocore sends requests without a proxy."""
        session: ClientSession = await self._http._get_session(None)
        return session


class Destination(ClientRequest):
    """The target of a connector's connections; `connection_key` is set once, because aiohttp computes it per request."""

    connection_key: Any = None


class ConnectorParts:
    """The connector of an aiohttp session; its new connections use `protocol`.

    Raises `TypeError` for a session that is traced or instrumented, or has no read timeout.
    """

    def __init__(self, session: ClientSession, url: URL, protocol: Callable[[], ResponseHandler]) -> None:
        kind: Any = type(session)
        is_watched = session.trace_configs or not isinstance(kind._request, types.FunctionType)
        if is_watched or session.timeout.sock_read is None:
            raise TypeError("the session is traced or instrumented, or has no read timeout")
        self._connector = cast("Any", session.connector)
        self._timeout = session.timeout
        self._original_factory: Any = self._connector._factory
        self._connector._factory = protocol
        loop = self._connector._loop
        self._to = Destination("POST", url, loop=loop)
        self._to.connection_key = ClientRequest("POST", url, loop=loop).connection_key
        self.read_timeout: float = session.timeout.sock_read

    @property
    def limit(self) -> int:
        """The maximum number of concurrent connections to one host."""
        limits = (self._connector.limit, self._connector.limit_per_host)
        return min((limit for limit in limits if limit), default=sys.maxsize)

    def connect(self) -> Awaitable[Any]:
        """A connection from the pool, or a new one, within the connector's limits and timeouts."""
        connection: Awaitable[Any] = self._connector.connect(self._to, [], self._timeout)
        return connection

    def restore(self) -> None:
        """Use aiohttp's own protocol for new connections again."""
        self._connector._factory = self._original_factory


def loop_of(session: ClientSession) -> Any:
    """The event loop of a session's connector."""
    return cast("Any", session.connector)._loop


def response(url: str, status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """A response in the form that aiobotocore passes to botocore's parser."""
    from aiobotocore.awsrequest import AioAWSResponse

    make: Any = AioAWSResponse  # it accepts any mapping as headers, its stub only botocore's
    read = make(url, status, headers, None)  # the raw response is not used, because `_content` is set
    read._content = body
    return read
