"""Retell: its inbound webhook, custom functions, and events of calls and chats.

Retell, 'Inbound webhook', 'Custom function', 'Webhook overview'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import fields
from .entities import Entities
from .model import Kind, Reply, Request

_INBOUND = ("call_inbound", "chat_inbound")
_ENDS = ("call_ended", "chat_ended")


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not Retell's JSON."""
    event, name = fields.text(raw, "event"), fields.text(raw, "name")
    if event in _INBOUND and (about := fields.mapping(raw, event)) is not None:
        return [_request(raw, "launch", event, about)]
    about = fields.mapping(raw, "call") or fields.mapping(raw, "chat")
    if about is None:
        return []
    if event is not None:
        return [_request(raw, "end" if event in _ENDS else "event", event, about)]
    if name is not None and "args" in raw:
        return [_request(raw, "intent", name, about)]
    return []


def _request(raw: Mapping[str, Any], kind: Kind, intent: str, about: Mapping[str, Any]) -> Request:
    call_id = fields.text(about, "call_id") or fields.text(about, "chat_id")
    is_reported = kind in ("end", "event")
    return Request(
        platform="retell",
        jovo_type="Retell",
        kind=kind,
        user_id=fields.text(about, "to_number" if about.get("direction") == "outbound" else "from_number"),
        session_id=call_id,
        is_new_session=True if kind == "launch" else None,
        intent=intent,
        entities=Entities(fields.mapping(raw, "args")),
        locale=None,
        timestamp=fields.moment(raw.get("event_timestamp")),
        session_data=fields.mapping(about, "retell_llm_dynamic_variables") or {},
        delivery_id=f"{call_id}/{intent}" if call_id and is_reported else None,
        raw=raw,
    )


def render(request: Request, reply: Reply) -> dict[str, Any]:
    """The answer to an inbound webhook or a custom function; it is empty for events.

    An inbound webhook is answered with the session data as dynamic variables, which are strings. A custom
    function is answered with the speech as its result.
    """
    if request.kind == "launch":
        variables = {name: _text(value) for name, value in reply.session_data.items()}
        return {request.intent: {"dynamic_variables": variables}}
    if request.kind == "intent":
        return {"result": reply.speech or ""}
    return {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=float)
