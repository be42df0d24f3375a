"""What is stored of a turn, and when: after handlers that end well, fail, are cancelled, or never run."""

from __future__ import annotations

import asyncio
import math
from typing import Any, get_args

import pytest

from async_dynamo_store import ConflictError, Turn, UnavailableError, UserNotLoadedError, VoiceApp
from async_dynamo_store.voice.pipeline import Stage
from tests.faults.proxy import Fault, FaultProxy
from tests.integration.conftest import ANNA, App, MakeApp, Stored, alexa, operations, spoken
from tests.unit.requests.sample import sample
from tests.waiting import reached

pytestmark = pytest.mark.one_engine


def with_handlers(app: App) -> App:
    @app.intent("Set")
    async def set_field(turn: Turn) -> None:
        turn.user.data[turn.request.entities["key"]] = turn.request.entities["value"]
        turn.tell("set")

    @app.intent("Read")
    async def read(turn: Turn) -> None:
        turn.tell(f"{turn.user.data}")

    @app.intent("Forget")
    async def forget(turn: Turn) -> None:
        turn.user.data["never"] = "stored"
        await turn.user.delete()
        turn.tell("forgotten")

    @app.intent("Fail")
    async def fail(turn: Turn) -> None:
        turn.user.data["never"] = "stored"
        turn.user.increment("visits", 100)
        turn.session.data["never"] = "answered"
        turn.tell("never said")
        raise LookupError("no such song")

    return app


async def test_a_turn_costs_what_it_changes(app: App, proxy: FaultProxy, stored: Stored) -> None:
    with_handlers(app)
    await app.store.ensure_table()
    await app.handle(alexa("Set", key="name", value="Anna"))
    operations(proxy)
    await app.handle(alexa("Set", key="city", value="Munich"))
    update = proxy.log[-1].body
    assert operations(proxy) == ["GetItem", "UpdateItem"]
    assert "Munich" in str(update["ExpressionAttributeValues"])
    assert "Anna" not in str(update)
    for _ in range(2):
        assert spoken(await app.handle(alexa("Read"))) == "{'name': 'Anna', 'city': 'Munich'}"
    assert operations(proxy) == ["GetItem", "GetItem"]
    assert await stored.data() == {"name": "Anna", "city": "Munich"}


async def test_the_request_that_finds_no_table_goes_on(app: App, proxy: FaultProxy, stored: Stored) -> None:
    with_handlers(app)
    assert spoken(await app.handle(alexa("Set", key="name", value="Anna"))) == "set"
    assert operations(proxy).count("CreateTable") == 1
    assert await stored.data() == {"name": "Anna"}


async def test_a_handler_that_raises_saves_nothing_and_its_words_are_taken_back(
    app: App, proxy: FaultProxy, stored: Stored
) -> None:
    with_handlers(app)
    errors = list[Exception]()

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        errors.append(error)
        turn.tell(f"sorry, {turn.user.id[-4:]}")

    request = sample("alexa/intent")
    request["request"]["intent"] = {"name": "Fail"}
    await app.handle(alexa("Set", key="name", value="Anna"))
    operations(proxy)
    response = await app.handle(request)
    assert spoken(response) == "sorry, ANNA"
    assert response["sessionAttributes"] == request["session"]["attributes"]
    assert [type(error) for error in errors] == [LookupError]
    assert operations(proxy) == ["GetItem"]
    assert await stored.data() == {"name": "Anna"}


async def test_without_on_error_the_error_comes_out_and_nothing_is_saved(app: App, stored: Stored) -> None:
    with_handlers(app)
    await app.store.ensure_table()
    with pytest.raises(LookupError, match="no such song"):
        await app.handle(alexa("Fail"))
    assert await stored.item() == {}


async def test_a_load_that_fails_runs_no_handler(app: App, proxy: FaultProxy, stored: Stored) -> None:
    with_handlers(app)
    await app.handle(alexa("Set", key="name", value="Anna"))
    proxy.fail("GetItem", Fault.server_error, times=math.inf)
    with pytest.raises(UnavailableError):
        await app.handle(alexa("Set", key="name", value="nobody"))

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        with pytest.raises(UserNotLoadedError):
            _ = turn.user
        turn.tell(type(error).__name__)

    assert spoken(await app.handle(alexa("Set", key="name", value="nobody"))) == "UnavailableError"
    await proxy.heal()
    assert await stored.data() == {"name": "Anna"}
    assert spoken(await app.handle(alexa("Read"))) == "{'name': 'Anna'}"


