"""Google Assistant through Actions Builder (its 'Webhook' reference, v3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import fields
from .entities import Entities, Entity, Match
from .model import Kind, Reply, Request
from .speech import ssml

_KINDS: Mapping[str, Kind] = {"actions.intent.MAIN": "launch", "actions.intent.CANCEL": "end"}
_MAX_DISPLAYED = 640
"""The limit of `prompt.firstSimple.text` in characters. Without that text, Google displays the speech."""


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not Actions Builder's JSON."""
    if any(fields.mapping(raw, key) is None for key in ("handler", "session", "user")):
        return []
    intent = fields.text(raw, "intent", "name") or ""
    kind = _KINDS.get(intent, "intent")
    params = fields.mapping(raw, "intent", "params") or {}
    return [
        Request(
            platform="google-assistant",
            jovo_type="GoogleAction",
            kind=kind,
            user_id=fields.text(raw, "user", "params", "_GOOGLE_ASSISTANT_USER_ID_")
            or fields.text(raw, "user", "params", "userId"),
            session_id=fields.text(raw, "session", "id"),
            is_new_session=_is_new_session(raw, kind),
            intent=intent,
            entities=Entities(
                {name: fields.at(param, "resolved") for name, param in params.items()},
                lambda name: _entity(params[name]),
            ),
            locale=fields.text(raw, "user", "locale"),
            timestamp=None,
            session_data=fields.without_nulls(fields.mapping(raw, "session", "params")),
            raw=raw,
        )
    ]


def _entity(param: Any) -> Entity:
    value = fields.at(param, "resolved")
    matches = () if value is None else (Match(value=value),)
    return Entity(value=value, heard=fields.text(param, "original"), is_match=bool(matches), matches=matches)


def _is_new_session(raw: Mapping[str, Any], kind: Kind) -> bool | None:
    """A session with parameters is not new; without, it is unknown, since earlier answers may have set none."""
    if kind == "launch":
        return True
    return False if fields.mapping(raw, "session", "params") else None


def render(request: Request, reply: Reply) -> dict[str, Any]:
    """The webhook's response. It has no reprompt: Actions Builder sends `actions.intent.NO_INPUT_1` instead."""
    before = fields.mapping(request.raw, "session", "params")
    response: dict[str, Any] = {
        "session": {
            "id": request.session_id or "",
            "params": fields.with_removed_keys(reply.session_data, before),
        }
    }
    if reply.speech is not None:
        simple = {"speech": ssml(reply.speech)}
        if len(reply.speech) <= _MAX_DISPLAYED:
            simple["text"] = reply.speech
        response["prompt"] = {"override": False, "firstSimple": simple}
    if reply.ends_session:
        response["scene"] = {
            "name": fields.text(request.raw, "scene", "name") or "",
            "slots": {},
            "next": {"name": "actions.scene.END_CONVERSATION"},
        }
    return response
