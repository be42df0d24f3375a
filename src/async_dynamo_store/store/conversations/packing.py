"""Encodes the messages of one entry as an attribute value: JSON, compressed if that is smaller."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from async_dynamo_store.errors import UnreadableItemError, UnsupportedValueError
from async_dynamo_store.wire.json_values import check_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from async_dynamo_store.wire.values import AttributeValue

Message = dict[str, Any]
"""One message in the format of the agent's framework: a JSON object."""

PART_BYTES = 390_000
"""The bytes of messages in one item. DynamoDB's 400 KB (409,600 bytes) also include keys and names."""
_LEVEL = 6


def check_messages(messages: Sequence[Message]) -> list[Message]:
    """The messages as a list.

    Raises TypeError if they are not a list of dicts, and `UnsupportedValueError` if they are not valid JSON.
    """
    if not isinstance(messages, list | tuple):
        raise TypeError(f"give a list of messages, not a {type(messages).__qualname__}")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise TypeError(
                f"a message must be a dict of JSON values; messages[{index}] is of type {type(message).__qualname__}"
                " (for a pydantic model, pass model_dump(mode='json'))"
            )
        check_json(message, f"messages[{index}]")
    return list(messages)


def packed(messages: Sequence[Message]) -> bytes:
    """The messages as JSON, or compressed with zlib if that is shorter.

    Raises `UnsupportedValueError` for values that cannot be written as JSON.
    """
    try:
        text = json.dumps(messages, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except TypeError:
        raise UnsupportedValueError(
            "A message contains a Decimal, which JSON does not support: convert it to a float or a str.",
            "messages",
        ) from None
    except UnicodeEncodeError:
        raise UnsupportedValueError(
            "A message contains text that is not valid Unicode (a lone surrogate).", "messages"
        ) from None
    return min(text, zlib.compress(text, _LEVEL), key=len)


def as_attribute(content: bytes) -> AttributeValue:
    """Packed messages as an attribute value: JSON as readable text, compressed data as bytes."""
    return {"S": content.decode()} if _is_json(content) else {"B": content}


def content_of(value: AttributeValue) -> bytes:
    """The packed messages in an attribute value; empty if it has none."""
    text: str | None = value.get("S")
    return value.get("B", b"") if text is None else text.encode()


def unpacked(content: bytes) -> list[Message]:
    """The unpacked messages. Raises `UnreadableItemError`."""
    try:
        messages: list[Message] = json.loads(content if _is_json(content) else zlib.decompress(content))
    except (ValueError, zlib.error) as error:
        raise UnreadableItemError(
            "An entry of a conversation does not have the form that this library writes. It is left unchanged.",
            "messages",
        ) from error
    return messages


def _is_json(content: bytes) -> bool:
    return content.startswith(b"[")
