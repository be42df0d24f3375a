"""Values of DynamoDB as JSON text and back. Numbers keep every digit."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import orjson

from async_dynamo_store.records.reading import javascript_time
from async_dynamo_store.wire.values import AttributeValue, Item

_TAGS = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})
_BINARY, _SET, _MAP = "$binary", "$set", "$map"


class NotAnItemError(ValueError):
    """The text is not an item in plain JSON or in DynamoDB's JSON."""


def json_text(value: Any, *, indent: bool = True) -> str:
    """JSON for a reader or a script: bytes as base64, sets as lists, times as JavaScript writes them."""
    options = orjson.OPT_PASSTHROUGH_DATETIME | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(value, default=_as_json, option=options).decode()


def _as_json(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return javascript_time(value)
        case set() | frozenset():
            return sorted(value)
        case _:
            return _number_text(str(value))


def _number_text(text: str) -> Any:
    return orjson.Fragment(str(Decimal(text)))


def shown(value: AttributeValue) -> Any:
    """A value for `json_text` in a readable form: sets are lists, bytes are base64 text."""
    ((tag, content),) = value.items()
    match tag:
        case "N":
            return _number_text(content)
        case "NS":
            return [_number_text(member) for member in sorted(content, key=Decimal)]
        case "SS" | "BS":
            return sorted(content)
        case "L":
            return [shown(member) for member in content]
        case "M":
            return {key: shown(member) for key, member in content.items()}
        case "NULL":
            return None
        case _:
            return content


def plain(value: AttributeValue) -> Any:
    """A value for `json_text` that `from_plain` converts back to the same value.

    Types that JSON lacks are marked: `{"$binary": "…"}`, `{"$set": […]}`. A map that looks like a mark is wrapped in
    `{"$map": {…}}`.
    """
    ((tag, content),) = value.items()
    match tag:
        case "B":
            return {_BINARY: content}
        case "BS":
            return {_SET: [{_BINARY: member} for member in sorted(content)]}
        case "SS" | "NS":
            return {_SET: shown(value)}
        case "L":
            return [plain(member) for member in content]
        case "M":
            members = {key: plain(member) for key, member in content.items()}
            return {_MAP: members} if _is_mark(members) else members
        case _:
            return shown(value)


def _is_mark(members: Mapping[str, Any]) -> bool:
    return len(members) == 1 and next(iter(members)) in (_BINARY, _SET, _MAP)


class _Number(str):
    """The text of a number in JSON."""

    __slots__ = ()


def _no_number(text: str) -> NoReturn:
    raise NotAnItemError(f"{text} is not JSON")


def parse(text: str | bytes) -> Any:
    """Parse JSON and keep its numbers as text. Raises `NotAnItemError`."""
    try:
        return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_no_number)
    except RecursionError:
        raise NotAnItemError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotAnItemError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotAnItemError(f"it is not JSON ({error.msg}, column {error.colno})") from None


def from_plain(value: Any) -> AttributeValue:
    """The attribute value of parsed JSON in the form of `plain`. Raises `NotAnItemError`."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case _Number():
            return {"N": _checked_number(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [from_plain(member) for member in value]}
        case dict() if _is_mark(value):
            return _from_mark(value)
        case _:
            return {"M": {key: from_plain(member) for key, member in value.items()}}


def _from_mark(value: dict[str, Any]) -> AttributeValue:
    ((mark, content),) = value.items()
    if mark == _BINARY and isinstance(content, str):
        return {"B": _bytes(content)}
    if mark == _MAP and isinstance(content, dict):
        return {"M": {key: from_plain(member) for key, member in content.items()}}
    if mark == _SET and isinstance(content, list):
        members = [from_plain(member) for member in content]
        kinds = {tag for member in members for tag in member}
        if len(kinds) == 1 and kinds <= {"S", "N", "B"}:
            (kind,) = kinds
            return {f"{kind}S": [member[kind] for member in members]}
    raise NotAnItemError(f"{mark} has an invalid value")


def from_dynamodb(value: Any) -> AttributeValue:
    """The attribute value of parsed JSON in DynamoDB's own form. Raises `NotAnItemError`."""
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= _TAGS:
        raise NotAnItemError("an attribute is not in DynamoDB's JSON")
    ((tag, content),) = value.items()
    reader, expected = _READERS[tag]
    if not isinstance(content, expected) or (tag in ("SS", "NS", "BS") and not content):
        raise NotAnItemError(f"an attribute of the type {tag} is not in DynamoDB's JSON")
    return {tag: reader(content)}


def item_from_dynamodb(members: Mapping[str, Any]) -> Item:
    """An item of parsed JSON in DynamoDB's own form. Raises `NotAnItemError`."""
    return {key: from_dynamodb(member) for key, member in members.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, _Number):
        raise NotAnItemError("a string is not in quotes")
    return value


def _checked_number(value: Any) -> str:
    try:
        if Decimal(value).is_finite():
            return str(value)
    except (InvalidOperation, TypeError):
        pass
    raise NotAnItemError("a number is invalid")


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(_text(value), validate=True)
    except binascii.Error:
        raise NotAnItemError("bytes are not base64") from None


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda members: [read(member) for member in members]


_READERS: Mapping[str, tuple[Callable[[Any], Any], type]] = {
    "S": (_text, str),
    "N": (_checked_number, str),
    "B": (_bytes, str),
    "BOOL": (bool, bool),
    "NULL": (bool, bool),
    "M": (item_from_dynamodb, dict),
    "L": (_list_of(from_dynamodb), list),
    "SS": (_list_of(_text), list),
    "NS": (_list_of(_checked_number), list),
    "BS": (_list_of(_bytes), list),
}
