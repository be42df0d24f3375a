"""Converts DynamoDB's attribute values to Python values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from async_dynamo_store.errors import UnreadableItemError

from .numbers import number
from .values import AttributeValue, Item


def _values(members: Item) -> dict[str, Any]:
    # The common types are inlined: function calls would take a third of the time of a load.
    values: dict[str, Any] = {}
    for key, value in members.items():
        if "S" in value:
            values[key] = value["S"]
        elif "N" in value:
            text = value["N"]
            values[key] = int(text) if text.isdigit() else number(text)
        elif "M" in value:
            values[key] = _values(value["M"])
        elif "BOOL" in value:
            values[key] = value["BOOL"]
        elif "L" in value:
            values[key] = _list_values(value["L"])
        elif "NULL" in value:
            values[key] = None
        else:
            values[key] = decode(value)
    return values


def _list_values(members: list[AttributeValue]) -> list[Any]:
    return [
        member["S"]
        if "S" in member
        else _values(member["M"])
        if "M" in member
        else number(member["N"])
        if "N" in member
        else decode(member)
        for member in members
    ]


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "S": lambda value: value,
    "N": number,
    "BOOL": lambda value: value,
    "NULL": lambda value: None,
    "M": _values,
    "L": _list_values,
    "B": lambda value: value,
    "SS": set,
    "NS": lambda value: {number(member) for member in value},
    "BS": set,
}


def decode(value: AttributeValue) -> Any:
    """The Python value of an attribute value.

    Raises `UnreadableItemError` for an unknown type tag.
    """
    for tag, content in value.items():
        if decoder := _DECODERS.get(tag):
            return decoder(content)
    raise UnreadableItemError(f"an attribute value has none of DynamoDB's types: {sorted(value)}", "")
