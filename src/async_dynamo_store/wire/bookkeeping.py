"""This library's own attribute in an item: which item it is, and which saves have lately landed in it.

    "_store": {"id": "8c1f0a5be2d94377", "saves": {"d9437be2f5178c06": 1795369269}}

`id` is new with each new item, so that a user who was deleted and came back is told from the one who was
loaded. `saves` has a token for each save of the last minute: a save whose answer was lost is sent again, is
refused since its token is there, and is known to have landed, whatever others have written in between.
Frameworks that put whole items drop the attribute; the next save of ours starts it anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from .changes import Change, Put, Remove, Replace, find
from .expression import Guard
from .values import AttributeValue, Item, ItemPath

ATTRIBUTE = "_store"
ID: ItemPath = (ATTRIBUTE, "id")
"""Where the identity of an item is."""

_SAVES: ItemPath = (ATTRIBUTE, "saves")
_REMEMBERED_SECONDS = 60
"""Longer than any retry of a save may take, and than the clocks of two machines differ."""


def new_token() -> str:
    """A name for one save that no other save has."""
    return os.urandom(8).hex()


def landed(token: str, item: Item) -> bool:
    """Whether the save with this token is in the item."""
    return find(item, (*_SAVES, token)) is not None


def identity(item: Item) -> AttributeValue | None:
    """What tells this item from a later one of the same user; None when another framework wrote it."""
    return find(item, ID)


def sign(token: str, epoch: float) -> Put:
    """The change that leaves a save's token in the item."""
    return Put((*_SAVES, token), {"N": str(int(epoch))})


def upkeep(epoch: float, base: Item) -> Iterator[Change]:
    """The changes that keep the attribute in order: a missing identity comes in, tokens that are old go out."""
    if identity(base) is None:
        yield Replace(ID, None, {"S": new_token()})
    saves = find(base, _SAVES) or {}
    for name, when in saves.get("M", {}).items():
        if epoch - float(when.get("N", 0)) > _REMEMBERED_SECONDS:
            yield Remove((*_SAVES, name))


def not_landed(token: str) -> Guard:
    """The condition that the save with this token is not in the item yet."""
    return Guard((*_SAVES, token), None)


def same_item(base: Item, key: Item, created_at: ItemPath | None) -> list[Guard]:
    """The condition that the item is still the one that was read, changed or not.

    For one without identity it is that there is an item, created when this one was, where the layout says so.
    """
    if known := identity(base):
        return [Guard(ID, known)]
    created = find(base, created_at) if created_at else None
    return [Guard((name,), value) for name, value in key.items()] + (
        [Guard(created_at, created)] if created_at and created else []
    )


def is_other_item(item: Item, base: Item, created_at: ItemPath | None) -> bool:
    """Whether the user was deleted after `base` was read and has come back as `item`, if the two can tell."""
    for path in (ID, created_at):
        one, other = (find(item, path), find(base, path)) if path else (None, None)
        if one is not None and other is not None:
            return one != other
    return False
