"""Spans and metrics, read back from OpenTelemetry's in-memory exporter and reader, on the fast path and the stock path."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from async_dynamo_store import AsyncDynamoStore, ConflictError, ThrottledError, Turn, VoiceApp
from async_dynamo_store.dynamodb.observer import CallReport
from async_dynamo_store.integrations.otel import TraceContext, observe, traced
from async_dynamo_store.wire.sizes import item_size
from tests.faults.proxy import Fault, FaultProxy
from tests.faults.table import open_store
from tests.unit.requests.sample import sample

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

pytestmark = pytest.mark.one_engine

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Telemetry:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def observe(self, store: AsyncDynamoStore[Any], **options: Any) -> None:
        observe(store, tracer_provider=self.tracers, meter_provider=self.meters, **options)

    def spans(self) -> list[ReadableSpan]:
        """Those that have ended since the last look, in the order in which they began."""
        spans = sorted(self.exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
        self.exporter.clear()
        return spans

    def metrics(self) -> dict[str, list[Any]]:
        """The data points by metric."""
        data = self.reader.get_metrics_data()
        assert data
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture(params=[True, False], ids=["fast", "stock"])
async def store(
    request: pytest.FixtureRequest, aws_config: dict[str, str], table_name: str, proxy: FaultProxy
) -> Any:
    proxied = aws_config | {"endpoint_url": proxy.endpoint_url}
    async with open_store(proxied, table_name, accelerate=request.param, timeout_seconds=60) as store:
        await store.ensure_table()
        async with store.turn("ada") as user:
            user.data["score"] = 1
        proxy.log.clear()
        yield store


def tree(spans: list[ReadableSpan]) -> list[tuple[str, str]]:
    """Each span's name, and that of its parent."""
    names = {span.context.span_id: span.name for span in spans if span.context}
    return [(span.name, names.get(span.parent.span_id, "") if span.parent else "") for span in spans]


async def stored_size(client: DynamoDBClient, table_name: str) -> int:
    answer: Any = await client.get_item(
        TableName=table_name, Key={"userId": {"S": "ada"}}, ConsistentRead=True
    )
    return item_size(answer["Item"])


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_the_spans_of_a_turn(
    store: AsyncDynamoStore[Any], telemetry: Telemetry, table_name: str, raw_client: DynamoDBClient
) -> None:
    before = await stored_size(raw_client, table_name)
    telemetry.observe(store)
    async with store.turn("ada") as user:
        user.data["score"] += 1
    spans = telemetry.spans()
    assert tree(spans) == [
        ("async_dynamo_store turn", ""),
        ("async_dynamo_store load", "async_dynamo_store turn"),
        (f"GetItem {table_name}", "async_dynamo_store load"),
        ("async_dynamo_store save", "async_dynamo_store turn"),
        (f"UpdateItem {table_name}", "async_dynamo_store save"),
    ]
    turn, load, get, save, update = map(attributes, spans)
    assert spans[2].kind is trace.SpanKind.CLIENT
    assert (
        get.items()
        >= {
            "db.system.name": "aws.dynamodb",
            "db.operation.name": "GetItem",
            "db.collection.name": table_name,
            "aws.dynamodb.table_names": (table_name,),
        }.items()
    )
    (consumed,) = update["aws.dynamodb.consumed_capacity"]
    assert json.loads(consumed)["CapacityUnits"] > 0
    assert save["async_dynamo_store.outcome"] == "written"
    sizes = load["async_dynamo_store.item.size"], save["async_dynamo_store.item.size"]
    assert sizes == (before, await stored_size(raw_client, table_name))
    assert turn == {}
    assert "ada" not in str([attributes(span) for span in spans])


async def test_what_became_of_saves(
    store: AsyncDynamoStore[Any], telemetry: Telemetry, table_name: str
) -> None:
    telemetry.observe(store)
    async with store.turn("ada"):
        pass
    record = await store.load("ada")
    await store.delete("ada")
    record.data["score"] = 3
    with pytest.raises(ConflictError):
        await store.save(record)
    outcomes = [attributes(span).get("async_dynamo_store.outcome") for span in telemetry.spans()]
    assert [outcome for outcome in outcomes if outcome] == ["unchanged", "conflict"]
    counted = {
        point.attributes["async_dynamo_store.outcome"]: point.value
        for point in telemetry.metrics()["async_dynamo_store.saves"]
    }
    assert counted == {"unchanged": 1, "conflict": 1}


