"""OpenTelemetry: spans and metrics of turns, loads, saves and each call to DynamoDB.

```python
observe(store)                       # with the global providers
app = TraceContext(AsgiApp(...))     # a turn is part of the caller's trace (traceparent)
handler = traced(lambda_handler(...))  # and of the invocation's X-Ray trace
```

Names follow OpenTelemetry's 'Semantic conventions for AWS DynamoDB client operations' and '... database client metrics'.
They contain no user data. They contain the user id only with `user_id_key`, as an HMAC.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from async_dynamo_store.dynamodb.answers import ConditionFailed
from async_dynamo_store.dynamodb.observer import CallReport, OperationName, OperationReport

from .extras import naming_the_extra

with naming_the_extra("otel", "observe"):
    from opentelemetry import context, metrics, propagate, trace
    from opentelemetry.propagators.aws import (  # pyright: ignore[reportMissingTypeStubs]  # it has none
        AwsXRayLambdaPropagator,
    )
    from opentelemetry.trace import SpanKind, StatusCode

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from async_dynamo_store.store.store import AsyncDynamoStore

__all__ = ["TraceContext", "observe", "traced"]

_OURS = "async_dynamo_store"
_SYSTEM = {"db.system.name": "aws.dynamodb"}

Scope = MutableMapping[str, Any]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])


def observe(
    store: AsyncDynamoStore[Any],
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    user_id_key: bytes | None = None,
) -> None:
    """Report the store's operations to OpenTelemetry from now on; without providers, the global ones are used.

    `user_id_key` puts the user into the spans of turns, loads and saves, as `enduser.pseudo.id`: an HMAC-SHA256 of the
    item's key with this secret.
    """
    store.observe(_OpenTelemetry(tracer_provider, meter_provider, user_id_key))


class TraceContext:
    """ASGI middleware that continues the caller's trace, which the global propagator reads from the headers (`traceparent`)."""

    def __init__(self, app: Callable[[Scope, Any, Any], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Run the app in the trace from the headers, or in a new one."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope.get("headers", ())
        }
        with _attached(propagate.extract(headers)):
            await self._app(scope, receive, send)


def traced(handler: HandlerT) -> HandlerT:
    """A Lambda handler inside the X-Ray trace of its invocation (`_X_AMZN_TRACE_ID`)."""

    @wraps(handler)
    def in_trace(event: Any, lambda_context: Any) -> Any:
        with _attached(AwsXRayLambdaPropagator().extract({})):
            return handler(event, lambda_context)

    return in_trace  # type: ignore[return-value]  # the same parameters


@contextmanager
def _attached(parent: context.Context) -> Generator[None]:
    token = context.attach(parent)
    try:
        yield
    finally:
        context.detach(token)


class _OpenTelemetry:
    """The observer of a store."""

    def __init__(
        self, tracers: TracerProvider | None, meters: MeterProvider | None, user_id_key: bytes | None
    ) -> None:
        self._tracer = trace.get_tracer(_OURS, tracer_provider=tracers)
        meter = metrics.get_meter(_OURS, meter_provider=meters)
        self._user_id_key = user_id_key
        self._call_seconds = meter.create_histogram(
            "db.client.operation.duration", "s", "Calls to DynamoDB, including retries"
        )
        self._seconds = meter.create_histogram(f"{_OURS}.operation.duration", "s", "Turns, loads and saves")
        self._units = meter.create_counter(f"{_OURS}.consumed_capacity", "{unit}", "Capacity units")
        self._retries = meter.create_counter(f"{_OURS}.retries", "{retry}", "Attempts after the first")
        self._refused = meter.create_counter(
            f"{_OURS}.refused_conditions", "{write}", "Writes whose condition failed because of another write"
        )
        self._saves = meter.create_counter(f"{_OURS}.saves", "{save}", "Saves by outcome")
        self._size = meter.create_histogram(f"{_OURS}.item.size", "By", "User items loaded and saved")

    @contextmanager
    def operation(self, name: OperationName, user_key: str | None) -> Generator[OperationReport]:
        report = OperationReport()
        attributes: dict[str, Any] = {f"{_OURS}.operation": name}
        with self._tracer.start_as_current_span(
            f"{_OURS} {name}", record_exception=False, set_status_on_exception=False
        ) as span:
            if self._user_id_key is not None and user_key is not None:
                digest = hmac.new(self._user_id_key, user_key.encode(), hashlib.sha256).hexdigest()
                span.set_attribute("enduser.pseudo.id", digest)
            began = time.perf_counter()
            try:
                with _told(span, attributes):
                    yield report
            finally:
                self._seconds.record(time.perf_counter() - began, attributes)
                if report.item_size is not None:
                    span.set_attribute(f"{_OURS}.item.size", report.item_size)
                    self._size.record(report.item_size, {f"{_OURS}.operation": name})
                if report.outcome:
                    span.set_attribute(f"{_OURS}.outcome", report.outcome)
                    self._saves.add(1, {f"{_OURS}.outcome": report.outcome})

    @contextmanager
    def call(self, operation: str, table: str) -> Generator[CallReport]:
        report = CallReport()
        attributes: dict[str, Any] = {**_SYSTEM, "db.operation.name": operation, "db.collection.name": table}
        with self._tracer.start_as_current_span(
            f"{operation} {table}",
            kind=SpanKind.CLIENT,
            attributes={**attributes, "aws.dynamodb.table_names": [table]},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            began = time.perf_counter()
            try:
                with _told(span, attributes):
                    yield report
            except ConditionFailed:
                self._refused.add(1, attributes)
                raise
            finally:
                self._call_seconds.record(time.perf_counter() - began, attributes)
                self._tell(span, report, attributes)

    def _tell(self, span: Span, report: CallReport, attributes: Mapping[str, Any]) -> None:
        consumed = [json.dumps(each, default=float) for each in report.consumed_capacity]
        if consumed:
            span.set_attribute("aws.dynamodb.consumed_capacity", consumed)
            units = sum(float(each.get("CapacityUnits", 0)) for each in report.consumed_capacity)
            self._units.add(units, attributes)
        if report.retries:
            span.set_attribute(f"{_OURS}.retries", report.retries)
            self._retries.add(report.retries, attributes)


@contextmanager
def _told(span: Span, attributes: dict[str, Any]) -> Generator[None]:
    """Record an error's type, not its text. A failed condition is an expected answer and does not set the error status."""
    try:
        yield
    except ConditionFailed:
        attributes["error.type"] = "ConditionalCheckFailedException"
        span.set_attribute("error.type", attributes["error.type"])
        raise
    except BaseException as error:
        attributes["error.type"] = type(error).__qualname__
        span.set_attribute("error.type", attributes["error.type"])
        span.set_status(StatusCode.ERROR)
        raise
