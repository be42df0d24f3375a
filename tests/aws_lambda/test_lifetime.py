"""How long a client lives, and how long the store may take, in the test's own process."""

from __future__ import annotations

import asyncio
import math
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import snapshot_restore_py

from async_dynamo_store import AsyncDynamoStore, CredentialsError, Turn, UnavailableError, VoiceApp
from async_dynamo_store.dynamodb.deadline import time_left, time_limit
from async_dynamo_store.integrations.aws_lambda import LambdaHandler, lambda_handler
from tests.aws_lambda.events import dialogflow, http_api, intent, spoken
from tests.aws_lambda.relay import Relay
from tests.faults.proxy import FaultProxy
from tests.pages import ROOT, blocks

pytestmark = pytest.mark.one_engine

CLIENT_OPENED = "DynamoDB client opened"


SCRIPT = """
from async_dynamo_store import DynamoDbSettings, VoiceApp
from async_dynamo_store.integrations.aws_lambda import lambda_handler
from tests.aws_lambda.events import intent, spoken

app = VoiceApp({"db": DynamoDbSettings()})

@app.fallback
async def visit(turn):
    turn.tell(str(turn.user.is_new))

handler = lambda_handler(app)
print(spoken(handler(intent("Any"))), end="")
"""


@dataclass
class Context:
    """A Lambda context with so many seconds left."""

    seconds: float

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role's, as the environment of a function has them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "roleAccessKeyId")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "roleSecretAccessKey")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@pytest.fixture
def app(relay: Relay, table_name: str, credentials: None) -> VoiceApp[dict[str, Any]]:
    app = VoiceApp({"db": {"table_name": table_name, "aws_config": {"endpoint_url": relay.endpoint_url}}})

    @app.intent("Score")
    async def score(turn: Turn[dict[str, Any]]) -> None:
        turn.tell(f"{turn.user.increment('score')} points")

    @app.intent("Leave")
    async def leave(turn: Turn[dict[str, Any]]) -> None:
        write = asyncio.create_task(turn.store.set("bert", "score", 5))
        await asyncio.sleep(0)
        write.cancel()
        turn.tell("left")

    return app


@pytest.fixture
def made() -> Iterator[Callable[[VoiceApp[Any]], LambdaHandler]]:
    """`lambda_handler`, closed afterwards."""
    handlers: list[LambdaHandler] = []

    def make(app: VoiceApp[Any]) -> LambdaHandler:
        handlers.append(lambda_handler(app))
        return handlers[-1]

    yield make
    for handler in handlers:
        handler.close()


MakeHandler = Callable[[VoiceApp[Any]], LambdaHandler]


