"""The aioboto3 client of one event loop: opened once, closed once, dropped with a loop that is dead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

from .answers import check_answer
from .deadline import CallTimer

if TYPE_CHECKING:
    import aioboto3
    from types_aiobotocore_dynamodb import DynamoDBClient

    from async_dynamo_store.config import AwsConfig, DynamoDbConfig

    from .fast.path import FastPath

log = logging.getLogger(__name__)

OpenClient = Callable[[AsyncExitStack], Awaitable["DynamoDBClient"]]

_CONNECTIONS = 100
"""botocore's 10 would starve tasks when many turns are in flight."""


class Connection:
    """An aioboto3 client, being opened or open, in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, open_client: OpenClient, *, accelerate: bool) -> None:
        self.client: DynamoDBClient | None = None
        self.fast: FastPath | None = None
        self.timer = CallTimer(loop)
        self._stack = AsyncExitStack()
        self.opening = loop.create_task(self._open(open_client, accelerate=accelerate))

    async def _open(self, open_client: OpenClient, *, accelerate: bool) -> None:
        client = await open_client(self._stack)
        if accelerate:
            from .fast.path import fast_path

            self.fast = fast_path(client)
        self.client = client

    async def close(self) -> None:
        """Close the client.

        Calls under way end first: botocore would try them again, on connections that nobody closes.
        """
        await asyncio.wait([self.opening])
        await self.timer.end_all()
        await self._stack.aclose()

    def drop(self) -> None:
        """Let go of the client of a dead loop.

        Nothing in it can be awaited any more, so its closing runs through at once.
        """
        closing = self._stack.aclose()
        with suppress(StopIteration, RuntimeError):
            closing.send(None)
        closing.close()


async def open_client(
    config: DynamoDbConfig, aws: AwsConfig | None, session: aioboto3.Session | None, stack: AsyncExitStack
) -> DynamoDBClient:
    """Make an aioboto3 client, which is closed with the stack. It sends nothing."""
    import aioboto3
    from botocore.config import Config

    made: Any = session or aioboto3.Session(profile_name=aws.profile if aws else None)
    # Half of the budget for one try, so that a connection that died leaves time for another.
    one_try = config.timeout_seconds / min(config.max_attempts, 2)
    # A session of the user's own keeps its own number of connections.
    pool: dict[str, Any] = {} if session else {"max_pool_connections": _CONNECTIONS}
    client: DynamoDBClient = await stack.enter_async_context(
        made.client(
            "dynamodb",
            config=Config(
                connect_timeout=one_try,
                read_timeout=one_try,
                retries={"total_max_attempts": config.max_attempts},
                parameter_validation=False,
                user_agent_extra="async-dynamo-store",
                **pool,
            ),
            **_endpoint_and_credentials(aws),
        )
    )
    client.meta.events.register("before-parse.dynamodb", check_answer)
    log.debug("DynamoDB client opened")
    return client


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
