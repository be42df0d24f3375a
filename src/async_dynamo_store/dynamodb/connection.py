"""The aioboto3 client of one event loop: opened once, closed once, dropped with a loop that is dead."""

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

OpenClient = Callable[[AsyncExitStack], Awaitable["DynamoDBClient"]]
ResultT = TypeVar("ResultT")

_CONNECTIONS = 100
"""botocore's 10 would starve tasks when many turns are in flight."""
_IDLE_SECONDS = 60.0
"""How long an idle connection is kept, as the AWS SDK for Java does: aiobotocore's 12 are over between two requests of a talk.

A new one costs 2 to 3 ms of processor time and three round trips. One that DynamoDB has closed meanwhile costs a second try.
"""


_LOOK_AGAIN_SECONDS = 0.2
DISCONNECTED = "disconnect() closed the client while it was waited for. Whether a write has landed is not known: try it again."


class Connection:
    """An aioboto3 client, being opened or open, in one event loop."""

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
        self.opening = loop.create_task(self._open(open_client, profile, table, accelerate=accelerate))

    async def _open(self, open_client: OpenClient, profile: str, table: str, *, accelerate: bool) -> None:
        client = await open_client(self._stack)
        from .fast.private import credentials_of

        self._credentials = CredentialsStep(credentials_of(client), profile)
        if accelerate:
            from .fast.path import fast_path

            self._fast = fast_path(client)
        if self._fast:
            await asyncio.sleep(0)  # other tasks go on between two steps that each take 20 ms and more
            await self._fast.prepare({"TableName": table})
        self.client = client

    async def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """One operation of the open client, ended at the deadline.

        Raises `CredentialsError`, TimeoutError, `UnavailableError` when the client is closed meanwhile, and
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

        Pending calls end first: botocore would retry them on connections that nobody closes.
        """
        self.is_closing = True
        while not self.opening.done():
            # A process that is just being started is there at the next look.
            if not end_process(self.opening):
                self.opening.cancel()
            await asyncio.wait([self.opening], timeout=_LOOK_AGAIN_SECONDS)
        await self._timer.end_all()
        await self._stack.aclose()

    def drop(self) -> None:
        """Let go of the client of a dead loop.

        Nothing in it can be awaited any more, so its closing runs through at once.
        """
        closing = self._stack.aclose()
        with suppress(StopIteration, RuntimeError):
            closing.send(None)
        closing.close()


def check_session(session: aioboto3.Session | None, aws: AwsConfig | None) -> None:
    """Raises TypeError and ValueError for a session of the user's own that a store cannot use."""
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
            "session and aws_config.profile both choose a profile: leave profile out, and give it to the session"
            " (aioboto3.Session(profile_name=...))"
        )


async def open_client(
    config: DynamoDbConfig, aws: AwsConfig | None, session: aioboto3.Session | None, stack: AsyncExitStack
) -> DynamoDBClient:
    """Make an aioboto3 client, which is closed with the stack. DynamoDB is not asked; a source of credentials may be."""
    aws = aws or AwsConfig()
    if session is None:
        _check_variables(aws)
    made: Any = await _in_thread(partial(_ready_session, session, aws.profile))
    from aiobotocore.config import AioConfig

    # Half of the budget for one try, so that a connection that died leaves time for another.
    one_try = config.timeout_seconds / min(config.max_attempts, 2)
    # A session of the user's own keeps its own number of connections, and their time.
    options: dict[str, Any] = {}
    if session is None:
        options["max_pool_connections"] = _CONNECTIONS
        options["connector_args"] = {"keepalive_timeout": _IDLE_SECONDS}
    if config.type == "embedded":
        options["proxies"] = {}  # those of the environment do not reach this process
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
        # botocore refuses host names with an underscore, as Docker Compose makes them; only in its check when it makes a client.
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
    """The session, after everything is imported, and the data read, that a client of it needs."""
    import aioboto3
    from aiobotocore.session import get_session

    import_module(".fast.path", __package__)
    import_module("encodings.idna")  # every look-up of a host's name uses it
    if session is not None:
        return session
    botocore_session = get_session()
    made = aioboto3.Session(botocore_session=botocore_session, profile_name=profile)
    read_data(botocore_session)
    return made


def read_data(botocore_session: AioSession) -> None:
    """Have botocore read what a client of DynamoDB needs of its data. The session keeps it.

    If something is not there, a client that needs it raises.
    """
    from botocore.exceptions import DataNotFoundError

    loader = botocore_session.get_component("data_loader")
    with suppress(DataNotFoundError):
        for kind in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model("dynamodb", kind)
        for name in ("endpoints", "partitions"):
            loader.load_data(name)


async def _in_thread(work: Callable[[], ResultT]) -> ResultT:
    """Do work that other tasks of the loop are not to wait for; cancelled, it is done for nobody.

    The thread ends with the work: one that stays would be in the way of a fork, and the loop's own may all be busy.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix="async-dynamo-store")
    try:
        return await asyncio.get_running_loop().run_in_executor(executor, work)
    finally:
        executor.shutdown(wait=False)


def _check_variables(aws: AwsConfig) -> None:
    """What botocore reads from the environment where the configuration leaves it out; a blank value is never meant."""
    profile = () if aws.profile else ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    region = () if aws.region else ("AWS_DEFAULT_REGION",)
    for name in (*profile, *region):
        if not os.environ.get(name, "set").strip():
            raise BackendError(f"{name} is blank in the environment. Give it a value, or unset it.")
