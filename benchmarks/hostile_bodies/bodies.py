"""The worst bodies that a megabyte can hold: each platform's shape, with one part of it as large as can be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

BYTES = 1_048_576
"""The most that `AsgiApp` reads (`max_body_bytes`)."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def bodies() -> Iterator[tuple[str, str, str, bytes]]:
    """Platform, what is large, content type, body."""
    for platform, request_with in SHAPES.items():
        for what, filling in FILLINGS.items():
            yield platform, what, JSON, _filled(request_with, filling)
    for what, event in MESSENGER_EVENTS.items():
        yield "messenger", what, JSON, _messenger(event)
    yield "messenger", "events beside keys", JSON, _events_beside_keys()
    yield "twilio-voice", "fields", FORM, _form("f{0}=%41&")
    yield "twilio-voice", "one escaped field", FORM, b"CallSid=" + b"%C3%A4" * (BYTES // 6)
    yield "none", "brackets", JSON, b"[" * BYTES
    yield "none", "a long number", JSON, b"1" * BYTES


def _alexa(filling: Any) -> dict[str, Any]:
    return {
        "version": "1.0",
        "session": {"new": False, "sessionId": "s", "user": {"userId": "anna"}, "attributes": filling},
        "context": {"System": {"user": {"userId": "anna"}}},
        "request": {
            "type": "IntentRequest",
            "timestamp": "2026-11-26T17:00:00Z",
            "intent": {"name": "A", "slots": filling},
        },
    }


def _dialogflow_es(filling: Any) -> dict[str, Any]:
    context = {
        "name": "s/contexts/async_dynamo_store",
        "parameters": {"async_dynamo_store": json.dumps(filling)},
    }
    return {"session": "s", "queryResult": {"parameters": filling, "outputContexts": [context]}}


def _dialogflow_cx(filling: Any) -> dict[str, Any]:
    return {"fulfillmentInfo": {}, "sessionInfo": {"session": "s", "parameters": filling}}


def _google(filling: Any) -> dict[str, Any]:
    return {
        "handler": {},
        "session": {"id": "s", "params": filling},
        "user": {},
        "intent": {"params": filling},
    }


def _lex_v1(filling: Any) -> dict[str, Any]:
    return {"currentIntent": {"name": "A", "slots": filling}, "sessionAttributes": filling, "userId": "anna"}


def _lex_v2(filling: Any) -> dict[str, Any]:
    state = {"intent": {"name": "A", "slots": filling}, "sessionAttributes": filling}
    return {"sessionId": "anna", "sessionState": state}


def _jovo(filling: Any) -> dict[str, Any]:
    session = {"id": "s", "data": filling}
    return {
        "context": {"user": {"id": "anna"}, "session": session},
        "input": {"intent": "A", "entities": filling},
    }


SHAPES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "alexa": _alexa,
    "dialogflow-es": _dialogflow_es,
    "dialogflow-cx": _dialogflow_cx,
    "google-assistant": _google,
    "lex-v1": _lex_v1,
    "lex-v2": _lex_v2,
    "jovo-core": _jovo,
}


def _deep(count: int) -> Any:
    """A hundred lists, each one list deep inside the other, as often as there is room."""
    nested: Any = 0
    for _ in range(100):
        nested = [nested]
    return {str(number): nested for number in range(count // 100)}


FILLINGS: dict[str, Callable[[int], Any]] = {
    "keys": lambda count: {str(number): 0 for number in range(count)},
    "empty lists": lambda count: {"a": [[]] * count},
    "as many lists as are taken": lambda count: {"a": [[]] * 16_000, "b": " " * (count - 50_000)},
    "empty objects": lambda count: {"a": [{}] * count},
    "levels": _deep,
    "long numbers": lambda count: {"a": [10**4000] * (count // 1000)},
    "one text": lambda count: {"a": "ä" * count},
}

MESSENGER_EVENTS: dict[str, Any] = {
    "events": {},
    "messages": {"sender": {"id": "1"}, "message": {"text": "a"}},
}


def _filled(request_with: Callable[[Any], dict[str, Any]], filling: Callable[[int], Any]) -> bytes:
    """The request with as much in it as fits."""
    count = BYTES // 2
    while len(body := json.dumps(request_with(filling(count)), separators=(",", ":")).encode()) > BYTES:
        count = min(count - 1, count * BYTES // len(body))
    return body


def _messenger(event: Any) -> bytes:
    text = json.dumps(event, separators=(",", ":"))
    events = ",".join([text] * ((BYTES - 100) // (len(text) + 1)))
    return f'{{"object":"page","entry":[{{"messaging":[{events}]}}]}}'.encode()


def _events_beside_keys() -> bytes:
    keys = ",".join(f'"k{number}":0' for number in range(40_000))
    events = ",".join(["{}"] * 60_000)
    return f'{{"object":"page","entry":[{{{keys},"messaging":[{events}]}}]}}'.encode()


def _form(field: str) -> bytes:
    fields = "CallSid=CA1&" + "".join(field.format(number) for number in range(BYTES // len(field)))
    return fields[:BYTES].encode()
