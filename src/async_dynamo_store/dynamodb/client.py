"""The only room that knows aioboto3: the client's lifetime, its event loop, its errors, its deadline."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import re
import time
import warnings
from contextlib import AsyncExitStack, contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import orjson

from async_dynamo_store.errors import (
    AccessDeniedError,
    BackendError,
    CredentialsError,
    ItemTooLargeError,
    StoreClosedError,
    TableNotFoundError,
    ThrottledError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable

    import aioboto3
    from types_aiobotocore_dynamodb import DynamoDBClient

    from async_dynamo_store.config import AwsConfig, DynamoDbConfig
    from async_dynamo_store.dynamodb.fast.path import FastWay
    from async_dynamo_store.wire.codec import Item

    FindAws = Callable[[], Awaitable[AwsConfig | None]]

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

_CREDENTIAL_CODES = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "IncompleteSignatureException",
    "MissingAuthenticationTokenException",
    "MissingAuthenticationToken",
    "ExpiredTokenException",
    "ExpiredToken",
    "RequestExpired",
}
_THROTTLING_CODES = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "ReplicatedWriteConflictException",
    "LimitExceededException",
}
_CONNECTIONS = 100
_NOT_AUTHORIZED = re.compile(r"not authorized to perform: (\w+:\w+)")


_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Bounds all store operations inside, of any store, by `seconds` from now, besides each one's own budget."""
    token = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


def time_left() -> float:
    """Seconds that `time_limit` leaves; infinite outside of one."""
    return _ends_at.get() - time.monotonic()


