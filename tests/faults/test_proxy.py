"""Each fault as a plain aioboto3 client meets it, and what the engine holds afterwards."""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from functools import cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aioboto3
import aiohttp
import pytest
from aiobotocore.config import AioConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from tests.engine_process import free_port
from tests.faults.proxy import Exchange, Fault, FaultProxy
from tests.waiting import meeting, reached

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

pytestmark = [pytest.mark.one_engine, pytest.mark.unmeasured]

KEY = {"id": {"S": "u1"}}
HELD = (Fault.slow_answer, Fault.slow_request, Fault.late_request)


@cache
def session() -> aioboto3.Session:
    """Shared, as it keeps what it has read of the AWS API's description."""
    return aioboto3.Session()


def connect(aws_config: dict[str, str], **config: Any) -> AbstractAsyncContextManager[DynamoDBClient]:
    """A client that tries once, unless the botocore `config` says otherwise."""
    return session().client(
        "dynamodb",
        aws_access_key_id=aws_config["access_key_id"],
        aws_secret_access_key=aws_config["secret_access_key"],
        region_name=aws_config["region"],
        endpoint_url=aws_config["endpoint_url"],
        config=AioConfig(**{"retries": {"total_max_attempts": 1}} | config),
    )


@pytest.fixture
async def client(proxied_aws_config: dict[str, str]) -> AsyncIterator[DynamoDBClient]:
    """A client behind the bad network, with one connection that it keeps."""
    async with connect(proxied_aws_config, max_pool_connections=1) as client:
        yield client


@pytest.fixture
async def impatient(proxied_aws_config: dict[str, str]) -> AsyncIterator[DynamoDBClient]:
    """One that waits no longer than 0.2 s: for requests that are not answered at all."""
    async with connect(proxied_aws_config, read_timeout=0.2) as client:
        yield client


