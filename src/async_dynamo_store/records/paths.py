"""Paths of values in the user's data, as callers write them, and the corresponding paths in an item."""

from __future__ import annotations

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.wire.changes import find
from async_dynamo_store.wire.codec import encode
from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath, path_text

DataPath = str | tuple[str | int, ...]
"""The path of a value in the user's data: keys separated by dots, or a tuple if a key contains a dot.

A member of a list is named by its index: `"phones.1.type"`, `("phones", 1, "type")`.
"""

DataKeys = tuple[str | int, ...]


def path_keys(path: DataPath) -> DataKeys:
    """The keys of a path. Raises ValueError if a key is empty, negative or not valid Unicode."""
    keys = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
    if not keys or not all(map(_is_key, keys)):
        raise ValueError(
            'a path consists of keys separated by dots, such as "address.city" or "phones.1.type", or is a tuple of'
            " keys and indexes"
        )
    try:
        "".join(map(str, keys)).encode()
    except UnicodeEncodeError:
        raise ValueError("a key of the path is not valid Unicode (a lone surrogate)") from None
    return keys


def _is_key(key: object) -> bool:
    if isinstance(key, int) and not isinstance(key, bool):
        return key >= 0
    return isinstance(key, str) and bool(key)


def as_index(key: str | int) -> int | None:
    """The key as a list index, or None if it cannot be one."""
    if isinstance(key, int):
        return key
    return int(key) if key.isascii() and key.isdigit() else None


class Place:
    """The location of a value of the user's data in an item whose data is at `root`.

    `keys` is the path in an item if all parents are maps. `has_indexes`: the path contains a number, and only the
    stored item shows whether that is a list index or a map key. Raises `UnsupportedValueError` for a path that no
    item can hold.
    """

    __slots__ = ("_data_keys", "_root", "has_indexes", "keys")

    def __init__(self, root: ItemPath, keys: DataKeys) -> None:
        self.keys: ItemPath = (*root, *keys)
        self.has_indexes = any(as_index(key) is not None for key in keys)
        self._root = root
        self._data_keys = keys
        encode(None, self.keys)
        for key in map(str, keys):
            encode({key: None}, self.keys[:1])

    def on(self, item: Item) -> ItemPath:
        """The path in an item that was read. Raises like `located`."""
        return located(item, self._root, self._data_keys)

    def value(self, item: Item) -> AttributeValue | None:
        """The value in an item that was read; None if there is no value or the path is impossible there."""
        try:
            return find(item, self.on(item))
        except UnsupportedValueError:
            return None


def check_type(item: Item, path: ItemPath, tag: str, expected: str) -> None:
    """Raise `UnsupportedValueError` if the path holds a value of another type."""
    value = find(item, path)
    if value is not None and tag not in value:
        where = path_text(path)
        raise UnsupportedValueError(f"{where} holds {', '.join(value)} and not {expected}", where)


def located(item: Item, root: ItemPath, keys: DataKeys) -> ItemPath:
    """The path of the value in the item; missing parents are assumed to be maps.

    Raises `UnsupportedValueError` for a path through a value without members, and for an index that does not exist.
    """
    value = find(item, root)
    path = root
    for length, key in enumerate(keys):
        if value is None:
            return (*path, *_names(keys[length:], path))
        if "M" in value:
            path = (*path, str(key))
        elif "L" in value:
            path = (*path, _index(key, len(value["L"]), path))
        else:
            where = path_text(path)
            raise UnsupportedValueError(
                f"{where} holds {', '.join(value)}, which has no members. Nothing was written: name another path, or set"
                f" {where} itself",
                where,
            )
        value = find(item, path)
    return path


def _names(keys: DataKeys, path: ItemPath) -> tuple[str, ...]:
    """The keys of the maps to create at a path."""
    for key in keys:
        if isinstance(key, int):
            where = path_text(path)
            raise UnsupportedValueError(f"{where}: there is no list for the index {key}", where)
    return tuple(map(str, keys))


def _index(key: str | int, length: int, path: ItemPath) -> int:
    index, where = as_index(key), path_text(path)
    if index is None:
        raise UnsupportedValueError(f"{where} is a list; name a member by its index", where)
    if index >= length:
        raise UnsupportedValueError(
            f"{where} has {length} members: there is no index {index}. To add a member, append it", where
        )
    return index
