"""Reads and atomic writes of single values of a user's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.records.paths import DataPath, Place, check_type, path_keys
from async_dynamo_store.wire.changes import Append, Change, Increment, Put, Remove
from async_dynamo_store.wire.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from async_dynamo_store.records.data_model import DataModel
    from async_dynamo_store.records.elements import Elements
    from async_dynamo_store.wire.values import Item, ItemPath

    from .users import Users


class SingleValues:
    """Single values of the users of one table, by partition key value.

    The methods of `AsyncDynamoStore` with the same names document the errors.
    """

    def __init__(self, users: Users[Any], elements: Elements[Any], model: DataModel[Any]) -> None:
        self._users = users
        self._elements = elements
        self._data = elements.data
        self._model = model

    async def get(self, key: str, path: DataPath, default: Any = None) -> Any:
        """Read one value of the user's data; `default` if nothing is stored at the path."""
        place = self._place(path)
        item = await self._users.read(key) or {}
        self._elements.check(item)
        value = place.value(item)
        return default if value is None else decode(value)

    async def set(self, key: str, path: DataPath, value: Any) -> None:
        """Write one value of the user's data, atomically; missing parents and users are created."""
        place = self._place(path)
        encoded = self._data.encode(value, place.keys)
        await self._change(key, place, lambda path, item: Put(path, encoded))

    async def unset(self, key: str, path: DataPath) -> None:
        """Remove one value of the user's data, atomically. Later members of a list move up by one."""
        await self._change(key, self._place(path), lambda path, item: Remove(path))

    async def increment(self, key: str, path: DataPath, by: float | Decimal = 1) -> Any:
        """Add to a number of the user's data, atomically, and return the new value."""
        place = self._place(path)
        amount = encode(by, place.keys)
        if "N" not in amount:
            raise UnsupportedValueError(f"increment: by is {type(by).__qualname__}; give a number", "by")

        def change(path: ItemPath, item: Item) -> Change:
            start = self._data.start(path[len(self._data.path) :])
            increment = Increment(path, amount, otherwise=amount, start=start)
            check_type(item, path, "N", "a number: it cannot be incremented")
            increment.outcome(item)
            return increment

        item = await self._change(key, place, change)
        return decode(place.value(item) or amount)

    async def append(self, key: str, path: DataPath, values: Sequence[Any]) -> None:
        """Append values to a list of the user's data, atomically."""
        place = self._place(path)
        members = self._data.encode(list(values), place.keys)
        if not values:
            return

        def change(path: ItemPath, item: Item) -> Change:
            check_type(item, path, "L", "a list: it cannot be appended to")
            start = self._data.first_members(path[len(self._data.path) :])
            return Append(path, members["L"], otherwise=members, start=start)

        await self._change(key, place, change)

    def _place(self, path: DataPath) -> Place:
        return Place(self._elements.layout.data, self._model.stored_keys(path_keys(path)))

    async def _change(self, key: str, place: Place, change: Callable[[ItemPath, Item], Change]) -> Item:
        blind = None if place.has_indexes else change(place.keys, {})
        return await self._users.change(key, lambda item: change(place.on(item), item), blind)
