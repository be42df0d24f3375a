"""Reads the parts of a record from an item, and formats times as JavaScript does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from async_dynamo_store.errors import UnreadableItemError
from async_dynamo_store.wire.changes import find
from async_dynamo_store.wire.values import Item, ItemPath, path_text


def javascript_time(moment: datetime) -> str:
    """The moment as JavaScript's `toISOString` writes it: UTC, milliseconds, `Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def read_map(item: Item, path: ItemPath) -> Item:
    """The map at `path` of an item; empty if there is none.

    Raises `UnreadableItemError` if a value along the path is not a map.
    """
    members: Any = item
    for key in path:
        value = members.get(key)
        if value is None:
            return {}
        members = value.get("M")
        if members is None:
            raise unreadable(item, _to_the_first_other(item, path), "a map")
    found: Item = members
    return found


def _to_the_first_other(item: Item, path: ItemPath) -> ItemPath:
    """The path to the first value along `path` that is not a map."""
    prefixes = (path[:length] for length in range(1, len(path) + 1))
    return next(prefix for prefix in prefixes if "M" not in (find(item, prefix) or {}))


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
