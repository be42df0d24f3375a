"""What opening a store leaves to the other tasks of its event loop."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import AsyncDynamoStore, StoreClosedError, UnavailableError
from async_dynamo_store.dynamodb.connection import _ready_session

if TYPE_CHECKING:
    import aioboto3

pytestmark = pytest.mark.one_engine

CONFIG: dict[str, Any] = {
    "table_name": "Users",
    "aws_config": {"access_key_id": "AKIDTEST", "secret_access_key": "secret", "region": "eu-west-1"},
}

OPENS = f"""
import asyncio, json, sys, threading

from async_dynamo_store import AsyncDynamoStore

HEAVY = ("aioboto3", "aiobotocore", "aiohttp", "boto3", "botocore")
DATA = ("dynamodb", "endpoints", "partitions")
found = {{"loop": [], "other": []}}

def watch(event, arguments):
    name = str(arguments[0]) if arguments else ""
    is_heavy = event == "import" and name.partition(".")[0] in HEAVY
    is_data = event == "open" and "botocore" in name and any(part in name for part in DATA) and ".json" in name
    if is_heavy or is_data:
        thread = "loop" if threading.current_thread() is threading.main_thread() else "other"
        found[thread].append(name)

async def main():
    sys.addaudithook(watch)
    store = AsyncDynamoStore({CONFIG!r})
    await store.open()
    json.dump(found, sys.stdout)
    await store.aclose()

asyncio.run(main())
"""


def test_what_takes_long_is_imported_and_read_in_a_thread() -> None:
    done = subprocess.run([sys.executable, "-c", OPENS], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["loop"] == []
    assert {"aioboto3", "aiobotocore", "aiohttp", "boto3", "botocore"} <= set(found["other"])
    read = [name for name in found["other"] if ".json" in name]
    for part in ("service-2", "endpoint-rule-set-1", "endpoints", "partitions"):
        assert any(part in name for name in read), part


async def test_the_thread_ends_with_its_work() -> None:
    async with AsyncDynamoStore(CONFIG):
        left = [each for each in threading.enumerate() if each.name.startswith("async-dynamo-store")]
        for thread in left:
            thread.join(10)
        assert not any(thread.is_alive() for thread in left)


async def test_a_store_that_is_closed_while_the_thread_is_at_work() -> None:
    store = AsyncDynamoStore(CONFIG)
    opening = asyncio.create_task(store.open())
    for _ in range(3):  # the task, the client's own, the thread's start
        await asyncio.sleep(0)
    assert not opening.done()
    await store.aclose()
    with pytest.raises(StoreClosedError):
        await opening


async def test_it_opens_though_all_threads_of_the_loop_are_busy() -> None:
    gate = threading.Event()
    loop = asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, gate.wait) for _ in range(64)]
    try:
        async with AsyncDynamoStore(CONFIG):
            assert not any(task.done() for task in busy)
    finally:
        gate.set()
        await asyncio.gather(*busy)


async def test_imports_may_take_longer_than_the_time_of_a_source(imports_take_longer_than: float) -> None:
    async with AsyncDynamoStore(CONFIG | {"timeout_seconds": imports_take_longer_than}) as store:
        assert store._client._connection()


async def test_a_call_that_has_no_time_for_the_imports_says_so_and_leaves_them_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = threading.Event()

    def held(*arguments: Any) -> aioboto3.Session:
        gate.wait()
        return _ready_session(*arguments)

    monkeypatch.setattr("async_dynamo_store.dynamodb.connection._ready_session", held)
    store = AsyncDynamoStore(CONFIG | {"timeout_seconds": 0.05})
    try:
        with pytest.raises(
            UnavailableError, match=r"^Creating the AWS client took longer .*open\(\)"
        ) as caught:
            await store.load("u1")
    finally:
        gate.set()
    assert isinstance(caught.value.__cause__, TimeoutError)
    (opened,) = store._client._connections.values()
    await store.open()
    assert store._client._connection() is opened
    await store.aclose()
