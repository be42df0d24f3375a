"""An item as it was read or written, stored compactly between uses."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import compress, repeat
from operator import contains
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from .values import Item, ItemPath

_LARGE = 128
"""The bytes of a JSON text from which a member is worth one of its own: about 8 numbers."""


class Snapshot:
    """An item in wire form. If it is packed, the large members of the map at `path` are JSON texts.

    A packed item gives Python's garbage collector little to look at during a turn: texts, and dicts of scalars, which
    it does not track. A change to a few members unpacks only those.
    """

    __slots__ = ("_item", "_path", "_rest", "_size", "_texts", "_unpacked")

    def __init__(self, item: Item, path: ItemPath = ()) -> None:
        self._item = item
        self._path = path
        self._rest: Item | None = None
        self._texts: dict[str, bytes] = {}
        self._unpacked: set[str] = set()
        self._size = 0

    @property
    def item(self) -> Item:
        """The whole item."""
        return self.part(self._texts)

    def part(self, keys: Iterable[str]) -> Item:
        """The item with at least these members of the map, where they exist; they stay unpacked until `repack`."""
        texts, unpacked = self._texts, self._unpacked
        missing = [key for key in keys if key in texts and key not in unpacked]
        if missing:
            members = {key: orjson.loads(texts[key]) for key in missing}
            self._item = _with_members(self._item, self._path, members)
            unpacked.update(missing)
        return self._item

    def replaced(self, part: Item, keys: Collection[str]) -> Snapshot:
        """A snapshot in which `part` replaces `self.part(keys)`; packed if this one is.

        In the map, `part` may differ only in the members under these keys.
        """
        made = Snapshot(part, self._path)
        if self._rest is not None:
            kept = {key: text for key, text in self._texts.items() if key not in keys}
            made._hold(kept | _texts_of(part, self._path, keys))
        return made

    def pack(self) -> None:
        """Replace the large members by JSON texts; those that contain bytes have none and stay."""
        if self._rest is None:
            self._hold(_texts_of(self._item, self._path))
        self.repack()

    def repack(self) -> None:
        """Let go of what `part` has unpacked."""
        if self._rest is not None:
            self._item = self._rest
            self._unpacked.clear()

    def _hold(self, texts: dict[str, bytes]) -> None:
        """Hold these members as texts only."""
        self._texts = texts
        self._item = self._rest = _without(self._item, self._path, texts) if texts else self._item

    @property
    def size(self) -> int:
        """The bytes of the item as JSON, an upper bound of what DynamoDB counts."""
        if not self._size:
            names = len("".join(self._texts).encode())
            rest = len(orjson.dumps(self._item if self._rest is None else self._rest, default=bytes.hex))
            self._size = rest + names + sum(map(len, self._texts.values()))
        return self._size


def _texts_of(item: Item, path: ItemPath, keys: Collection[str] | None = None) -> dict[str, bytes]:
    """The large members of the map at the path (only of these `keys`, if they are given), as JSON texts."""
    for key in path:
        item = item.get(str(key), {}).get("M", {})
    if keys is not None:
        item = {key: item[key] for key in keys if key in item}
    texts: dict[str, bytes] = {}
    for tag in ("M", "L"):
        # Most members are scalars; `compress` passes over them without a step of Python for each.
        for key in compress(item, map(contains, item.values(), repeat(tag))):
            try:
                text = orjson.dumps(item[key])
            except TypeError:
                continue
            if len(text) >= _LARGE:
                texts[key] = text
    return texts


def _without(item: Item, path: ItemPath, keys: Iterable[str]) -> Item:
    """The item without these members of the map at the path."""
    rest = item.copy()
    if path:
        key = str(path[0])
        rest[key] = {"M": _without(item[key]["M"], path[1:], keys)}
        return rest
    for key in keys:
        rest.pop(key, None)
    return rest


def _with_members(item: Item, path: ItemPath, members: Item) -> Item:
    """The item with these members added to the map at the path; a missing map is created."""
    if not path:
        return {**item, **members}
    key = str(path[0])
    inside = item.get(key, {}).get("M", {})
    return {**item, key: {"M": _with_members(inside, path[1:], members)}}
