"""A plugin for the OpenAI Agents SDK's own tests of sessions: `SQLiteSession` is a session in DynamoDB there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import agents
from agents import SessionSettings
from agents.memory.session_settings import coerce_session_settings

from async_dynamo_store import AsyncDynamoStore
from async_dynamo_store.integrations.openai_agents import DynamoDBSession

STORE: AsyncDynamoStore[Any] = AsyncDynamoStore(
    {
        "table_name": f"sdk-{uuid4().hex}",
        "timeout_seconds": 60,
        "aws_config": {
            "endpoint_url": os.environ["SDK_TESTS_ENDPOINT"],
            "region": "eu-west-1",
            "access_key_id": "test",
            "secret_access_key": "test",
        },
    }
)


class Session(DynamoDBSession):
    """Made as the tests make an `SQLiteSession`: a file is a user, and so is each database in memory."""

    def __init__(
        self,
        session_id: str,
        db_path: str | Path = ":memory:",
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
    ) -> None:
        user_id = uuid4().hex if str(db_path) == ":memory:" else str(db_path)
        settings = None if session_settings is None else coerce_session_settings(session_settings)
        super().__init__(STORE, user_id, session_id, session_settings=settings)

    def close(self) -> None:
        """The store is closed with the process."""


agents.SQLiteSession = Session
