"""The demo: the score skill answers Alexa requests, and the calls to DynamoDB are printed."""

from __future__ import annotations

import html
import json
import os
import re
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from async_dynamo_store.wire import bookkeeping
from async_dynamo_store.wire.codec import decode

if TYPE_CHECKING:
    from flask import Flask, Response
    from rich.console import Console

    from async_dynamo_store.voice.app import VoiceApp

_VISITS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("anna", "monday", "LaunchRequest", {}),
    ("anna", "monday", "MyNameIsIntent", {"name": "Anna"}),
    ("anna", "monday", "ScoreIntent", {"points": "30"}),
    ("ben", "monday", "LaunchRequest", {}),
    ("anna", "tuesday", "LaunchRequest", {}),
    ("anna", "tuesday", "HowManyIntent", {}),
    ("ben", "tuesday", "ForgetMeIntent", {}),
)
"""The requests: user, session, request type or intent, slots."""

_LABELS = {"GetItem": "read", "PutItem": "wrote", "UpdateItem": "wrote", "DeleteItem": "wrote"}


@dataclass(frozen=True, slots=True)
class _Call:
    """One call that the database received: its operation, its parameters, and the answer."""

    operation: str
    parameters: dict[str, Any]
    answer: dict[str, Any]


async def run(console: Console) -> None:
    """Send the demo's requests to the skill, and print the result of each."""
    began = time.perf_counter()
    sessions = set[tuple[str, str]]()
    sent = 0
    app = _load_skill()
    console.print(
        "Two users talk to async_dynamo_store/cli/score_skill.py; the calls to DynamoDB are below each reply.\n"
    )
    async with app:
        for number, (user, session, intent, slots) in enumerate(_VISITS, 1):
            request = _alexa_request(user, session, intent, slots, is_new=(user, session) not in sessions)
            sessions.add((user, session))
            with _calls_seen() as calls:
                response = await app.handle(request)
            with _calls_seen() as readings:
                await app.store.exists(_user_id(user))
            _print_turn(console, number, request, response, calls)
            _print_item(console, readings[0].answer.get("Item", {}))
            sent += len(calls)
    seconds = time.perf_counter() - began
    console.print(f"{len(_VISITS)} requests, {sent} calls to DynamoDB, {seconds:.1f} seconds.")


def _print_turn(
    console: Console, number: int, request: dict[str, Any], response: dict[str, Any], calls: list[_Call]
) -> None:
    asked = request["request"]
    intent = asked.get("intent", {"name": asked["type"], "slots": {}})
    slots = "".join(f", {name}={slot['value']}" for name, slot in intent["slots"].items())
    user = request["session"]["user"]["userId"]
    console.print(f"[bold]{number}. Alexa, {user}: [cyan]{intent['name']}[/]{slots}[/]")
    rows = Table.grid(padding=(0, 2))
    rows.add_row("   reply", "", f"[green]{escape(_speech(response))}[/]")
    for call in calls:
        what, condition = _essence(call)
        text = Text(what).append(f"\n  if {condition}" if condition else "", style="dim")
        rows.add_row(f"   {_LABELS.get(call.operation, 'table')}", f"[yellow]{call.operation}[/]", text)
    console.print(rows)


def _print_item(console: Console, item: dict[str, Any]) -> None:
    rows = Table.grid(padding=(0, 2))
    for name, value in item.items():
        style = "dim" if name == bookkeeping.ATTRIBUTE else ""
        rows.add_row("" if rows.rows else "   stored", name, Text(json.dumps(decode(value)), style=style))
    console.print(rows if item else "   stored  nothing")
    console.print()


def _speech(response: dict[str, Any]) -> str:
    speech: str = response["response"]["outputSpeech"]["ssml"]
    return html.unescape(speech.removeprefix("<speak>").removesuffix("</speak>"))


def _essence(call: _Call) -> tuple[str, str]:
    """What a call found or changes, and its condition."""
    parameters, answer = call.parameters, call.answer
    condition = _readable(parameters.get("ConditionExpression", ""), parameters)
    if "__type" in answer:
        return answer["__type"].rpartition("#")[2], condition
    match call.operation:
        case "GetItem":
            return "found" if "Item" in answer else "not found", condition
        case "PutItem":
            return "the whole item, because it is new", condition
        case _:
            return _readable(parameters.get("UpdateExpression", ""), parameters), condition


def _readable(expression: str, parameters: dict[str, Any]) -> str:
    """An expression with its aliases replaced by names and values."""
    names = parameters.get("ExpressionAttributeNames", {})
    values = parameters.get("ExpressionAttributeValues", {})

    def meant(alias: re.Match[str]) -> str:
        return names.get(alias[0]) or json.dumps(decode(values[alias[0]]))

    return re.sub(r"[#:][0-9a-f]+", meant, expression)


def _alexa_request(
    user: str, session: str, intent: str, slots: Mapping[str, str], *, is_new: bool
) -> dict[str, Any]:
    """A request in Alexa's format ('Request and Response JSON Reference', Alexa Skills Kit)."""
    application = {"applicationId": "amzn1.ask.skill.score"}
    request: dict[str, Any] = {
        "type": intent if intent == "LaunchRequest" else "IntentRequest",
        "requestId": f"amzn1.echo-api.request.{session}.{user}",
        "timestamp": "2026-11-23T17:01:09Z",
        "locale": "en-US",
    }
    if intent != "LaunchRequest":
        request["intent"] = {
            "name": intent,
            "confirmationStatus": "NONE",
            "slots": {name: {"name": name, "value": value} for name, value in slots.items()},
        }
    return {
        "version": "1.0",
        "session": {
            "new": is_new,
            "sessionId": f"amzn1.echo-api.session.{session}.{user}",
            "application": application,
            "attributes": {},
            "user": {"userId": _user_id(user)},
        },
        "context": {
            "System": {"application": application, "user": {"userId": _user_id(user)}, "apiEndpoint": ""}
        },
        "request": request,
    }


def _user_id(user: str) -> str:
    return f"amzn1.ask.account.{user.upper()}"


def _load_skill() -> VoiceApp:
    """The skill's app on its embedded database, even if the environment names a table."""
    os.environ.pop("VOICE_DB_TABLE_NAME", None)
    from .score_skill import app

    return app


@contextmanager
def _calls_seen() -> Generator[list[_Call]]:
    """Record the calls to the embedded database, which is moto's Flask app."""
    from flask import request, request_finished

    calls: list[_Call] = []

    def note(sender: Flask, response: Response, **_: Any) -> None:
        operation = request.headers["X-Amz-Target"].rpartition(".")[2]
        calls.append(_Call(operation, json.loads(request.get_data()), json.loads(response.get_data())))

    with request_finished.connected_to(note):
        yield calls
