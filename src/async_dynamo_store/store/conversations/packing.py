"""The messages of one entry as an attribute value: JSON, packed where that makes it smaller."""

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
"""One message as the agent's framework has it: a JSON object."""

PART_BYTES = 390_000
"""What one item holds of the messages; DynamoDB's 400 KB (409,600 bytes) include keys and names."""
_LEVEL = 6


def check_messages(messages: Sequence[Message]) -> list[Message]:
    """The messages as a list.

    Raises TypeError for what is no list of dicts, `UnsupportedValueError` for what is no JSON.
    """
    if not isinstance(messages, list | tuple):
        raise TypeError(f"give a list of messages, and not a {type(messages).__qualname__}")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            raise TypeError(
                f"a message is a dict as JSON has it; messages[{index}] is of the type {type(message).__qualname__}"
                " (of a pydantic model, give model_dump(mode='json'))"
            )
        check_json(message, f"messages[{index}]")
    return list(messages)


def packed(messages: Sequence[Message]) -> bytes:
    """The messages as JSON, or as its zlib stream where that is shorter.

    Raises `UnsupportedValueError` for what cannot be written as JSON.
    """
    try:
        text = json.dumps(messages, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except TypeError:
        raise UnsupportedValueError(
            "A message holds a Decimal, which JSON has not: make a float or a str of it.", "messages"
        ) from None
    except UnicodeEncodeError:
        raise UnsupportedValueError(
            "A message holds text that is not valid Unicode (a lone surrogate).", "messages"
        ) from None
    return min(text, zlib.compress(text, _LEVEL), key=len)


def as_attribute(content: bytes) -> AttributeValue:
    """Packed messages as an item holds them: JSON as text, which people can read, the rest as bytes."""
    return {"S": content.decode()} if _is_json(content) else {"B": content}


def content_of(value: AttributeValue) -> bytes:
    """The packed messages that an item holds; nothing where it holds none."""
    text: str | None = value.get("S")
    return value.get("B", b"") if text is None else text.encode()


def unpacked(content: bytes) -> list[Message]:
    """The messages; raises `UnreadableItemError`."""
    try:
        messages: list[Message] = json.loads(content if _is_json(content) else zlib.decompress(content))
    except (ValueError, zlib.error) as error:
        raise UnreadableItemError(
            "An entry of a conversation is not as this library writes it. It is left as it is.", "messages"
        ) from error
    return messages


def _is_json(content: bytes) -> bool:
    return content.startswith(b"[")