async def test_in_a_test_nothing_is_opened_at_import(
    app: VoiceApp[Any], made: MakeHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made(app)
    assert CLIENT_OPENED not in caplog.text


async def test_a_closed_handler_opens_again(app: VoiceApp[Any], made: MakeHandler, relay: Relay) -> None:
    handler = made(app)
    for points in (1, 2):
        assert spoken(await asyncio.to_thread(handler, intent("Score"))) == f"{points} points"
        await asyncio.to_thread(handler.close)
    assert relay.connections == 2


async def test_in_lambda_the_client_is_made_at_import(
    app: VoiceApp[Any],
    made: MakeHandler,
    relay: Relay,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    handler = await asyncio.to_thread(made, app)
    assert caplog.text.count(CLIENT_OPENED) == 1
    assert relay.connections == 0
    await asyncio.to_thread(handler, intent("Score"))
    assert caplog.text.count(CLIENT_OPENED) == 1


def test_in_lambda_without_a_database(made: MakeHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    app = VoiceApp()

    @app.fallback
    async def hello(turn: Turn) -> None:
        turn.tell("hello")

    assert spoken(made(app)(intent("Any"))) == "hello"


def test_a_client_that_cannot_be_made_is_left_to_the_first_turn(
    made: MakeHandler, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    handler = made(VoiceApp({"db": {"table_name": "Users", "aws_config": {"profile": "absent"}}}))
    assert "The client could not be created; the first request will try again" in caplog.text
    with pytest.raises(CredentialsError):
        handler(intent("Score"))


async def test_new_credentials_make_a_new_client(
    app: VoiceApp[Any], made: MakeHandler, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = made(app)
    for _ in range(2):
        await asyncio.to_thread(handler, intent("Score"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "newAccessKeyId")
    for _ in range(2):
        await asyncio.to_thread(handler, intent("Score"))
    assert relay.access_keys == ["roleAccessKeyId", "newAccessKeyId"]
    assert relay.connections == 2


async def test_a_write_that_was_left_is_finished_before_the_environment_freezes(
    app: VoiceApp[Any], made: MakeHandler, proxy: FaultProxy
) -> None:
    handler = made(app)
    await asyncio.to_thread(handler, intent("Score"))
    assert spoken(await asyncio.to_thread(handler, intent("Leave"))) == "left"
    assert proxy.log[-1].status == 200
    assert "'bert'" in str(proxy.log[-1].body)


async def test_the_invocations_time_bounds_the_store(
    app: VoiceApp[Any], made: MakeHandler, proxy: FaultProxy
) -> None:
    handler = made(app)
    await asyncio.to_thread(handler, intent("Score"), Context(60))
    sent = len(proxy.log)
    with pytest.raises(UnavailableError, match="No time was left"):
        await asyncio.to_thread(handler, intent("Score"), Context(0.2))
    assert len(proxy.log) == sent
    assert spoken(await asyncio.to_thread(handler, intent("Score"), Context(60))) == "2 points"


async def test_time_limits(table_name: str, aws_config: dict[str, str]) -> None:
    assert time_left() == math.inf
    async with AsyncDynamoStore({"table_name": table_name, "aws_config": aws_config}) as store:
        with time_limit(0.001), time_limit(60):
            assert time_left() <= 0.001
            with pytest.raises(UnavailableError, match="was not active after"):
                await store.ensure_table()
        assert time_left() == math.inf
        with time_limit(60):
            assert (await store.ensure_table()).created


async def test_the_hooks_of_a_snapshot(
    app: VoiceApp[Any], made: MakeHandler, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    handler = made(app)
    before: Any = snapshot_restore_py.get_before_snapshot()[-1]
    after: Any = snapshot_restore_py.get_after_restore()[-1]
    await asyncio.to_thread(handler, intent("Score"))
    await asyncio.to_thread(before[0])
    state = random.getstate()
    await asyncio.to_thread(after[0])
    assert random.getstate() != state
    assert caplog.text.count(CLIENT_OPENED) == 2
    assert spoken(await asyncio.to_thread(handler, intent("Score"))) == "2 points"
    assert caplog.text.count(CLIENT_OPENED) == 2
    assert relay.connections == 2


def test_there_may_be_no_hooks(made: MakeHandler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    registered = len(snapshot_restore_py.get_before_snapshot())
    made(VoiceApp())
    assert len(snapshot_restore_py.get_before_snapshot()) == registered


async def test_a_script_that_ends_leaves_nothing_open(
    relay: Relay, table_name: str, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_DB_TABLE_NAME", table_name)
    monkeypatch.setenv("VOICE_DB_TIMEOUT_SECONDS", "60")
    monkeypatch.setenv("VOICE_DB_AWS_CONFIG__ENDPOINT_URL", relay.endpoint_url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error::ResourceWarning", "-c", SCRIPT),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert output == b"True"


async def test_the_functions_of_the_documentation(
    relay: Relay, table_name: str, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", relay.endpoint_url)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "token")
    monkeypatch.setenv("DIALOGFLOW_SECRET", "secret")
    first, second = blocks(ROOT / "docs" / "aws-lambda.md", "python")
    names: dict[str, Any] = {}
    replace(first, source=first.source.replace("Users", table_name)).run(names)
    for visits in (1, 2):
        said = spoken(await asyncio.to_thread(names["handler"], intent("Any")))
        assert said == f"Hello! This is visit number {visits}."
    await asyncio.to_thread(names["handler"].close)
    second.run(names)
    assert (await asyncio.to_thread(names["handler"], http_api(dialogflow("Any"))))["statusCode"] == 403
    verified = http_api(dialogflow("Any"))
    verified["headers"]["x-skill-secret"] = "secret"
    assert (await asyncio.to_thread(names["handler"], verified))["statusCode"] == 200
    await asyncio.to_thread(names["handler"].close)
