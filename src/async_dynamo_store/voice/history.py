"""The items of the user's history, in Jovo v4's format."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from async_dynamo_store.config import HistoryElement

    from .requests import Entity, Request
    from .turn import Turn


async def history_item(turn: Turn[Any], elements: Mapping[str, HistoryElement]) -> dict[str, Any]:
    """The history item of a turn: the given elements, without those whose value is None."""
    item: dict[str, Any] = {}
    for name, element in elements.items():
        value = _built_in(turn, name) if isinstance(element, bool) else element(turn)
        if inspect.isawaitable(value):
            value = await value
        if value is not None:
            item[name] = value
    return item


def last_said(turns: Sequence[Mapping[str, Any]]) -> tuple[str, str | None, bool] | None:
    """The latest speech in the stored turns (newest first), its reprompt, and whether it asked for an answer.

    This library, Jovo v4 or Jovo v3 may have written the turns. None if none of them has speech.
    """
    return next((said for turn in turns for said in _said(turn)), None)


def _said(turn: Mapping[str, Any]) -> Iterator[tuple[str, str | None, bool]]:
    outputs = turn.get("output", [])
    for output in outputs if isinstance(outputs, list) else [outputs]:
        if isinstance(output, dict) and (speech := _text(output.get("message"))):
            yield speech, _text(output.get("reprompt")), bool(output.get("listen", True))
    response = turn.get("response")
    output_of_jovo3 = response.get("output") if isinstance(response, dict) else None
    if isinstance(output_of_jovo3, dict):
        for name, said in output_of_jovo3.items():
            if name in ("tell", "ask") and (speech := _text(said)):
                yield speech, _text(said.get("reprompt")), name == "ask"


def _text(message: Any) -> str | None:
    """The text of a Jovo message: a string, an object with `speech` or `text`, or a list of alternatives."""
    if isinstance(message, list):
        return _text(message[0]) if message else None
    if isinstance(message, dict):
        return _text(message.get("speech") or message.get("text"))
    return message if isinstance(message, str) else None


def _entity(entity: Entity) -> dict[str, Any]:
    """An entity as Jovo v4 stores it: `value` is what was heard, `resolved` the resolved value."""
    if entity.value is None:
        return {}
    stored = {"value": entity.value if entity.heard is None else entity.heard, "resolved": entity.value}
    return stored if entity.id is None else {"id": entity.id, **stored}


def _entities(request: Request) -> dict[str, Any]:
    return {name: _entity(request.entities.details(name)) for name in request.entities}


def _built_in(turn: Turn[Any], name: str) -> Any:
    request, reply = turn.request, turn.reply
    match name:
        case "output":
            reprompt = {} if reply.reprompt is None else {"reprompt": reply.reprompt}
            return (
                []
                if reply.speech is None
                else [{"message": reply.speech, **reprompt, "listen": reply.listen}]
            )
        case "nlu":
            return {"intent": {"name": request.intent}, "entities": _entities(request)}
        case "input":
            if request.kind == "intent":
                heard = {"type": "INTENT", "intent": request.intent}
                return heard | {"entities": _entities(request)} if request.entities else heard
            return {"type": {"launch": "LAUNCH", "end": "END"}.get(request.kind, request.intent)}
        case "entities":
            return _entities(request)
        case "request":
            return dict(request.raw)
        case "response":
            return turn.render()
        case _:
            return turn.session.data.get("state")
