"""Jovo v4's own Core and Web platforms (Jovo, 'Core Platform Integration')."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import fields
from .entities import Entities, Entity, Match
from .model import Kind, Reply, Request

_KINDS: Mapping[str, Kind] = {"LAUNCH": "launch", "END": "end"}


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not the JSON of a Jovo client."""
    user, user_input = fields.mapping(raw, "context", "user"), fields.mapping(raw, "input")
    if user is None or user_input is None:
        return []
    session = fields.at(raw, "context", "session")
    is_web = fields.at(raw, "platform") == "web"
    kind = fields.text(user_input, "type") or ""
    is_new = fields.at(session, "isNew")
    entities = fields.mapping(user_input, "entities") or {}
    return [
        Request(
            platform="jovo-web" if is_web else "jovo-core",
            jovo_type="WebApp" if is_web else "CorePlatformApp",
            kind=_KINDS.get(kind, "intent"),
            user_id=fields.text(user, "id"),
            session_id=fields.text(session, "id"),
            is_new_session=is_new if isinstance(is_new, bool) else None,
            intent=_intent(fields.at(user_input, "intent")) or kind,
            entities=Entities(
                {name: _entity_value(entity) for name, entity in entities.items()},
                lambda name: _entity(entities[name]),
            ),
            locale=fields.text(raw, "locale"),
            timestamp=fields.moment(fields.at(raw, "timestamp")),
            session_data=fields.mapping(session, "data") or {},
            raw=raw,
        )
    ]


def _intent(intent: Any) -> str | None:
    return fields.text(intent) or fields.text(intent, "name")


def _entity_value(entity: Any) -> Any:
    if (entity_fields := fields.mapping(entity)) is None:
        return entity
    return entity_fields.get("resolved", entity_fields.get("value"))


def _entity(entity: Any) -> Entity:
    """`value` is what was heard, `resolved` the model's value; without `resolved`, `is_match` is None."""
    value, heard = _entity_value(entity), fields.text(entity, "value")
    if fields.at(entity, "resolved") is None:
        return Entity(value=value, heard=heard)
    match = Match(value=value, id=fields.text(entity, "id"))
    return Entity(value=value, heard=heard, is_match=True, matches=(match,))


def render(request: Request, reply: Reply) -> dict[str, Any]:
    """Jovo's response: one output, and the session that the client keeps."""
    output: dict[str, Any] = {"listen": reply.listen}
    if reply.speech is not None:
        output["message"] = reply.speech
    if reply.listen and reply.reprompt is not None:
        output["reprompt"] = reply.reprompt
    session: dict[str, Any] = {"end": reply.ends_session, "data": reply.session_data}
    for name in ("id", "state"):
        if (value := fields.at(request.raw, "context", "session", name)) is not None:
            session[name] = value
    return {
        "version": "4.0.0",
        "platform": fields.text(request.raw, "platform") or "core",
        "output": [output] if reply.speech is not None else [],
        "context": {"request": {}, "session": session, "user": {"data": {}}},
    }
