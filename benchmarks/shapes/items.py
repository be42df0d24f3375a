"""Users of different shapes, each as plain JSON values in Jovo v4's layout with a score."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.user_item import user_item
from benchmarks.users import KEY_COLUMN, SCORE, user_id

Values = dict[str, Any]


def text() -> Values:
    """The item of all other questions: ten long strings, 3,700 bytes."""
    return user_item(3700)


def lists() -> Values:
    """A cart of 20 maps with tags and prices, about 3.7 KB."""
    return _item(
        {
            "cart": [
                {
                    "sku": f"SKU-{number:05d}",
                    "count": number % 4 + 1,
                    "prices": [number + 0.25, number + 0.5, number * 1.5],
                    "tags": ["new", "sale", "gift"][: number % 3 + 1],
                }
                for number in range(20)
            ]
        }
    )


def flat() -> Values:
    """200 keys with short values of every kind."""
    kinds: list[Any] = ["on", 7, True, 0.5, None]
    return _item({f"setting{number:03d}": kinds[number % len(kinds)] for number in range(200)})


def counters() -> Values:
    """100 whole numbers in a map."""
    return _item({"counts": {f"intent{number:02d}": number * 37 for number in range(100)}})


def messages() -> Values:
    """The last messages of a talk with a language model, about 20 KB."""
    sentence = "I looked that up for you: the next train leaves at half past four from platform nine. "
    return _item(
        {
            "messages": [
                {
                    "role": ("user", "assistant")[number % 2],
                    "content": sentence * (1 + 5 * (number % 2)),
                    "at": f"2026-11-22T17:{number:02d}:09.316Z",
                    "tokens": 20 + number,
                }
                for number in range(56)
            ]
        }
    )


def own() -> Values:
    """The shape `text` as this store keeps it, with the slots of eight writers that wrote a moment ago."""
    now = int(time.time() * 1000)
    writers = {f"q3Zk{number}A.0": now - number for number in range(8)}
    return text() | {"_store": {"id": "8c1f0a5be2d94377", "writers": writers}}


SHAPES = {
    "text": text,
    "lists": lists,
    "flat": flat,
    "counters": counters,
    "messages": messages,
    "own": own,
}


def shaped_item(shape: str) -> Values:
    """The item of user 0 in this shape."""
    return SHAPES[shape]()


def _item(data: Values) -> Values:
    return {
        KEY_COLUMN: user_id(0),
        "createdAt": "2026-11-22T17:01:09.316Z",
        "updatedAt": "2026-11-22T17:01:40.477Z",
        "user": {"data": {"name": "Ada", "score": SCORE, **data}},
    }
