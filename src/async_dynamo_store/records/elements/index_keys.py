"""The keys of global secondary indexes, copied from the user's data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.wire.changes import Change, Replace, find
from async_dynamo_store.wire.sizes import size_of
from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath, path_text, same

if TYPE_CHECKING:
    from async_dynamo_store.config import GlobalSecondaryIndex, IndexKey

_MAX_BYTES = {"HASH": 2048, "RANGE": 1024}
"""AWS, 'Quotas in Amazon DynamoDB', 'Partition keys and sort keys'."""


class IndexKeys:
    """The top-level attributes that are keys of the configured indexes."""

    def __init__(self, indexes: Iterable[GlobalSecondaryIndex], data: ItemPath) -> None:
        keys = [key for index in indexes for key in index.keys]
        # If one attribute is both a HASH and a RANGE key, the RANGE key's lower limit applies.
        keys.sort(key=lambda key: key.key_type)
        self._keys = {key.attribute_name: key for key in keys}.values()
        self._data = data
        self.sources: Collection[str] = {key.path.partition(".")[0] for key in keys}
        self.paths: Collection[ItemPath] = [(key.attribute_name,) for key in self._keys]

    def changes(self, before: Item, after: Item) -> Iterator[Change]:
        """The key changes that accompany a write of `before` to `after`."""
        for key in self._keys:
            stored = find(before, (key.attribute_name,))
            value = self._value(key, after)
            if not same(value, stored):
                yield Replace((key.attribute_name,), stored, value)

    def _value(self, key: IndexKey, after: Item) -> AttributeValue | None:
        """The key's value; None if the data has another type or is empty, because an empty value is not a valid key."""
        source = (*self._data, *key.path.split("."))
        value = find(after, source)
        if value is None or not value.get(key.attribute_type):
            return None
        size, most = size_of(value), _MAX_BYTES[key.key_type]
        if size > most:
            raise UnsupportedValueError(
                f"{path_text(source)} has {size:,} bytes; as the {key.key_type} key of an index DynamoDB holds"
                f" {most:,}. Shorten it",
                path_text(source),
            )
        return value
