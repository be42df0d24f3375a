"""Attribute values and items in DynamoDB's own form, and paths in them.

An attribute value has the form that an aioboto3 client accepts and returns: `{"S": "text"}`, `{"N": "1.5"}`,
`{"M": {...}}`; `B` holds bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

AttributeValue = dict[str, Any]
Item = dict[str, AttributeValue]

ItemPath = tuple[str | int, ...]
"""The path of a value in an item: keys of maps and indexes of lists."""


def path_text(path: ItemPath) -> str:
    """A path in readable form: `data.scores[3]` for `("data", "scores", 3)`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def same(one: AttributeValue | None, other: AttributeValue | None) -> bool:
    """Whether two attribute values are equal: numbers by value (`1.50` equals `1.5`), sets in any order."""
    if one == other:
        return True
    if one is None or other is None or one.keys() != other.keys():
        return False
    ((tag, left),) = one.items()
    right = other[tag]
    match tag:
        case "M":
            return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
        case "L":
            return len(left) == len(right) and all(map(same, left, right))
        case "N":
            return Decimal(left) == Decimal(right)
        case "SS" | "BS":
            return set(left) == set(right)
        case "NS":
            return set(map(Decimal, left)) == set(map(Decimal, right))
        case _:
            return False


def member_of(value: AttributeValue, key: str | int) -> AttributeValue | None:
    """The member of a map or a list under a key or an index, or None."""
    if not isinstance(key, int):
        named: Item = value.get("M", {})
        return named.get(key)
    members: Sequence[AttributeValue] = value.get("L", ())
    return members[key] if 0 <= key < len(members) else None
