"""Facebook Messenger webhooks, and the Send API's payload as the answer (Meta, 'Messenger Platform')."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from async_dynamo_store.errors import UnknownRequestError

from . import fields
from .entities import Entities, Entity, Match
from .model import Kind, Reply, Request

_OBJECTS = ("page", "instagram")
_MOST_EVENTS = 1000
"""Meta, 'Webhooks', 'Frequency': updates are sent in batches of at most 1,000."""

_ABOUT_THE_EVENT = ("sender", "recipient", "timestamp")
_LAUNCH_PAYLOADS = ("GET_STARTED", "GET_STARTED_PAYLOAD", "_JOVO_LAUNCH_")
"""Payloads of the Get Started button. Developers choose their own; these are from Meta's examples and from Jovo."""

_TO_NOBODY = ("echo", "delivery", "read", "standby", "changes", "")
"""Events that get no answer. Others, such as an opt-in, a referral or a linked account, can be answered."""


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """One request per event, in order; an empty list if this is not Messenger's JSON.

    A page's webhook without a message (another app's `standby`, `changes` of the feed, the dashboard's test)
    is an event too: Meta stops sending to a webhook that rejects it.
    """
    if fields.text(raw, "object") in _OBJECTS and isinstance(fields.at(raw, "entry"), list):
        return _bounded(_requests_of_page(raw)) or [_event(raw, "")]
    if set(raw) == {"field", "value"}:
        return [_event(raw, "changes")]
    entries = (raw, *fields.sequence(raw, "entry"))
    return _bounded(request for entry in entries for request in _requests(entry))


def _bounded(requests: Iterator[Request]) -> list[Request]:
    found = list(islice(requests, _MOST_EVENTS + 1))
    if len(found) > _MOST_EVENTS:
        raise UnknownRequestError(
            f"This request has more than the {_MOST_EVENTS} events that Messenger sends at once. Check who sends it."
        )
    return found


def _requests_of_page(raw: Mapping[str, Any]) -> Iterator[Request]:
    for entry in filter(None, map(fields.mapping, fields.sequence(raw, "entry"))):
        yield from _requests(entry)
        for event in _mappings(entry, "standby"):
            yield _event(_part(entry, "standby", event), "standby", _sender(event, "id"))
        for change in _mappings(entry, "changes"):
            yield _event(_part(entry, "changes", change), "changes")


def _requests(entry: Any) -> Iterator[Request]:
    for event in _mappings(entry, "messaging"):
        yield _request(_part(entry, "messaging", event), event)


def _mappings(entry: Any, name: str) -> Iterator[Mapping[str, Any]]:
    yield from filter(None, map(fields.mapping, fields.sequence(entry, name)))


def _part(entry: Mapping[str, Any], name: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with only this event. Nothing else is copied, because an entry may be large and have many events."""
    return {key: entry[key] for key in ("id", "time") if key in entry} | {name: [event]}


def _request(raw: Mapping[str, Any], event: Mapping[str, Any]) -> Request:
    kind, intent = _kind_and_intent(event)
    is_said = kind != "event"
    return Request(
        platform="messenger",
        jovo_type="MessengerBot",
        kind=kind,
        user_id=None if _is_echo(event) else _sender(event, "id"),
        session_id=None,
        is_new_session=None,
        intent=intent,
        entities=_entities(event),
        locale=None,
        timestamp=fields.moment(event.get("timestamp")),
        session_data=None,
        delivery_id=fields.text(event, "message", "mid") or fields.text(event, "postback", "mid")
        if is_said
        else None,
        raw=raw,
    )


def _event(raw: Mapping[str, Any], name: str, user_id: str | None = None) -> Request:
    return Request(
        platform="messenger",
        jovo_type="MessengerBot",
        kind="event",
        user_id=user_id,
        session_id=None,
        is_new_session=None,
        intent=name,
        entities=Entities(),
        locale=None,
        timestamp=fields.moment(fields.at(raw, "time")),
        session_data=None,
        raw=raw,
    )


def _kind_and_intent(event: Mapping[str, Any]) -> tuple[Kind, str]:
    """An event's name is the field that holds it, such as `delivery`, `read`, `referral`."""
    if _is_echo(event):
        return "event", "echo"
    if (message := fields.mapping(event, "message")) is not None:
        return "intent", fields.text(message, "quick_reply", "payload") or fields.text(message, "text") or ""
    if (postback := fields.mapping(event, "postback")) is not None:
        payload = fields.text(postback, "payload") or ""
        return "launch" if payload in _LAUNCH_PAYLOADS else "intent", payload
    return "event", next((str(name) for name in event if name not in _ABOUT_THE_EVENT), "")


def _entities(event: Mapping[str, Any]) -> Entities:
    """The quick reply that the user tapped: its payload, and the title on the screen."""
    payload = fields.text(event, "message", "quick_reply", "payload")
    if payload is None:
        return Entities()
    title = fields.text(event, "message", "text")
    tapped = Entity(value=payload, heard=title, is_match=True, matches=(Match(value=payload),))
    return Entities({"quick_reply": payload}, lambda name: tapped)


def _is_echo(event: Mapping[str, Any]) -> bool:
    """Whether it is a copy of a message from the page. Its sender is the page, not a user."""
    return fields.at(event, "message", "is_echo") is True


def _sender(event: Mapping[str, Any], key: str) -> str | None:
    """The sender's id. It is a string of digits; some test tools send a number."""
    found = fields.at(event, "sender", key)
    return str(found) if type(found) is int else fields.text(found)


def render(request: Request, reply: Reply) -> dict[str, Any]:
    """The payload to post to the Send API; empty without a message or without a recipient."""
    if (request.kind == "event" and request.intent in _TO_NOBODY) or (
        reply.speech is None and reply.native is None
    ):
        return {}
    recipient = _recipient(request.raw["messaging"][0])
    if recipient is None:
        return {}
    message = {} if reply.speech is None else {"text": reply.speech}
    return {"recipient": recipient, "messaging_type": "RESPONSE", "message": message}


def check(request: Request, reply: Reply, response: Mapping[str, Any]) -> None:
    """Raise ValueError for an invalid mix of text, attachment and quick replies (Meta, 'Send API', 'message')."""
    message = fields.mapping(response, "message") or {}
    if "text" in message and "attachment" in message:
        raise ValueError("a Messenger message is a text or an attachment: use turn.send for the attachment")
    if "quick_replies" in message and not {"text", "attachment"} & message.keys():
        raise ValueError("Messenger's quick replies need a text: use turn.ask")


def _recipient(event: Mapping[str, Any]) -> dict[str, str] | None:
    """The recipient of the answer: the sender, or a person who opted in on a web page and has no id yet."""
    if (sender := _sender(event, "id")) is not None:
        return {"id": sender}
    user_ref = _sender(event, "user_ref") or fields.text(event, "optin", "user_ref")
    return None if user_ref is None else {"user_ref": user_ref}
