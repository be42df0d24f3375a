"""What mypy and pyright are to know; both check this file, nobody runs it."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

from async_dynamo_store import AsyncDynamoStore, DynamoDbSettings, RequestPipeline, Turn, UserRecord, VoiceApp


class Profile(BaseModel):
    name: str = ""
    score: int = 0


async def plain() -> None:
    async with AsyncDynamoStore("Users") as store:
        assert_type(store, AsyncDynamoStore[dict[str, Any]])
        record = await store.load("ada")
        assert_type(record, UserRecord[dict[str, Any]])
        assert_type(record.data, dict[str, Any])


async def typed() -> None:
    store = AsyncDynamoStore({"table_name": "Users"}, data_model=Profile)
    assert_type(store, AsyncDynamoStore[Profile])
    assert_type((await store.load("ada")).data, Profile)
    async with store.turn("ada") as user:
        assert_type(user, UserRecord[Profile])
        user.data.score += 1
    async for record in store.scan():
        assert_type(record, UserRecord[Profile])
    async for found in store.query("by-name", "Ada"):
        assert_type(found.data.name, str)

    def rename(record: UserRecord[Profile]) -> None:
        record.data.name = "Ada"

    assert_type(await store.update("ada", rename), UserRecord[Profile])
    for record in await store.load_many(["ada", "grace"]):
        assert_type(record.data, Profile)
    pipeline = RequestPipeline[Profile]()
    store.install(pipeline)


def typed_app() -> VoiceApp[Profile]:
    app = VoiceApp({"db": "Users"}, data_model=Profile)
    assert_type(app, VoiceApp[Profile])
    assert_type(app.store, AsyncDynamoStore[Profile])

    @app.intent("ScoreIntent")
    async def score(turn: Turn[Profile]) -> None:
        assert_type(turn.user.data, Profile)
        assert_type(turn.store, AsyncDynamoStore[Profile])
        turn.tell(f"Your score is {turn.user.data.score}.")

    @app.launch
    async def hello(turn: Turn[Profile]) -> None:
        turn.ask("Hello!", reprompt="Still there?")

    return app


def from_the_environment() -> None:
    assert_type(AsyncDynamoStore(DynamoDbSettings()), AsyncDynamoStore[dict[str, Any]])
    assert_type(DynamoDbSettings(table_name="Users", max_attempts=1).table_name, str)


def plain_app() -> None:
    app = VoiceApp()
    assert_type(app, VoiceApp[dict[str, Any]])

    @app.fallback
    async def answer(turn: Turn) -> None:
        assert_type(turn.user.data, dict[str, Any])


async def mistakes() -> None:
    """Each of these lines has to be an error: mypy and pyright both refuse an ignore that nothing needs."""
    store = AsyncDynamoStore("Users", data_model=Profile)
    record = await store.load("ada")
    print(record.data.nickname)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    record.data.score = "3"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    RequestPipeline[Profile]().use("sometime", plain)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
