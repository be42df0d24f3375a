"""The table is made though each request of its making meets each fault."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import ThrottledError, UnavailableError
from tests.faults.proxy import Fault, FaultProxy
from tests.faults.table import UsersTable, open_store

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

pytestmark = pytest.mark.others_in_soak

HELD = {Fault.slow_answer, Fault.slow_request, Fault.late_request}
QUICK = [fault for fault in Fault if fault not in HELD]
OPERATIONS = ["DescribeTable", "CreateTable", "UpdateTimeToLive"]
TTL = {"attribute": "expiresAt", "after_seconds": 3600}


async def has_ttl(client: DynamoDBClient, table_name: str) -> bool:
    answer = await client.describe_time_to_live(TableName=table_name)
    return answer["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}


@pytest.mark.parametrize("fault", QUICK)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_one_fault_is_healed(
    operation: str,
    fault: Fault,
    proxied_aws_config: dict[str, str],
    table_name: str,
    proxy: FaultProxy,
    raw_client: DynamoDBClient,
) -> None:
    rule = proxy.fail(operation, fault)
    async with open_store(proxied_aws_config, table_name, ttl=TTL, timeout_seconds=60) as store:
        found = await store.ensure_table()

    assert len(rule.taken) == 1
    assert (found.status, found.key_schema) == ("ACTIVE", (("userId", "S", "HASH"),))
    assert await has_ttl(raw_client, table_name)


@pytest.mark.parametrize("fault", [Fault.drop_answer, Fault.half_answer])
async def test_the_first_turns_make_it(
    fault: Fault,
    proxied_aws_config: dict[str, str],
    table_name: str,
    proxy: FaultProxy,
    raw_client: DynamoDBClient,
) -> None:
    """Each of the two finds the table missing, and each of their requests is once answered by nothing."""
    faults = dict.fromkeys(["GetItem", "DescribeTable", "CreateTable", "UpdateTimeToLive", "PutItem"], fault)
    for operation, befalls in faults.items():
        proxy.fail(operation, befalls, times=2)

    async def turn(number: int) -> None:
        async with (
            open_store(proxied_aws_config, table_name, ttl=TTL, timeout_seconds=60) as store,
            store.turn("ada") as user,
        ):
            user.increment("score")
            user.data[f"turn {number}"] = True

    await asyncio.gather(turn(1), turn(2))

    assert await has_ttl(raw_client, table_name)
    data = await UsersTable(raw_client, table_name).data("ada")
    assert data == {"score": 2, "turn 1": True, "turn 2": True}


@pytest.mark.parametrize("operation", ["DescribeTable", "CreateTable"])
@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.throttle_rate, ThrottledError), (Fault.drop_answer, UnavailableError)]
)
async def test_a_fault_that_stays_is_a_typed_error(
    operation: str,
    fault: Fault,
    error: type[Exception],
    proxied_aws_config: dict[str, str],
    table_name: str,
    proxy: FaultProxy,
) -> None:
    async with open_store(proxied_aws_config, table_name, timeout_seconds=60) as store:
        proxy.fail(operation, fault, times=math.inf)
        with pytest.raises(error):
            await store.ensure_table()
        await proxy.heal()
        assert (await store.ensure_table()).status == "ACTIVE"


async def test_scan_and_the_faults(
    proxied_aws_config: dict[str, str], users: UsersTable, proxy: FaultProxy, subtests: pytest.Subtests
) -> None:
    data: dict[str, Any] = {"score": 1}
    await users.put("ada", data)
    async with open_store(proxied_aws_config, users.name, timeout_seconds=60) as store:
        for fault in QUICK:
            with subtests.test(fault=fault):
                proxy.fail("Scan", fault)
                assert [(user.id, user.data) async for user in store.scan()] == [("ada", data)]
