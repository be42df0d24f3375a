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
    request = fields.mapping(raw.get("request")) or {}
    session = fields.mapping(raw.get("session")) or {}
    system = fields.mapping(raw, "context", "System")
    request_type = fields.text(request.get("type"))
    if request_type is None or (system is None and not _is_old(session)):
        return []
    slots = fields.mapping(request, "intent", "slots") or {}
    is_new = session.get("new")
    return [
        Request(
            platform="alexa",
            jovo_type="AlexaSkill",
            kind=_KINDS.get(request_type, "event"),
            user_id=fields.text(system, "user", "userId") or fields.text(session, "user", "userId"),
            session_id=fields.text(session.get("sessionId")),
            is_new_session=is_new if isinstance(is_new, bool) else None,
            intent=fields.text(request, "intent", "name") or request_type,
            entities=Entities(
                {name: _slot_value(_filled(slot)) for name, slot in slots.items()},
                lambda name: _entity(_filled(slots[name])),
            ),
            locale=fields.text(request.get("locale")),
            timestamp=fields.moment(request.get("timestamp")),
            session_data=fields.mapping(session.get("attributes")) or {},
            raw=raw,
        )
    ]


def _is_old(session: Mapping[str, Any]) -> bool:
    """Whether this is the session of a request without `context`, as in saved test events."""
    return any(fields.mapping(session.get(name)) is not None for name in ("application", "user"))


def _filled(slot: Any) -> Mapping[str, Any]:
    """The object with the slot's value: `slotValue` for several values, else the slot itself."""
    whole = fields.mapping(slot) or {}
    several = fields.mapping(whole.get("slotValue"))
    return several if several and several.get("type") == "List" else whole


def _slot_value(slot: Mapping[str, Any]) -> Any:
    if slot.get("type") == "List":
        return [_slot_value(part) for part in _parts(slot)]
    matches = _matches(slot) if "resolutions" in slot else ()
    return matches[0].value if matches else slot.get("value")


def _parts(slot: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [fields.mapping(part) or {} for part in fields.sequence(slot, "values")]


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


def _entity(slot: Mapping[str, Any]) -> Entity:
    """The details of a slot. Amazon's built-in slot types have no resolutions, so `is_match` is None for them."""
    if slot.get("type") == "List":
        parts = tuple(map(_entity, _parts(slot)))
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
    if request.kind == "event" and "." in request.intent:
        return fields.mapping(request.raw, "session") is None
    return request.kind == "end"
