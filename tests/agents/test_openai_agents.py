"""The OpenAI Agents SDK on DynamoDB: its runner, with a scripted model, and its own tests of sessions."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from agents import Agent, RunConfig, RunContextWrapper, Runner, Session, SessionSettings
from agents.realtime import RealtimeHistoryAdded, RealtimeHistoryUpdated
from agents.realtime.items import (
    AssistantAudio,
    AssistantMessageItem,
    InputAudio,
    InputText,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
)
from agents.testing import ScriptedModel
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from async_dynamo_store import AsyncDynamoStore, StoreError
from async_dynamo_store.integrations.openai_agents import DynamoDBSession, RealtimeRecorder
from tests.conftest import Engine

pytestmark = pytest.mark.one_engine

ROOT = Path(__file__).parents[2]
SDK = ROOT / ".openai-agents"
"""Where the SDK's source distribution is unpacked; git ignores it."""
OF_SQLITE = {
    "test_sqlite_session_close_closes_worker_thread_connections": "SQLite's connections",
    "test_sqlite_session_reaps_connections_from_exited_worker_threads": "SQLite's connections",
    "test_sqlite_session_closes_retired_connections_before_the_next_allocation": "SQLite's connections",
    "test_sqlite_session_keeps_connections_of_live_worker_threads": "SQLite's connections",
    "test_sqlite_session_closed_rejects_empty_add_items": "the message of a closed SQLiteSession",
    "test_sqlite_session_pop_item_skips_corrupt_most_recent": "writes a broken row with SQL",
    "test_sqlite_session_pop_item_returns_none_after_dropping_only_corrupt_rows": "writes a broken row with SQL",
    "test_sqlite_session_get_items_limit_skips_corrupt_newest_rows": "writes a broken row with SQL",
    "test_sqlite_session_get_items_session_settings_limit_skips_corrupt_rows": "writes a broken row with SQL",
    "test_sqlite_session_file_lock_is_shared_across_instances": "SQLite's locks",
    "test_sqlite_session_failed_add_items_releases_write_lock": "SQLite's locks, and json's own TypeError",
    "test_sqlite_session_failed_clear_session_rolls_back": "drops a table with SQL",
    "test_sqlite_session_failed_pop_item_releases_write_lock": "drops a table with SQL",
    "test_sqlite_session_rollback_failure_evicts_connection": "SQLite's connections",
    "test_sqlite_session_close_retries_quarantined_connection": "SQLite's connections",
    "test_sqlite_session_post_commit_cancellation_propagates_after_known_outcome": "SQLite's connections",
}
"""The tests of the SDK that are not run, and what they are about."""


def said(text: str) -> list[Any]:
    part = ResponseOutputText(text=text, type="output_text", annotations=[])
    return [
        ResponseOutputMessage(id="m1", type="message", role="assistant", content=[part], status="completed")
    ]


def item(role: str, text: str) -> Any:
    return {"role": role, "content": text}


async def test_an_agent_remembers_what_was_said(store: AsyncDynamoStore[Any]) -> None:
    model = ScriptedModel([said("Hello Ada."), said("Your name is Ada.")])
    agent = Agent(name="Assistant", model=model)
    session = DynamoDBSession(store, "ada", "support-1")
    assert isinstance(session, Session)
    await Runner.run(agent, "I am Ada.", session=session)
    elsewhere = DynamoDBSession(store, "ada", "support-1")
    result = await Runner.run(agent, "Who am I?", session=elsewhere)
    assert result.final_output == "Your name is Ada."
    stored = await session.conversation().messages()
    assert [each["role"] for each in stored] == ["user", "assistant", "user", "assistant"]
    assert (await anext(store.conversations("ada"))).id == "support-1"


async def test_settings_limit_what_a_run_is_given(store: AsyncDynamoStore[Any]) -> None:
    session = DynamoDBSession(store, "ada", "1", session_settings=SessionSettings(limit=2))
    await session.add_items([item("user", str(number)) for number in range(5)])
    assert await session.get_items() == [item("user", "3"), item("user", "4")]
    assert await session.get_items(1) == [item("user", "4")]
    assert len(await session.get_items(-1)) == 5
    model = ScriptedModel([said("ok")])
    await Runner.run(
        Agent(name="A", model=model),
        "5",
        session=DynamoDBSession(store, "ada", "1"),
        run_config=RunConfig(session_settings=SessionSettings(limit=1)),
    )
    await session.clear_session()
    assert await session.get_items() == []
    assert await session.pop_item() is None


async def test_the_user_of_a_run_is_found_in_its_context(store: AsyncDynamoStore[Any]) -> None:
    def user_id(run: RunContextWrapper[Any]) -> str:
        return str(run.context.user_id)

    session = DynamoDBSession(store, user_id, "1")
    agent = Agent(name="A", model=ScriptedModel([said("Hello Ada."), said("Hello Bob.")]))
    for user in ("ada", "bob"):
        await Runner.run(agent, f"I am {user}", session=session, context=SimpleNamespace(user_id=user))
    for user in ("ada", "bob"):
        first, _ = await store.conversation(user, "1").messages()
        assert first["content"] == f"I am {user}"
    with pytest.raises(StoreError, match="function of a run's context"):
        await session.get_items()


