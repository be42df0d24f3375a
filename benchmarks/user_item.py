"""The user item that every contender loads, changes and saves: Jovo v4's layout, in the size asked for."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from benchmarks.users import KEY_COLUMN, SCORE, user_id

SMALLEST = 1000
"""The smallest item that can be made, in bytes."""


def user_item(size: int, number: int = 0) -> dict[str, Any]:
    """The item of user `number` as plain JSON values; its wire form has exactly `size` bytes.

    The size is that of the item as DynamoDB's JSON protocol carries it, written without spaces. An item
    grows by more rounds played, never by longer strings, so the number of values grows with the size:
    97 values at 3,700 bytes.
    """
    item = _start(number)
    data = item["user"]["data"]
    missing = size - wire_size(item)
    if missing < 0:
        raise ValueError(f"no user item is smaller than {SMALLEST} bytes; asked for {size}")
    while (missing := missing - wire_size(entry := _round_played(len(data["rounds"]))) - len('{"M":},')) >= 0:
        data["rounds"].append(entry)
    data["note"] += "." * (size - wire_size(item))
    return item


def wire_form(item: dict[str, Any]) -> dict[str, Any]:
    """`item` as DynamoDB attribute values, made by boto3's own serialiser."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in with_decimals(item).items()}


def plain_values(wire: Any) -> dict[str, Any]:
    """The values of a wire form, read by boto3's own deserialiser."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in wire.items()}


def with_decimals(item: dict[str, Any]) -> dict[str, Any]:
    """A copy of `item` whose floats are Decimal, as boto3 wants them."""
    copy: dict[str, Any] = json.loads(json.dumps(item), parse_float=Decimal)
    return copy


def wire_bytes(item: dict[str, Any]) -> bytes:
    """The wire form of `item` as JSON without spaces."""
    return json.dumps(wire_form(item), separators=(",", ":")).encode()


def wire_size(item: dict[str, Any]) -> int:
    """How many bytes the wire form of `item` has."""
    return len(wire_bytes(item))


def _start(number: int) -> dict[str, Any]:
    return {
        KEY_COLUMN: user_id(number),
        "createdAt": "2026-11-22T17:01:09.316Z",
        "updatedAt": "2026-11-22T17:01:40.477Z",
        "user": {
            "data": {
                "name": "Ada",
                "score": SCORE,
                "premium": True,
                "birthday": None,
                "ratio": 0.625,
                "note": "",
                "preferences": {
                    "locale": "en-GB",
                    "timeZone": "Europe/London",
                    "voice": {"name": "Amy", "speed": 1.25, "whisper": False},
                    "topics": ["science", "history"],
                },
                "reminder": {"at": "07:30", "days": ["MO", "TH"]},
                "rounds": [],
            }
        },
    }


def _round_played(number: int) -> dict[str, Any]:
    question = (
        "Which of these cities was the capital of its country for the longest time: Paris, Lima, or Cairo?",
        "Which chemical element melts in your hand, and was predicted years before anyone had ever seen it?",
        "Which composer wrote four operas, and had the third of them translated before the first was played?",
    )[number % 3]
    return {
        "id": f"7f3c9e52-4b1a-4d0e-9c55-{number:012d}",
        "question": question,
        "startedAt": f"2026-11-{number % 28 + 1:02d}T17:01:09.316Z",
        "points": number * 37 % 1000,
        "won": number % 2 == 0,
        "accuracy": 0.875,
    }