class ConditionFailed(Exception):
    """The condition of a write does not hold; `item` is what is stored, None when nothing is."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


class InvalidRequest(BackendError):
    """DynamoDB found the request itself wrong (ValidationException), as it does when the table has another key schema."""


class TableInUse(BackendError):
    """The table to be created exists, or is being created or deleted."""


class Client:
    """DynamoDB's operations on one aioboto3 client for the life of an event loop."""

    def __init__(
        self, config: DynamoDbConfig, session: aioboto3.Session | None, find_aws: FindAws, accelerate: bool
    ) -> None:
        self._config = config
        self._accelerate = accelerate
        self._session = session
        self._find_aws = find_aws
        self._connections: dict[asyncio.AbstractEventLoop, _Connection] = {}
        self._is_closed = False

    async def open(self) -> None:
        """Make the client of the running event loop, if there is none.

        The first task that asks makes it, the others wait for the same one. Raises `StoreClosedError` after
        `aclose`, `CredentialsError` for a profile that does not exist.
        """
        await self._connect()

    async def aclose(self) -> None:
        """Close the running loop's client; calls after this raise `StoreClosedError`."""
        self._is_closed = True
        await self.disconnect()

    async def disconnect(self) -> None:
        """Close the running loop's client; the next call makes a new one."""
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection:
            await connection.close()
        self._drop_dead_loops()

    async def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """One operation (`get_item`, `update_item`, …) with botocore's retries.

        Raises `ConditionFailed`, `InvalidRequest`, or the `BackendError` that says what went wrong.
        """
        try:
            connection = self._connection() or await self._connect()
            async with asyncio.timeout(None) as under_way:
                connection.bound(under_way, _ends_at.get())
                try:
                    stock_way = partial(getattr(connection.client, operation), **parameters)
                    fast = connection.fast
                    return await (fast.call(operation, parameters, stock_way) if fast else stock_way())
                finally:
                    del connection.calls[under_way]
        except StoreClosedError:
            raise
        except Exception as error:  # noqa: BLE001 - one place gives every error its type
            self._raise_typed(error, operation)

    async def in_time(self, operation: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Run an operation whose calls are bounded by `timeout_seconds` together, and by the `time_limit` around it.

        Raises `UnavailableError` when they take longer.
        """
        seconds, ends_at, now = self._config.timeout_seconds, _ends_at.get(), time.monotonic()
        if ends_at <= now:
            raise UnavailableError("No time was left to ask DynamoDB; nothing was sent. Allow more time.")
        _ends_at.set(min(ends_at, now + seconds))
        try:
            return await operation()
        except TimeoutError as error:
            left = ends_at - now
            budget = f"timeout_seconds={seconds:g}" if seconds <= left else f"the {left:.2g} s that were left"
            raise UnavailableError(
                f"DynamoDB gave no answer within {budget}. Check the network and the endpoint,"
                " or allow more time."
            ) from error
        finally:
            # A token would not do: a coroutine that its loop has forgotten is closed in another context.
            _ends_at.set(ends_at)

    def _connection(self) -> _Connection | None:
        """The open client of the running loop, if there is one."""
        connection = self._connections.get(asyncio.get_running_loop())
        return connection if connection and connection.client and not self._is_closed else None

    async def _connect(self) -> _Connection:
        if self._is_closed:
            raise StoreClosedError("This store is closed. Make a new AsyncDynamoStore, or close it later.")
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            self._drop_dead_loops()
            connection = self._connections[loop] = _Connection(loop, self._open, self._accelerate)
        left = time_left()
        try:
            async with asyncio.timeout(None if left == math.inf else left):
                await asyncio.shield(connection.opening)
        except Exception as error:  # noqa: BLE001 - one place gives every error its type
            if connection.opening.done() and self._connections.get(loop) is connection:
                del self._connections[loop]
            self._raise_typed(error, "open")
        return connection

    async def _open(self, stack: AsyncExitStack) -> DynamoDBClient:
        import aioboto3
        from botocore.config import Config

        aws = await self._find_aws()
        session: Any = self._session or aioboto3.Session(profile_name=aws.profile if aws else None)
        # Half of the budget for one try, so that a connection that died leaves time for another.
        one_try = self._config.timeout_seconds / min(self._config.max_attempts, 2)
        # botocore's 10 connections starve tasks when many turns are in flight; a user's own session has its
        # say.
        pool: dict[str, Any] = {} if self._session else {"max_pool_connections": _CONNECTIONS}
        client: DynamoDBClient = await stack.enter_async_context(
            session.client(
                "dynamodb",
                config=Config(
                    connect_timeout=one_try,
                    read_timeout=one_try,
                    retries={"total_max_attempts": self._config.max_attempts},
                    parameter_validation=False,
                    user_agent_extra="async-dynamo-store",
                    **pool,
                ),
                **_endpoint_and_credentials(aws),
            )
        )
        client.meta.events.register("before-parse.dynamodb", _check_answer)
        log.debug("DynamoDB client opened")
        return client

    def _raise_typed(self, error: Exception, operation: str) -> NoReturn:
        if self._is_closed:
            raise StoreClosedError("This store was closed while it was in use. Close it later.") from error
        typed = _typed(error, operation, self._config)
        if typed is None:
            raise error
        raise typed from error

    def _drop_dead_loops(self) -> None:
        # list() and pop() are one step each for other threads, which have loops of their own.
        dead = [self._connections.pop(loop, None) for loop in list(self._connections) if loop.is_closed()]
        if not dead:
            return
        for connection in filter(None, dead):
            connection.drop()
        # asyncio warns of each socket that a dead loop has left open when it is collected: here, where it is
        # meant, and not later.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


class _Connection:
    """An aioboto3 client, being opened or open, in one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connect: Callable[[AsyncExitStack], Awaitable[DynamoDBClient]],
        accelerate: bool,
    ) -> None:
        self.client: DynamoDBClient | None = None
        self.fast: FastWay | None = None
        self.stack = AsyncExitStack()
        self.calls: dict[asyncio.Timeout, float] = {}
        self.opening = loop.create_task(self._open(connect, accelerate))
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = math.inf

    async def _open(
        self, connect: Callable[[AsyncExitStack], Awaitable[DynamoDBClient]], accelerate: bool
    ) -> None:
        client = await connect(self.stack)
        if accelerate:
            from async_dynamo_store.dynamodb.fast.path import fast_way

            self.fast = fast_way(client)
        self.client = client

    def bound(self, call: asyncio.Timeout, ends_at: float) -> None:
        """End a call at a moment of the monotonic clock."""
        self.calls[call] = ends_at
        if ends_at < self._looks_at:
            self._look_at(ends_at)

    def _look_at(self, moment: float) -> None:
        # One timer that moves on is cheaper than one for each call, which nearly all are in vain.
        if self._timer:
            self._timer.cancel()
        self._looks_at = moment
        self._timer = self._loop.call_later(moment - time.monotonic(), self._look)

    def _look(self) -> None:
        self._looks_at = math.inf
        now = time.monotonic()
        _end(call for call, ends_at in self.calls.items() if ends_at <= now)
        left = min((ends_at for ends_at in self.calls.values() if ends_at > now), default=math.inf)
        if left < math.inf:
            self._look_at(left)

    async def close(self) -> None:
        """Close the client.

        What is still under way ends first: botocore would try it again, with connections that nobody closes.
        """
        await asyncio.wait([self.opening])
        _end(self.calls)
        while self.calls:  # noqa: ASYNC110 - it takes each call one step of the loop to notice
            await asyncio.sleep(0)
        if self._timer:
            self._timer.cancel()
        await self.stack.aclose()

    def drop(self) -> None:
        """Let go of the client of a dead loop.

        There is nothing left that could be awaited, so its closing runs through at once.
        """
        closing = self.stack.aclose()
        with suppress(StopIteration, RuntimeError):
            closing.send(None)
        closing.close()


def _end(calls: Iterable[asyncio.Timeout]) -> None:
    for call in [call for call in calls if not call.expired()]:
        call.reschedule(0)


def _endpoint_and_credentials(aws: AwsConfig | None) -> dict[str, Any]:
    if aws is None:
        return {}
    return {
        "region_name": aws.region,
        "endpoint_url": aws.endpoint_url,
        "aws_access_key_id": aws.access_key_id,
        "aws_secret_access_key": aws.secret_access_key.get_secret_value() if aws.secret_access_key else None,
        "aws_session_token": aws.session_token.get_secret_value() if aws.session_token else None,
    }


