"""Platform JSON to who asks, in which session, for what; and a reply back to platform JSON.

Every platform has its module with a `parse` and a `render`; a request is recognised by its own shape.
Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from async_dynamo_store.errors import UnknownRequestError

from . import alexa, dialogflow, google_assistant, jovo, lex, messenger, twilio
from .model import TEXT_PLATFORMS, CanFulfill, Kind, Platform, Reply, Request
from .speech import plain

__all__ = [
    "TEXT_PLATFORMS",
    "CanFulfill",
    "Kind",
    "Platform",
    "Reply",
    "Request",
    "parse_request",
    "render_reply",
]

_PARSERS: tuple[Callable[[Mapping[str, Any]], list[Request]], ...] = (
    alexa.parse,
    google_assistant.parse,
    dialogflow.parse_es,
    dialogflow.parse_cx,
    lex.parse_v1,
    lex.parse_v2,
    messenger.parse,
    twilio.parse,
    jovo.parse,
)
_RENDERERS: Mapping[Platform, Callable[[Request, Reply], dict[str, Any] | str]] = {
    "alexa": alexa.render,
    "google-assistant": google_assistant.render,
    "dialogflow-es": dialogflow.render_es,
    "dialogflow-cx": dialogflow.render_cx,
    "lex-v1": lex.render_v1,
    "lex-v2": lex.render_v2,
    "messenger": messenger.render,
    "twilio-voice": twilio.render,
    "jovo-core": jovo.render,
    "jovo-web": jovo.render,
}


def parse_request(raw: object) -> list[Request]:
    """The requests in a platform's JSON: one per event for Messenger, exactly one for all others.

    `raw` is the decoded JSON; for Twilio it is the form fields as a dict. Whatever is missing, null or of the
    wrong type in it reads as not there. Raises `UnknownRequestError` when it has the shape of no platform.
    """
    if isinstance(raw, Mapping):
        try:
            for parse in _PARSERS:
                if requests := parse(cast("Mapping[str, Any]", raw)):
                    return requests
        except RecursionError as error:
            message = "This request is nested too deeply to be any platform's. Check who sends it."
            raise UnknownRequestError(message) from error
    raise UnknownRequestError(
        "This request has the shape of no platform known here: Alexa, Google Assistant (Actions Builder), "
        "Dialogflow ES and CX, Lex V1 and V2, Facebook Messenger, Twilio Voice, Jovo Core and Web. "
        "Pass the platform's own JSON as a dict, taken out of any HTTP or API Gateway envelope; "
        "for Twilio pass the form fields as a dict."
    )


def render_reply(request: Request, reply: Reply) -> dict[str, Any] | str:
    """The reply as the platform of `request` takes it: a JSON object, or TwiML text for Twilio.

    Text is escaped where the platform wants XML; characters that XML forbids are dropped everywhere.
    Messenger's object is the Send API's payload, empty when there is nothing to send.
    """
    spoken = replace(reply, speech=plain(reply.speech), reprompt=plain(reply.reprompt))
    return _RENDERERS[request.platform](request, spoken)
