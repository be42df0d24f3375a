"""The path of a value in the user's data, as users write it, and where it is in an item."""

from __future__ import annotations

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.wire.changes import find
from async_dynamo_store.wire.codec import encode
from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath, path_text

DataPath = str | tuple[str | int, ...]
"""A value in the user's data: keys with dots between them, or a tuple where a key holds a dot.

A member of a list is named by its index: `"phones.1.type"`, `("phones", 1, "type")`.
"""

DataKeys = tuple[str | int, ...]


def path_keys(path: DataPath) -> DataKeys:
    """The keys of a path; raises ValueError when one is empty, negative or not valid Unicode."""
    keys = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
    if not keys or not all(map(_is_key, keys)):
        raise ValueError(
            'a path is keys with dots between them, such as "address.city" or "phones.1.type", or a tuple of keys'
            " and indexes"
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
    """The index of a list that a key stands for, if it can stand for one."""
    if isinstance(key, int):
        return key
    return int(key) if key.isascii() and key.isdigit() else None


class Place:
    """Where a value of the user's data is in the items of a layout, whose data is at `root`.

    `keys` is the path in an item where all parents are maps. `has_indexes`: only the stored item can tell what
    the path means, an index of a list or a key of digits. Raises `UnsupportedValueError` for a path that no
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
        """The path in an item that was read; raises as `located` does."""
        return located(item, self._root, self._data_keys)

    def value(self, item: Item) -> AttributeValue | None:
        """What is there in an item that was read; None where nothing is, or no path leads."""
        try:
            return find(item, self.on(item))
        except UnsupportedValueError:
            return None


def check_type(item: Item, path: ItemPath, tag: str, expected: str) -> None:
    """Raises `UnsupportedValueError` when something else than a value of this type is at the path."""
    value = find(item, path)
    if value is not None and tag not in value:
        where = path_text(path)
        raise UnsupportedValueError(f"{where} holds {', '.join(value)} and not {expected}", where)


def located(item: Item, root: ItemPath, keys: DataKeys) -> ItemPath:
    """Where the value is in the item, or would be: what is missing of its parents are maps.

    Raises `UnsupportedValueError` for a path through what holds no members, and for an index that is not there.
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
    """The keys of maps that are to be made at a path."""
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
            f"{where} has {length} members: there is no index {index}. To add one, append it", where
        )
    return index
