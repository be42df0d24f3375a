"""The function under test: a score in DynamoDB, with handlers that do what functions in Lambda do."""

from __future__ import annotations

import logging
import os
from typing import Any

from async_dynamo_store import DynamoDbSettings, Turn, VoiceApp
from async_dynamo_store.integrations.aws_lambda import lambda_handler
from tests.aws_lambda.events import intent

logging.getLogger("async_dynamo_store").setLevel(logging.DEBUG)

app = VoiceApp({"db": DynamoDbSettings()})


@app.intent("Score", "5")
async def score(turn: Turn[dict[str, Any]]) -> None:
    turn.tell(f"{turn.user.increment('score')} points")


@app.intent("Crash")
async def crash(turn: Turn[dict[str, Any]]) -> None:
    turn.user.data["score"] = 1000
    raise LookupError("no such thing")


@app.intent("NewCredentials")
async def new_credentials(turn: Turn[dict[str, Any]]) -> None:
    os.environ["AWS_ACCESS_KEY_ID"] = "newAccessKeyId"
    turn.tell("changed")


handler = lambda_handler(app)

if "PRIME" in os.environ:  # AWS, 'Performance tuning for Lambda SnapStart': one turn before the snapshot
    handler(intent("Score", "primed"))
