"""A quiz for voice platforms, with its own tests: `pytest examples/tested_skill`.

Players are deleted if they have not played for a year.
"""

from __future__ import annotations

from async_dynamo_store import ThrottledError, Turn, VoiceApp

YEAR = 365 * 24 * 60 * 60

app = VoiceApp({"db": {"tableName": "Players", "ttl": {"attribute": "expires", "afterSeconds": YEAR}}})


@app.launch
async def welcome(turn: Turn) -> None:
    turn.session.data["answers"] = 0
    score = turn.user.data.get("score")
    turn.ask("Welcome to the quiz!" if score is None else f"Welcome back, you have {score} points.")


@app.intent("ScoreIntent")
async def add_points(turn: Turn) -> None:
    turn.session.data["answers"] = turn.session.data.get("answers", 0) + 1
    score = turn.user.increment("score", int(turn.request.entities["points"]))
    if turn.session.data["answers"] == 3:
        turn.tell(f"That was the last question. You have {score} points.")
    else:
        turn.ask(f"You have {score} points. Next question!", reprompt="Are you still there?")


@app.on_error
async def apologize(turn: Turn, error: Exception) -> None:
    if isinstance(error, ThrottledError):
        turn.tell("So many people are playing. Please try again in a minute.")
    else:
        turn.tell("Sorry, something went wrong.")
