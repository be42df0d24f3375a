"""Facebook Messenger webhooks, and the Send API's payload as the answer (Meta, 'Messenger Platform')."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import fields
from .model import Kind, Reply, Request

_ABOUT_THE_EVENT = ("sender", "recipient", "timestamp")
_LAUNCH_PAYLOADS = ("GET_STARTED", "GET_STARTED_PAYLOAD", "_JOVO_LAUNCH_")
"""The payload of the Get Started button is the developer's choice; these are Meta's examples' and Jovo's."""


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """One request per event, in order; none when this is not Messenger's JSON."""
    return [
        _request({**entry, "messaging": [event]}, event)
        for entry in (raw, *fields.sequence(raw, "entry"))
        for event in map(fields.mapping, fields.sequence(entry, "messaging"))
        if event
    ]


def _request(raw: Mapping[str, Any], event: Mapping[str, Any]) -> Request:
    kind, intent = _kind_and_intent(event)
    quick_reply = fields.text(event, "message", "quick_reply", "payload")
    return Request(
        platform="messenger",
        jovo_type="MessengerBot",
        kind=kind,
        user_id=None if _is_echo(event) else _sender(event, "id"),
        session_id=None,
        is_new_session=None,
        intent=intent,
        entities={} if quick_reply is None else {"quick_reply": quick_reply},
        locale=None,
        timestamp=fields.moment(event.get("timestamp")),
        session_data=None,
        raw=raw,
    )


def _kind_and_intent(event: Mapping[str, Any]) -> tuple[Kind, str]:
    """An event is named by the field that Messenger has it in, such as `delivery`, `read`, `referral`."""
    if _is_echo(event):
        return "event", "echo"
    if (message := fields.mapping(event, "message")) is not None:
        return "intent", fields.text(message, "quick_reply", "payload") or fields.text(message, "text") or ""
    if (postback := fields.mapping(event, "postback")) is not None:
        payload = fields.text(postback, "payload") or ""
        return "launch" if payload in _LAUNCH_PAYLOADS else "intent", payload
    return "event", next((str(name) for name in event if name not in _ABOUT_THE_EVENT), "")


def _is_echo(event: Mapping[str, Any]) -> bool:
    """A copy of what the page itself has sent: its sender is the page, and no user."""
    return fields.at(event, "message", "is_echo") is True


def _sender(event: Mapping[str, Any], key: str) -> str | None:
    """The id of who sent it: digits, which some test tools write as a number."""
    found = fields.at(event, "sender", key)
    return str(found) if type(found) is int else fields.text(found)


def render(request: Request, reply: Reply) -> dict[str, Any]:
    """The payload to post to the Send API; empty when there is nothing to say or nobody to say it to."""
    if request.kind == "event" or reply.speech is None:
        return {}
    for key in ("id", "user_ref"):
        if (sender := _sender(request.raw["messaging"][0], key)) is not None:
            return {
                "recipient": {key: sender},
                "messaging_type": "RESPONSE",
                "message": {"text": reply.speech},
            }
    return {}
