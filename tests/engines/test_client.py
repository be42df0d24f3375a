"""The client behind a store: one for the life of an event loop, and nothing left of it afterwards."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import aioboto3
import pytest

from async_dynamo_store import AsyncDynamoStore, CredentialsError, StoreClosedError, UnavailableError
from tests.conftest import point_default_chain_at
from tests.engines.conftest import MakeStore, Table, operations
from tests.faults.proxy import Fault, FaultProxy
from tests.waiting import reached

pytestmark = pytest.mark.one_engine

Store = AsyncDynamoStore[Any]


class CountingSession(aioboto3.Session):
    """A session of a user's own, which counts the clients that are made of it and those that are open."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.made = self.open = 0
        self.may_open = asyncio.Event()
        self.may_open.set()

    @asynccontextmanager
    async def client(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:  # type: ignore[override]  # it passes on whatever it is given
        self.made += 1
        await self.may_open.wait()
        async with super().client(*args, **kwargs) as client:
            self.open += 1
            yield client
        self.open -= 1


@pytest.fixture
def config(table_name: str, aws_config: dict[str, str]) -> dict[str, Any]:
    return {"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60}


async def test_one_client_for_the_life_of_the_store(config: dict[str, Any]) -> None:
    session = CountingSession()
    before = asyncio.all_tasks()
    async with AsyncDynamoStore(config, session=session) as store:
        assert (session.made, session.open) == (1, 1)
        await store.open()
        await asyncio.gather(*(store.increment("u1", "n") for _ in range(20)))
        async with store.turn("u1") as user:
            user.data["a"] = 1
        assert session.made == 1
    assert session.open == 0
    assert asyncio.all_tasks() == before


async def test_it_opens_by_itself(config: dict[str, Any]) -> None:
    session = CountingSession()
    store = AsyncDynamoStore(config, session=session)
    assert session.made == 0
    await store.load("u1")
    await store.aclose()
    assert (session.made, session.open) == (1, 0)


async def test_fifty_tasks_that_open_together_make_one_client(config: dict[str, Any]) -> None:
    session = CountingSession()
    async with AsyncDynamoStore(config, session=session) as store:
        await store.ensure_table()
    session = CountingSession()
    store = AsyncDynamoStore(config, session=session)
    await asyncio.gather(*(store.load(f"u{number}") for number in range(50)))
    assert session.made == 1
    await store.aclose()


async def test_opening_goes_on_for_the_others_when_the_first_gives_up(config: dict[str, Any]) -> None:
    session = CountingSession()
    session.may_open.clear()
    store = AsyncDynamoStore(config, session=session)
    first, second = (asyncio.create_task(store.open()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    session.may_open.set()
    await second
    assert session.made == 1
    await store.aclose()
    assert session.open == 0


async def test_closing_while_it_opens(config: dict[str, Any]) -> None:
    session = CountingSession()
    session.may_open.clear()
    store = AsyncDynamoStore(config, session=session)
    opening = asyncio.create_task(store.open())
    await asyncio.sleep(0)
    closing = asyncio.create_task(store.aclose())
    await asyncio.sleep(0)
    session.may_open.set()
    await closing
    with pytest.raises(StoreClosedError):
        await opening
    assert session.open == 0


async def test_disconnecting_while_it_opens(config: dict[str, Any]) -> None:
    session = CountingSession()
    session.may_open.clear()
    store = AsyncDynamoStore(config, session=session)
    opening = asyncio.create_task(store.open())
    await asyncio.wait([opening], timeout=0.05)
    await store.disconnect()
    with pytest.raises(UnavailableError, match="disconnect"):
        await opening
    session.may_open.set()
    assert await store.increment("u1", "n") == 1
    await store.aclose()
    assert session.open == 0


async def test_a_client_that_is_long_in_the_making(config: dict[str, Any]) -> None:
    session = CountingSession()
    session.may_open.clear()
    store = AsyncDynamoStore(config | {"timeout_seconds": 0.3}, session=session)
    with pytest.raises(UnavailableError, match="Creating the AWS client took longer"):
        await store.load("u1")
    opening = asyncio.create_task(store.open())
    await asyncio.wait([opening], timeout=0.5)
    session.may_open.set()
    await opening
    await store.aclose()
    assert (session.made, session.open) == (1, 0)


async def test_without_a_session_it_makes_its_own(config: dict[str, Any]) -> None:
    async with AsyncDynamoStore(config) as store:
        assert await store.increment("u1", "n") == 1


async def test_without_the_fast_path(config: dict[str, Any]) -> None:
    async with AsyncDynamoStore(config, session=CountingSession(), accelerate=False) as store:
        for visit in (1, 2):
            async with store.turn("u1") as user:
                assert user.increment("visits") == visit


async def test_a_users_own_session_gives_the_credentials(
    config: dict[str, Any], aws_config: dict[str, str]
) -> None:
    session = CountingSession(
        aws_access_key_id=aws_config["access_key_id"],
        aws_secret_access_key=aws_config["secret_access_key"],
        region_name=aws_config["region"],
    )
    config["aws_config"] = {"endpoint_url": aws_config["endpoint_url"]}
    async with AsyncDynamoStore(config, session=session) as store:
        assert await store.increment("u1", "n") == 1


async def test_the_environment_gives_all_of_it(
    table_name: str, aws_config: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    point_default_chain_at(aws_config, monkeypatch)
    async with AsyncDynamoStore(table_name) as store:
        assert await store.increment("u1", "n") == 1


Call = Callable[[Store], Awaitable[object]]

CALLS: list[Call] = [
    lambda store: store.open(),
    lambda store: store.load("u1"),
    lambda store: store.load_many(["u1"]),
    lambda store: store.get("u1", "a"),
    lambda store: store.set("u1", "a", 1),
    lambda store: store.unset("u1", "a"),
    lambda store: store.increment("u1", "a"),
    lambda store: store.update("u1", lambda user: None),
    lambda store: store.delete("u1"),
    lambda store: store.exists("u1"),
    lambda store: store.ensure_table(),
    lambda store: anext(store.scan()),
]


async def test_a_closed_store_is_of_no_more_use(store: Store) -> None:
    user = await store.load("u1")
    user.data["a"] = 1
    await store.aclose()
    await store.aclose()
    calls: list[Call] = [*CALLS, lambda store: store.save(user), lambda _: user.delete()]
    for call in calls:
        with pytest.raises(StoreClosedError):
            await call(store)


async def test_a_store_that_was_never_opened_closes(make_store: MakeStore) -> None:
    store = make_store()
    await store.aclose()
    with pytest.raises(StoreClosedError):
        await store.load("u1")


class TestSavesUnderWay:
    @pytest.fixture
    async def slow(self, store: Store, watched: MakeStore) -> Store:
        await store.ensure_table()
        return watched(timeout_seconds=30)

    @pytest.mark.parametrize("fault", [Fault.slow_request, Fault.slow_answer])
    async def test_a_save_is_finished_when_its_caller_is_cancelled(
        self, fault: Fault, slow: Store, proxy: FaultProxy, table: Table
    ) -> None:
        user = await slow.load("u1")
        user.increment("visits")
        rule = proxy.fail("PutItem", fault)
        saving = asyncio.create_task(slow.save(user))
        await reached(rule.reached, saving)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        rule.release()
        await slow.save(user)
        assert operations(proxy) == [
            "GetItem",
            "PutItem",
            "PutItem",
        ]  # the second one finds it landed, or lands
        assert (await slow.load("u1")).data == {"visits": 1}

    @pytest.mark.parametrize(
        "write",
        [
            lambda store: store.set("u1", "n", 1),
            lambda store: store.increment("u1", "n"),
            lambda store: store.update("u1", lambda user: user.data.update(n=1)),
        ],
    )
    async def test_closing_waits_for_them(
        self, write: Callable[[Store], Awaitable[object]], slow: Store, proxy: FaultProxy, table: Table
    ) -> None:
        rule = proxy.fail("PutItem", Fault.slow_request)
        writing = asyncio.ensure_future(write(slow))
        await reached(rule.reached, writing)
        closing = asyncio.create_task(slow.aclose())
        await asyncio.wait([closing], timeout=0.05)
        assert not closing.done()
        rule.release()
        await asyncio.gather(closing, writing)
        assert (await table.stored("u1"))["user"] == {"M": {"data": {"M": {"n": {"N": "1"}}}}}

    async def test_a_save_that_fails_after_its_caller_was_cancelled_is_logged(
        self, slow: Store, store: Store, proxy: FaultProxy, caplog: pytest.LogCaptureFixture
    ) -> None:
        await store.set("u1", "n", 1)
        user = await slow.load("u1")
        user.data["name"] = "private words"
        rule = proxy.fail("UpdateItem", Fault.slow_request)
        saving = asyncio.create_task(slow.save(user))
        await reached(rule.reached, saving)
        await store.delete("u1")
        saving.cancel()
        rule.release()
        await slow.aclose()
        (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert "was cancelled" in said
        assert "deleted" in said
        assert "private words" not in said

    async def test_disconnecting_waits_too_and_the_next_call_connects_again(
        self, slow: Store, proxy: FaultProxy
    ) -> None:
        rule = proxy.fail("PutItem", Fault.slow_request)
        writing = asyncio.create_task(slow.set("u1", "n", 1))
        await reached(rule.reached, writing)
        disconnecting = asyncio.create_task(slow.disconnect())
        await asyncio.wait([disconnecting], timeout=0.05)
        assert not disconnecting.done()
        rule.release()
        await asyncio.gather(disconnecting, writing)
        assert await slow.get("u1", "n") == 1

    async def test_a_delete_too(self, slow: Store, store: Store, proxy: FaultProxy, table: Table) -> None:
        await store.set("u1", "n", 1)
        rule = proxy.fail("DeleteItem", Fault.slow_request)
        deleting = asyncio.create_task(slow.delete("u1"))
        await reached(rule.reached, deleting)
        deleting.cancel()
        closing = asyncio.create_task(slow.aclose())
        rule.release()
        await closing
        assert await table.item("u1") is None

    async def test_closing_does_not_wait_forever(
        self, store: Store, watched: MakeStore, proxy: FaultProxy
    ) -> None:
        await store.ensure_table()
        slow = watched(timeout_seconds=0.3, max_attempts=1)
        rule = proxy.fail("PutItem", Fault.slow_request)
        writing = asyncio.create_task(slow.set("u1", "n", 1))
        with suppress(UnavailableError):  # a busy machine may need its time before it sends anything
            await reached(rule.reached, writing)
        await slow.aclose()
        with pytest.raises((UnavailableError, StoreClosedError)):
            await writing

    async def test_a_read_under_way_is_told_that_the_store_was_closed(
        self, slow: Store, proxy: FaultProxy
    ) -> None:
        rule = proxy.fail("GetItem", Fault.slow_request)
        reading = asyncio.create_task(slow.load("u1"))
        await reached(rule.reached, reading)
        await slow.aclose()
        with pytest.raises(StoreClosedError):
            await reading


EVENT_LOOPS = """
import asyncio, gc, json, sys
from async_dynamo_store import AsyncDynamoStore

store = AsyncDynamoStore(json.loads(sys.argv[1]))

async def visit():
    async with store.turn("u1") as user:
        user.increment("visits")

for _ in range(3):
    asyncio.run(visit(), debug=False)
    gc.collect()

async def close():
    print(await store.get("u1", "visits"))
    await store.aclose()
    print(len(asyncio.all_tasks()))

asyncio.run(close(), debug=False)
"""

CLOSED_IN_ANOTHER_LOOP = """
import asyncio, json, sys
from async_dynamo_store import AsyncDynamoStore

store = AsyncDynamoStore(json.loads(sys.argv[1]))
print(asyncio.run(store.increment("u1", "visits"), debug=False))
asyncio.run(store.aclose(), debug=False)
print(len(store._client._connections))
"""


@pytest.mark.others_in_soak
@pytest.mark.unmeasured
@pytest.mark.parametrize(("script", "printed"), [(EVENT_LOOPS, "3\n1\n"), (CLOSED_IN_ANOTHER_LOOP, "1\n0\n")])
def test_a_new_event_loop_gets_a_new_client_and_nobody_is_warned(
    script: str, printed: str, config: dict[str, Any]
) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script, json.dumps(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == (printed, "")


@pytest.mark.parametrize(("action", "collections"), [("ignore", 0), ("default", 1)])
def test_what_a_dead_loop_left_is_collected_where_somebody_would_be_warned_of_it(
    action: Literal["ignore", "default"], collections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"table_name": "Users", "aws_config": {"region": "eu-west-1", "profile": None}}
    store = AsyncDynamoStore(config, session=CountingSession())
    asyncio.run(store.open())
    collected: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(None))
    with warnings.catch_warnings():
        warnings.simplefilter(action, ResourceWarning)
        asyncio.run(store.aclose())
    assert len(collected) == collections


def test_loops_in_several_threads_at_once(config: dict[str, Any]) -> None:
    store = AsyncDynamoStore(config)
    failures: list[BaseException] = []

    async def work(name: str) -> None:
        for number in range(5):
            async with store.turn("u1") as user:
                user.increment("visits")
                user.data[f"{name}-{number}"] = True
            await store.set(name, "a", 1)
            await store.delete(name)

    def run(name: str) -> None:
        try:
            asyncio.run(work(name))
            asyncio.run(work(f"{name}-again"))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(f"thread-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []

    async def look() -> dict[str, Any]:
        async with store:
            return dict((await store.load("u1")).data)

    data = asyncio.run(look())
    assert data["visits"] == 30
    assert len(data) == 31


async def test_a_profile_that_does_not_exist_fails_each_task(config: dict[str, Any]) -> None:
    config["aws_config"] = {"profile": "nobody"}
    store = AsyncDynamoStore(config)
    outcomes = await asyncio.gather(
        *(store.load("u1") for _ in range(10)), store.open(), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} == {CredentialsError}
    with pytest.raises(CredentialsError):
        await store.load("u1")
    await store.aclose()