@pytest.fixture
async def table(raw_client: DynamoDBClient, table_name: str) -> str:
    await raw_client.create_table(
        TableName=table_name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return table_name


async def increment(client: DynamoDBClient, table: str) -> int:
    answer = await client.update_item(
        TableName=table,
        Key=KEY,
        UpdateExpression="ADD score :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    return int(answer["Attributes"]["score"]["N"])


async def score(client: DynamoDBClient, table: str) -> int:
    """What the engine holds; 0 when nothing was ever written."""
    answer = await client.get_item(TableName=table, Key=KEY, ConsistentRead=True)
    return int(answer["Item"]["score"]["N"]) if "Item" in answer else 0


@pytest.mark.parametrize(
    ("fault", "error", "engine_status", "status"),
    [
        (Fault.reset_before, EndpointConnectionError, None, None),
        (Fault.drop_before, ConnectionClosedError, None, None),
        (Fault.server_error, "InternalServerError", None, 500),
        (Fault.throttle, "ProvisionedThroughputExceededException", None, 400),
        (Fault.throttle_rate, "ThrottlingException", None, 400),
        (Fault.reset_answer, EndpointConnectionError, 200, None),
        (Fault.drop_answer, ConnectionClosedError, 200, None),
        (Fault.half_answer, ConnectionClosedError, 200, 200),
        (Fault.server_error_after, "InternalServerError", 200, 500),
    ],
)
async def test_a_fault_fails_one_call(
    client: DynamoDBClient,
    raw_client: DynamoDBClient,
    proxy: FaultProxy,
    table: str,
    *,
    fault: Fault,
    error: type[Exception] | str,
    engine_status: int | None,
    status: int | None,
) -> None:
    before = await increment(client, table)
    after = before + 1 if engine_status else before
    proxy.fail("UpdateItem", fault)

    with pytest.raises((BotoCoreError, ClientError)) as raised:
        await increment(client, table)

    told = raised.value.response["Error"]["Code"] if isinstance(raised.value, ClientError) else raised.type
    assert told == error
    assert await score(raw_client, table) == after
    failed = proxy.log[-1]
    assert (failed.fault, failed.engine_status, failed.status) == (fault, engine_status, status)
    assert await increment(client, table) == after + 1


@pytest.mark.parametrize("fault", [Fault.slow_answer, Fault.slow_request])
async def test_a_slow_request_outlasts_the_deadline_and_is_done_all_the_same(
    fault: Fault, impatient: DynamoDBClient, raw_client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    slow = proxy.fail("UpdateItem", fault)

    with pytest.raises(ReadTimeoutError):
        await increment(impatient, table)
    await slow.reached.wait()
    await proxy.settle()

    assert await score(raw_client, table) == 1
    assert (proxy.log[0].engine_status, proxy.log[0].status) == (200, None)


@pytest.mark.parametrize("fault", HELD)
async def test_a_held_request_is_answered_when_released(
    fault: Fault, client: DynamoDBClient, raw_client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    held = proxy.fail("UpdateItem", fault)

    call = asyncio.create_task(increment(client, table))
    await reached(held.reached, call)
    assert await score(raw_client, table) == (1 if fault is Fault.slow_answer else 0)
    held.release()

    assert await call == 1
    assert await increment(client, table) == 2, "the connection is still good"
    assert [exchange.status for exchange in proxy.log] == [200, 200]


@pytest.mark.parametrize("fault", [Fault.slow_answer, Fault.slow_request])
async def test_a_client_that_goes_lets_its_request_go_on(
    fault: Fault, client: DynamoDBClient, raw_client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    held = proxy.fail("UpdateItem", fault)
    call = asyncio.create_task(increment(client, table))
    await reached(held.reached, call)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    await proxy.settle()

    assert await score(raw_client, table) == 1
    assert (proxy.log[0].engine_status, proxy.log[0].status) == (200, None)


async def test_a_late_request_comes_after_its_own_retry(
    impatient: DynamoDBClient,
    client: DynamoDBClient,
    raw_client: DynamoDBClient,
    proxy: FaultProxy,
    table: str,
) -> None:
    late = proxy.fail("UpdateItem", Fault.late_request)

    with pytest.raises(ReadTimeoutError):
        await increment(impatient, table)
    await late.reached.wait()
    assert await score(raw_client, table) == 0
    assert await increment(client, table) == 1
    await proxy.heal()

    assert await score(raw_client, table) == 2
    assert (proxy.log[0].engine_status, proxy.log[0].status) == (200, None)


async def test_a_third_party_writes_between_the_request_and_the_engine(
    client: DynamoDBClient, raw_client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    proxy.fail("UpdateItem", None, before=partial(increment, raw_client, table))

    assert await increment(client, table) == 2


async def test_a_third_party_writes_between_the_engine_and_the_answer(
    client: DynamoDBClient, raw_client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    proxy.fail("UpdateItem", Fault.drop_answer, after=partial(increment, raw_client, table))

    with pytest.raises(ConnectionClosedError):
        await increment(client, table)

    assert await score(raw_client, table) == 2


async def test_two_requests_meet_before_either_goes_on(
    client: DynamoDBClient, proxied_aws_config: dict[str, str], proxy: FaultProxy, table: str
) -> None:
    async with meeting(2) as both, connect(proxied_aws_config) as other:
        proxy.fail("GetItem", None, times=2, after=both.wait)
        calls = [score(client, table), score(other, table)]
        assert await asyncio.gather(*calls) == [0, 0]


async def test_a_fault_is_for_its_operation_and_for_its_number_of_times(
    client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    proxy.fail("UpdateItem", Fault.throttle, times=2)

    assert await score(client, table) == 0
    for _ in range(2):
        with pytest.raises(ClientError):
            await increment(client, table)
    assert await increment(client, table) == 1
    assert [exchange.fault for exchange in proxy.log] == [None, Fault.throttle, Fault.throttle, None]


async def test_an_engine_is_down_until_it_heals(
    client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    proxy.fail(None, Fault.reset_before, times=math.inf)

    for call in (score, increment, score):
        with pytest.raises(EndpointConnectionError):
            await call(client, table)
    await proxy.heal()

    assert await increment(client, table) == 1


async def test_a_script_says_what_befalls_each_request(
    client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    proxy.script([None, Fault.server_error, None, Fault.drop_answer])

    assert await increment(client, table) == 1
    with pytest.raises(ClientError):
        await increment(client, table)
    assert await increment(client, table) == 2
    with pytest.raises(ConnectionClosedError):
        await increment(client, table)
    assert await score(client, table) == 3


async def test_the_log_has_what_was_sent(client: DynamoDBClient, proxy: FaultProxy, table: str) -> None:
    proxy.fail("PutItem", Fault.server_error)
    item: dict[str, Any] = {**KEY, "naïve.key": {"M": {"emoji": {"S": "🦜"}}}}

    with pytest.raises(ClientError):
        await client.put_item(TableName=table, Item=item)
    await client.put_item(TableName=table, Item=item)
    await client.get_item(TableName=table, Key=KEY)

    put: dict[str, Any] = {"TableName": table, "Item": item}
    assert proxy.log == [
        Exchange("PutItem", put, Fault.server_error, None, 500),
        Exchange("PutItem", put, None, 200, 200),
        Exchange("GetItem", {"TableName": table, "Key": KEY}, None, 200, 200),
    ]


async def test_what_passes_is_answered_as_the_engine_answers(
    client: DynamoDBClient, raw_client: DynamoDBClient, table: str
) -> None:
    item: dict[str, Any] = {
        **KEY,
        "blob": {"B": bytes(range(256))},
        "text": {"S": "🦜" * 80_000},
        "n": {"N": "1.5"},
    }
    await client.put_item(TableName=table, Item=item)
    await client.batch_write_item(
        RequestItems={table: [{"PutRequest": {"Item": {"id": {"S": f"b{n}"}}}} for n in range(20)]}
    )
    await client.transact_write_items(
        TransactItems=[{"Put": {"TableName": table, "Item": {"id": {"S": "t"}}}}]
    )
    await client.delete_item(TableName=table, Key={"id": {"S": "b0"}})

    async def answers(client: DynamoDBClient) -> list[Any]:
        return [
            await client.get_item(TableName=table, Key=KEY),
            await client.get_item(TableName=table, Key={"id": {"S": "b0"}}),
            await client.query(
                TableName=table,
                KeyConditionExpression="id = :id",
                ExpressionAttributeValues={":id": {"S": "u1"}},
            ),
            await client.scan(TableName=table, Select="COUNT"),
            await client.batch_get_item(RequestItems={table: {"Keys": [KEY]}}),
            await client.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": KEY}}]),
            await client.describe_table(TableName=table),
        ]

    for direct, proxied in zip(await answers(raw_client), await answers(client), strict=True):
        ours, theirs = (answer.pop("ResponseMetadata")["HTTPHeaders"] for answer in (proxied, direct))
        assert proxied == direct
        for name in ("content-type", "x-amz-crc32"):
            assert ours.get(name) == theirs.get(name), name


async def test_an_error_of_the_engine_passes_with_the_item_that_it_carries(
    client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    await increment(client, table)

    with pytest.raises(ClientError, match="ConditionalCheckFailedException") as raised:
        await client.put_item(
            TableName=table,
            Item=KEY,
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    assert raised.value.response["Item"] == KEY | {"score": {"N": "1"}}  # type: ignore[typeddict-item]  # the stubs do not know this key
    assert (proxy.log[1].engine_status, proxy.log[1].status) == (400, 400)


@pytest.mark.parametrize("fault", [Fault.server_error, Fault.throttle, Fault.throttle_rate])
async def test_the_errors_it_makes_carry_their_checksum(fault: Fault, proxy: FaultProxy) -> None:
    proxy.fail("GetItem", fault)
    headers = {"X-Amz-Target": "DynamoDB_20120810.GetItem"}

    async with (
        aiohttp.ClientSession() as session,
        session.post(proxy.endpoint_url, headers=headers, json={}) as answer,
    ):
        assert int(answer.headers["x-amz-crc32"]) == zlib.crc32(await answer.read())


async def test_a_request_over_a_megabyte_passes(
    aws_config: dict[str, str], raw_client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    """Posted by hand: aiohttp warns of the large bodies that aiobotocore posts."""
    scope = f"{aws_config['access_key_id']}/20261122/{aws_config['region']}/dynamodb/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    headers = {
        "Authorization": authorization,
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Date": "20261122T170109Z",
        "X-Amz-Target": "DynamoDB_20120810.PutItem",
    }
    body = json.dumps({"TableName": table, "Item": {**KEY, "text": {"S": "🦜" * 95_000}}}).encode()
    assert len(body) > 2**20

    async with (
        aiohttp.ClientSession() as session,
        session.post(proxy.endpoint_url, headers=headers, data=BytesIO(body)) as answer,
    ):
        assert answer.status == 200, await answer.text()

    stored = await raw_client.get_item(TableName=table, Key=KEY)
    assert stored["Item"]["text"] == {"S": "🦜" * 95_000}


async def test_many_requests_at_once(
    proxied_aws_config: dict[str, str], raw_client: DynamoDBClient, table: str
) -> None:
    async with connect(proxied_aws_config, max_pool_connections=50) as client:
        await asyncio.gather(*(increment(client, table) for _ in range(100)))

    assert await score(raw_client, table) == 100


async def test_it_serves_another_event_loop_and_its_retries(
    proxied_aws_config: dict[str, str], proxy: FaultProxy, table: str
) -> None:
    proxy.script([Fault.drop_answer, Fault.half_answer])

    async def retry() -> int:
        async with connect(proxied_aws_config, retries={"total_max_attempts": 3}) as client:
            return await increment(client, table)

    assert await asyncio.to_thread(asyncio.run, retry()) == 3, "a blind retry counts each time"
    assert [exchange.status for exchange in proxy.log] == [None, 200, 200]


async def test_what_a_hook_raises_comes_out_of_heal(
    client: DynamoDBClient, proxy: FaultProxy, table: str
) -> None:
    async def broken() -> None:
        raise LookupError

    proxy.fail("UpdateItem", None, before=broken)
    with pytest.raises(ConnectionClosedError):
        await increment(client, table)

    with pytest.RaisesGroup(LookupError):
        await proxy.heal()
    assert await increment(client, table) == 1


async def test_an_engine_out_of_reach_comes_out_of_the_end(aws_config: dict[str, str]) -> None:
    async def call() -> None:
        async with (
            FaultProxy(f"http://127.0.0.1:{free_port()}") as proxy,
            connect(aws_config | {"endpoint_url": proxy.endpoint_url}) as client,
        ):
            with pytest.raises(ConnectionClosedError):
                await client.list_tables()

    with pytest.RaisesGroup(aiohttp.ClientConnectorError):
        await call()


@pytest.mark.parametrize("fault", [None, *HELD])
async def test_the_end_leaves_nothing_behind(
    fault: Fault | None, aws_config: dict[str, str], raw_client: DynamoDBClient, table: str
) -> None:
    tasks = asyncio.all_tasks()
    async with AsyncExitStack() as clients:
        async with FaultProxy(aws_config["endpoint_url"]) as proxy:
            client = await clients.enter_async_context(
                connect(aws_config | {"endpoint_url": proxy.endpoint_url})
            )
            await increment(client, table)
            rule = proxy.fail("UpdateItem", fault)
            call = asyncio.create_task(increment(client, table))
            await (reached(rule.reached, call) if fault else call)

        assert await call == 2, "what was held is let go"
        assert asyncio.all_tasks() == tasks
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(proxy.endpoint_url.rpartition(":")[2]))
    assert await score(raw_client, table) == 2
