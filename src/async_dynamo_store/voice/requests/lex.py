"""Amazon Lex V1 and V2 ('Lambda Function Input Event and Response Format' of each developer guide)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import fields
from .entities import Entities, Entity, Match
from .model import Reply, Request

_ATTRIBUTE = "async_dynamo_store"
"""The session attribute that holds all values other than strings, as JSON text: Lex accepts only strings.

Strings stay separate attributes, because prompts and other functions of the bot read and write them.
"""


_ACTIONS = ("Close", "ConfirmIntent", "Delegate", "ElicitIntent", "ElicitSlot")


def parse_v1(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not the JSON of Lex V1."""
    if fields.mapping(raw, "currentIntent") is None:
        return []
    return [
        Request(
            platform="lex-v1",
            jovo_type="LexBot",
            kind="intent",
            user_id=fields.text(raw, "userId"),
            session_id=None,
            is_new_session=_is_new_session(raw),
            intent=fields.text(raw, "currentIntent", "name") or "",
            entities=Entities(
                fields.mapping(raw, "currentIntent", "slots"), lambda name: _entity_of_v1(raw, name)
            ),
            locale=None,
            timestamp=None,
            session_data=_decoded(fields.mapping(raw, "sessionAttributes") or {}),
            raw=raw,
        )
    ]


def _is_new_session(raw: Mapping[str, Any]) -> bool | None:
    """V1 sends a summary of the session's last intents, which is empty in its first request."""
    return not raw["recentIntentSummaryView"] if "recentIntentSummaryView" in raw else None


