"""Platform JSON to `Request` objects (user, session, intent), and `Reply` objects back to platform JSON.

Each platform has a module with `parse` and `render`. A request's fields show which platform sent it.
Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

from async_dynamo_store.errors import UnknownRequestError

from . import alexa, dialogflow, google_assistant, jovo, lex, messenger, retell, twilio, vapi
from .entities import Entities, Entity, Match
from .model import ONCE_PLATFORMS, TEXT_PLATFORMS, CanFulfill, Kind, Platform, Reply, Request
from .native import Native, merged, native_of
from .speech import plain

__all__ = [
    "NESTED_TOO_DEEPLY",
    "ONCE_PLATFORMS",
    "TEXT_PLATFORMS",
    "CanFulfill",
    "Entities",
    "Entity",
    "Kind",
    "Match",
    "Native",
    "Platform",
    "Reply",
    "Request",
    "join_responses",
    "native_of",
    "parse_request",
    "render_reply",
]

NESTED_TOO_DEEPLY = "This request is nested too deeply: no platform sends such JSON. Check who sends it."

_Parse = Callable[[Mapping[str, Any]], list[Request]]
_Render = Callable[[Request, Reply], dict[str, Any] | str]
_Check = Callable[[Request, Reply, Mapping[str, Any]], None]


class _Module(NamedTuple):
    """How a platform's JSON is parsed and answered; error messages show `title`.

    `keys`: the JSON has one of these at the top level; `parse` then looks whether the platform sent it. `check` raises
    ValueError if native output contradicts the rest of the response. `join` combines the responses when one JSON
    holds several requests.
    """

    title: str
    platforms: tuple[Platform, ...]
    keys: frozenset[str]
    parse: _Parse
    render: _Render
    check: _Check | None = None
    join: Callable[[Sequence[Any]], Any] = list


def _keys(*keys: str) -> frozenset[str]:
    return frozenset(keys)


_MODULES = (
    _Module("Alexa", ("alexa",), _keys("request"), alexa.parse, alexa.render, alexa.check),
    _Module(
        "Google Assistant (Actions Builder)",
        ("google-assistant",),
        _keys("handler"),
        google_assistant.parse,
        google_assistant.render,
    ),
    _Module(
        "Dialogflow ES", ("dialogflow-es",), _keys("queryResult"), dialogflow.parse_es, dialogflow.render_es
    ),
    _Module(
        "Dialogflow CX",
        ("dialogflow-cx",),
        _keys("fulfillmentInfo"),
        dialogflow.parse_cx,
        dialogflow.render_cx,
    ),
    _Module("Lex V1", ("lex-v1",), _keys("currentIntent"), lex.parse_v1, lex.render_v1, lex.check_v1),
    _Module("Lex V2", ("lex-v2",), _keys("sessionState"), lex.parse_v2, lex.render_v2, lex.check_v2),
    _Module(
        "Facebook Messenger",
        ("messenger",),
        _keys("entry", "messaging", "field"),
        messenger.parse,
        messenger.render,
        messenger.check,
    ),
    _Module("Twilio Voice", ("twilio-voice",), _keys("CallSid"), twilio.parse, twilio.render),
    _Module("Jovo Core and Web", ("jovo-core", "jovo-web"), _keys("input"), jovo.parse, jovo.render),
    _Module("Vapi", ("vapi",), _keys("message"), vapi.parse, vapi.render, join=vapi.join),
    _Module("Retell", ("retell",), _keys("call", "chat", "event"), retell.parse, retell.render),
)
"""All platforms, in the order in which `parse_request` tries them."""
_MODULE_OF = {platform: module for module in _MODULES for platform in module.platforms}


def parse_request(raw: object) -> list[Request]:
    """The requests in a platform's JSON: one per event for Messenger, one per tool call for Vapi, else just one.

    `raw` is the decoded JSON; for Twilio it is the form fields as a dict. Fields that are null or of the wrong
    type count as missing. Raises `UnknownRequestError` if the JSON matches no platform.
    """
    if isinstance(raw, Mapping):
        try:
            for module in _MODULES:
                if module.keys.isdisjoint(raw):
                    continue
                if requests := module.parse(cast("Mapping[str, Any]", raw)):
                    return requests
        except RecursionError as error:
            raise UnknownRequestError(NESTED_TOO_DEEPLY) from error
    raise UnknownRequestError(
        f"This request matches no supported platform: {', '.join(each.title for each in _MODULES)}. "
        "Pass the platform's JSON as a dict, without its HTTP or API Gateway envelope; "
        "for Twilio pass the form fields as a dict."
    )


def render_reply(request: Request, reply: Reply) -> dict[str, Any] | str:
    """The reply in the format of the request's platform: a JSON object, or TwiML text for Twilio.

    Text is escaped where the platform expects XML; characters that XML forbids are dropped everywhere.
    Messenger's object is the Send API's payload, empty if there is nothing to send. Raises ValueError if
    native output contradicts the rest of the response.
    """
    module = _MODULE_OF[request.platform]
    speech, reprompt = plain(reply.speech), plain(reply.reprompt)
    if speech != reply.speech or reprompt != reply.reprompt:
        reply = replace(reply, speech=speech, reprompt=reprompt)
    response = module.render(request, reply)
    if reply.native is None or isinstance(response, str):
        return response
    response = cast("dict[str, Any]", merged(response, reply.native))
    if module.check:
        module.check(request, reply, response)
    return response


def join_responses(requests: Sequence[Request], responses: Sequence[Any]) -> Any:
    """The answer to the JSON that held these several requests; Messenger's responses become a list."""
    return _MODULE_OF[requests[0].platform].join(responses)
