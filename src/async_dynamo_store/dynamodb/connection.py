"""The aioboto3 client of one event loop: opened once, closed once, dropped if the loop is dead."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from async_dynamo_store.config import AwsConfig, is_endpoint
from async_dynamo_store.errors import BackendError, UnavailableError

from .answers import ENDPOINT_IS_NONE
from .credentials import CredentialsStep, end_process
from .deadline import CallTimer, deadline
from .hooks import check_answer, retry_conflicts

if TYPE_CHECKING:
    import aioboto3
    from aiobotocore.session import AioSession
    from types_aiobotocore_dynamodb import DynamoDBClient

    from async_dynamo_store.config import DynamoDbConfig

    from .fast.path import BotocoreCall, FastPath

log = logging.getLogger(__name__)

OpenClient = Callable[[AsyncExitStack, asyncio.Future[None]], Awaitable["DynamoDBClient"]]
ResultT = TypeVar("ResultT")

_CONNECTIONS = 100
"""botocore's default of 10 would delay tasks when many turns run concurrently."""
_IDLE_SECONDS = 60.0
"""How long an idle connection is kept open; the AWS SDK for Java uses the same value.

aiobotocore's 12 seconds often pass between two requests of a conversation. A new connection costs 2 to 3 ms of processor
time and three round trips. A connection that DynamoDB has closed meanwhile costs a second attempt.
"""


_LOOK_AGAIN_SECONDS = 0.2
DISCONNECTED = (
    "disconnect() closed the client during this call. It is not known whether a write was stored: try again."
)
NOT_OPENED = (
    "Creating the AWS client took longer than this call may take; the call was not sent. Open the store before its first"
    " call, with `async with store` or open(), or allow more time."
)


class Connection:
    """The aioboto3 client of one event loop, open or still opening."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        open_client: OpenClient,
        profile: str,
        table: str,
        *,
        accelerate: bool,
    ) -> None:
        self.client: DynamoDBClient | None = None
        self._fast: FastPath | None = None
        self._timer = CallTimer(loop)
        self._stack = AsyncExitStack()
        self.is_closing = False
        self.asking: asyncio.Future[None] = loop.create_future()
        """Done when the imports are, and the sources of credentials are asked."""
        self.opening = loop.create_task(self._open(open_client, profile, table, accelerate=accelerate))

    async def _open(self, open_client: OpenClient, profile: str, table: str, *, accelerate: bool) -> None:
        client = await open_client(self._stack, self.asking)
        from .fast.private import credentials_of

        self._credentials = CredentialsStep(credentials_of(client), profile)
        if accelerate:
            from .fast.path import fast_path

            self._fast = fast_path(client)
        if self._fast:
            await asyncio.sleep(0)  # let other tasks run between two steps of 20 ms and more each
            await self._fast.prepare({"TableName": table})
        self.client = client

    async def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Call one operation of the open client, and cancel it at the deadline.

        Raises `CredentialsError`, TimeoutError, `UnavailableError` if the client is closed during the call, and
        botocore's errors.
        """
        has_keys = False
        try:
            async with asyncio.timeout(None) as under_way:
                self._timer.watch(under_way, deadline())
                try:
                    keys = await self._credentials.keys()
                    has_keys = True
                    botocore_call: BotocoreCall = partial(getattr(self.client, operation), **parameters)
                    if self._fast and keys:
                        return await self._fast.call(operation, parameters, keys, botocore_call)
                    return await botocore_call()
                finally:
                    self._timer.forget(under_way)
        except TimeoutError as error:
            if self.is_closing:
                raise UnavailableError(DISCONNECTED) from error
            if not has_keys:
                self._credentials.raise_overdue(error)
            raise

    async def close(self) -> None:
        """Close the client, or stop opening it.

        Pending calls are ended first: botocore would retry them on new connections that are never closed.
        """
        self.is_closing = True
        while not self.opening.done():
            # A credential_process that is still starting is found in a later iteration.
            if not end_process(self.opening):
                self.opening.cancel()
            await asyncio.wait([self.opening], timeout=_LOOK_AGAIN_SECONDS)
        await self._timer.end_all()
        await self._stack.aclose()

    def drop(self) -> None:
        """Release the client of a dead loop.

        Nothing can be awaited in a dead loop, so run the closing coroutine only up to its first await.
        """
        closing = self._stack.aclose()
        with suppress(StopIteration, RuntimeError):
            closing.send(None)
        closing.close()


