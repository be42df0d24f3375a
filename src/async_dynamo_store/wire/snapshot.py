"""An item as it was read or written, stored compactly between uses."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, cast

import orjson

if TYPE_CHECKING:
    from .values import Item, ItemPath


class Snapshot:
    """An item in wire form. Packed, it is JSON text: one for each member of the map at `path`, and one for the rest.

    A packed item needs little memory during a turn and little work from Python's garbage collector. A change to a few
    members of the map unpacks only those.
    """

    __slots__ = ("_item", "_members", "_part", "_path", "_rest", "_unpacked")

    def __init__(self, item: Item | None, path: ItemPath = ()) -> None:
        self._item = item
        self._path = path
        self._rest = b""
        self._members: dict[str, bytes] = {}
        self._part: Item | None = None

    @property
    def item(self) -> Item:
        """The whole item."""
        if self._item is None:
            self._item = self.part(self._members)
        return self._item

    def part(self, keys: Iterable[str]) -> Item:
        """The item with at least these members of the map, where they exist; they stay unpacked until `pack`."""
        if self._item is not None:
            return self._item
        part = self._part
        if part is None:
            part, self._unpacked = cast("Item", orjson.loads(self._rest)), set[str]()
        texts, unpacked = self._members, self._unpacked
        missing = [key for key in keys if key in texts and key not in unpacked]
        self._part = _with_members(part, self._path, {key: orjson.loads(texts[key]) for key in missing})
        unpacked.update(missing)
        return self._part

    def replaced(self, part: Item, keys: Collection[str]) -> Snapshot:
        """A snapshot in which `part` replaces `self.part(keys)`."""
        rest, members = _parted(part, self._path)
        kept = {key: text for key, text in self._members.items() if key not in keys and key not in members}
        made = Snapshot(None, self._path)
        if made._pack(rest, members):
            made._members.update(kept)
        else:
            unpacked = {key: orjson.loads(text) for key, text in kept.items()}
            made._item = _with_members(rest, self._path, unpacked | members)
        return made

    def pack(self) -> None:
        """Replace the wire form by JSON text; an item that contains bytes has no JSON text and is left as it is."""
        if self._rest or self._pack(*_parted(self.item, self._path)):
            self._item = self._part = None

    @property
    def size(self) -> float:
        """The bytes of the JSON texts, an upper bound of what DynamoDB counts; infinite for an unpacked item."""
        if not self._rest:
            return math.inf
        names = len("".join(self._members).encode())
        return len(self._rest) + names + sum(map(len, self._members.values()))

    def _pack(self, rest: Item, members: Item) -> bool:
        try:
            self._members = {key: orjson.dumps(member) for key, member in members.items()}
            self._rest = orjson.dumps(rest)
        except TypeError:
            self._members = {}
            return False
        return True


def _parted(item: Item, path: ItemPath) -> tuple[Item, Item]:
    """The item with an empty map at the path, and the members of that map."""
    if not path:
        return {}, item
    key = str(path[0])
    inside = item.get(key)
    if inside is None or "M" not in inside:
        return item, {}
    rest, members = _parted(inside["M"], path[1:])
    return {**item, key: {"M": rest}}, members


def _with_members(item: Item, path: ItemPath, members: Item) -> Item:
    """The item with these members added to the map at the path; a missing map is created."""
    if not members:
        return item
    if not path:
        return {**item, **members}
    key = str(path[0])
    inside = item.get(key, {}).get("M", {})
    return {**item, key: {"M": _with_members(inside, path[1:], members)}}
