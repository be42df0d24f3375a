"""An Alexa skill on any ASGI server: `ALEXA_SKILL_ID=amzn1.ask.skill.… uvicorn skill:app`.

Its users are stored in the table VOICE_DB_TABLE_NAME, or without this variable in a database inside this process. With
VERIFY=off, it also answers requests that Alexa has not signed, for development.
"""

from __future__ import annotations

import os
from typing import Any

from async_dynamo_store import DynamoDbSettings, Turn, VoiceApp
from async_dynamo_store.integrations.alexa import AlexaVerifier
from async_dynamo_store.integrations.asgi import AsgiApp

EMBEDDED = {"type": "embedded", "tableName": "SkillUsers"}

skill = VoiceApp({"db": DynamoDbSettings() if "VOICE_DB_TABLE_NAME" in os.environ else EMBEDDED})


@skill.launch
async def welcome(turn: Turn[dict[str, Any]]) -> None:
    visits = turn.user.increment("visits")
    turn.ask("Welcome!" if visits == 1 else f"Welcome back! This is visit number {visits}.")


@skill.intent("AMAZON.StopIntent", "AMAZON.CancelIntent")
async def goodbye(turn: Turn[dict[str, Any]]) -> None:
    turn.tell("Goodbye!")


@skill.fallback
async def help_user(turn: Turn[dict[str, Any]]) -> None:
    turn.ask("I count your visits, and nothing else. Shall we go on?")


@skill.on_error
async def apologize(turn: Turn[dict[str, Any]]) -> None:
    turn.tell("Sorry, something went wrong. Please try again later.")


if os.environ.get("VERIFY") == "off":
    app = AsgiApp(skill, verify="off")
else:
    app = AsgiApp(skill, verify=[AlexaVerifier(os.environ["ALEXA_SKILL_ID"])])
