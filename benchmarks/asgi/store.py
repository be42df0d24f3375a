"""The skill as it is written with this store."""

from __future__ import annotations

import os

from async_dynamo_store import Turn, VoiceApp
from async_dynamo_store.integrations.asgi import AsgiApp

skill = VoiceApp({"db": {"tableName": os.environ["TABLE_NAME"]}})


@skill.intent("Score")
async def score(turn: Turn) -> None:
    """Add a point."""
    turn.user.data["score"] = turn.user.data.get("score", 0) + 1
    turn.tell(f"{turn.user.data['score']} points")


app = AsgiApp(skill, verify="off")
