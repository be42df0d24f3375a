"""Reads the parts of a record from an item, and formats times as JavaScript does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from async_dynamo_store.errors import UnreadableItemError
from async_dynamo_store.wire.changes import find
from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath, path_text


def javascript_time(moment: datetime) -> str:
    """The moment as JavaScript's `toISOString` writes it: UTC, milliseconds, `Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def read_map(item: Item, path: ItemPath) -> Item:
    """The map at `path` of an item; empty if there is none.

    Raises `UnreadableItemError` if a value along the path is not a map.
    """
    members: dict[Any, AttributeValue] = item
    for length, key in enumerate(path, 1):
        value = members.get(key)
        if value is None:
            return {}
        if "M" not in value:
            raise unreadable(item, path[:length], "a map")
        members = value["M"]
    return members


def read_time(item: Item, path: ItemPath | None) -> datetime | None:
    """The time at `path` as an aware datetime, or None."""
    text = read_text(item, path) if path else None
    if path is None or text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise unreadable(item, path, "a time such as 2026-11-22T17:01:09.316Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_text(item: Item, path: ItemPath) -> str | None:
    """The text at `path`, or None."""
    value = read_map(item, path[:-1]).get(str(path[-1]))
    if value is None or "NULL" in value:
        return None
    if "S" not in value:
        raise unreadable(item, path, "text")
    return str(value["S"])


def unreadable(item: Item, path: ItemPath, expected: str) -> UnreadableItemError:
    """The error for an attribute whose type or form differs from what the layout expects."""
    where = path_text(path)
    return UnreadableItemError(
        f"the attribute {where} of the stored item is not {expected} (its type is"
        f" {', '.join(find(item, path) or {})}). The item is left unchanged: check that `layout` names the"
        " framework that wrote this table, or repair the item",
        where,
    )
