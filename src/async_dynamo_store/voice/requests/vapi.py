"""Vapi: the messages that ask a backend for an assistant or for tool results, and events (Vapi, 'Server events').

Each tool call of a message is a separate turn; one answer holds all their results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import fields
from .entities import Entities
from .model import Kind, Reply, Request

_KINDS: Mapping[str, Kind] = {"assistant-request": "launch", "end-of-call-report": "end"}


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """One request per tool call, or one for any other message; an empty list if this is not Vapi's JSON."""
    message = fields.mapping(raw, "message")
    name = fields.text(message, "type")
    if message is None or name is None:
        return []
    calls = [call for call in map(fields.mapping, fields.sequence(message, "toolCallList")) if call]
    if name != "tool-calls" or not calls:
        return [_request(raw, message, _KINDS.get(name, "event"), name)]
    requests: list[Request] = []
    for call in calls:
        alone = {**message, "toolCallList": [call]}
        requests.append(_request({"message": alone}, alone, "intent", _name(call) or name, _arguments(call)))
    return requests


def _request(
    raw: Mapping[str, Any],
    message: Mapping[str, Any],
    kind: Kind,
    intent: str,
    arguments: Mapping[str, Any] | None = None,
) -> Request:
    call_id = fields.text(message, "call", "id")
    return Request(
        platform="vapi",
        jovo_type="Vapi",
        kind=kind,
        user_id=fields.text(message, "call", "customer", "number")
        or fields.text(message, "customer", "number"),
        session_id=call_id,
        is_new_session=True if kind == "launch" else None,
        intent=intent,
        entities=Entities(arguments),
        locale=None,
        timestamp=fields.moment(message.get("timestamp")),
        session_data=fields.mapping(message, "call", "assistantOverrides", "variableValues") or {},
        delivery_id=f"{call_id}/{intent}" if call_id and kind == "end" else None,
        raw=raw,
    )


def _name(call: Mapping[str, Any]) -> str | None:
    return fields.text(call, "name") or fields.text(call, "function", "name")


def _arguments(call: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The arguments of a tool call, in Vapi's format or in OpenAI's, where they may be JSON text."""
    for place in (("parameters",), ("arguments",), ("function", "parameters"), ("function", "arguments")):
        found = fields.at(call, *place)
        arguments = fields.decoded(found) if isinstance(found, str) else fields.mapping(found)
        if arguments is not None:
            return arguments
    return None


def render(request: Request, reply: Reply) -> dict[str, Any]:
    """The answer to an assistant request or a tool call; it is empty for events.

    Native output chooses the assistant: `{"vapi": {"assistantId": "…"}}`. The session data sets the variables of
    its prompts, and the speech is its first message.
    """
    if request.kind == "launch":
        return _assistant(reply)
    if request.kind != "intent":
        return {}
    (call,) = fields.sequence(request.raw, "message", "toolCallList")
    result = {"toolCallId": fields.text(call, "id") or "", "name": request.intent}
    result["error" if reply.is_failure else "result"] = reply.speech or ""
    return {"results": [result]}


def _assistant(reply: Reply) -> dict[str, Any]:
    if reply.is_failure:
        return {"error": reply.speech or ""}
    overrides: dict[str, Any] = {}
    if reply.session_data:
        overrides["variableValues"] = reply.session_data
    if reply.speech is not None:
        overrides["firstMessage"] = reply.speech
    return {"assistantOverrides": overrides} if overrides else {}


def join(responses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The results of all tool calls of a message, in one answer."""
    return {"results": [result for response in responses for result in response.get("results", [])]}
