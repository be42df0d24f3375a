"""The database of a test: fresh, found without being named, with faults on the wire."""

from __future__ import annotations

import os
from typing import Any

import pytest

from async_dynamo_store import (
    AsyncDynamoStore,
    ConflictError,
    ThrottledError,
    Turn,
    UnavailableError,
    UnsupportedValueError,
    VoiceApp,
)
from async_dynamo_store.testing import Alexa, VoiceDb, voice_database

pytestmark = pytest.mark.server

TABLE = {"table_name": "Users", "timeout_seconds": 60}


def make_app(**options: Any) -> VoiceApp[Any]:
    app: VoiceApp[Any] = VoiceApp({"db": TABLE | options})

    @app.intent("ScoreIntent")
    async def score(turn: Turn) -> None:
        turn.user.data["score"] = turn.user.data.get("score", 0) + int(turn.request.entities["points"])
        turn.ask(f"You have {turn.user.data['score']}.")

    @app.intent("NameIntent")
    async def name(turn: Turn) -> None:
        turn.user.data["name"] = "Anna"
        turn.ask("Hello Anna.")

    return app


APP = make_app()
"""Made at import, as most apps are: the tests go on with the one."""


@pytest.mark.parametrize("run", [1, 2])
async def test_each_test_has_no_tables(voice_db: VoiceDb, run: int) -> None:
    async with Alexa(APP) as alexa:
        assert (await alexa.intent("ScoreIntent", points=30)).text == "You have 30."
        assert await APP.store.get(alexa.user_id, "score") == 30


async def test_every_kind_of_store_is_on_the_one_engine(voice_db: VoiceDb) -> None:
    named = {"table_name": voice_db.table_name, "timeout_seconds": 60}
    stores = [
        AsyncDynamoStore(voice_db.config | named),
        AsyncDynamoStore(named),
        AsyncDynamoStore(named | {"type": "embedded"}),
    ]
    for number, store in enumerate(stores):
        async with store:
            assert await store.increment("anna", "score") == number + 1


async def test_an_open_store_goes_on_in_the_next_test(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        await alexa.intent("ScoreIntent", points=30)
        with voice_database() as inner, inner.throttled("Scan"):
            assert (await alexa.intent("ScoreIntent", points=1)).text == "You have 1."
        with voice_db.throttled(), pytest.raises(ThrottledError):
            await alexa.intent("ScoreIntent", points=1)


async def test_tables_of_all_regions_go(voice_db: VoiceDb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    config = TABLE | {"aws_config": {"region": "eu-central-1"}}
    with voice_database():
        async with AsyncDynamoStore(config) as store:
            await store.set("anna", "score", 1)
    with voice_database():
        async with AsyncDynamoStore(config) as store:
            assert not await store.exists("anna")


def test_a_database_without_pytest() -> None:
    with voice_database() as database:
        assert database.config["table_name"].startswith("test-")
        assert database.config["aws_config"]["endpoint_url"] == database.endpoint_url
        assert "AWS_ENDPOINT_URL_DYNAMODB" not in os.environ


async def test_throttled_until_the_block_ends(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        await alexa.intent("ScoreIntent", points=1)
        with voice_db.throttled("UpdateItem") as faults:
            with pytest.raises(ThrottledError):
                await alexa.intent("ScoreIntent", points=1)
            assert faults.count == 3
        assert (await alexa.intent("ScoreIntent", points=1)).text == "You have 2."


async def test_one_request_throttled_is_tried_again(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        with voice_db.throttled(times=1) as faults:
            assert (await alexa.intent("ScoreIntent", points=1)).text == "You have 1."
        assert faults.count == 1


async def test_a_lost_answer_is_no_lost_write(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        await alexa.intent("ScoreIntent", points=1)
        with voice_db.answers_lost("UpdateItem", times=1) as faults:
            assert (await alexa.intent("ScoreIntent", points=1)).text == "You have 2."
        assert faults.count == 1
        assert await APP.store.get(alexa.user_id, "score") == 2


async def test_all_answers_lost(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        await alexa.intent("ScoreIntent", points=1)
        with voice_db.answers_lost("GetItem"), pytest.raises(UnavailableError):
            await alexa.intent("ScoreIntent", points=1)


async def test_faults_of_other_operations_pass(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        with voice_db.throttled("Scan") as first, voice_db.answers_lost("Scan") as second:
            await alexa.intent("ScoreIntent", points=1)
        assert (first.count, second.count) == (0, 0)


async def test_a_conflict_is_raised(voice_db: VoiceDb) -> None:
    app = make_app(on_conflict="raise")
    async with app, Alexa(app) as alexa:
        await alexa.intent("ScoreIntent", points=1)
        with voice_db.conflict(app.store, alexa.user_id, {"score": 50}):
            with pytest.raises(ConflictError) as raised:
                await alexa.intent("ScoreIntent", points=1)
            assert raised.value.stored is not None
            assert raised.value.stored.data == {"score": 50}
            assert (await alexa.intent("ScoreIntent", points=1)).text == "You have 51."


async def test_a_conflict_is_merged(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        await alexa.intent("ScoreIntent", points=1)
        with voice_db.conflict(APP.store, alexa.user_id, {"score": 50, "round": 2}) as faults:
            await alexa.intent("NameIntent")
        assert faults.count == 1
        user = await APP.store.load(alexa.user_id)
        assert user.data == {"score": 50, "round": 2, "name": "Anna"}


async def test_on_error_answers(voice_db: VoiceDb) -> None:
    app = make_app()

    @app.on_error
    async def apologize(turn: Turn, error: Exception) -> None:
        turn.tell(f"Sorry, {type(error).__name__}.")

    async with app, Alexa(app) as alexa:
        with voice_db.throttled():
            answer = await alexa.intent("ScoreIntent", points=1)
        assert (answer.text, answer.ends_session) == ("Sorry, ThrottledError.", True)


async def test_a_conflict_that_cannot_be_made_says_why(voice_db: VoiceDb) -> None:
    async with Alexa(APP) as alexa:
        await alexa.intent("ScoreIntent", points=1)
        with (
            pytest.raises(UnsupportedValueError, match="score"),
            voice_db.conflict(APP.store, alexa.user_id, {"score.round": 1}),
        ):
            await alexa.intent("ScoreIntent", points=1)


def test_faults_that_cannot_be(voice_db: VoiceDb) -> None:
    unknown, never = voice_db.throttled("UpdateItm"), voice_db.answers_lost(times=0)
    with (
        pytest.raises(ValueError, match="unknown operation 'UpdateItm'; the store uses BatchGetItem"),
        unknown,
    ):
        pass
    with pytest.raises(ValueError, match="times is 0; pass 1 or more"), never:
        pass


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
async def test_the_engine_is_reached_past_a_proxy(
    voice_db: VoiceDb, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv(name, "intranet.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    for variable, value in voice_db.environment.items():
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert os.environ["no_proxy"] == "intranet.example,127.0.0.1"
    async with Alexa(APP) as alexa:
        assert (await alexa.intent("ScoreIntent", points=1)).text == "You have 1."
