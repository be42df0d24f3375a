"""An item as it was read or written, packed while nobody looks at it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from .values import Item, ItemPath


class Snapshot:
    """An item in wire form; packed it is JSON text, one for each member of the map at `path`, and one for the rest.

    That is little memory while a turn waits, and little for Python's garbage collector to look at; and what
    changes a few members of the map does not have to unpack the others.
    """

    __slots__ = ("_item", "_members", "_path", "_rest")

    def __init__(self, item: Item | None, path: ItemPath = ()) -> None:
        self._item = item
        self._path = path
        self._rest = b""
        self._members: dict[str, bytes] = {}

    @property
    def item(self) -> Item:
        """The whole item."""
        if self._item is None:
            self._item = self.part(self._members)
        return self._item

    def part(self, keys: Iterable[str]) -> Item:
        """The item, with at least these members of the map as far as it has them."""
        if self._item is not None:
            return self._item
        part: Item = orjson.loads(self._rest)
        texts = self._members
        return _with_members(
            part, self._path, {key: orjson.loads(texts[key]) for key in keys if key in texts}
        )

    def replaced(self, part: Item, keys: Collection[str]) -> Snapshot:
        """The item with `part` in the place of `self.part(keys)`."""
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
        """Let go of the wire form; an item with bytes in it has no JSON text, and stays."""
        if self._rest or self._pack(*_parted(self.item, self._path)):
            self._item = None

    @property
    def size(self) -> float:
        """The bytes of the JSON texts, which are never less than what DynamoDB counts; infinite without them."""
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
    """The item with an empty map at the path, and what was in the map."""
    if not path:
        return {}, item
    key = str(path[0])
    inside = item.get(key)
    if inside is None or "M" not in inside:
        return item, {}
    rest, members = _parted(inside["M"], path[1:])
    return {**item, key: {"M": rest}}, members


def _with_members(item: Item, path: ItemPath, members: Item) -> Item:
    """The item with these members in the map at the path, which is made where it is missing."""
    if not members:
        return item
    if not path:
        return {**item, **members}
    key = str(path[0])
    inside = item.get(key, {}).get("M", {})
    return {**item, key: {"M": _with_members(inside, path[1:], members)}}
