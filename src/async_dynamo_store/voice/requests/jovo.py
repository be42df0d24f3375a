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
    context = fields.mapping(raw.get("context")) or {}
    user, user_input = fields.mapping(context.get("user")), fields.mapping(raw.get("input"))
    if user is None or user_input is None:
        return []
    session = fields.mapping(context.get("session")) or {}
    is_web = raw.get("platform") == "web"
    kind = fields.text(user_input.get("type")) or ""
    is_new = session.get("isNew")
    entities = fields.mapping(user_input.get("entities")) or {}
    return [
        Request(
            platform="jovo-web" if is_web else "jovo-core",
            jovo_type="WebApp" if is_web else "CorePlatformApp",
            kind=_KINDS.get(kind, "intent"),
            user_id=fields.text(user.get("id")),
            session_id=fields.text(session.get("id")),
            is_new_session=is_new if isinstance(is_new, bool) else None,
            intent=_intent(user_input.get("intent")) or kind,
            entities=Entities(
                {name: _entity_value(entity) for name, entity in entities.items()},
                lambda name: _entity(entities[name]),
            ),
            locale=fields.text(raw.get("locale")),
            timestamp=fields.moment(raw.get("timestamp")),
            session_data=fields.mapping(session.get("data")) or {},
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
    sent = fields.mapping(request.raw, "context", "session") or {}
    session.update((name, sent[name]) for name in ("id", "state") if sent.get(name) is not None)
    return {
        "version": "4.0.0",
        "platform": fields.text(request.raw, "platform") or "core",
        "output": [output] if reply.speech is not None else [],
        "context": {"request": {}, "session": session, "user": {"data": {}}},
    }