async def test_a_write_that_meets_another(
    store: AsyncDynamoStore[Any], telemetry: Telemetry, table_name: str
) -> None:
    telemetry.observe(store)
    first, second = await store.load("ada"), await store.load("ada")
    await store.delete("ada")
    await store.set("ada", "score", 5)
    for record in (first, second):
        record.data["score"] = 9
        with pytest.raises(ConflictError):
            await store.save(record)
    spans = telemetry.spans()
    refused = [
        span for span in spans if attributes(span).get("error.type") == "ConditionalCheckFailedException"
    ]
    assert {span.name for span in refused} <= {f"UpdateItem {table_name}"}
    assert all(span.status.status_code is trace.StatusCode.UNSET for span in refused)


async def test_errors_and_retries(
    store: AsyncDynamoStore[Any], telemetry: Telemetry, proxy: FaultProxy, table_name: str
) -> None:
    telemetry.observe(store)
    proxy.fail("GetItem", Fault.throttle, times=2)
    await store.load("ada")
    (_, get) = map(attributes, telemetry.spans())
    assert get["async_dynamo_store.retries"] == 2
    proxy.fail("GetItem", Fault.throttle, times=3)
    with pytest.raises(ThrottledError):
        await store.load("ada")
    load, get_span = telemetry.spans()
    assert attributes(get_span)["error.type"] == attributes(load)["error.type"] == "ThrottledError"
    assert get_span.status.status_code is trace.StatusCode.ERROR
    assert (get_span.status.description, get_span.events) == (None, ())
    metrics = telemetry.metrics()
    assert sum(point.value for point in metrics["async_dynamo_store.retries"]) == 4
    (failed,) = (
        point
        for point in metrics["db.client.operation.duration"]
        if point.attributes.get("error.type") == "ThrottledError"
    )
    assert failed.count == 1


async def test_metrics(store: AsyncDynamoStore[Any], telemetry: Telemetry, table_name: str) -> None:
    telemetry.observe(store)
    for _ in range(3):
        async with store.turn("ada") as user:
            user.data["score"] += 1
    metrics = telemetry.metrics()
    calls = {
        point.attributes["db.operation.name"]: point.count
        for point in metrics["db.client.operation.duration"]
    }
    assert calls == {"GetItem": 3, "UpdateItem": 3}
    operations = {
        point.attributes["async_dynamo_store.operation"]: point.count
        for point in metrics["async_dynamo_store.operation.duration"]
    }
    assert operations == {"turn": 3, "load": 3, "save": 3}
    units = {
        point.attributes["db.operation.name"]: point.value
        for point in metrics["async_dynamo_store.consumed_capacity"]
    }
    assert units["GetItem"] >= 3 / 2
    assert {point.count for point in metrics["async_dynamo_store.item.size"]} == {3}


async def test_a_user_is_told_only_when_asked_for_and_hashed(
    store: AsyncDynamoStore[Any], telemetry: Telemetry
) -> None:
    told = []
    for key in (b"one", b"one", b"two", None):
        telemetry.observe(store, user_id_key=key)
        await store.load("ada")
        load, get = map(attributes, telemetry.spans())
        told.append(load.get("enduser.pseudo.id"))
        assert "enduser.pseudo.id" not in get
    assert told[0] == told[1] != told[2]
    assert (len(str(told[0])), told[3]) == (64, None)


async def test_calls_without_capacity_and_of_many(
    store: AsyncDynamoStore[Any], telemetry: Telemetry, table_name: str
) -> None:
    telemetry.observe(store)
    await store.ensure_table()
    (describe,) = telemetry.spans()
    assert describe.name == f"DescribeTable {table_name}"
    assert "aws.dynamodb.consumed_capacity" not in attributes(describe)
    await store.load_many(["ada", "bob"])
    (batch,) = telemetry.spans()
    assert batch.name == f"BatchGetItem {table_name}"
    assert [record.id async for record in store.scan()] == ["ada"]


