"""An Alexa skill in AWS Lambda that counts its users' visits. `template.yaml` deploys it."""

from __future__ import annotations

from typing import Any

from async_dynamo_store import DynamoDbSettings, Turn, VoiceApp
from async_dynamo_store.integrations.aws_lambda import lambda_handler

app = VoiceApp({"db": DynamoDbSettings()})  # VOICE_DB_... in template.yaml


@app.launch
async def welcome(turn: Turn[dict[str, Any]]) -> None:
    visits = turn.user.increment("visits")
    turn.ask("Welcome!" if visits == 1 else f"Welcome back! This is visit number {visits}.")


@app.intent("AMAZON.StopIntent", "AMAZON.CancelIntent")
async def goodbye(turn: Turn[dict[str, Any]]) -> None:
    turn.tell("Goodbye!")


@app.fallback
async def help_user(turn: Turn[dict[str, Any]]) -> None:
    turn.ask("I count your visits, and nothing else. Shall we go on?")


@app.on_error
async def apologize(turn: Turn[dict[str, Any]]) -> None:
    turn.tell("Sorry, something went wrong. Please try again later.")


handler = lambda_handler(app)
