"""`turn.conversation`: the transcript of a turn's session, saved with the turn's user."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from async_dynamo_store import (
    AsyncDynamoStore,
    ConflictError,
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
    return deepcopy(sample(name)) | fields


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