@pytest.mark.parametrize(
    ("answer", "consumed", "retries"),
    [
        ({}, (), 0),
        ({"ConsumedCapacity": {"CapacityUnits": 1.0}}, ({"CapacityUnits": 1.0},), 0),
        (
            {"ConsumedCapacity": [{"CapacityUnits": 2.0}], "ResponseMetadata": {}},
            ({"CapacityUnits": 2.0},),
            0,
        ),
        ({"ResponseMetadata": {"RetryAttempts": 2}}, (), 2),
    ],
)
def test_what_an_answer_tells(answer: dict[str, Any], consumed: Any, retries: int) -> None:
    report = CallReport()
    report.read(answer)
    assert (report.consumed_capacity, report.retries) == (consumed, retries)


async def test_the_turns_of_an_app_in_the_trace_of_who_asks(
    store: AsyncDynamoStore[Any], telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    app: VoiceApp[Any] = VoiceApp(store=store)

    @app.fallback
    async def answer(turn: Turn[Any]) -> None:
        turn.user.data["score"] = turn.user.data.get("score", 0) + 1

    await app.handle(sample("alexa/intent"))
    telemetry.observe(store)

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        await app.handle(sample("alexa/intent"))

    headers = [(b"Traceparent", f"00-{TRACE}-b7ad6b7169203331-01".encode())]
    await TraceContext(asgi)({"type": "http", "headers": headers}, None, None)
    spans = telemetry.spans()
    assert [span.name for span in spans][:2] == ["async_dynamo_store turn", "async_dynamo_store load"]
    assert {span.context.trace_id for span in spans if span.context} == {int(TRACE, 16)}
    await TraceContext(asgi)({"type": "lifespan"}, None, None)
    assert {span.context.trace_id for span in telemetry.spans() if span.context} != {int(TRACE, 16)}

    monkeypatch.setenv(
        "_X_AMZN_TRACE_ID", f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent=b7ad6b7169203331;Sampled=1"
    )

    @traced
    def handler(event: Any, context: Any) -> Any:
        return trace.get_current_span().get_span_context().trace_id

    assert handler({}, None) == int(TRACE, 16)
    assert trace.get_current_span().get_span_context().trace_id == 0


async def test_the_fast_path_stays_open(store: AsyncDynamoStore[Any], telemetry: Telemetry) -> None:
    await store.load("ada")
    connection = store._client._connection()
    assert connection
    was_open = connection._fast is not None and connection._fast._is_open()
    telemetry.observe(store)
    await store.load("ada")
    assert (connection._fast is not None and connection._fast._is_open()) == was_open


async def test_an_item_that_comes_near_the_limit_is_warned_of_once(
    store: AsyncDynamoStore[Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_dynamo_store.store.large_items._MOST_REMEMBERED", 1)
    caplog.set_level(logging.WARNING)

    async def grow(user_id: str, size: int) -> int:
        async with store.turn(user_id) as user:
            user.data["text"] = "x" * size
        warnings = len(caplog.records)
        caplog.clear()
        return warnings

    assert await grow("ada", 300_000) == 0
    assert await grow("ada", 330_000) == 1
    assert await grow("ada", 340_000) == 0
    assert await grow("bob", 330_000) == 1
    assert await grow("ada", 350_000) == 1  # only so many are remembered
    # Quotes are longer in the text of an item than in DynamoDB.
    async with store.turn("eve") as user:
        user.data["text"] = '"' * 200_000
    assert caplog.records == []


async def test_concurrent_turns_have_spans_of_their_own(
    store: AsyncDynamoStore[Any], telemetry: Telemetry
) -> None:
    telemetry.observe(store)

    async def turn(user_id: str) -> None:
        async with store.turn(user_id) as user:
            user.data["score"] = 1
            await asyncio.sleep(0)

    await asyncio.gather(*(turn(f"user {number}") for number in range(5)))
    spans = telemetry.spans()
    traces: dict[int, int] = {}
    for span in spans:
        if span.context:
            traces[span.context.trace_id] = traces.get(span.context.trace_id, 0) + 1
    assert sorted(traces.values()) == [5] * 5
