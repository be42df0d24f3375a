"""The table: made when it is missing, checked when it does not fit, and otherwise no matter of a turn."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from async_dynamo_store import (
    AsyncDynamoStore,
    BackendError,
    TableInfo,
    TableMismatchError,
    TableNotFoundError,
    UnavailableError,
)
from tests.engines.canned import canned, ok, refused
from tests.engines.conftest import MakeStore, Table, operations
from tests.faults.proxy import FaultProxy
from tests.waiting import meeting

Store = AsyncDynamoStore[Any]
Call = Callable[[Store], Awaitable[object]]

CREATION = ["DescribeTable", "CreateTable", "DescribeTable"]
USER_ID_KEY = (("userId", "S", "HASH"),)


async def turn(store: Store) -> None:
    async with store.turn("u1") as user:
        user.data["score"] = 1


async def everyone(store: Store) -> list[str]:
    return sorted([record.id async for record in store.scan()])


CALLS: dict[str, Call] = {
    "turn": turn,
    "load": lambda store: store.load("u1"),
    "load_many": lambda store: store.load_many(["u1", "u2"]),
    "get": lambda store: store.get("u1", "score"),
    "set": lambda store: store.set("u1", "score", 1),
    "unset": lambda store: store.unset("u1", "score"),
    "increment": lambda store: store.increment("u1", "score"),
    "update": lambda store: store.update("u1", lambda user: user.data.update(score=1)),
    "delete": lambda store: store.delete("u1"),
    "exists": lambda store: store.exists("u1"),
    "scan": everyone,
}
STORING = {"turn", "set", "increment", "update"}


def calls(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("call", [pytest.param(CALLS[name], id=name) for name in names])


@pytest.mark.parametrize("name", CALLS)
async def test_the_call_that_finds_no_table_makes_it_and_goes_on(
    name: str, watched: MakeStore, proxy: FaultProxy, table: Table
) -> None:
    await CALLS[name](watched())
    sent = operations(proxy)
    assert sent[1:4] == CREATION
    assert sent[0] == sent[4]
    assert (await table.client.describe_table(TableName=table.name))["Table"]["KeySchema"] == [
        {"AttributeName": "userId", "KeyType": "HASH"}
    ]
    assert (await table.item("u1") is not None) is (name in STORING)


async def test_a_healthy_table_costs_no_extra_request(
    watched: MakeStore, proxy: FaultProxy, store: Store
) -> None:
    await store.ensure_table()
    fresh = watched()
    await turn(fresh)
    await fresh.load("u1")
    assert operations(proxy) == ["GetItem", "PutItem", "GetItem"]


async def test_twenty_tasks_of_one_store_make_one_table(watched: MakeStore, proxy: FaultProxy) -> None:
    store = watched()
    await asyncio.gather(*(store.increment("u1", "visits") for _ in range(20)))
    assert await store.get("u1", "visits") == 20
    assert Counter(operations(proxy))["CreateTable"] == 1


@pytest.mark.others_in_soak
async def test_twenty_stores_at_once_make_one_table(watched: MakeStore, proxy: FaultProxy) -> None:
    stores = [watched() for _ in range(20)]

    async def visit(store: Store) -> None:
        await store.increment("u1", "visits")

    async with meeting(20) as everybody_asks:
        # All have found the table missing before the first one asks for it.
        proxy.fail("CreateTable", None, times=20, before=everybody_asks.wait)
        await asyncio.gather(*map(visit, stores))
    assert await stores[0].get("u1", "visits") == 20
    creations = [exchange.status for exchange in proxy.log if exchange.operation == "CreateTable"]
    assert sorted(creations) == [200] + [400] * 19  # type: ignore[type-var]  # none of them is None


ONE_PROCESS = """
import asyncio, json, sys
from async_dynamo_store import AsyncDynamoStore

async def main():
    async with AsyncDynamoStore(json.loads(sys.argv[1])) as store:
        print("ready", flush=True)
        sys.stdin.read()
        await asyncio.gather(*(store.increment("u1", "visits") for _ in range(5)))
        print(json.dumps((await store.ensure_table()).status))

