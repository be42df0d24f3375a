"""`Client`: DynamoDB calls through aioboto3, with one client per event loop."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from async_dynamo_store.errors import StoreClosedError, UnavailableError

from .answers import api_name, typed
from .connection import DISCONNECTED, NOT_OPENED, Connection, check_session, open_client
from .credentials import credentials_error, overdue_error
from .deadline import run_within, time_left
from .observer import with_capacity

if TYPE_CHECKING:
    import aioboto3
    from types_aiobotocore_dynamodb import DynamoDBClient

    from async_dynamo_store.config import AwsConfig, DynamoDbConfig

    from .observer import Observer

    FindAws = Callable[[], Awaitable[AwsConfig | None]]

ResultT = TypeVar("ResultT")


class Client:
    """Calls DynamoDB, with one aioboto3 client for the lifetime of each event loop."""

    def __init__(
        self, config: DynamoDbConfig, session: aioboto3.Session | None, find_aws: FindAws, *, accelerate: bool
    ) -> None:
        check_session(session, config.aws_config)
        self._config = config
        self._accelerate = accelerate
        self._session = session
        self._find_aws = find_aws
        self._connections: dict[asyncio.AbstractEventLoop, Connection] = {}
        self._is_closed = False
        self.observer: Observer | None = None

    async def open(self) -> None:
        """Create the client of the running event loop, if there is none.

        The first task creates it; concurrent tasks wait for the same client. Raises `StoreClosedError` after
        `aclose`, and `CredentialsError` if a source of credentials fails or takes longer than `timeout_seconds`.
        """
        await self._connect(self._config.timeout_seconds)

    async def aclose(self) -> None:
        """Close the running loop's client; later calls raise `StoreClosedError`."""
        self._is_closed = True
        await self.disconnect()

    async def disconnect(self) -> None:
        """Close the running loop's client; the next call creates a new one."""
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection:
            await connection.close()
        self._drop_dead_loops()

    async def call(
        self, operation: str, parameters: dict[str, Any], *, is_observed: bool = False
    ) -> dict[str, Any]:
        """Call one operation (`get_item`, `update_item`, …) with botocore's retries.

        Raises `ConditionFailed`, `InvalidRequest`, or another `BackendError`.
        """
        if self.observer is not None and not is_observed:
            return await self._observed(self.observer, operation, parameters)
        try:
            connection = self._connection() or await self._connect()
            return await connection.call(operation, parameters)
        except StoreClosedError:
            raise
        except Exception as error:  # noqa: BLE001 - every error is mapped to its type here
            self._raise_typed(error, operation, parameters.get("TableName"))

    async def _observed(
        self, observer: Observer, operation: str, parameters: dict[str, Any]
    ) -> dict[str, Any]:
        table = parameters.get("TableName", self._config.table_name)
        with observer.call(api_name(operation), table) as report:
            try:
                answer = await self.call(operation, with_capacity(operation, parameters), is_observed=True)
            except Exception as error:
                report.read(getattr(error.__cause__, "response", {}))
                raise
            report.read(answer)
            return answer

    async def within_timeout(self, operation: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Run an operation whose calls together take at most `timeout_seconds`.

        Raises `UnavailableError` if they take longer.
        """
        return await run_within(self._config.timeout_seconds, operation)

    def _connection(self) -> Connection | None:
        """The open client of the running loop, or None."""
        connection = self._connections.get(asyncio.get_running_loop())
        return connection if connection and connection.client and not self._is_closed else None

    async def _connect(self, seconds: float = math.inf) -> Connection:
        if self._is_closed:
            raise StoreClosedError("This store is closed. Create a new AsyncDynamoStore, or close it later.")
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            self._drop_dead_loops()
            connection = Connection(
                loop, self._open, self._profile, self._config.table_name, accelerate=self._accelerate
            )
            self._connections[loop] = connection
            connection.opening.add_done_callback(partial(self._forget_failed, loop, connection))
        try:
            await self._opened(connection, seconds)
        except asyncio.CancelledError as error:
            if not connection.opening.cancelled():
                raise
            self._raise_closed(error)
            raise UnavailableError(DISCONNECTED) from error
        except Exception as error:
            self._raise_closed(error)
            if connection.is_closing:
                raise UnavailableError(DISCONNECTED) from error
            self._raise_typed(error, "open")
        return connection

    async def _opened(self, connection: Connection, seconds: float) -> None:
        """Wait until the client is open: at most `seconds` for the sources of credentials, in the time that is left.

        What comes before the sources, such as the imports, may take longer than `seconds`. Raises `CredentialsError`
        for the source that is too slow, and `UnavailableError` if no time is left for another reason.
        """
        opening, asking = connection.opening, connection.asking
        await _first_of(opening, asking, seconds=time_left())
        while asking.done() and not opening.done() and (left := time_left()) > 0:
            await _first_of(opening, seconds=min(seconds, left))
            if overdue := overdue_error(opening, self._profile):
                raise overdue from TimeoutError()
        if not opening.done():
            raise UnavailableError(NOT_OPENED) from TimeoutError()
        opening.result()

    def _forget_failed(
        self, loop: asyncio.AbstractEventLoop, connection: Connection, opening: asyncio.Task[None]
    ) -> None:
        """Let the next call create another client; the tasks that waited for this one receive the error."""
        if (opening.cancelled() or opening.exception()) and self._connections.get(loop) is connection:
            del self._connections[loop]

    async def _open(self, stack: AsyncExitStack, asking: asyncio.Future[None]) -> DynamoDBClient:
        return await open_client(self._config, await self._find_aws(), self._session, stack, asking)

    def _raise_closed(self, error: BaseException) -> None:
        if self._is_closed:
            raise StoreClosedError("This store was closed while it was in use. Close it later.") from error

    @property
    def _profile(self) -> str:
        """The AWS profile to name in error messages."""
        aws = self._config.aws_config
        return (aws and aws.profile) or os.environ.get("AWS_PROFILE") or "default"

    def _raise_typed(self, error: Exception, operation: str, table: str | None = None) -> NoReturn:
        self._raise_closed(error)
        table = table or self._config.table_name
        ours = credentials_error(error, self._profile) or typed(error, operation, table, self._config)
        if ours is None:
            raise error
        raise ours from error

    def _drop_dead_loops(self) -> None:
        # list() and pop() are atomic for other threads, which use their own event loops.
        dead = [self._connections.pop(loop, None) for loop in list(self._connections) if loop.is_closed()]
        if not dead:
            return
        for connection in filter(None, dead):
            connection.drop()
        # asyncio issues a ResourceWarning for each open socket of a dead loop when the socket is garbage-collected. If such
        # warnings are shown, collect here and ignore them. Otherwise leave it to Python: a full collection stops all threads.
        if _is_shown(ResourceWarning):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()


async def _first_of(*steps: asyncio.Future[None], seconds: float) -> None:
    """Wait until one of these is done, at most `seconds`."""
    timeout = None if seconds == math.inf else seconds
    await asyncio.wait(steps, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def _is_shown(warning: type[Warning]) -> bool:
    actions = (action for action, _, category, _, _ in warnings.filters if issubclass(warning, category))
    return next(actions, "default") != "ignore"
