"""`Recorder` and `Call`: what is said in a call is stored in its order, off the callbacks, through faults and to the end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from async_dynamo_store import AsyncDynamoStore, Conversation, UnavailableError, UnsupportedValueError
from async_dynamo_store.integrations.calls import Call
from async_dynamo_store.integrations.recorder import Recorder
from tests.faults.proxy import Fault, FaultProxy
from tests.faults.table import open_store
from tests.waiting import comes_true, reached

pytestmark = pytest.mark.one_engine

Message = dict[str, Any]


def says(*texts: str) -> list[Message]:
    return [{"role": "user", "content": text} for text in texts]


async def texts(conversation: Conversation) -> list[str]:
    return [message["content"] for message in await conversation.messages()]


@pytest.fixture
async def store(aws_config: dict[str, str], table_name: str) -> Any:
    async with open_store(aws_config, table_name, conversations={}, timeout_seconds=60) as store:
        await store.ensure_table()
        yield store


@pytest.fixture
async def behind(aws_config: dict[str, str], table_name: str, proxy: FaultProxy) -> Any:
    """A store behind the proxy, that gives up at the first fault."""
    proxied = aws_config | {"endpoint_url": proxy.endpoint_url}
    async with open_store(proxied, table_name, conversations={}, timeout_seconds=60, max_attempts=1) as store:
        yield store


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_dynamo_store.integrations.recorder._FIRST_PAUSE_SECONDS", 0)


async def test_what_comes_at_once_is_one_entry(
    store: AsyncDynamoStore[Any], behind: AsyncDynamoStore[Any], proxy: FaultProxy
) -> None:
    async with Recorder(behind.conversation("ada", "1")) as recorder:
        for number in range(5):
            recorder.record(says(str(number)))
        assert proxy.log == []  # nothing has been sent in the callbacks
        recorder.save_user()  # there is nobody to be saved
        await recorder.flush()
        recorder.record([])
        recorder.record(says("later"))
    assert await texts(store.conversation("ada", "1")) == ["0", "1", "2", "3", "4", "later"]
    assert sum(exchange.operation == "PutItem" for exchange in proxy.log) == 3  # with the root


@pytest.mark.parametrize(
    "fault", [Fault.reset_before, Fault.drop_answer, Fault.throttle, Fault.server_error_after]
)
async def test_through_faults_everything_is_stored_once(
    store: AsyncDynamoStore[Any],
    behind: AsyncDynamoStore[Any],
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
    no_pauses: None,
) -> None:
    conversation = behind.conversation("ada", "1")
    others = store.conversation("ada", "1")
    await conversation.append(says("begun"))

    async def others_go_on() -> None:
        await others.append(says("theirs"))

    proxy.fail("PutItem", fault, times=3, after=others_go_on)
    async with Recorder(conversation) as recorder:
        recorder.record(says("1"))
        await asyncio.sleep(0)
        recorder.record(says("2"))
    found = await texts(others)
    assert found.count("theirs") == 3
    assert [text for text in found if text != "theirs"] == ["begun", "1", "2"]
    assert "failed and is retried" in caplog.text


async def test_a_user_who_cannot_be_saved_now_keeps_no_messages_waiting(
    store: AsyncDynamoStore[Any], behind: AsyncDynamoStore[Any], proxy: FaultProxy, no_pauses: None
) -> None:
    async with await Call.begin(behind, "ada", "1") as call:
        call.user.data["score"] = 1
        refused = proxy.fail("PutItem", Fault.throttle, times=3, naming="score")
        call.recorder.save_user()
        flushing = asyncio.create_task(call.recorder.flush())
        await reached(comes_true(lambda: bool(refused.taken), pause=0), flushing)
        call.recorder.record(says("1"))
    assert await texts(store.conversation("ada", "1")) == ["1"]
    assert (await store.load("ada")).data == {"score": 1}
    assert len(refused.taken) == 3


async def test_what_cannot_be_stored_is_told_and_the_rest_is_stored(
    store: AsyncDynamoStore[Any], caplog: pytest.LogCaptureFixture
) -> None:
    conversation = store.conversation("ada", "1")
    async with Recorder(conversation) as recorder:
        recorder.record(says("1"))
        recorder.record(says("\ud800"))
        recorder.record(says("2"))
        with pytest.raises(UnsupportedValueError):
            recorder.record([{"content": object()}])
    assert await texts(conversation) == ["1", "2"]
    assert "A message could not be stored" in caplog.text
    await store.forget("ada")
    async with recorder:
        recorder.record(says("3"))
    assert "is not retried: The user of this conversation was forgotten" in caplog.text


async def test_a_call_that_ends_while_dynamodb_is_down(
    behind: AsyncDynamoStore[Any], proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    held = proxy.fail("GetItem", Fault.slow_request)
    recorder = Recorder(behind.conversation("ada", "1"))
    recorder.record(says("1", "2"))
    await reached(held.reached, asyncio.create_task(recorder.flush()))
    recorder.record(says("3"))
    await recorder.aclose(seconds=0)
    assert "3 messages are lost" in caplog.text
    held.release()
    await recorder.aclose()


async def test_the_user_of_a_call_is_saved_in_its_turn(store: AsyncDynamoStore[Any]) -> None:
    async with await Call.begin(store, "ada", "1") as call:
        assert (call.earlier, call.user.is_new) == ([], True)
        call.user.data["score"] = 1
        call.recorder.record(says("1"))
        call.recorder.save_user()
        await call.recorder.flush()
        assert (await store.load("ada")).data == {"score": 1}
        call.user.data["score"] = 2
    assert (await store.load("ada")).data == {"score": 2}


async def test_what_was_said_before(store: AsyncDynamoStore[Any]) -> None:
    await store.conversation("ada", "0").append([{"role": "assistant", "content": "no turn"}])
    await asyncio.sleep(0.002)  # times have milliseconds
    await store.conversation("ada", "1").append(says("first", "second"))
    await asyncio.sleep(0.002)
    empty = store.conversation("ada", "2")
    await empty.append(says("gone"))
    await empty.clear()
    assert (await Call.begin(store, "ada", "3")).earlier == says("first", "second")
    assert (await Call.begin(store, "ada", "3", turns=1)).earlier == says("second")
    await store.conversation("ada", "3").append(says("third"))
    assert (await Call.begin(store, "ada", "3")).earlier == says("third")
    assert (await Call.begin(store, "bob", "1")).earlier == []


async def test_a_user_who_cannot_be_saved_ends_no_call(
    store: AsyncDynamoStore[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with await Call.begin(store, "ada", "1") as call:
        call.user.data["when"] = object()
        call.recorder.record(says("1"))
    assert await texts(call.conversation) == ["1"]
    assert "Storing the user failed" in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR


async def test_an_error_of_the_apps_own_ends_no_call(
    store: AsyncDynamoStore[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def save() -> None:
        raise ZeroDivisionError

    async with Recorder(store.conversation("ada", "1"), save) as recorder:
        recorder.save_user()
        await recorder.flush()
        recorder.record(says("1"))
    assert await texts(recorder.conversation) == ["1"]
    assert "ZeroDivisionError" in caplog.text


async def test_an_error_that_comes_at_once_is_tried_again(no_pauses: None) -> None:
    """Python 3.11 does not trace a coroutine into which an awaited future throws; here nothing is awaited."""

    class Refusing:
        tries = 0

        async def store(self, entry: object) -> None:
            self.tries += 1
            if self.tries < 3:
                raise UnavailableError("not yet")

    conversation: Any = Refusing()
    async with Recorder(conversation) as recorder:
        recorder.record(says("1"))
    assert conversation.tries == 3
