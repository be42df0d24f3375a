"""`type: "embedded"`: a DynamoDB inside this process."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from async_dynamo_store import AsyncDynamoStore

pytestmark = pytest.mark.server

CONFIG: dict[str, Any] = {"type": "embedded", "table_name": "Users", "timeout_seconds": 60}


async def test_it_works_and_says_once_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    async with AsyncDynamoStore(CONFIG) as store, AsyncDynamoStore(CONFIG) as other:
        async with store.turn("u1") as user:
            user.data["name"] = "Ada"
        assert await other.get("u1", "name") == "Ada"
        assert [record.id async for record in other.scan()] == ["u1"]
    said = [record for record in caplog.records if record.name == "async_dynamo_store.dynamodb.embedded"]
    assert [(record.levelno, "embedded DynamoDB" in record.getMessage()) for record in said] == [
        (logging.WARNING, True)
    ]


async def test_it_goes_with_the_last_store() -> None:
    first, second = AsyncDynamoStore(CONFIG), AsyncDynamoStore(CONFIG)
    await first.set("u1", "a", 1)
    assert await second.get("u1", "a") == 1
    await first.aclose()
    await first.aclose()
    assert await second.get("u1", "a") == 1
    await second.aclose()
    async with AsyncDynamoStore(CONFIG) as third:
        assert not await third.exists("u1")


def test_a_new_event_loop_finds_the_same_data() -> None:
    store = AsyncDynamoStore(CONFIG)
    asyncio.run(store.set("u1", "a", 1))
    assert asyncio.run(store.get("u1", "a")) == 1
    asyncio.run(store.aclose())

    async def is_gone() -> bool:
        async with AsyncDynamoStore(CONFIG) as other:
            return not await other.exists("u1")

    assert asyncio.run(is_gone())


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with AsyncDynamoStore(CONFIG) as store:
        await store.set("u1", "a", 1)
        assert await store.get("u1", "a") == 1


async def test_a_store_that_was_never_opened_starts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    await AsyncDynamoStore(CONFIG).aclose()
    assert caplog.records == []


async def test_writers_at_once_lose_nothing() -> None:
    async with AsyncDynamoStore(CONFIG) as store, AsyncDynamoStore(CONFIG) as other:

        async def add(number: int) -> None:
            await (store, other)[number % 2].update(
                "u1", lambda user: user.data.setdefault("list", []).append(number)
            )

        await asyncio.gather(*map(add, range(12)))
        assert sorted(await store.get("u1", "list")) == list(range(12))


async def test_without_moto_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto.moto_server.werkzeug_app", None)
    store = AsyncDynamoStore(CONFIG)
    with pytest.raises(ImportError, match=r"pip install 'async-dynamo-store\[embedded\]'") as caught:
        await store.load("u1")
    assert isinstance(caught.value.__cause__, ImportError)
    await store.aclose()


ONE_PROCESS = """
import asyncio, json, sys
from async_dynamo_store import AsyncDynamoStore

async def main():
    async with AsyncDynamoStore(json.loads(sys.argv[1])) as store:
        print(await store.increment("u1", "visits"))

asyncio.run(main(), debug=False)
"""


def test_it_leaves_nothing_behind() -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", ONE_PROCESS, json.dumps(CONFIG)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "1\n"
    (said,) = ended.stderr.splitlines()
    assert "embedded DynamoDB" in said
