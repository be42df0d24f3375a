"""The size in bytes that DynamoDB counts for a value or an item, and its size limit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from async_dynamo_store.errors import ItemTooLargeError

from .numbers import EXACT
from .values import AttributeValue, Item, ItemPath, path_text

MAX_ITEM_BYTES = 400 * 1024
"""AWS, 'Quotas in Amazon DynamoDB', 'Item size'."""


def size_of(value: AttributeValue) -> int:
    """The bytes that DynamoDB counts for a value (AWS, 'DynamoDB item sizes and formats')."""
    ((tag, content),) = value.items()
    match tag:
        case "S":
            return len(content) if content.isascii() else len(content.encode())
        case "N":
            return _number_size(content)
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(1 + len(key.encode()) + size_of(member) for key, member in content.items())
        case "L":
            return 3 + sum(1 + size_of(member) for member in content)
        case "B":
            return len(content)
        case _:
            return sum(size_of({tag[0]: member}) for member in content)


def _number_size(text: str) -> int:
    # AWS gives only an approximate rule. DynamoDB Local counts pairs of digits from the decimal point: 1.5 as 01.50.
    number = Decimal(text).normalize(EXACT)
    sign, digits, exponent = number.as_tuple()
    return (len(digits) + int(exponent) % 2 + 1) // 2 + 1 + sign if number else 1


def item_size(item: Item) -> int:
    """The bytes that DynamoDB counts for an item, attribute names included."""
    return sum(len(name.encode()) + size_of(value) for name, value in item.items())


def check_item_size(item: Item) -> None:
    """Raise `ItemTooLargeError`, naming the five largest paths, for an item over 400 KB."""
    size = item_size(item)
    if size <= MAX_ITEM_BYTES:
        return
    largest = sorted(_leaf_sizes(item, ()), key=lambda leaf: -leaf[1])[:5]
    named = ", ".join(f"{path} ({bytes_:,} bytes)" for path, bytes_ in largest)
    raise ItemTooLargeError(
        f"the user item would have {size:,} bytes; DynamoDB holds {MAX_ITEM_BYTES:,}. Largest: {named}."
        " Nothing was saved: shorten these values, or store them elsewhere",
        size,
        largest,
    )


def _leaf_sizes(members: Item, path: ItemPath) -> Iterator[tuple[str, int]]:
    for key, value in members.items():
        if value.get("M"):
            yield from _leaf_sizes(value["M"], (*path, key))
        else:
            yield path_text((*path, key)), len(key.encode()) + size_of(value)
