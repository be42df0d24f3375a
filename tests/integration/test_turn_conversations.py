"""`turn.conversation`: the transcript of a turn's session, saved with the turn's user."""

from __future__ import annotations

from typing import Any

import pytest

from async_dynamo_store import (
    AsyncDynamoStore,
    Turn,
    UnsupportedValueError,
    UserNotLoadedError,
    VoiceApp,
)
from tests.faults.table import open_store
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine


@pytest.fixture
async def store(aws_config: dict[str, str], table_name: str) -> Any:
    async with open_store(aws_config, table_name, conversations={}, timeout_seconds=60) as store:
        yield store


def asked(name: str = "alexa/intent", **fields: Any) -> dict[str, Any]:
    raw: dict[str, Any] = sample(name)
    return raw | fields


def app_of(store: AsyncDynamoStore[Any]) -> VoiceApp[Any]:
    app: VoiceApp[Any] = VoiceApp(store=store)

    @app.fallback
    async def answer(turn: Turn[Any]) -> None:
        said = len(await turn.conversation.messages())
        await turn.conversation.append([{"role": "user", "content": f"message {said}"}])
        await turn.conversation.append([{"role": "assistant", "content": f"reply {said}"}])
        turn.user.data["last"] = len(await turn.conversation.last_turns(1))
        if said == 4:
            raise RuntimeError("the model is down")
        turn.tell(str([message["content"] for message in await turn.conversation.messages(3)]))

    return app


def of_session(session_id: str) -> dict[str, Any]:
    raw = asked()
    raw["session"]["sessionId"] = session_id
    return raw


async def spoken(app: VoiceApp[Any], raw: dict[str, Any]) -> str:
    answer = await app.handle(raw)
    return str(answer["response"]["outputSpeech"]["ssml"])


async def test_a_turn_belongs_to_the_conversation_of_its_session(store: AsyncDynamoStore[Any]) -> None:
    app = app_of(store)
    assert "message 0', 'reply 0" in await spoken(app, of_session("first"))
    assert "reply 0', 'message 2', 'reply 2" in await spoken(app, of_session("first"))
    assert "message 0', 'reply 0" in await spoken(app, of_session("second"))
    user_id = of_session("first")["context"]["System"]["user"]["userId"]
    conversation = store.conversation(user_id, "first")
    texts = [message["content"] for message in await conversation.messages()]
    assert texts == ["message 0", "reply 0", "message 2", "reply 2"]
    record = await store.load(user_id)
    assert record.data == {"last": 2}
    # A handler that raises saves nothing.
    with pytest.raises(RuntimeError, match="the model is down"):
        await app.handle(of_session("first"))
    assert len(await conversation.messages()) == 4
    assert {each.id async for each in store.conversations(user_id)} == {"first", "second"}


async def test_a_platform_without_sessions_has_one_conversation(store: AsyncDynamoStore[Any]) -> None:
    app = app_of(store)
    await app.handle(asked("messenger/text"))
    (user_id,) = [record.id async for record in store.scan()]
    assert len(await store.conversation(user_id, "messenger").messages()) == 2


async def test_nothing_is_kept_of_nobody(store: AsyncDynamoStore[Any]) -> None:
    app = app_of(store)
    assert "message 0', 'reply 0" in await spoken(app, asked("alexa/anonymous"))
    assert "message 0', 'reply 0" in await spoken(app, asked("alexa/anonymous"))
    assert [record async for record in store.scan()] == []


async def test_a_user_who_is_not_loaded_has_no_conversation(
    aws_config: dict[str, str], table_name: str
) -> None:
    app: VoiceApp[Any] = VoiceApp(store=open_store(aws_config, table_name, implicit_save=False))

    @app.fallback
    async def answer(turn: Turn[Any]) -> None:
        await turn.conversation.append([])

    with pytest.raises(UserNotLoadedError, match=r"turn\.store"):
        await app.handle(asked())


async def test_what_is_no_json_ends_the_turn_before_anything_is_saved(store: AsyncDynamoStore[Any]) -> None:
    app: VoiceApp[Any] = VoiceApp(store=store)

    @app.fallback
    async def answer(turn: Turn[Any]) -> None:
        turn.user.data["score"] = 1
        await turn.conversation.append([{"content": "\ud800"}])

    with pytest.raises(UnsupportedValueError):
        await app.handle(asked())
    assert [record async for record in store.scan()] == []


async def test_the_key_of_a_platform_is_that_of_its_user(aws_config: dict[str, str], table_name: str) -> None:
    async with open_store(
        aws_config,
        table_name,
        prefix_primary_key_with_platform=True,
        primary_key_prefix="v#",
        timeout_seconds=60,
    ) as store:
        await app_of(store).handle(of_session("first"))
        raw_id = asked()["context"]["System"]["user"]["userId"]
        conversation = store.conversation(f"AlexaSkill::{raw_id}", "first")
        (key,) = [record.loaded.key async for record in store.scan() if record.loaded]
        assert conversation._entries.root_key["userId"] == {"S": key}
        assert len(await conversation.messages()) == 2
        assert (await store.forget(f"AlexaSkill::{raw_id}")).items == 2


async def test_a_user_forgotten_in_the_middle_of_a_turn(store: AsyncDynamoStore[Any]) -> None:
    app: VoiceApp[Any] = VoiceApp(store=store)
    await app_of(store).handle(of_session("first"))

    @app.fallback
    async def answer(turn: Turn[Any]) -> None:
        turn.user.data["score"] = 1
        await turn.conversation.append([{"content": "late"}])
        await turn.store.forget(str(turn.request.user_id))

    await app.handle(of_session("first"))
    assert [record async for record in store.scan()] == []
    user_id = of_session("first")["context"]["System"]["user"]["userId"]
    assert [each.id async for each in store.conversations(user_id)] == []