async def test_an_app_may_answer_while_the_database_is_down(
    make_app: MakeApp, proxy: FaultProxy, stored: Stored
) -> None:
    app = with_handlers(make_app(on_load_error="anonymous"))
    await app.handle(alexa("Set", key="name", value="Anna"))

    @app.fallback
    async def who(turn: Turn) -> None:
        turn.user.data["never"] = "stored"
        turn.tell("nobody" if turn.user.is_anonymous else turn.user.data["name"])

    proxy.fail("GetItem", Fault.server_error, times=math.inf)
    operations(proxy)
    assert spoken(await app.handle(alexa("Who"))) == "nobody"
    assert set(operations(proxy)) == {"GetItem"}
    await proxy.heal()
    assert await stored.data() == {"name": "Anna"}
    assert spoken(await app.handle(alexa("Who"))) == "Anna"


async def test_an_engine_that_is_gone_runs_no_handler(unused_tcp_port: int) -> None:
    aws = {
        "access_key_id": "a",
        "secret_access_key": "b",
        "region": "eu-west-1",
        "endpoint_url": f"http://127.0.0.1:{unused_tcp_port}",
    }
    app = VoiceApp({"db": {"table_name": "Users", "aws_config": aws, "max_attempts": 1}})
    with_handlers(app)
    async with app:
        with pytest.raises(UnavailableError, match="endpoint"):
            await app.handle(alexa("Set", key="name", value="Anna"))


async def test_a_save_that_fails_is_no_reply(app: App, proxy: FaultProxy) -> None:
    with_handlers(app)
    await app.store.ensure_table()

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        turn.tell(type(error).__name__)

    proxy.fail("PutItem", Fault.server_error, times=math.inf)
    assert spoken(await app.handle(alexa("Set", key="name", value="Anna"))) == "UnavailableError"


async def test_the_reply_comes_after_the_save(app: App, proxy: FaultProxy, stored: Stored) -> None:
    with_handlers(app)
    await app.store.ensure_table()
    save = proxy.fail("PutItem", Fault.slow_request)
    turn = asyncio.create_task(app.handle(alexa("Set", key="name", value="Anna")))
    await reached(save.reached, turn)
    assert not turn.done()
    assert await stored.item() == {}
    save.release()
    assert spoken(await turn) == "set"
    assert await stored.data() == {"name": "Anna"}


async def test_a_turn_cancelled_before_its_save_writes_nothing(
    app: App, proxy: FaultProxy, stored: Stored
) -> None:
    await app.store.ensure_table()
    in_handler = asyncio.Event()

    @app.fallback
    async def think(turn: Turn) -> None:
        turn.user.data["name"] = "Anna"
        in_handler.set()
        await asyncio.Event().wait()

    operations(proxy)
    turn = asyncio.create_task(app.handle(alexa("Any")))
    await reached(in_handler, turn)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert operations(proxy) == ["GetItem"]
    assert await stored.item() == {}


async def test_a_save_that_has_begun_is_finished_though_its_turn_is_cancelled(
    app: App, proxy: FaultProxy, stored: Stored
) -> None:
    with_handlers(app)
    errors = list[Exception]()

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        errors.append(error)

    await app.store.ensure_table()
    save = proxy.fail("PutItem", Fault.late_request, times=2)  # a cancelled save is sent again at once
    turn = asyncio.create_task(app.handle(alexa("Set", key="name", value="Anna")))
    await reached(save.reached, turn)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert await stored.item() == {}
    save.release()
    await app.store.aclose()
    assert await stored.data() == {"name": "Anna"}
    assert errors == []


async def test_a_user_deleted_in_the_turn_is_not_saved_again(
    app: App, proxy: FaultProxy, stored: Stored
) -> None:
    with_handlers(app)
    await app.handle(alexa("Set", key="name", value="Anna"))
    operations(proxy)
    assert spoken(await app.handle(alexa("Forget"))) == "forgotten"
    assert operations(proxy) == ["GetItem", "DeleteItem"]
    assert await stored.item() == {}
    assert spoken(await app.handle(alexa("Read"))) == "{}"


async def test_two_turns_at_once_both_stay(app: App, stored: Stored) -> None:
    both_in = asyncio.Barrier(2)

    @app.fallback
    async def meet(turn: Turn) -> None:
        turn.user.data[turn.request.entities["key"]] = True
        turn.user.increment("visits")
        await both_in.wait()

    await asyncio.gather(*(app.handle(alexa("Any", key=key)) for key in ("left", "right")))
    await asyncio.gather(*(app.handle(alexa("Any", key=key)) for key in ("up", "down")))
    assert await stored.data() == {"left": True, "right": True, "up": True, "down": True, "visits": 4}


