"""Dialogflow ES ('WebhookRequest', v2) and CX ('WebhookRequest', v3).

They share only the rules for finding the user id and for recognising a welcome.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import fields
from .dialogflow_users import is_call, user_id
from .entities import Entities, Entity, Match
from .model import Kind, Reply, Request

_CONTEXT = "async_dynamo_store"
"""The ES context for our session data, and its only parameter, which holds the data as JSON text.

One parameter per key does not work: ES writes the parameters of a matched intent into all active contexts, and
turns every number into a double.
"""
_CONTEXT_TURNS = 99
_START_FLOW = "00000000-0000-0000-0000-000000000000"
"""The id of every agent's default start flow."""


def parse_es(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not the JSON of Dialogflow ES."""
    if fields.mapping(raw, "queryResult") is None:
        return []
    intent = fields.text(raw, "queryResult", "intent", "displayName") or ""
    payload = fields.mapping(raw, "originalDetectIntentRequest", "payload")
    session_data = fields.decoded(fields.at(_session_context(raw), "parameters", _CONTEXT))
    kind = _kind(intent, fields.text(raw, "queryResult", "queryText"))
    return [
        Request(
            platform="dialogflow-es",
            jovo_type="GoogleAction" if _is_google(raw) else "DialogflowAgent",
            kind=kind,
            user_id=user_id(payload),
            session_id=fields.text(raw, "session"),
            is_new_session=_is_new_session(kind, has_been_answered=session_data is not None),
            intent=intent,
            entities=Entities(
                fields.mapping(raw, "queryResult", "parameters"), lambda name: _es_entity(raw, name)
            ),
            locale=fields.text(raw, "queryResult", "languageCode"),
            timestamp=None,
            session_data=session_data or {},
            raw=raw,
        )
    ]


def parse_cx(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if this is not the JSON of Dialogflow CX."""
    if fields.mapping(raw, "fulfillmentInfo") is None or fields.mapping(raw, "sessionInfo") is None:
        return []
    tag = fields.text(raw, "fulfillmentInfo", "tag")
    intent = fields.text(raw, "intentInfo", "displayName") or tag or ""
    kind = _kind(intent, fields.text(raw, "triggerEvent"))
    return [
        Request(
            platform="dialogflow-cx",
            jovo_type="DialogflowAgent",
            kind=kind,
            user_id=user_id(fields.mapping(raw, "payload")),
            session_id=fields.text(raw, "sessionInfo", "session"),
            is_new_session=_is_new_session(kind),
            intent=intent,
            tag=tag,
            entities=Entities(_cx_entities(raw), lambda name: _cx_entity(raw, name)),
            locale=fields.text(raw, "languageCode"),
            timestamp=None,
            session_data=fields.without_nulls(fields.mapping(raw, "sessionInfo", "parameters")),
            raw=raw,
        )
    ]


def _kind(intent: str, trigger: str | None) -> Kind:
    """Launch for the welcome intent and for events such as `WELCOME` or `GOOGLE_ASSISTANT_WELCOME`, else intent."""
    welcomed = trigger is not None and (trigger == "WELCOME" or trigger.endswith("_WELCOME"))
    return "launch" if welcomed or intent == "Default Welcome Intent" else "intent"


def _is_new_session(kind: Kind, *, has_been_answered: bool = False) -> bool | None:
    """Dialogflow has no such field: a welcome begins a session, and data of an earlier answer continues one."""
    if has_been_answered:
        return False
    return True if kind == "launch" else None


def _is_google(raw: Mapping[str, Any]) -> bool:
    return fields.text(raw, "originalDetectIntentRequest", "source") == "google"


def _session_context(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for context in fields.sequence(raw, "queryResult", "outputContexts"):
        if (fields.text(context, "name") or "").endswith(f"/contexts/{_CONTEXT}"):
            return fields.mapping(context)
    return None


def _cx_entities(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of the form and of the intent; the intent's are newer and take precedence."""
    entities = {
        name: fields.at(parameter, "value")
        for parameter in fields.sequence(raw, "pageInfo", "formInfo", "parameterInfo")
        if (name := fields.text(parameter, "displayName"))
    }
    for name, parameter in (fields.mapping(raw, "intentInfo", "parameters") or {}).items():
        entities[name] = fields.at(parameter, "resolvedValue")
    return entities


def _es_entity(raw: Mapping[str, Any], name: str) -> Entity:
    """The intent's contexts have what was heard, as `<name>.original`; `""` is a parameter without a value."""
    value = fields.at(raw, "queryResult", "parameters", name)
    contexts = fields.sequence(raw, "queryResult", "outputContexts")
    originals = (fields.text(context, "parameters", f"{name}.original") for context in contexts)
    matches = () if value in ("", None, []) else (Match(value=value),)
    return Entity(
        value=value, heard=next(filter(None, originals), None), is_match=bool(matches), matches=matches
    )


def _cx_entity(raw: Mapping[str, Any], name: str) -> Entity:
    parameter = fields.mapping(raw, "intentInfo", "parameters", name)
    value = _cx_entities(raw)[name]
    heard = fields.text(parameter, "originalValue")
    matches = () if value is None else (Match(value=value),)
    return Entity(value=value, heard=heard, is_match=bool(matches), matches=matches)


def render_es(request: Request, reply: Reply) -> dict[str, Any]:
    """The webhook's response. Google Assistant supports a reprompt and an end, a phone call only an end, others neither."""
    response: dict[str, Any] = {}
    if reply.speech is not None:
        response["fulfillmentText"] = reply.speech
        response["fulfillmentMessages"] = [{"text": {"text": [reply.speech]}}]
    if _is_google(request.raw):
        response["payload"] = {"google": _google_payload(reply)}
    if reply.ends_session and is_call(request.raw):
        response["endInteraction"] = True
    had_context = _session_context(request.raw) is not None
    if request.session_id is not None and (reply.session_data or had_context):
        response["outputContexts"] = [_output_context(request.session_id, reply.session_data)]
    return response


def _output_context(session: str, session_data: dict[str, Any]) -> dict[str, Any]:
    """Our context. Contexts that a response does not name stay active; a lifespan of 0 removes one."""
    name = f"{session}/contexts/{_CONTEXT}"
    if not session_data:
        return {"name": name, "lifespanCount": 0}
    return {
        "name": name,
        "lifespanCount": _CONTEXT_TURNS,
        "parameters": {_CONTEXT: json.dumps(session_data)},
    }


def _google_payload(reply: Reply) -> dict[str, Any]:
    payload: dict[str, Any] = {"expectUserResponse": not reply.ends_session}
    if reply.speech is not None:
        payload["richResponse"] = {"items": [{"simpleResponse": {"textToSpeech": reply.speech}}]}
    if reply.listen and reply.reprompt is not None:
        payload["noInputPrompts"] = [{"textToSpeech": reply.reprompt}]
    return payload


def render_cx(request: Request, reply: Reply) -> dict[str, Any]:
    """The webhook's response. CX has no reprompt; the agent's no-input event handlers replace it."""
    before = fields.mapping(request.raw, "sessionInfo", "parameters")
    response: dict[str, Any] = {
        "sessionInfo": {"parameters": fields.with_removed_keys(reply.session_data, before)}
    }
    if reply.speech is not None:
        response["fulfillmentResponse"] = {"messages": [{"text": {"text": [reply.speech]}}]}
    if reply.ends_session and (flow := _flow(request.raw)):
        response["targetPage"] = f"{flow}/pages/END_SESSION"
    return response


def _flow(raw: Mapping[str, Any]) -> str | None:
    """The session's current flow; the agent's start flow if the request names none."""
    flow = (fields.text(raw, "pageInfo", "currentPage") or "").rpartition("/pages/")[0]
    if flow:
        return flow
    agent, _, _ = (fields.text(raw, "sessionInfo", "session") or "").rpartition("/sessions/")
    agent, _, _ = agent.partition("/environments/")
    return f"{agent}/flows/{_START_FLOW}" if agent else None
