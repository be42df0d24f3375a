"""Amazon Alexa custom skills ('Request and Response JSON Reference', Alexa Skills Kit)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import fields
from .entities import Entities, Entity, Match
from .model import Kind, Reply, Request
from .speech import ssml

_KINDS: Mapping[str, Kind] = {
    "LaunchRequest": "launch",
    "IntentRequest": "intent",
    "SessionEndedRequest": "end",
    "CanFulfillIntentRequest": "probe",
}
_DYNAMIC_ENTITIES = "amzn1.er-authority.echo-sdk.dynamic."


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not Alexa's JSON."""
    request, session = fields.at(raw, "request"), fields.at(raw, "session")
    request_type = fields.text(request, "type")
    if request_type is None or not _is_alexas(raw):
        return []
    intent = fields.at(request, "intent")
    is_new = fields.at(session, "new")
    slots = fields.mapping(intent, "slots") or {}
    return [
        Request(
            platform="alexa",
            jovo_type="AlexaSkill",
            kind=_KINDS.get(request_type, "event"),
            user_id=fields.text(raw, "context", "System", "user", "userId")
            or fields.text(session, "user", "userId"),
            session_id=fields.text(session, "sessionId"),
            is_new_session=is_new if isinstance(is_new, bool) else None,
            intent=fields.text(intent, "name") or request_type,
            entities=Entities(
                {name: _slot_value(_filled(slot)) for name, slot in slots.items()},
                lambda name: _entity(_filled(slots[name])),
            ),
            locale=fields.text(request, "locale"),
            timestamp=fields.moment(fields.at(request, "timestamp")),
            session_data=fields.mapping(session, "attributes") or {},
            raw=raw,
        )
    ]


def _is_alexas(raw: Mapping[str, Any]) -> bool:
    """Whether Alexa sent it. Old requests, such as saved test events, have no `context`."""
    places = (("context", "System"), ("session", "application"), ("session", "user"))
    return any(fields.mapping(raw, *place) is not None for place in places)


def _filled(slot: Any) -> Any:
    """The object with the slot's value: `slotValue` for several values, else the slot itself."""
    return fields.at(slot, "slotValue") if fields.at(slot, "slotValue", "type") == "List" else slot


def _slot_value(slot: Any) -> Any:
    if fields.at(slot, "type") == "List":
        return [_slot_value(part) for part in fields.sequence(slot, "values")]
    matches = _matches(slot)
    return matches[0].value if matches else fields.at(slot, "value")


def _matches(slot: Any) -> list[Match]:
    """The values that the slot resolved to: the session's dynamic entities first, then the model's."""
    matching = [
        authority
        for authority in fields.sequence(slot, "resolutions", "resolutionsPerAuthority")
        if fields.at(authority, "status", "code") == "ER_SUCCESS_MATCH"
    ]
    matching.sort(key=lambda each: not str(fields.at(each, "authority")).startswith(_DYNAMIC_ENTITIES))
    return [
        Match(value=fields.at(found, "value", "name"), id=fields.text(found, "value", "id"))
        for authority in matching
        for found in fields.sequence(authority, "values")
    ]


def _entity(slot: Any) -> Entity:
    """The details of a slot. Amazon's built-in slot types have no resolutions, so `is_match` is None for them."""
    if fields.at(slot, "type") == "List":
        parts = tuple(_entity(part) for part in fields.sequence(slot, "values"))
        return Entity(value=[part.value for part in parts], parts=parts)
    matches, resolutions = _matches(slot), fields.sequence(slot, "resolutions", "resolutionsPerAuthority")
    return Entity(
        value=_slot_value(slot),
        heard=fields.text(slot, "value"),
        is_match=bool(matches) if resolutions else None,
        matches=tuple(matches),
    )


def render(request: Request, reply: Reply) -> dict[str, Any]:
    """Alexa's response; an empty one where Alexa rejects speech.

    Without speech (for a tap on a screen, an audio player's event, a dialogue that Alexa continues) the session
    stays as it is, and Alexa requires that `shouldEndSession` is missing.
    """
    if request.kind == "probe":
        return {"version": "1.0", "response": {"canFulfillIntent": {"canFulfill": reply.can_fulfill}}}
    if _is_mute(request):
        return {"version": "1.0", "response": {}}
    response: dict[str, Any] = {}
    if reply.speech is not None:
        response["outputSpeech"] = {"type": "SSML", "ssml": ssml(reply.speech)}
    if reply.listen or reply.speech is not None:
        response["shouldEndSession"] = not reply.listen
    if reply.listen and reply.reprompt is not None:
        response["reprompt"] = {"outputSpeech": {"type": "SSML", "ssml": ssml(reply.reprompt)}}
    return {"version": "1.0", "sessionAttributes": reply.session_data, "response": response}


def check(request: Request, reply: Reply, response: Mapping[str, Any]) -> None:
    """Raise ValueError for what a directive forbids (Amazon, 'Dialog Interface Reference', 'VideoApp Interface Reference')."""
    body = fields.mapping(response, "response") or {}
    directives = {fields.text(each, "type") or "" for each in fields.sequence(body, "directives")}
    ends = fields.at(body, "shouldEndSession")
    if reply.listen and ends is True:
        raise ValueError("turn.ask waits for an answer, but native ends the session: use turn.tell")
    if ends is True and any(name.startswith("Dialog.") for name in directives):
        raise ValueError(
            "a Dialog directive continues the session, but turn.tell ends it: use turn.ask, or turn.send"
        )
    if "Dialog.Delegate" in directives and {"outputSpeech", "reprompt"} & body.keys():
        raise ValueError(
            "Dialog.Delegate leaves the next prompt to Alexa and allows no speech: use turn.send"
        )
    if "VideoApp.Launch" in directives and ends is not None:
        raise ValueError(
            "VideoApp.Launch does not allow shouldEndSession; remove it with"
            ' {"alexa": {"response": {"shouldEndSession": None}}}'
        )


def _is_mute(request: Request) -> bool:
    """Whether Alexa rejects speech: at the end of a session, and for an interface's event outside a session.

    Such events are `AudioPlayer.…`, `PlaybackController.…`, `System.…` and `AlexaSkillEvent.…`.
    """
    if request.kind == "end":
        return True
    in_session = fields.mapping(request.raw, "session") is not None
    return request.kind == "event" and "." in request.intent and not in_session
