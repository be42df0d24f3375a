"""An item as a line of JSON, and back."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from async_dynamo_store.cli.json_text import (
    NotAnItemError,
    from_plain,
    item_from_dynamodb,
    json_text,
    parse,
    plain,
)
from async_dynamo_store.wire.values import Item

_ITEM = "Item"


class Form(StrEnum):
    """How an item is written: as `plain` values, or in DynamoDB's JSON as in its export to S3."""

    PLAIN = "plain"
    DYNAMODB = "dynamodb"


def line_of(item: Item, form: Form) -> bytes:
    """The item's line, with its line break."""
    value: Any = {_ITEM: item}
    if form is Form.PLAIN:
        value = {key: plain(member) for key, member in item.items()}
    return f"{json_text(value, indent=False)}\n".encode()


def item_of(line: bytes) -> Item:
    """The item of a line in either form. Raises `NotAnItemError`."""
    value = parse(line)
    if not isinstance(value, dict) or not value:
        raise NotAnItemError("it is not a JSON object with attributes")
    only = value.get(_ITEM)
    if len(value) == 1 and isinstance(only, dict):
        return item_from_dynamodb(only)
    return {key: from_plain(member) for key, member in value.items()}
