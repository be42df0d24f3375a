"""A skill that keeps each user's score: an example to copy, which the demo runs.

Its users are stored in the table named by VOICE_DB_TABLE_NAME; without the variable, in an in-process database.
"""

from __future__ import annotations

import os

from async_dynamo_store import DynamoDbSettings, Turn, VoiceApp

EMBEDDED = {"type": "embedded", "tableName": "ScoreSkillUsers"}

app = VoiceApp({"db": DynamoDbSettings() if "VOICE_DB_TABLE_NAME" in os.environ else EMBEDDED})


@app.launch
async def welcome(turn: Turn) -> None:
    turn.user.increment("visits")
    name, score = turn.user.data.get("name"), turn.user.data.get("score", 0)
    if name is None:
        turn.ask("Welcome! What is your name?", reprompt="Tell me your name.")
    else:
        turn.ask(f"Welcome back, {name}! You have {score} points.", reprompt="How many more did you make?")


@app.intent("MyNameIsIntent")
async def remember_name(turn: Turn) -> None:
    turn.user.data["name"] = turn.request.entities["name"]
    turn.ask(f"Nice to meet you, {turn.user.data['name']}. How many points did you make?")


@app.intent("ScoreIntent")
async def add_points(turn: Turn) -> None:
    points = int(turn.request.entities["points"])
    turn.tell(f"{points} more: you have {turn.user.increment('score', points)} points.")


@app.intent("HowManyIntent")
async def read_score(turn: Turn) -> None:
    turn.tell(f"You have {turn.user.data.get('score', 0)} points.")


@app.intent("ForgetMeIntent")
async def forget(turn: Turn) -> None:
    await turn.user.delete()
    turn.tell("I have forgotten you.")


@app.fallback
async def help_user(turn: Turn) -> None:
    turn.ask("Tell me your name, or how many points you made.")


@app.on_error
async def apologize(turn: Turn) -> None:
    turn.tell("Sorry, something went wrong. Please try again later.")