async def test_twenty_writers_lose_nothing(store: AsyncDynamoStore[Any]) -> None:
    sessions = [DynamoDBSession(store, "ada", "1") for _ in range(20)]
    await asyncio.gather(
        *(each.add_items([item("user", str(number))]) for number, each in enumerate(sessions))
    )
    found = {str(each["content"]) for each in await sessions[0].get_items()}
    assert found == set(map(str, range(20)))


def user(item_id: str, transcript: str | None) -> UserMessageItem:
    return UserMessageItem(item_id=item_id, content=[InputAudio(audio="AAAA", transcript=transcript)])


def agent_said(item_id: str, transcript: str, status: Any) -> AssistantMessageItem:
    return AssistantMessageItem(
        item_id=item_id, status=status, content=[AssistantAudio(audio="AAAA", transcript=transcript)]
    )


INFO: Any = None


def added(each: Any) -> RealtimeHistoryAdded:
    return RealtimeHistoryAdded(item=each, info=INFO)


def updated(*history: Any) -> RealtimeHistoryUpdated:
    return RealtimeHistoryUpdated(history=list(history), info=INFO)


async def test_a_realtime_session_is_recorded_as_it_is_finished(store: AsyncDynamoStore[Any]) -> None:
    conversation = store.conversation("ada", "call 1")

    async def told() -> list[tuple[str, str]]:
        await recorder.flush()
        found = await conversation.messages()
        return [(each["role"], each["content"][0]["text"]) for each in found if each["type"] == "message"]

    call = RealtimeToolCallItem(
        item_id="t", call_id="c1", status="in_progress", arguments="{}", name="weather"
    )
    async with RealtimeRecorder(conversation) as recorder:
        events = [
            added(SystemMessageItem(item_id="s", content=[InputText(text="Be kind.")])),
            added(user("u1", None)),
            added(agent_said("a1", "I", "in_progress")),
            SimpleNamespace(type="audio"),
        ]
        for event in events:
            recorder.on_event(event)
        assert await told() == [("system", "Be kind.")]
        recorder.on_event(updated(user("u1", "Will it rain?"), agent_said("a1", "I look.", "completed")))
        assert await told() == [("system", "Be kind."), ("user", "Will it rain?"), ("assistant", "I look.")]
        recorder.on_event(added(call))
        recorder.on_event(updated(call.model_copy(update={"status": "completed", "output": "no"})))
        recorder.on_event(added(agent_said("a2", "It stays dr", "incomplete")))
        assert (await told())[3:] == [("assistant", "It stays dr")]
        # One that is never transcribed holds nothing up once the caller speaks again.
        recorder.on_event(added(user("u2", None)))
        recorder.on_event(added(user("u3", "Thanks")))
        assert (await told())[4:] == [("user", "Thanks")]
        recorder.on_event(added(agent_said("a3", "Good b", "in_progress")))
        recorder.on_event(added(call.model_copy(update={"item_id": "t2"})))  # which never ends
    assert (await told())[5:] == [("assistant", "Good b")]
    kinds = [each["type"] for each in await conversation.messages()]
    assert kinds[3:5] == ["function_call", "function_call_output"]
    assert "AAAA" not in str(await conversation.messages())


@pytest.fixture(scope="session")
def sdk() -> Path:
    """The SDK's tests, of the version that is installed."""
    found = version("openai-agents")
    folder = SDK / f"openai_agents-{found}"
    if not folder.exists():
        SDK.mkdir(exist_ok=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--no-build-isolation"),
                *("--no-binary", ":all:", "--dest", str(SDK), f"openai-agents=={found}"),
            ],
            check=True,
        )
        with tarfile.open(SDK / f"openai_agents-{found}.tar.gz") as archive:
            archive.extractall(SDK, filter="data")
    return folder


def test_the_sdks_own_tests_of_sessions(
    sdk: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [f"tests/memory/test_session{name}.py" for name in ("", "_limit", "_context_wrapper")]
    deselected = [f"--deselect=tests/memory/test_session.py::{name}" for name in OF_SQLITE]
    source = (sdk / files[0]).read_text(encoding="utf-8")
    assert all(f"def {name}(" in source for name in OF_SQLITE), "a test that is left out is not there"
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parent),
        "SDK_TESTS_ENDPOINT": engine.endpoint_url,
    }
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "sdk_plugin", "-q", *files, *deselected],
        cwd=sdk,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    closing = run.stdout.strip().splitlines()[-1]
    with capsys.disabled():
        sys.stdout.write(f"\nThe SDK's own tests of sessions: {closing}\n")
    assert run.returncode == 0, run.stdout
    assert re.match(r"\d+ passed, \d+ deselected", closing)
