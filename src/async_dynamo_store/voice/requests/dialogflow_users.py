"""The user id in a Dialogflow request: each integration has it in a different field of the payload.

Jovo v3 (npm, `jovo-platform-dialogflow` 3.6) stores users of Google Assistant, Facebook Messenger, Slack and the
Dialogflow Phone Gateway under the same ids. It has one id for all users of Twilio and one for all of Genesys, and
supports no other integrations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import fields

_REDACTED = "REDACTED_IN_STANDARD_TIER_AGENT"
"""The caller id that the free phone gateway sends for every caller."""

_PLACES: tuple[tuple[str, ...], ...] = (
    ("user", "userId"),  # Actions on Google
    ("userId",),  # the Messenger widget's `user-id`, and what a client sets in queryParams.payload
    ("telephony", "caller_id"),  # Dialogflow Phone Gateway and its partners
    ("data", "sender", "id"),  # Facebook Messenger, Viber
    ("data", "user"),  # Slack
    ("data", "event", "user"),  # Slack's Events API
    ("data", "event", "user", "name"),  # Google Chat (source "hangouts"): `users/1234`
    ("data", "source", "userId"),  # LINE
    ("data", "data", "source", "userId"),  # LINE, older
    ("data", "from", "id"),  # Telegram
    ("data", "message", "from", "id"),  # Telegram, the unchanged update
    ("data", "callback_query", "from", "id"),  # Telegram, a button
    ("data", "From"),  # Twilio (SMS and WhatsApp)
    ("data", "user", "id"),  # Skype, Viber's `conversation_started`
    ("contact", "cId"),  # respond.io and its resellers
)
"""The fields to look at, in this order. `source` does not identify the integration: some omit or move it."""


def user_id(payload: Mapping[str, Any] | None) -> str | None:
    """The user id in an integration's payload, or None."""
    storage = fields.decoded(fields.at(payload, "user", "userStorage"))
    found = fields.text(storage, "userId")
    return found or next(filter(None, (_text(payload, place) for place in _PLACES)), None)


def is_call(raw: Mapping[str, Any]) -> bool:
    """Whether the user of an ES agent is on the phone."""
    return fields.mapping(raw, "originalDetectIntentRequest", "payload", "telephony") is not None


def _text(payload: Mapping[str, Any] | None, place: tuple[str, ...]) -> str | None:
    """The id as text: some are numbers, which Dialogflow makes floats (`12345.0`)."""
    found = fields.at(payload, *place)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return fields.text(found) if found != _REDACTED else None
