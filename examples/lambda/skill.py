"""An Alexa skill on AWS Lambda that remembers its users' names and counts their visits. Deploy it with `template.yaml`."""

from __future__ import annotations

from async_dynamo_store import DynamoDbSettings, Turn, VoiceApp
from async_dynamo_store.integrations.aws_lambda import lambda_handler

app = VoiceApp({"db": DynamoDbSettings()})  # reads the VOICE_DB_... variables set in template.yaml


@app.launch
async def welcome(turn: Turn) -> None:
    visits = turn.user.increment("visits")
    name = turn.user.data.get("name")
    if name is None:
        turn.ask("Welcome! What is your name?", reprompt="Tell me your name.")
    else:
        turn.tell(f"Welcome back, {name}! This is visit number {visits}.")


@app.intent("MyNameIsIntent")
async def remember_name(turn: Turn) -> None:
    turn.user.data["name"] = turn.request.entities["name"]
    turn.tell(f"Nice to meet you, {turn.user.data['name']}.")


@app.intent("ForgetMeIntent")
async def forget(turn: Turn) -> None:
    await turn.user.delete()
    turn.tell("I have forgotten you.")


@app.intent("AMAZON.StopIntent", "AMAZON.CancelIntent")
async def goodbye(turn: Turn) -> None:
    turn.tell("Goodbye!")


@app.fallback
async def help_user(turn: Turn) -> None:
    turn.ask("I remember your name, and count your visits. What is your name?")


@app.on_error
async def apologize(turn: Turn) -> None:
    turn.tell("Sorry, something went wrong. Please try again later.")


handler = lambda_handler(app)
