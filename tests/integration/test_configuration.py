"""All the ways to name the database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from async_dynamo_store import (
    AppConfig,
    AsyncDynamoStore,
    AwsConfig,
    CredentialsError,
    DynamoDbConfig,
    DynamoDbSettings,
    RequestPipeline,
    StoreClosedError,
    StoreError,
    Turn,
    UserNotLoadedError,
    VoiceApp,
)
from async_dynamo_store.voice.requests import parse_request
from tests.conftest import point_default_chain_at
from tests.faults.proxy import FaultProxy
from tests.integration.conftest import MakeApp, Stored, alexa, operations, spoken

pytestmark = pytest.mark.one_engine

CAMEL = {
    "access_key_id": "accessKeyId",
    "secret_access_key": "secretAccessKey",
    "region": "region",
    "endpoint_url": "endpoint",
}


def camel(aws: dict[str, str]) -> dict[str, str]:
    return {CAMEL[name]: value for name, value in aws.items()}


def by_setter(*arguments: Any, **options: Any) -> VoiceApp[Any]:
    app: VoiceApp[Any] = VoiceApp()
    app.set_dynamo_db(*arguments, **options)
    return app


def environment(table: str, aws: dict[str, str]) -> dict[str, str]:
    """The settings of `aws`, as variables."""
    named = {f"VOICE_DB_AWS_CONFIG__{name.upper()}": value for name, value in aws.items()}
    return {"VOICE_DB_TABLE_NAME": table, **named}


def from_settings(patch: pytest.MonkeyPatch, table: str, aws: dict[str, str]) -> VoiceApp[Any]:
    for name, value in environment(table, aws).items():
        patch.setenv(name, value)
    return VoiceApp({"db": DynamoDbSettings()})


def from_env_file(patch: pytest.MonkeyPatch, table: str, aws: dict[str, str]) -> VoiceApp[Any]:
    lines = [f"{name}={value}\n" for name, value in environment(table, aws).items()]
    Path(".env").write_text("OTHER=1\n" + "".join(lines), encoding="utf-8")
    return VoiceApp({"db": DynamoDbSettings()})


def default_chain(patch: pytest.MonkeyPatch, table: str, aws: dict[str, str]) -> VoiceApp[Any]:
    point_default_chain_at(aws, patch)
    return VoiceApp({"db": table})


def profile_file(patch: pytest.MonkeyPatch, aws: dict[str, str]) -> None:
    lines = [
        "[profile skill]",
        f"aws_access_key_id = {aws['access_key_id']}",
        f"aws_secret_access_key = {aws['secret_access_key']}",
        f"region = {aws['region']}",
        "services = here",
        "[services here]",
        "dynamodb =",
        f"  endpoint_url = {aws['endpoint_url']}",
    ]
    Path("aws-config").write_text("\n".join(lines), encoding="utf-8")
    patch.setenv("AWS_CONFIG_FILE", "aws-config")


def profile_of_the_environment(patch: pytest.MonkeyPatch, table: str, aws: dict[str, str]) -> VoiceApp[Any]:
    profile_file(patch, aws)
    patch.setenv("AWS_PROFILE", "skill")
    return by_setter(table)


def profile_by_name(patch: pytest.MonkeyPatch, table: str, aws: dict[str, str]) -> VoiceApp[Any]:
    profile_file(patch, aws)
    return by_setter(table, {"profile": "skill"})


Way = Callable[[pytest.MonkeyPatch, str, dict[str, str]], VoiceApp[Any]]

WAYS: dict[str, Way] = {
    "constructor, Jovo's words": lambda _, table, aws: VoiceApp(
        {"db": {"type": "dynamodb", "tableName": table, "awsConfig": camel(aws)}}
    ),
    "constructor, Python's words": lambda _, table, aws: VoiceApp(
        {"db": {"type": "dynamodb", "table_name": table, "aws_config": aws}}
    ),
    "constructor, DynamoDbConfig": lambda _, table, aws: VoiceApp(
        {"db": DynamoDbConfig(table_name=table, aws_config=AwsConfig.model_validate(aws))}
    ),
    "constructor, AppConfig": lambda _, table, aws: VoiceApp(
        AppConfig(db={"tableName": table, "awsConfig": camel(aws)})
    ),
    "constructor, DynamoDbSettings": from_settings,
    "constructor, .env": from_env_file,
    "setter, Jovo's words": lambda _, table, aws: by_setter(table, camel(aws)),
    "setter, Python's words": lambda _, table, aws: by_setter(table, aws_config=aws),
    "setter, AwsConfig": lambda _, table, aws: by_setter(table, AwsConfig.model_validate(aws)),
    "setter, other fields": lambda _, table, aws: by_setter(table, awsConfig=aws, createTableOnInit=True),
    "default chain, environment": default_chain,
    "default chain, profile of the environment": profile_of_the_environment,
    "default chain, profile by name": profile_by_name,
}


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """For an environment of one's own, in a folder of one's own."""
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_each_way_to_name_the_database_remembers_the_user(
    way: Way,
    patch: pytest.MonkeyPatch,
    table_name: str,
    aws_config: dict[str, str],
    stored: Stored,
) -> None:
    app = way(patch, table_name, aws_config)

    @app.fallback
    async def count(turn: Turn) -> None:
        turn.tell(f"visit {turn.user.increment('visits')}")

    async with app:
        responses = [await app.handle(alexa("AnyIntent")) for _ in range(2)]
    assert [spoken(response) for response in responses] == ["visit 1", "visit 2"]
    assert await stored.data() == {"visits": 2}


async def test_the_embedded_database_is_used_as_the_real_one() -> None:
    app = VoiceApp({"db": {"type": "embedded", "tableName": "Users"}})

    @app.launch
    async def welcome(turn: Turn) -> None:
        turn.tell("new" if turn.user.is_new else "known")
        turn.user.data["seen"] = True

    async with app:
        responses = [await app.handle(alexa("LaunchRequest")) for _ in range(2)]
        assert await app.store.get("amzn1.ask.account.ANNA", "seen") is True
    assert [spoken(response) for response in responses] == ["new", "known"]


async def test_a_model_types_the_data_of_an_apps_users(make_app: MakeApp, stored: Stored) -> None:
    class Profile(BaseModel):
        name: str = ""
        score: int = 0

    app: VoiceApp[Profile] = make_app(data_model=Profile)

    @app.launch
    async def welcome(turn: Turn[Profile]) -> None:
        turn.user.data.score += 5
        turn.tell(repr(turn.user.data))

    await app.handle(alexa("LaunchRequest"))
    assert spoken(await app.handle(alexa("LaunchRequest"))) == "Profile(name='', score=10)"
    assert await stored.data() == {"score": 10}


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"db": {"table_name": "Users", "colour": "red"}}, "colour"),
        ({"db": {"type": "dynamodb"}}, "table_name"),
        ({"db": "no"}, "table_name"),
        ({"db": 5}, "db"),
        ({"database": "Users"}, "database"),
        (
            {"db": {"tableName": "Users", "awsConfig": {"accessKeyId": "AKIA", "secret": "s3cret"}}},
            "awsConfig",
        ),
    ],
)
def test_wrong_configuration_is_told_before_anything_is_sent(config: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as failed:
        VoiceApp(config)
    assert "s3cret" not in str(failed.value)
    assert place in {str(part) for problem in failed.value.errors() for part in problem["loc"]} | {
        "awsConfig"
    }


def test_an_app_has_one_database() -> None:
    app = VoiceApp({"db": "Users"})
    with pytest.raises(StoreError, match="already has a database"):
        app.set_dynamo_db("Others")
    assert app.store.config.table_name == "Users"


async def test_without_a_database_handlers_run_and_users_are_not_there() -> None:
    app = VoiceApp()
    seen = list[str]()

    @app.fallback
    async def anything(turn: Turn) -> None:
        turn.session.data["asked"] = True
        turn.ask("hello")
        for look in (lambda: turn.user, lambda: turn.history, lambda: turn.store):
            with pytest.raises(StoreError) as missing:
                look()
            seen.append(type(missing.value).__name__)

    async with app:
        response = await app.handle(alexa("AnyIntent"))
    assert spoken(response) == "hello"
    assert response["sessionAttributes"] == {"asked": True}
    assert seen == ["UserNotLoadedError", "UserNotLoadedError", "StoreError"]
    with pytest.raises(StoreError, match="no database"):
        _ = app.store


async def test_a_closed_app_says_so(app: VoiceApp[Any]) -> None:
    async with app:
        await app.handle(alexa("AnyIntent"))
    with pytest.raises(StoreClosedError):
        await app.handle(alexa("AnyIntent"))


async def test_a_profile_that_is_not_there_is_told(table_name: str) -> None:
    app = by_setter(table_name, {"profile": "nobody", "region": "eu-west-1"})
    with pytest.raises(CredentialsError):
        await app.handle(alexa("AnyIntent"))
    with pytest.raises(CredentialsError):
        await app.store.open()
    await app.store.aclose()


async def test_a_store_is_put_into_a_pipeline_without_an_app(db: dict[str, Any], stored: Stored) -> None:
    pipeline = RequestPipeline[dict[str, Any]]()

    async def count(turn: Turn) -> None:
        turn.user.data["visits"] = turn.user.data.get("visits", 0) + 1
        turn.tell("counted")

    pipeline.use("handler", count)
    async with AsyncDynamoStore(db) as store:
        store.install(pipeline)
        (request,) = parse_request(alexa("AnyIntent"))
        response = await pipeline.run(Turn(request, store))
    assert spoken(response) == "counted"
    assert await stored.data() == {"visits": 1}


def test_a_pipeline_has_the_stages_of_a_turn_and_no_others() -> None:
    async def step(turn: Turn) -> None: ...

    with pytest.raises(ValueError, match=r"request, user\.load, handler, user\.save, response, fail"):
        RequestPipeline[Any]().use("answer", step)  # type: ignore[arg-type]  # what is wrong is the test


async def test_implicit_save_off_leaves_the_user_to_the_handler(
    make_app: MakeApp, proxy: FaultProxy, stored: Stored
) -> None:
    app = make_app(implicit_save=False)
    await app.store.ensure_table()
    operations(proxy)

    @app.intent("Idle")
    async def idle(turn: Turn) -> None:
        with pytest.raises(UserNotLoadedError, match=r"turn\.store"):
            _ = turn.user
        turn.tell("nothing done")

    @app.intent("Count")
    async def count(turn: Turn) -> None:
        assert turn.request.user_id
        async with turn.store.turn(turn.request.user_id) as user:
            user.data["visits"] = user.data.get("visits", 0) + 1
        turn.tell("counted")

    assert spoken(await app.handle(alexa("Idle"))) == "nothing done"
    assert operations(proxy) == []
    assert spoken(await app.handle(alexa("Count"))) == "counted"
    assert operations(proxy) == ["GetItem", "PutItem"]
    assert await stored.data() == {"visits": 1}
