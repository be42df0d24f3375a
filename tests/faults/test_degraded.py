"""A voice app that answers while DynamoDB is down, and writes over nothing (`on_load_error="anonymous"`)."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import (
    StoreError,
    ThrottledError,
    Turn,
    UnavailableError,
    UnreadableItemError,
    VoiceApp,
)
from tests.faults.proxy import Fault, FaultProxy

if TYPE_CHECKING:
    from tests.faults.table import UsersTable

pytestmark = [pytest.mark.one_engine, pytest.mark.unmeasured]

App = VoiceApp[dict[str, Any]]
SECRET = "the name of the dog"
DATA = {"score": 10, "secret": SECRET}
LOST_READS = [Fault.reset_before, Fault.server_error, Fault.throttle, Fault.drop_answer, Fault.half_answer]


def request(intent: str, user_id: str = "ada") -> dict[str, Any]:
    """A request of Jovo's Web client."""
    return {
        "version": "4.0",
        "platform": "web",
        "id": "1",
        "timestamp": "2026-11-22T17:01:09.316Z",
        "timeZone": "Europe/Berlin",
        "locale": "en",
        "input": {"type": "INTENT", "intent": intent},
        "context": {
            "device": {"capabilities": []},
            "session": {"id": "s", "isNew": True, "data": {}, "updatedAt": "2026-11-22T17:01:09.316Z"},
            "user": {"id": user_id, "data": {}},
        },
    }


@pytest.fixture
async def make_app(proxied_aws_config: dict[str, str], table_name: str) -> AsyncIterator[Callable[..., App]]:
    apps: list[App] = []

    def make(**options: Any) -> App:
        db = {
            "table_name": table_name,
            "aws_config": proxied_aws_config,
            "timeout_seconds": 60,
            "stored_elements": {"session": True, "history": True},
        }
        app: App = VoiceApp({"db": db | options})

        @app.intent("Score")
        async def score(turn: Turn) -> None:
            total = turn.user.increment("score")
            turn.user.data["seen"] = True
            turn.session.data["seen"] = True
            turn.tell(f"{'anonymous' if turn.user.is_anonymous else 'known'} {total}")

        @app.intent("Forget")
        async def forget(turn: Turn) -> None:
            await turn.user.delete()

        apps.append(app)
        return app

    yield make
    for app in apps:
        await app.store.aclose()


async def say(app: App, intent: str) -> str:
    response = await app.handle(request(intent))
    return str(response["output"][0]["message"])


@pytest.mark.parametrize("fault", LOST_READS)
async def test_the_handler_has_an_anonymous_user_and_nothing_is_saved(
    fault: Fault,
    make_app: Callable[..., App],
    users: UsersTable,
    proxy: FaultProxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await users.put("ada", DATA)
    before = await users.item("ada")
    app = make_app(on_load_error="anonymous")
    proxy.fail("GetItem", fault, times=math.inf)

    with caplog.at_level(logging.WARNING, "async_dynamo_store"):
        assert await say(app, "Score") == "anonymous 1"

    assert await users.item("ada") == before
    assert {exchange.operation for exchange in proxy.log} == {"GetItem"}
    (logged,) = caplog.records
    assert "ada" not in logged.getMessage()
    assert SECRET not in caplog.text

    await proxy.heal()
    assert await say(app, "Score") == "known 11"
    assert await users.data("ada") == DATA | {"score": 11, "seen": True}


async def test_a_load_past_the_deadline(
    make_app: Callable[..., App], users: UsersTable, proxy: FaultProxy
) -> None:
    await users.put("ada", DATA)
    app = make_app(on_load_error="anonymous", timeout_seconds=0.3)
    proxy.fail("GetItem", Fault.slow_answer, times=math.inf)

    assert await say(app, "Score") == "anonymous 1"

    assert await users.data("ada") == DATA


@pytest.mark.parametrize("options", [{}, {"on_load_error": "raise"}, {"onLoadError": "raise"}])
@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.throttle, ThrottledError), (Fault.drop_answer, UnavailableError)]
)
async def test_without_it_the_turn_fails(
    fault: Fault,
    error: type[Exception],
    options: dict[str, str],
    make_app: Callable[..., App],
    users: UsersTable,
    proxy: FaultProxy,
) -> None:
    await users.put("ada", DATA)
    app = make_app(**options)
    proxy.fail("GetItem", fault, times=math.inf)

    with pytest.raises(error):
        await say(app, "Score")

    assert await users.data("ada") == DATA


async def test_an_unreadable_item_is_no_failed_load(make_app: Callable[..., App], users: UsersTable) -> None:
    await users.client.put_item(
        TableName=users.name, Item={"userId": {"S": "ada"}, "user": {"S": "edited by hand"}}
    )
    before = await users.item("ada")
    app = make_app(on_load_error="anonymous")

    with pytest.raises(UnreadableItemError, match="user"):
        await say(app, "Score")

    assert await users.item("ada") == before


async def test_a_save_that_fails_still_fails_the_turn(
    make_app: Callable[..., App], users: UsersTable, proxy: FaultProxy
) -> None:
    await users.put("ada", DATA)
    app = make_app(on_load_error="anonymous")
    proxy.fail("UpdateItem", Fault.server_error, times=math.inf)

    with pytest.raises(UnavailableError):
        await say(app, "Score")

    assert await users.data("ada") == DATA


async def test_an_anonymous_user_cannot_be_deleted(
    make_app: Callable[..., App], users: UsersTable, proxy: FaultProxy
) -> None:
    await users.put("ada", DATA)
    app = make_app(on_load_error="anonymous")
    proxy.fail("GetItem", Fault.server_error, times=math.inf)

    with pytest.raises(StoreError, match="could not be loaded"):
        await say(app, "Forget")

    assert await users.data("ada") == DATA
