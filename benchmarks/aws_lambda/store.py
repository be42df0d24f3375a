"""This project's own handler."""

from __future__ import annotations

import os
from typing import Any

from async_dynamo_store import Turn, VoiceApp
from async_dynamo_store.integrations.aws_lambda import lambda_handler

app = VoiceApp({"db": {"table_name": os.environ["TABLE_NAME"]}})


@app.intent("Score")
async def score(turn: Turn[dict[str, Any]]) -> None:
    """Add a point."""
    turn.tell(f"{turn.user.increment('score')} points")


handler = lambda_handler(app)