def check_session(session: aioboto3.Session | None, aws: AwsConfig | None) -> None:
    """Raise TypeError or ValueError for a user's session that the store cannot use."""
    if session is None:
        return
    import aioboto3

    kind = type(session)
    if not isinstance(session, aioboto3.Session):
        raise TypeError(
            f"session is a {kind.__module__}.{kind.__qualname__}; the store is asynchronous and needs an aioboto3.Session"
        )
    if aws and aws.profile:
        raise ValueError(
            "session and aws_config.profile both choose a profile: omit aws_config.profile and pass it to the session"
            " (aioboto3.Session(profile_name=...))"
        )


async def open_client(
    config: DynamoDbConfig,
    aws: AwsConfig | None,
    session: aioboto3.Session | None,
    stack: AsyncExitStack,
    asking: asyncio.Future[None],
) -> DynamoDBClient:
    """Create an aioboto3 client, which is closed with the stack.

    Nothing is sent to DynamoDB, but a source of credentials may be queried; `asking` is done before that.
    """
    aws = aws or AwsConfig()
    if session is None:
        _check_variables(aws)
    made: Any = await _in_thread(partial(_ready_session, session, aws.profile))
    asking.set_result(None)
    from aiobotocore.config import AioConfig

    # One attempt gets half of the time, so that a dead connection leaves time for a second attempt.
    one_try = config.timeout_seconds / min(config.max_attempts, 2)
    # A user's session keeps its own connection limit and idle timeout.
    options: dict[str, Any] = {}
    if session is None:
        options["max_pool_connections"] = _CONNECTIONS
        options["connector_args"] = {"keepalive_timeout": _IDLE_SECONDS}
    if config.type == "embedded":
        options["proxies"] = {}  # proxies from the environment cannot reach this process
    client: DynamoDBClient = await stack.enter_async_context(
        made.client(
            "dynamodb",
            config=AioConfig(
                connect_timeout=one_try,
                read_timeout=one_try,
                retries={"total_max_attempts": config.max_attempts},
                parameter_validation=False,
                user_agent_extra="async-dynamo-store",
                **options,
            ),
            region_name=aws.region,
            endpoint_url=aws.endpoint_url and aws.endpoint_url.replace("_", "x"),
            aws_access_key_id=aws.access_key_id,
            aws_secret_access_key=aws.secret_access_key and aws.secret_access_key.get_secret_value(),
            aws_session_token=aws.session_token and aws.session_token.get_secret_value(),
        )
    )
    if aws.endpoint_url and "_" in aws.endpoint_url:
        # botocore refuses host names with an underscore (Docker Compose creates such names), but only when it creates a client.
        from .fast.private import set_endpoint

        set_endpoint(client, aws.endpoint_url)
    elif not is_endpoint(client.meta.endpoint_url):
        raise BackendError(ENDPOINT_IS_NONE)
    events: Any = client.meta.events
    events.register("before-parse.dynamodb", check_answer)
    events.register("needs-retry.dynamodb", retry_conflicts(config.max_attempts))
    log.debug("DynamoDB client opened")
    return client


def _ready_session(session: aioboto3.Session | None, profile: str | None) -> aioboto3.Session:
    """A session, after importing the modules and reading the data files that its client needs."""
    import aioboto3
    from aiobotocore.session import get_session

    import_module(".fast.path", __package__)
    import_module("encodings.idna")  # used by each host name lookup
    if session is not None:
        return session
    botocore_session = get_session()
    made = aioboto3.Session(botocore_session=botocore_session, profile_name=profile)
    read_data(botocore_session)
    return made


def read_data(botocore_session: AioSession) -> None:
    """Make botocore read the data files that a DynamoDB client needs, and cache them in the session.

    A missing file is ignored here; a client that needs it raises.
    """
    from botocore.exceptions import DataNotFoundError

    loader = botocore_session.get_component("data_loader")
    with suppress(DataNotFoundError):
        for kind in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model("dynamodb", kind)
        for name in ("endpoints", "partitions"):
            loader.load_data(name)


async def _in_thread(work: Callable[[], ResultT]) -> ResultT:
    """Do blocking work in a thread; if the caller is cancelled, the result is discarded.

    The thread ends with the work, because a thread that stays alive would disturb a fork. The loop's own threads are not
    used, because they may all be busy.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix="async-dynamo-store")
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, work)
    finally:
        executor.shutdown(wait=False)


def _check_variables(aws: AwsConfig) -> None:
    """Raise `BackendError` for a blank profile or region in the environment, where botocore would read it."""
    profile = () if aws.profile else ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    region = () if aws.region else ("AWS_DEFAULT_REGION",)
    for name in (*profile, *region):
        if not os.environ.get(name, "set").strip():
            raise BackendError(f"{name} is blank in the environment. Give it a value, or unset it.")