def _check_answer(*, response_dict: Any, operation_model: Any, **_: Any) -> None:
    # botocore takes a 200 with anything in it, such as a proxy's page, for an answer that holds nothing.
    if response_dict["status_code"] != 200:
        return
    kind = response_dict["headers"].get("content-type", "nothing")
    if not kind.startswith("application/x-amz-json"):
        raise UnavailableError(
            f"What answered {operation_model.name} is not DynamoDB (it sent {kind}). Check the endpoint, and"
            " proxies on the way."
        )
    orjson.loads(response_dict["body"])


def _typed(error: Exception, operation: str, config: DynamoDbConfig) -> Exception | None:
    """This library's error for what botocore raised.

    None for an error that is no business of the back end.
    """
    from botocore import exceptions as botocore_errors
    from botocore.parsers import ResponseParserError

    match error:
        case botocore_errors.ClientError():
            return _answered(error.response, operation, config)
        case botocore_errors.NoRegionError():
            return BackendError(
                "No AWS region is set. Set aws_config.region, or AWS_DEFAULT_REGION in the environment."
            )
        case (
            botocore_errors.NoCredentialsError()
            | botocore_errors.PartialCredentialsError()
            | botocore_errors.CredentialRetrievalError()
            | botocore_errors.ProfileNotFound()
            | botocore_errors.SSOError()
            | botocore_errors.TokenRetrievalError()
        ):
            return CredentialsError(
                "No AWS credentials were found. On AWS give the function a role; elsewhere set aws_config, AWS_PROFILE, or"
                " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        case (
            botocore_errors.HTTPClientError()
            | botocore_errors.ConnectionError()
            | botocore_errors.ChecksumError()
            | ResponseParserError()
        ):
            return UnavailableError(
                f"DynamoDB could not be reached for {_api_name(operation)} ({type(error).__name__}). Check the region"
                " (aws_config.region), the endpoint and the network."
            )
        case orjson.JSONDecodeError():
            return UnavailableError(
                f"What answered {_api_name(operation)} sent no JSON. Check the endpoint, and proxies on the way."
            )
        case ValueError() if str(error).startswith("Invalid endpoint"):
            return BackendError(
                "aws_config.endpoint_url is not a URL. Give the whole of it, such as http://localhost:8000."
            )
        case botocore_errors.BotoCoreError():
            return BackendError(
                f"The AWS configuration does not work ({type(error).__name__}). Check aws_config and the AWS profile."
            )
        case _:
            return None


def _answered(response: Any, operation: str, config: DynamoDbConfig) -> Exception:
    code = response["Error"].get("Code", "")
    text = response["Error"].get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    table = config.table_name
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(response.get("Item"))
    if code in ("AccessDeniedException", "AccessDenied"):
        named = _NOT_AUTHORIZED.search(text)
        action = named.group(1) if named else f"dynamodb:{_api_name(operation)}"
        return AccessDeniedError(
            f"IAM does not allow {action} on the table {table!r}. Add it to the role's policy.", action
        )
    if code in _CREDENTIAL_CODES:
        return CredentialsError(
            f"AWS did not accept the credentials ({code}). Check the keys, that they have not expired, and the clock of this machine."
        )
    if code in _THROTTLING_CODES:
        return ThrottledError(
            f"DynamoDB throttled {_api_name(operation)} on the table {table!r} ({code}), on each of {config.max_attempts} tries."
            " Raise its capacity, or use billing_mode PAY_PER_REQUEST."
        )
    if code == "ResourceInUseException":
        return TableInUse(f"The table {table!r} exists, or is being made or deleted.")
    if code == "ResourceNotFoundException":
        return TableNotFoundError(
            f"There is no table {table!r} in this region. Create it, check table_name and aws_config.region, or leave"
            " create_table_on_init on."
        )
    if code == "ItemCollectionSizeLimitExceededException" or (
        code == "ValidationException" and "exceeded the maximum allowed size" in text
    ):
        return ItemTooLargeError(
            "The user item would be over DynamoDB's 400 KB with what others have stored in it. Shorten it."
        )
    if code == "ValidationException":
        return InvalidRequest(
            f"DynamoDB refused {_api_name(operation)} on the table {table!r} as invalid (ValidationException)."
        )
    if status >= 500:
        return UnavailableError(
            f"DynamoDB answered {_api_name(operation)} with {status} ({code}), on each of {config.max_attempts} tries."
        )
    return BackendError(
        f"DynamoDB answered {_api_name(operation)} on the table {table!r} with {code} ({status})."
        " Check that the endpoint is DynamoDB's, and look the code up in 'Error handling with DynamoDB' (AWS)."
    )


def _api_name(operation: str) -> str:
    return "".join(part.capitalize() for part in operation.split("_"))
