"""Twilio Voice: a webhook's form fields, answered in TwiML (Twilio, 'TwiML for Programmable Voice')."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from . import fields
from .entities import Entities
from .model import Kind, Reply, Request
from .speech import xml

_CALL_IS_OVER = ("completed", "busy", "failed", "no-answer", "canceled")
_CALLBACKS = {
    "UnstableSpeechResult": "PartialResult",
    "StableSpeechResult": "PartialResult",
    "RecordingStatus": "RecordingStatus",
    "TranscriptionSid": "Transcription",
    "RecordingSid": "Record",
    "RecordingUrl": "Record",
    "DialCallStatus": "Dial",
    "HandoffData": "ConversationRelay",
    "SessionStatus": "ConversationRelay",
    "MachineDetectionDuration": "AnsweringMachine",
    "QueueResult": "Enqueue",
    "QueuePosition": "Queue",
    "ConferenceSid": "Conference",
    "StreamSid": "Stream",
    "PaymentConfirmationCode": "Pay",
    "ReferTransferTarget": "Refer",
}
"""The name of each callback's event, by a field that only this callback has. The first match counts."""

_WITHHELD = frozenset(
    {
        "anonymous",
        "266696687",
        "blocked",
        "2562533",
        "restricted",
        "7378742833",
        "unavailable",
        "86282452253",
        "unknown",
        "8656696",
    }
)
"""What Twilio sends if a caller withholds the number: one of these words, or its digits on a phone keypad."""


def parse(raw: Mapping[str, Any]) -> list[Request]:
    """The request, as a list of one; an empty list if these are not the form fields of a call."""
    call = fields.text(raw, "CallSid")
    if call is None:
        return []
    kind, intent = _kind_and_intent(raw)
    return [
        Request(
            platform="twilio-voice",
            jovo_type="TwilioVoice",
            kind=kind,
            user_id=_person(raw),
            session_id=call,
            is_new_session=kind == "launch",
            intent=intent,
            entities=Entities(),
            locale=None,
            timestamp=None,
            session_data=None,
            raw=raw,
        )
    ]


def _kind_and_intent(raw: Mapping[str, Any]) -> tuple[Kind, str]:
    """Twilio sends no request type; the fields of the request show it.

    After a Gather that heard nothing, the Gather's fields are empty. A call's first request has none of these fields.
    """
    for name, callback in _CALLBACKS.items():
        if name in raw:
            return "event", callback
    if fields.at(raw, "CallStatus") in _CALL_IS_OVER:
        return "end", ""
    if "CallbackSource" in raw:
        return "event", "StatusCallback"
    if "SpeechResult" in raw or "Digits" in raw:
        return "intent", fields.text(raw, "SpeechResult") or fields.text(raw, "Digits") or ""
    return "launch", ""


def _person(raw: Mapping[str, Any]) -> str | None:
    """The caller's number or SIP address; None if it is withheld, or if the app placed the call (`From` is the app)."""
    number = fields.text(raw, "From")
    if number is None or fields.text(raw, "Direction") == "outbound-api":
        return None
    name = number.lower().removeprefix("sip:").partition("@")[0].removeprefix("+")
    return None if name in _WITHHELD else number


def render(request: Request, reply: Reply) -> str:
    """A TwiML document; an empty one if the call is over, and for a callback without an answer.

    Native output sets attributes by verb (`{"Gather": {"language": "de-DE"}, "Say": {"voice": "Polly.Vicki"}}`).
    `TwiML` adds verbs (`"<Dial>+4989…</Dial>"`), which follow the speech and replace the hangup.
    """
    native = _Native(reply.native)
    is_silent = reply.speech is None and reply.native is None
    is_empty = request.kind == "end" or (request.kind == "event" and is_silent)
    verbs = "" if is_empty else _verbs(reply, native)
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'


class _Native:
    """A handler's native output: attributes of our verbs, and additional verbs."""

    def __init__(self, native: Mapping[str, Any] | None) -> None:
        self._attributes = {name: part for name, part in (native or {}).items() if name != "TwiML"}
        for name, part in self._attributes.items():
            if name not in ("Gather", "Say") or not isinstance(part, Mapping):
                raise ValueError(
                    'native output for Twilio takes a dict of attributes for "Gather" and for "Say", and'
                    f' additional verbs as text for "TwiML"; got {name!r}'
                )
        self.verbs: str | None = (native or {}).get("TwiML")
        if self.verbs is not None:
            _check_xml(self.verbs)

    def open(self, verb: str, **ours: str) -> str:
        """The verb's start tag; a native attribute of None removes ours."""
        attributes = {
            name: str(value)
            for name, value in (ours | {**self._attributes.get(verb, {})}).items()
            if value is not None
        }
        return f"<{verb}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())}>"


def _check_xml(verbs: str) -> None:
    try:
        ET.fromstring(f"<Response>{verbs}</Response>")  # noqa: S314 - the developer's own text
    except (ET.ParseError, TypeError) as error:
        raise ValueError("native TwiML is not well-formed XML") from error


def _verbs(reply: Reply, native: _Native) -> str:
    """The verbs of the reply. If a Gather hears nothing, Twilio runs the next verb: the reprompt, then the call ends."""
    if reply.speech is None or not reply.listen:
        return f"{_say(reply.speech, native)}{native.verbs or '<Hangup/>'}"
    prompts = [reply.speech] if reply.reprompt is None else [reply.speech, reply.reprompt]
    gather = native.open("Gather", input="dtmf speech")
    gathers = "".join(f"{gather}{_say(prompt, native)}</Gather>" for prompt in prompts)
    return f"{gathers}{native.verbs or ''}"


def _say(text: str | None, native: _Native) -> str:
    return "" if text is None else f"{native.open('Say')}{xml(text)}</Say>"
