"""What Jovo v3's `JovoUser` stores about a user's turns, in addition to the data (npm, `jovo-framework` 3.6).

`userData.metaData` counts requests, sessions and devices; `userData.context.prev` has the last turns, newest
first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_dynamo_store.records.elements.meta_data import RequestNote
from async_dynamo_store.records.reading import javascript_time

from .history import history_item
from .requests import TEXT_PLATFORMS, fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_dynamo_store.config import HistoryElement

    from .requests import Entity, Request
    from .turn import Turn

_STATE = "_JOVO_STATE_"
_INPUT = (("request", "intent"), ("request", "inputs"))
_OUTPUT = (("response", "output"), ("response", "speech"), ("response", "reprompt"))
_STATES = (("request", "state"), ("response", "state"))
_ALWAYS = (("request", "sessionId"), ("request", "timestamp"))
_PARTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "input": _INPUT,
    "nlu": _INPUT,
    "entities": _INPUT[1:],
    "output": _OUTPUT,
    "state": _STATES,
    "request": (*_INPUT, _STATES[0]),
    "response": (*_OUTPUT, _STATES[1]),
}
"""The parts of a `context.prev` item that each element of `stored_elements.history` selects."""


def request_note(request: Request) -> RequestNote:
    """What `metaData` stores about a request."""
    device = fields.text(request.raw, "context", "System", "device", "deviceId")
    if device is None or request.platform != "alexa":
        return RequestNote(_handler_path(request))
    return RequestNote(_handler_path(request), device, _interfaces(request))


async def context_item(turn: Turn[Any], elements: Mapping[str, HistoryElement]) -> dict[str, Any]:
    """The history item of a turn: `request` and `response` with the selected parts, and custom elements."""
    request, response = _request_parts(turn), _response_parts(turn)
    parts = {"request": request, "response": response}
    chosen = {part for name, element in elements.items() if element is True for part in _PARTS[name]}
    item: dict[str, Any] = {}
    for here, name in sorted({*_ALWAYS, *chosen}):
        if parts[here].get(name) is not None:
            item.setdefault(here, {})[name] = parts[here][name]
    own = {name: element for name, element in elements.items() if element is not True}
    return item | await history_item(turn, own)


def _request_parts(turn: Turn[Any]) -> dict[str, Any]:
    request = turn.request
    intent = _name(request)
    if intent == "AUDIOPLAYER":
        intent = f'AUDIOPLAYER["{request.jovo_type}.{request.intent.partition(".")[2]}"]'
    return {
        "sessionId": turn.session.id,
        "intent": intent,
        "inputs": {
            name: {"name": name, **_input(request.entities.details(name))} for name in request.entities
        },
        "timestamp": request.timestamp and javascript_time(request.timestamp),
        "state": (request.session_data or {}).get(_STATE),
    }


def _input(entity: Entity) -> dict[str, Any]:
    """An entity as Jovo v3 stores it: `value` is what was heard, `key` the resolved value."""
    if entity.value is None:
        return {}
    stored = {"value": entity.value if entity.heard is None else entity.heard, "key": entity.value}
    return stored if entity.id is None else {"id": entity.id, **stored}


def _response_parts(turn: Turn[Any]) -> dict[str, Any]:
    reply, state = turn.reply, turn.session.data.get(_STATE)
    if reply.speech is None:
        return {"output": {}, "state": state}
    if not reply.listen:
        return {"output": {"tell": {"speech": reply.speech}}, "speech": reply.speech, "state": state}
    said = {"speech": reply.speech, "reprompt": reply.reprompt or reply.speech}
    return {"output": {"ask": said}, **said, "state": state}


def _handler_path(request: Request) -> str:
    """The key that Jovo v3 counts a request under."""
    name = _name(request)
    reason = fields.text(request.raw, "request", "reason")
    if request.kind == "end" and reason:
        name = f"END: {reason}"
    state = (request.session_data or {}).get(_STATE)
    return f"{state}: {name}" if state and request.kind in ("intent", "end") else name


def _name(request: Request) -> str:
    """The name of a request, for use in a key. `ON_TEXT` replaces the user's own text on a text platform."""
    match request.kind:
        case "launch":
            return "LAUNCH"
        case "end":
            return "END"
        case "event":
            return "AUDIOPLAYER" if request.intent.startswith("AudioPlayer.") else request.intent
        case _:
            is_text = request.platform in TEXT_PLATFORMS or not request.intent
            return "ON_TEXT" if is_text else request.intent


def _interfaces(request: Request) -> dict[str, bool]:
    supported = fields.mapping(request.raw, "context", "System", "device", "supportedInterfaces") or {}
    screen = "Display" in supported or "Alexa.Presentation.APL" in supported
    return {
        "hasAudioInterface": screen or "AudioPlayer" in supported,
        "hasScreenInterface": screen,
        "hasVideoInterface": "VideoApp" in supported,
    }