def parse_v2(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not the JSON of Lex V2."""
    if fields.mapping(raw, "sessionState") is None:
        return []
    session_id = fields.text(raw, "sessionId")
    locale = fields.text(raw, "bot", "localeId")
    slots = fields.mapping(raw, "sessionState", "intent", "slots") or {}
    return [
        Request(
            platform="lex-v2",
            jovo_type="LexBot",
            kind="intent",
            user_id=session_id,
            session_id=session_id,
            is_new_session=None,
            intent=fields.text(raw, "sessionState", "intent", "name") or "",
            entities=Entities(
                {name: _slot_value(slot) for name, slot in slots.items()}, lambda name: _entity(slots[name])
            ),
            locale=locale and locale.replace("_", "-"),
            timestamp=None,
            session_data=_decoded(fields.mapping(raw, "sessionState", "sessionAttributes") or {}),
            raw=raw,
        )
    ]


def _slot_value(slot: Any) -> Any:
    if fields.at(slot, "shape") == "List":
        return [_slot_value(part) for part in fields.sequence(slot, "values")]
    if parts := fields.mapping(slot, "subSlots"):
        return {name: _slot_value(part) for name, part in parts.items()}
    return fields.at(slot, "value", "interpretedValue")


def _entity(slot: Any) -> Entity:
    """A slot of V2. `resolvedValues` are the matching values of the slot type, best first."""
    if fields.at(slot, "shape") == "List":
        parts = tuple(_entity(part) for part in fields.sequence(slot, "values"))
        return Entity(value=_slot_value(slot), parts=parts)
    found = fields.mapping(slot, "value")
    if found is None:
        return Entity(value=_slot_value(slot))
    matches = tuple(Match(value=value) for value in fields.sequence(found, "resolvedValues"))
    return Entity(
        value=_slot_value(slot),
        heard=fields.text(found, "originalValue"),
        is_match=bool(matches),
        matches=matches,
    )


def _entity_of_v1(raw: Mapping[str, Any], name: str) -> Entity:
    """A slot of V1. `slotDetails` has what was heard and the matching values of the slot type."""
    value = fields.at(raw, "currentIntent", "slots", name)
    details = fields.mapping(raw, "currentIntent", "slotDetails", name)
    if details is None:
        return Entity(value=value)
    matches = tuple(
        Match(value=fields.at(found, "value")) for found in fields.sequence(details, "resolutions")
    )
    return Entity(
        value=value,
        heard=fields.text(details, "originalValue"),
        is_match=bool(matches),
        matches=matches,
    )


def _decoded(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    ours = fields.decoded(attributes.get(_ATTRIBUTE))
    if ours is None:
        return attributes
    return {name: item for name, item in attributes.items() if name != _ATTRIBUTE} | ours


def _encoded(session_data: dict[str, Any]) -> dict[str, str]:
    strings = {
        name: item for name, item in session_data.items() if isinstance(item, str) and name != _ATTRIBUTE
    }
    others = {name: item for name, item in session_data.items() if name not in strings}
    return strings | {_ATTRIBUTE: json.dumps(others)} if others else strings


def _message(speech: str) -> dict[str, str]:
    return {"contentType": "PlainText", "content": speech}


def _is_dialog_hook(request: Request) -> bool:
    """Whether Lex calls during the dialogue. It then needs a `Delegate` if the handler has nothing to say."""
    return fields.text(request.raw, "invocationSource") == "DialogCodeHook"


def _outcome(reply: Reply) -> str:
    return "Failed" if reply.is_failure else "Fulfilled"


def _goes_on(request: Request, reply: Reply) -> bool:
    """Whether Lex continues the dialogue."""
    return reply.speech is None and not reply.is_failure and _is_dialog_hook(request)


def _question(request: Request, proposed: dict[str, Any], slots: Mapping[str, Any] | None) -> dict[str, Any]:
    """The dialog action of a question. Within a dialogue it is the action that Lex proposes, which keeps filled slots.

    Without a proposal, it asks for the first empty slot, or for a confirmation if all slots are filled.
    """
    if not _is_dialog_hook(request) or not request.intent:
        return {"type": "ElicitIntent"}
    if proposed.get("type") == "ConfirmIntent" or fields.text(proposed, "slotToElicit"):
        return proposed
    empty = next((name for name, slot in (slots or {}).items() if slot is None), None)
    return {"type": "ConfirmIntent"} if empty is None else {"type": "ElicitSlot", "slotToElicit": empty}


def render_v1(request: Request, reply: Reply) -> dict[str, Any]:
    """The response of the Lambda function. Lex has no reprompt."""
    slots = fields.data(request.raw, "currentIntent", "slots")
    action: dict[str, Any]
    if native := fields.text(reply.native, "dialogAction", "type"):
        named = {"intentName": request.intent} if native in ("ElicitSlot", "ConfirmIntent") else {}
        action = named | ({} if native in ("Close", "ElicitIntent") else {"slots": slots})
    elif reply.listen:
        action = _question(request, _asked_before(request, slots), slots)
        if action["type"] != "ElicitIntent":
            action |= {"intentName": request.intent, "slots": slots}
    elif _goes_on(request, reply):
        action = {"type": "Delegate", "slots": slots}
    else:
        action = {"type": "Close", "fulfillmentState": _outcome(reply)}
    if reply.speech is not None:
        action["message"] = _message(reply.speech)
    return {"sessionAttributes": _encoded(reply.session_data), "dialogAction": action}


def _asked_before(request: Request, slots: Mapping[str, Any]) -> dict[str, Any]:
    """V1's substitute for a proposal: the slot that it last asked for, if that is still empty."""
    last = next(iter(fields.sequence(request.raw, "recentIntentSummaryView")), None)
    slot = fields.text(last, "slotToElicit")
    return {"type": "ElicitSlot", "slotToElicit": slot} if slot and slots.get(slot, slot) is None else {}


def render_v2(request: Request, reply: Reply) -> dict[str, Any]:
    """The response of the Lambda function. Lex has no reprompt."""
    intent = fields.data(request.raw, "sessionState", "intent")
    state: dict[str, Any] = {"sessionAttributes": _encoded(reply.session_data)}
    if fields.mapping(reply.native, "sessionState", "dialogAction"):
        state["intent"] = intent
    elif reply.listen:
        proposed = fields.data(request.raw, "proposedNextState", "dialogAction")
        state["dialogAction"] = _question(request, proposed, fields.mapping(intent, "slots"))
        if state["dialogAction"].get("type") != "ElicitIntent":
            state["intent"] = intent
    elif _goes_on(request, reply):
        state |= {"dialogAction": {"type": "Delegate"}, "intent": intent}
    else:
        state |= {"dialogAction": {"type": "Close"}, "intent": {**intent, "state": _outcome(reply)}}
    if reply.speech is None:
        return {"sessionState": state}
    return {"sessionState": state, "messages": [_message(reply.speech)]}


def check_v1(request: Request, reply: Reply, response: Mapping[str, Any]) -> None:
    """Raise ValueError if the action lacks a required field (Amazon Lex V1, 'Response Format')."""
    _check_action(fields.mapping(response, "dialogAction") or {}, {"Close": "fulfillmentState"})


def check_v2(request: Request, reply: Reply, response: Mapping[str, Any]) -> None:
    """Raise ValueError if the action lacks a required field (Amazon Lex V2, 'Response format')."""
    action = fields.mapping(response, "sessionState", "dialogAction") or {}
    _check_action(action, {})
    if action.get("type") == "Close" and not fields.text(response, "sessionState", "intent", "state"):
        raise ValueError("Close needs the state of the intent: set sessionState.intent.state")


def _check_action(action: Mapping[str, Any], needed: Mapping[str, str]) -> None:
    kind = action.get("type")
    if kind not in _ACTIONS:
        raise ValueError(f"dialogAction.type must be one of {', '.join(_ACTIONS)}, not {kind!r}")
    name = {"ElicitSlot": "slotToElicit", **needed}.get(kind)
    if name and not action.get(name):
        raise ValueError(f"the dialogAction {kind} needs {name}")
