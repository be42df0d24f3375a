"""What a developer gets wrong is said where it happens: what was got, and what to do."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from async_dynamo_store import AsyncDynamoStore, StoreError, Turn, VoiceApp
from async_dynamo_store.integrations.asgi import AsgiApp
from async_dynamo_store.integrations.aws_lambda import lambda_handler
from async_dynamo_store.integrations.verification import SharedSecret
from tests.integration.conftest import MakeApp, alexa
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine

SECRET = SharedSecret("dialogflow-es", header="x-secret", secret="s")


class Profile(BaseModel):
    score: int = 0


class Salted(BaseModel):
    scores: list[int] = []


@pytest.mark.parametrize(("returned", "kind"), [("Hello", "str"), ({"text": "Hello"}, "dict")])
async def test_a_handler_that_returns_its_answer(make_app: MakeApp, returned: Any, kind: str) -> None:
    app = make_app()

    @app.fallback
    async def greet(turn: Turn) -> Any:
        turn.user.data["score"] = 1
        return returned

    with pytest.raises(TypeError, match=rf"greet returned a {kind}.*answer with turn\.tell"):
        await app.handle(alexa("Any"))
    assert await app.store.get("amzn1.ask.account.ANNA", "score") is None


async def test_a_handler_may_return_what_is_no_answer(make_app: MakeApp) -> None:
    app = make_app()

    @app.fallback
    async def count(turn: Turn) -> Any:
        return turn.user.increment("score")

    await app.handle(alexa("Any"))
    assert await app.store.get("amzn1.ask.account.ANNA", "score") == 1


@pytest.mark.parametrize(
    ("verify", "message"),
    [
        ("on", "verify must be a list of verifiers, or \"off\" for development, not 'on'"),
        ([], "verify is empty: add a verifier for each platform"),
        (SECRET, "verify must be a list of verifiers"),
        (["alexa"], "'alexa' is not a verifier"),
        ([SharedSecret], "is not a verifier|must be a list of verifiers"),
    ],
    ids=["on", "none", "one", "a name", "a class"],
)
def test_what_is_no_list_of_verifiers(verify: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        AsgiApp(VoiceApp(), verify=verify)


def test_a_health_path_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match=r"must begin with a slash.*'health'"):
        lambda_handler(VoiceApp(), health_path="health")


async def test_an_app_on_a_ready_store(db: dict[str, Any]) -> None:
    store = AsyncDynamoStore(db, data_model=Profile)
    async with VoiceApp(store=store) as app:

        @app.fallback
        async def count(turn: Turn[Profile]) -> None:
            turn.user.data.score += 1

        assert app.store is store
        await app.handle(alexa("Any"))
        with pytest.raises(StoreError, match="already has a database"):
            app.set_dynamo_db("Users")
    assert (await store.load("amzn1.ask.account.ANNA")).data == Profile(score=1)
    await store.aclose()


def test_a_ready_store_has_its_own_model_and_database(db: dict[str, Any]) -> None:
    store = AsyncDynamoStore(db)
    with pytest.raises(TypeError, match="data_model belongs to the store"):
        # What is wrong is the test.
        VoiceApp(store=store, data_model=Profile)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    with pytest.raises(StoreError, match="already has a database"):
        VoiceApp({"db": db}, store=store)


@pytest.mark.parametrize("data_model", [None, Profile, Salted])
async def test_a_change_that_nobody_keeps_is_warned_of_once(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, data_model: Any
) -> None:
    app = make_app(data_model=data_model)

    @app.fallback
    async def talk(turn: Turn[Any]) -> None:
        if data_model is Profile:
            turn.user.data.score += 1
        elif data_model is Salted:
            turn.user.data.scores.append(1)
        else:
            turn.user.data["score"] = 1

    caplog.set_level(logging.WARNING)
    for name in (
        "alexa/anonymous",
        "alexa/anonymous",
        "lex-v2/anonymous",
        "lex-v2/anonymous",
        "alexa/intent",
    ):
        await app.handle(sample(name))
    warned = [record.getMessage() for record in caplog.records]
    assert [("alexa" in text, "lex-v2" in text, "user_id=" in text) for text in warned] == [
        (True, False, True),
        (False, True, True),
    ]


async def test_an_anonymous_user_who_is_left_alone_is_not_worth_a_word(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(data_model=Salted)

    @app.fallback
    async def talk(turn: Turn[Any]) -> None:
        turn.tell(f"{len(turn.user.data.scores)} scores")

    caplog.set_level(logging.WARNING)
    await app.handle(sample("alexa/anonymous"))
    assert caplog.records == []


@pytest.mark.server
@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [("alexa", "cryptography", "asgi"), ("alexa", "certifi", "asgi"), ("fastapi", "fastapi", "fastapi")],
)
def test_an_extra_that_is_not_installed_is_named(module: str, missing: str, extra: str) -> None:
    code = f"import sys\nsys.modules[{missing!r}] = None\nimport async_dynamo_store.integrations.{module}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'pip install "async-dynamo-store[{extra}]"' in done.stderr.splitlines()[-1]
    assert missing in done.stderr.splitlines()[-1]