asyncio.run(main())
"""


@pytest.mark.others_in_soak
@pytest.mark.unmeasured
def test_many_processes_at_once_make_one_table(table_name: str, aws_config: dict[str, str]) -> None:
    config = json.dumps({"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60})
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_PROCESS, config],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    outcomes = [process.communicate() for process in processes]
    assert outcomes == [('"ACTIVE"\n', "")] * 4

    async def visits() -> int:
        async with AsyncDynamoStore(json.loads(config)) as store:
            return int(await store.get("u1", "visits"))

    assert asyncio.run(visits()) == 20


async def test_ensure_table_says_what_it_found(store: Store, table_name: str) -> None:
    assert await store.ensure_table() == TableInfo(table_name, "ACTIVE", USER_ID_KEY, created=True)
    assert await store.ensure_table() == TableInfo(table_name, "ACTIVE", USER_ID_KEY, created=False)


async def mismatch(call: Call, store: Store, table: Table, **keys: str) -> str:
    await table.create(**keys)
    item = {name: {kind: "1"} for name, kind in keys.items()}
    await table.put(item)
    with pytest.raises(TableMismatchError) as caught:
        await call(store)
    assert caught.value.__cause__ is not None
    assert (await table.client.scan(TableName=table.name))["Items"] == [item]
    return str(caught.value)


@calls("load", "load_many", "set", "delete", "scan")
async def test_a_table_with_another_key_is_a_mismatch_that_names_both(
    call: Call, store: Store, table: Table
) -> None:
    said = await mismatch(call, store, table, id="S")
    assert "has the key id (S, HASH); the configuration asks for userId (S, HASH)." in said


# moto finds nothing where DynamoDB refuses to read with a key of another type
@pytest.mark.engines("dynamodb-local")
@calls("load", "load_many", "set", "delete", "scan")
async def test_a_table_with_a_number_for_a_key_is_a_mismatch(call: Call, store: Store, table: Table) -> None:
    said = await mismatch(call, store, table, userId="N")
    assert "has the key userId (N, HASH); the configuration asks for userId (S, HASH)." in said


@calls("load", "set", "delete", "scan")
async def test_a_table_without_the_sort_key_is_a_mismatch(
    call: Call, make_store: MakeStore, table: Table
) -> None:
    said = await mismatch(call, make_store(sort_key_column="kind", sort_key="user"), table, userId="S")
    assert (
        "has the key userId (S, HASH); the configuration asks for userId (S, HASH) + kind (S, RANGE)." in said
    )


@calls("load", "load_many", "set", "delete")
async def test_a_sort_key_that_the_configuration_does_not_know_is_a_mismatch(
    call: Call, store: Store, table: Table
) -> None:
    said = await mismatch(call, store, table, userId="S", kind="S")
    assert (
        "has the key userId (S, HASH) + kind (S, RANGE); the configuration asks for userId (S, HASH)." in said
    )


async def test_ensure_table_finds_a_mismatch_too(store: Store, table: Table) -> None:
    await table.create(id="S")
    with pytest.raises(TableMismatchError):
        await store.ensure_table()


@calls("turn", "load_many", "set", "delete", "scan")
async def test_no_table_is_made_when_that_is_off(call: Call, make_store: MakeStore, table: Table) -> None:
    store = make_store(create_table_on_init=False)
    with pytest.raises(TableNotFoundError, match=table.name):
        await call(store)
    with pytest.raises(TableNotFoundError, match=r"with the key userId \(S, HASH\)"):
        await store.ensure_table()
    assert table.name not in (await table.client.list_tables())["TableNames"]


async def test_pay_per_request_is_the_default(store: Store, table: Table) -> None:
    await store.ensure_table()
    described = (await table.client.describe_table(TableName=table.name))["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


INDEX = {
    "index_name": "by-city",
    "keys": [
        {"attribute_name": "city", "path": "address.city"},
        {"attribute_name": "score", "attribute_type": "N", "key_type": "RANGE", "path": "score"},
    ],
}


async def test_provisioned_capacity_is_of_the_table_and_its_indexes(
    make_store: MakeStore, table: Table
) -> None:
    await make_store(
        billing_mode="PROVISIONED",
        read_capacity_units=3,
        write_capacity_units=2,
        global_secondary_indexes=[INDEX],
    ).ensure_table()
    described = (await table.client.describe_table(TableName=table.name))["Table"]
    for part in (described, described["GlobalSecondaryIndexes"][0]):
        capacity = part["ProvisionedThroughput"]
        assert (capacity["ReadCapacityUnits"], capacity["WriteCapacityUnits"]) == (3, 2)


async def test_an_index_is_made_and_follows_the_data(make_store: MakeStore, table: Table) -> None:
    store = make_store(global_secondary_indexes=[INDEX])

    async def found(city: str) -> list[str]:
        answer = await table.client.query(
            TableName=table.name,
            IndexName="by-city",
            KeyConditionExpression="city = :city",
            ExpressionAttributeValues={":city": {"S": city}},
        )
        return [str(item["userId"]["S"]) for item in answer["Items"]]

    for user_id, score in (("u1", 2), ("u2", 1)):
        async with store.turn(user_id) as user:
            user.data.update(address={"city": "Ulm"}, score=score)
    assert await found("Ulm") == ["u2", "u1"]
    await store.set("u1", "address.city", "Bonn")
    assert (await found("Ulm"), await found("Bonn")) == (["u2"], ["u1"])
    await store.unset("u1", "address")
    assert await found("Bonn") == []
    assert "city" not in await table.stored("u1")


async def test_under_a_sort_key_only_our_items_are_touched(make_store: MakeStore, table: Table) -> None:
    store = make_store(sort_key_column="kind", sort_key="voice", primary_key_column="pk")
    await turn(store)
    other = {"pk": {"S": "u1"}, "kind": {"S": "order"}, "total": {"N": "5"}}
    await table.put(other)
    stored = (await table.client.scan(TableName=table.name))["Items"]
    assert {item["kind"]["S"] for item in stored} == {"voice", "order"}
    assert await everyone(store) == ["u1"]
    assert [user.data for user in await store.load_many(["u1"])] == [{"score": 1}]
    await store.delete("u1")
    assert (await table.client.scan(TableName=table.name))["Items"] == [other]


async def test_another_key_column(make_store: MakeStore, table: Table) -> None:
    await turn(make_store(primary_key_column="person"))
    (stored,) = (await table.client.scan(TableName=table.name))["Items"]
    assert stored["person"] == {"S": "u1"}


class TestTtl:
    FIELDS: ClassVar = {"ttl": {"attribute": "expiresAt", "after_seconds": 1000}}

    async def test_is_enabled_on_a_table_that_is_made(self, make_store: MakeStore, table: Table) -> None:
        await make_store(**self.FIELDS).ensure_table()
        described = await table.client.describe_time_to_live(TableName=table.name)
        assert described["TimeToLiveDescription"] == {
            "TimeToLiveStatus": "ENABLED",
            "AttributeName": "expiresAt",
        }

    async def test_is_switched_on_by_ensure_table_on_a_table_that_is_there(
        self, watched: MakeStore, proxy: FaultProxy, table: Table
    ) -> None:
        await table.create(userId="S")
        for _ in range(2):
            await watched(**self.FIELDS).ensure_table()
        assert operations(proxy) == [
            "DescribeTable",
            "DescribeTimeToLive",
            "UpdateTimeToLive",
            "DescribeTable",
            "DescribeTimeToLive",
        ]

    async def test_is_enabled_by_each_who_found_the_table_missing(
        self, watched: MakeStore, proxy: FaultProxy, table: Table
    ) -> None:
        async with meeting(2) as both_ask:
            proxy.fail("CreateTable", None, times=2, before=both_ask.wait)
            found = await asyncio.gather(*(watched(**self.FIELDS).ensure_table() for _ in range(2)))
        assert [info.created for info in found].count(True) == 1
        assert operations(proxy).count("UpdateTimeToLive") == 2

    async def test_is_set_by_saves_and_not_worth_a_write_each_turn(
        self, watched: MakeStore, proxy: FaultProxy, table: Table
    ) -> None:
        store = watched(**self.FIELDS)
        earliest = int(time.time()) + 1000
        await turn(store)
        assert int((await table.stored("u1"))["expiresAt"]["N"]) >= earliest
        operations(proxy)
        await turn(store)
        assert operations(proxy) == ["GetItem"]
        await self.set_expiry(table, time.time() + 500)
        await turn(store)
        assert operations(proxy) == ["GetItem", "UpdateItem"]
        assert int((await table.stored("u1"))["expiresAt"]["N"]) >= earliest

    async def set_expiry(self, table: Table, when: float) -> None:
        await table.put(await table.stored("u1") | {"expiresAt": {"N": str(int(when))}})

    @pytest.fixture
    async def expired(self, make_store: MakeStore, table: Table) -> Store:
        """A store whose user `u1` is over, though DynamoDB has not removed the item yet."""
        store = make_store(**self.FIELDS)
        async with store.turn("u1") as user:
            user.data["old"] = True
        old = await table.stored("u1")
        await table.put(old | {"createdAt": {"S": "2020-01-01T00:00:00.000Z"}})
        await self.set_expiry(table, time.time() - 10)
        return store

    async def test_an_expired_user_is_unknown(self, expired: Store) -> None:
        assert not await expired.exists("u1")
        assert (await expired.load("u1")).is_new
        assert (await expired.load_many(["u1"]))[0].is_new
        assert await expired.get("u1", "old") is None
        assert await everyone(expired) == []

    @pytest.mark.parametrize("name", sorted(STORING))
    async def test_an_expired_user_comes_back_as_a_new_one(
        self, name: str, expired: Store, table: Table
    ) -> None:
        await CALLS[name](expired)
        user = await expired.load("u1")
        assert user.data == {"score": 1}
        assert user.created_at is not None
        assert user.created_at.year > 2020
        assert int((await table.stored("u1"))["expiresAt"]["N"]) > time.time()

    async def test_a_user_who_expires_during_a_turn_is_kept_by_its_save(
        self, make_store: MakeStore, table: Table
    ) -> None:
        store = make_store(**self.FIELDS)
        await turn(store)
        await self.set_expiry(table, time.time() + 20)
        async with store.turn("u1") as user:
            await self.set_expiry(table, time.time() - 1)
            user.data["late"] = True
        assert (await store.load("u1")).data == {"score": 1, "late": True}

    async def test_deleting_an_expired_user_removes_the_item(self, expired: Store, table: Table) -> None:
        await expired.delete("u1")
        assert await table.item("u1") is None


def table_of(status: str) -> Any:
    return ok(
        Table={
            "TableStatus": status,
            "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
        }
    )


async def test_it_waits_for_a_table_that_is_being_deleted_and_for_one_that_is_being_made(
    make_store: MakeStore,
) -> None:
    script = {
        "DescribeTable": [
            table_of("DELETING"),
            refused("ResourceNotFoundException"),
            table_of("CREATING"),
            table_of("ACTIVE"),
        ],
        "CreateTable": [refused("ResourceInUseException"), ok()],
    }
    async with canned(lambda operation: script[operation].pop(0)) as aws_config:
        info = await make_store(aws_config=aws_config).ensure_table()
    assert (info.status, info.created) == ("ACTIVE", True)
    assert script == {"DescribeTable": [], "CreateTable": []}


async def test_a_table_that_never_gets_active_is_unavailable(
    make_store: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_dynamo_store.dynamodb.table._CREATION_SECONDS", 0.2)
    async with canned(lambda operation: table_of("CREATING")) as aws_config:
        with pytest.raises(UnavailableError, match=r"not active after 0\.2 seconds"):
            await make_store(aws_config=aws_config).ensure_table()


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalServerError"])
async def test_a_refused_request_stays_what_it_is_when_the_table_cannot_be_looked_at(
    code: str, make_store: MakeStore
) -> None:
    answers = {"GetItem": "ValidationException", "DescribeTable": code}
    async with canned(lambda operation: refused(answers[operation])) as aws_config:
        with pytest.raises(BackendError, match="refused GetItem") as caught:
            await make_store(aws_config=aws_config).load("u1")
    assert "ValidationException" in str(caught.value.__cause__)


async def test_a_refused_request_on_a_table_that_has_gone_stays_what_it_is(make_store: MakeStore) -> None:
    answers = {"GetItem": "ValidationException", "DescribeTable": "ResourceNotFoundException"}
    async with canned(lambda operation: refused(answers[operation])) as aws_config:
        with pytest.raises(BackendError, match="refused GetItem"):
            await make_store(aws_config=aws_config).load("u1")


async def test_a_refused_request_on_a_table_that_fits_stays_what_it_is(make_store: MakeStore) -> None:
    answers = {"GetItem": refused("ValidationException"), "DescribeTable": table_of("ACTIVE")}
    async with canned(answers.__getitem__) as aws_config:
        with pytest.raises(BackendError, match="refused GetItem"):
            await make_store(aws_config=aws_config).load("u1")