async def test_a_conflict_reaches_on_error_with_the_record_that_won(
    make_app: MakeApp, stored: Stored
) -> None:
    app = make_app(on_conflict="raise")

    @app.fallback
    async def meddle(turn: Turn) -> None:
        await turn.store.set(turn.user.id, "winner", "other")
        turn.user.data["winner"] = "turn"

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        assert isinstance(error, ConflictError)
        assert error.stored
        turn.tell(error.stored.data["winner"])

    await app.store.set(ANNA, "first", 1)
    assert spoken(await app.handle(alexa("Any"))) == "other"
    assert await stored.data() == {"first": 1, "winner": "other"}


@pytest.mark.parametrize("name", ["alexa/anonymous", "messenger/anonymous"])
async def test_an_anonymous_user_is_neither_loaded_nor_saved(app: App, proxy: FaultProxy, name: str) -> None:
    seen = list[tuple[Any, ...]]()

    @app.fallback
    async def greet(turn: Turn) -> None:
        seen.append((turn.user.is_anonymous, turn.user.is_new, turn.user.id, dict(turn.user.data)))
        turn.user.data["name"] = "nobody"
        turn.user.increment("visits")
        turn.tell("hello")

    for _ in range(2):
        assert await app.handle(sample(name))
    assert seen == [(True, True, "", {})] * 2
    assert operations(proxy) == []


async def linked(raw: Any) -> str | None:
    await asyncio.sleep(0)
    account = raw.get("account")
    return f"account-{account}" if account else None


@pytest.mark.parametrize(
    "find_user_id",
    [lambda raw: f"account-{raw['account']}" if raw.get("account") else "", linked],
    ids=["sync", "async"],
)
async def test_a_function_names_the_user(make_app: MakeApp, stored: Stored, find_user_id: Any) -> None:
    app = make_app(user_id=find_user_id)

    @app.fallback
    async def count(turn: Turn) -> None:
        turn.user.increment("visits")
        turn.tell(turn.request.user_id or "nobody")

    names = [
        spoken(await app.handle(alexa("Any", user_id=device) | account))
        for device, account in (("phone", {"account": 7}), ("echo", {"account": 7}), ("echo", {}))
    ]
    assert names == ["account-7", "account-7", "nobody"]
    assert await stored.data("account-7") == {"visits": 2}
    assert await stored.users() == 1


async def test_a_function_that_cannot_name_the_user_reaches_on_error(
    make_app: MakeApp, proxy: FaultProxy
) -> None:
    def no_account(raw: Any) -> str:
        raise PermissionError("the link has expired")

    app = with_handlers(make_app(user_id=no_account))

    @app.on_error
    async def sorry(turn: Turn, error: Exception) -> None:
        turn.tell(f"{error}")

    assert spoken(await app.handle(alexa("Set", key="name", value="Anna"))) == "the link has expired"
    assert operations(proxy) == []


async def test_own_steps_run_after_those_of_the_stage_in_their_order(app: App) -> None:
    order = list[str]()

    def note(stage: str) -> Any:
        async def step(turn: Turn) -> None:
            saved = turn._user is not None and turn.user.updated_at is not None
            order.append(f"{stage}{', saved' if saved else ''}")
            if stage == "response":
                turn.response["extra"] = "by a step"

        return step

    for stage in get_args(Stage):
        app.pipeline.use(stage, note(stage))

    @app.fallback
    async def remember(turn: Turn) -> None:
        turn.user.data["name"] = "Anna"
        order.append("the app's handler")

    response = await app.handle(alexa("Any"))
    assert response["extra"] == "by a step"
    assert order == [
        *("request", "user.load", "the app's handler", "handler", "user.save, saved", "response, saved"),
    ]


async def test_a_response_step_that_raises_comes_after_the_save(app: App, stored: Stored) -> None:
    with_handlers(app)

    async def refuse(turn: Turn) -> None:
        raise RuntimeError("too long")

    app.pipeline.use("response", refuse)

    @app.on_error
    async def sorry(turn: Turn) -> None:
        turn.tell("sorry")

    assert spoken(await app.handle(alexa("Set", key="name", value="Anna"))) == "sorry"
    assert await stored.data() == {"name": "Anna"}


async def test_a_hundred_users_at_once_keep_apart(app: App, stored: Stored) -> None:
    @app.fallback
    async def remember(turn: Turn) -> None:
        await asyncio.sleep(0)
        turn.user.data["name"] = turn.request.user_id

    users = [f"user-{number}" for number in range(100)]
    await asyncio.gather(*(app.handle(alexa("Any", user_id=user)) for user in users))
    assert await stored.users() == 100
    assert [record.data["name"] for record in await app.store.load_many(users)] == users
