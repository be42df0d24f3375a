"""AWS Lambda: `handler = lambda_handler(app)` is what Lambda calls.

One event loop and one client serve all invocations of a process. They are created while Lambda initialises the
function, before the first request. A new client is created when the environment's credentials change, and
after a SnapStart restore.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import math
import os
import random
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from async_dynamo_store.dynamodb.deadline import time_limit
from async_dynamo_store.errors import StoreError, UnknownRequestError

from .aws_envelopes import enveloped, incoming, is_http
from .http_endpoint import HttpEndpoint
from .verification import Verifier

if TYPE_CHECKING:
    from async_dynamo_store.store.store import AsyncDynamoStore
    from async_dynamo_store.voice.app import VoiceApp

__all__ = ["LambdaContext", "LambdaHandler", "lambda_handler"]

log = logging.getLogger(__name__)

_SECONDS_FOR_THE_ANSWER = 0.25
"""The time of an invocation that the store leaves unused, so that `on_error` can answer before Lambda ends the process."""

_LAYERS = ("TCP", "TLS", "HTTP")
"""Each layer needs one more step of the event loop to notice a closed socket."""

_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
)
"""The variables with a function's credentials (the last two with SnapStart). A session reads them only once."""


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


class LambdaHandler:
    """`handler(event, context)`: answers one invocation.

    `event` is a platform's request (Alexa, Lex), or an HTTP envelope from API Gateway (REST and HTTP APIs), a
    function URL, or an Application Load Balancer. Without an `on_error`, an exception goes to Lambda; in an envelope
    it is logged and answered with 500. Without a context, as in a test, only `timeout_seconds` applies.
    """

    def __init__(
        self, app: VoiceApp[Any], verify: Iterable[Verifier] | None, health_path: str | None
    ) -> None:
        self._app = app
        self._endpoint = HttpEndpoint(app, verify, health_path)
        self._has_noted_others = False
        self._runner = asyncio.Runner()
        self._credentials = _credentials()
        atexit.register(self.close)
        with suppress(ImportError):  # part of Lambda's runtimes from Python 3.12 on
            import snapshot_restore_py as snapshot  # pyright: ignore[reportMissingTypeStubs]  # it has none

            snapshot.register_before_snapshot(self.close)
            snapshot.register_after_restore(self._restored)
        if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
            self._runner.run(self._open())

    def __call__(self, event: Any, context: LambdaContext | None = None) -> Any:
        """Run one invocation and return its result."""
        return self._runner.run(self._invocation(event, context))

    def close(self) -> None:
        """Close the client and the event loop; a later invocation creates new ones."""
        runner, self._runner = self._runner, asyncio.Runner()
        with runner:
            runner.run(self._disconnect())

    async def _invocation(self, event: Any, context: LambdaContext | None) -> Any:
        # Servers may have closed sockets while the process was frozen. Let the event loop notice it before a socket is used.
        for _ in _LAYERS:
            await asyncio.sleep(0)
        if (credentials := _credentials()) != self._credentials:
            await self._disconnect()
            self._credentials = credentials
        left = context.get_remaining_time_in_millis() / 1000 if context else math.inf
        with time_limit(left - _SECONDS_FOR_THE_ANSWER):
            try:
                if is_http(event):
                    return enveloped(event, await self._endpoint.answer(incoming(event)))
                return await self._answer(event)
            finally:
                if store := self._store():
                    await store.settle()

    async def _answer(self, event: Any) -> Any:
        try:
            return await self._app.handle(event)
        except UnknownRequestError:
            if not _is_ping(event):
                raise
            if not self._has_noted_others:
                log.debug("Events that only keep the function warm get no answer")
                self._has_noted_others = True
            return None

    async def _open(self) -> None:
        if store := self._store():
            try:
                await store.open()
            except StoreError as error:
                log.warning("The client could not be created; the first request will try again: %s", error)

    async def _disconnect(self) -> None:
        if store := self._store():
            await store.disconnect()

    def _restored(self) -> None:
        # All processes restored from one snapshot share the state of `random`, which randomizes the delays of retries.
        random.seed()
        self._credentials = _credentials()
        self._runner.run(self._open())

    def _store(self) -> AsyncDynamoStore[Any] | None:
        try:
            return self._app.store
        except StoreError:
            return None


def lambda_handler(
    app: VoiceApp[Any], *, verify: Iterable[Verifier] | None = None, health_path: str | None = None
) -> LambdaHandler:
    """Create the function that AWS Lambda calls; call this once, at import.

    `verify` has a verifier for each platform that you serve over HTTP. Without it, every request in an envelope is
    accepted, so an authorizer in front must decide who may call. Requests without an envelope need no verifier:
    the function's resource policy decides who may send them. `health_path` answers a load
    balancer's health check with 200; it does not ask DynamoDB.

    Warm-up pings and other events with a `source` (EventBridge) are answered with nothing unless the app has a
    handler for them (`VoiceApp.other`). Without one, other events raise `UnknownRequestError`, so that the records
    of a queue or a stream are not lost.
    """
    return LambdaHandler(app, verify, health_path)


def _is_ping(event: Any) -> bool:
    """Whether a schedule or a warm-up plugin sent it (`{"source": "serverless-plugin-warmup"}`, `{"warmer": true}`)."""
    return isinstance(event, Mapping) and (
        isinstance(event.get("source"), str) or any(event.get(name) is True for name in ("warmer", "warmup"))
    )


def _credentials() -> list[str | None]:
    return [os.environ.get(name) for name in _CREDENTIALS]
