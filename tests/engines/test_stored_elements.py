"""Session, history, times and expiry through VoiceApp, as Jovo v4 stores them, on a clock that the test holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from async_dynamo_store import AsyncDynamoStore, StoreError, Turn, VoiceApp
from async_dynamo_store.store import users as users_module
from tests.engines.conftest import MakeStore, Table, operations
from tests.faults.proxy import FaultProxy

START = datetime(2126, 11, 22, 17, 1, 9, 316000, tzinfo=UTC)
"""Far ahead: DynamoDB Local really deletes items whose time is over, whenever it looks."""


@dataclass
class Clock:
    now: datetime = START

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(users_module, "_now", lambda: clock.now)
    return clock


MakeApp = Callable[..., VoiceApp]


@pytest.fixture
async def make_app(
    table_name: str, aws_config: dict[str, str], proxy: FaultProxy, clock: Clock
) -> AsyncIterator[MakeApp]:
    apps: list[VoiceApp] = []

    def make(**fields: Any) -> VoiceApp:
        aws = aws_config | {"endpoint_url": proxy.endpoint_url}
        app = VoiceApp({"db": {"table_name": table_name, "aws_config": aws, "timeout_seconds": 60} | fields})

        @app.fallback
        async def answer(turn: Turn) -> None:
            words = turn.request.intent.split()
            match words[0]:
                case "remember":
                    turn.session.data["word"] = words[1]
                case "score":
                    turn.user.data["score"] = turn.user.data.get("score", 0) + 1
                case "repeat":
                    turn.repeat()
                    return
                case _:
                    pass
            turn.tell(f"{turn.session.is_new} {turn.session.data.get('word')} {turn.request.intent}")

        apps.append(app)
        return app

    yield make
    for app in apps:
        await app.store.aclose()


MESSAGES = count()
"""A message with an id that was seen before is the same one, delivered again."""


def message(text: str, user_id: str = "ada") -> dict[str, Any]:
    """A Messenger request: a platform with no sessions of its own."""
    event = {
        "sender": {"id": user_id},
        "recipient": {"id": "page"},
        "timestamp": 1,
        "message": {"mid": f"m{next(MESSAGES)}", "text": text},
    }
    return {"id": "page", "time": 1, "messaging": [event]}


async def say(app: VoiceApp, text: str) -> str:
    answer = await app.handle(message(text))
    return str(answer["message"]["text"])


SESSION = {"session": {"expires_after_seconds": 900}}


async def test_a_session_is_stored_and_ends(make_app: MakeApp, clock: Clock, table: Table) -> None:
    app = make_app(stored_elements=SESSION)
    assert await say(app, "remember tea") == "True tea remember tea"
    stored = (await table.stored("ada"))["session"]["M"]
    assert stored["data"] == {"M": {"word": {"S": "tea"}}}
    assert stored["createdAt"] == stored["updatedAt"] == {"S": "2126-11-22T17:01:09.316Z"}
    clock.advance(seconds=900)
    assert await say(app, "what") == "False tea what"
    clock.advance(seconds=901)
    assert await say(app, "what") == "True None what"


async def test_a_session_is_refreshed_without_a_write_each_time(
    make_app: MakeApp, clock: Clock, proxy: FaultProxy
) -> None:
    app = make_app(stored_elements=SESSION)
    await say(app, "remember tea")
    operations(proxy)
    clock.advance(seconds=90)
    await say(app, "what")
    assert operations(proxy) == ["GetItem"]
    clock.advance(seconds=1)
    await say(app, "what")
    assert operations(proxy) == ["GetItem", "UpdateItem"]
    clock.advance(seconds=899)
    assert await say(app, "what") == "False tea what"


@pytest.mark.parametrize("on_conflict", ["merge", "raise", "overwrite"])
async def test_history_keeps_the_last_turns(make_app: MakeApp, table: Table, on_conflict: str) -> None:
    app = make_app(stored_elements={"history": {"size": 2, "nlu": False}}, on_conflict=on_conflict)
    for text in ("one", "two", "three"):
        await say(app, text)
    items = (await table.stored("ada"))["history"]["M"]["items"]["L"]
    said = [item["M"]["output"]["L"][0]["M"]["message"]["S"] for item in items]
    assert said == ["False None three", "False None two"]
    assert await say(app, "repeat") == "False None three"
    record = await app.store.load("ada")
    assert record.history.prev == record.history.items[0]
    assert len(record.history.items) == 2


async def test_history_of_own_and_built_in_elements(make_app: MakeApp) -> None:
    async def mood(turn: Turn) -> str:
        return "merry"

    elements = {"input": True, "entities": True, "request": True, "response": True, "state": True}
    own = {
        "mood": mood,
        "length": lambda turn: len(turn.request.intent),
        "nothing": lambda turn: None,
    }
    app = make_app(stored_elements={"history": elements | own})
    asked = message("hello")
    await app.handle(asked)
    (item,) = (await app.store.load("ada")).history.items
    assert item == {
        "output": [{"message": "False None hello", "listen": False}],
        "nlu": {"intent": {"name": "hello"}, "entities": {}},
        "input": {"type": "INTENT", "intent": "hello"},
        "entities": {},
        "request": asked,
        "response": item["response"],
        "mood": "merry",
        "length": 5,
    }
    assert item["response"]["message"] == {"text": "False None hello"}


async def test_nothing_to_repeat(make_app: MakeApp) -> None:
    with pytest.raises(StoreError, match=r"stored_elements\.history"):
        await say(make_app(), "repeat")


@pytest.mark.parametrize("first", ["no user yet", "a user"])
async def test_two_turns_at_once_both_appear_in_the_history(make_app: MakeApp, first: str) -> None:
    app = make_app(stored_elements={"history": {"size": 20, "nlu": False}})
    if first == "a user":
        await say(app, "first")
    gate = asyncio.Barrier(8)

    @app.intent(*(f"turn {number}" for number in range(8)))
    async def together(turn: Turn) -> None:
        await gate.wait()
        turn.tell(turn.request.intent)

    await asyncio.gather(*(app.handle(message(f"turn {number}")) for number in range(8)))
    items = (await app.store.load("ada")).history.items
    said = sorted(item["output"][0]["message"] for item in items[:8])
    assert said == [f"turn {number}" for number in range(8)]
    assert len(items) == 8 + (first == "a user")


async def test_times(make_store: MakeStore, clock: Clock, table: Table) -> None:
    store = make_store()
    async with store.turn("ada") as user:
        user.data["score"] = 1
    clock.advance(hours=1)
    async with store.turn("ada") as user:
        assert user.created_at == user.updated_at == START
        user.data["score"] = 2
    assert (user.created_at, user.updated_at) == (START, clock.now)
    item = await table.stored("ada")
    assert item["createdAt"] == {"S": "2126-11-22T17:01:09.316Z"}
    assert item["updatedAt"] == {"S": "2126-11-22T18:01:09.316Z"}


async def test_times_can_be_left_out(make_store: MakeStore, clock: Clock, table: Table) -> None:
    async with make_store(stored_elements={"createdAt": False, "updatedAt": False}).turn("ada") as user:
        user.data["score"] = 1
    assert {"createdAt", "updatedAt"}.isdisjoint(await table.stored("ada"))


TTL = {"attribute": "expiresAt", "after_seconds": 1000}


def epoch(moment: datetime) -> dict[str, str]:
    return {"N": str(int(moment.timestamp()))}


async def test_expiry_moves_with_the_turns(
    watched: MakeStore, clock: Clock, table: Table, proxy: FaultProxy
) -> None:
    store = watched(ttl=TTL)
    async with store.turn("ada") as user:
        user.data["score"] = 1
    assert (await table.stored("ada"))["expiresAt"] == epoch(START + timedelta(seconds=1000))
    operations(proxy)
    clock.advance(seconds=100)
    async with store.turn("ada"):
        pass
    assert operations(proxy) == ["GetItem"]
    clock.advance(seconds=1)
    async with store.turn("ada"):
        pass
    assert operations(proxy) == ["GetItem", "UpdateItem"]
    assert (await table.stored("ada"))["expiresAt"] == epoch(START + timedelta(seconds=1101))


async def test_an_expired_item_is_nobody_and_is_replaced(
    make_store: MakeStore, clock: Clock, table: Table
) -> None:
    store = make_store(ttl=TTL)
    await store.set("ada", "old", True)
    clock.advance(seconds=1001)
    assert not await store.exists("ada")
    assert await store.get("ada", "old") is None
    assert [record.id async for record in store.scan()] == []
    assert [record.is_new for record in await store.load_many(["ada"])] == [True]
    async with store.turn("ada") as user:
        assert user.is_new
        user.data["new"] = True
    item = await table.stored("ada")
    assert item["user"] == {"M": {"data": {"M": {"new": {"BOOL": True}}}}}
    assert item["expiresAt"] == epoch(clock.now + timedelta(seconds=1000))


@pytest.mark.parametrize("verb", ["set", "increment"])
async def test_a_verb_on_an_expired_item_begins_anew(
    make_store: MakeStore, clock: Clock, table: Table, verb: str
) -> None:
    store: AsyncDynamoStore[Any] = make_store(ttl=TTL)
    await store.set("ada", "score", 41)
    clock.advance(seconds=1001)
    await (store.set("ada", "score", 1) if verb == "set" else store.increment("ada", "score"))
    item = await table.stored("ada")
    assert item["user"] == {"M": {"data": {"M": {"score": {"N": "1"}}}}}
    assert item["expiresAt"] == epoch(clock.now + timedelta(seconds=1000))


async def test_an_item_that_expired_and_was_replaced_meanwhile_is_joined(
    make_store: MakeStore, clock: Clock
) -> None:
    store = make_store(ttl=TTL)
    await store.set("ada", "old", True)
    clock.advance(seconds=1001)
    one, other = await store.load("ada"), await store.load("ada")
    one.data["one"] = other.data["other"] = True
    await store.save(one)
    await store.save(other)
    assert (await store.load("ada")).data == {"one": True, "other": True}
