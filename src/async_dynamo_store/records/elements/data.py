"""The stored element `user`: the user's data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Generic

from async_dynamo_store.records.reading import read_map
from async_dynamo_store.records.record import DataT
from async_dynamo_store.records.value_paths import picked
from async_dynamo_store.wire.changes import ZERO, Append, Change, Increment, diff, find, put
from async_dynamo_store.wire.codec import decode, encode, sum_of
from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath, path_text, same

if TYPE_CHECKING:
    from async_dynamo_store.records.data_model import DataModel
    from async_dynamo_store.records.loaded import Loaded, Number
    from async_dynamo_store.records.paths import DataKeys

Encode = Callable[..., AttributeValue]


class DataElement(Generic[DataT]):
    """The user's data at `path`, as the data model reads and writes it."""

    def __init__(
        self, path: ItemPath, model: DataModel[DataT], *, is_stored: bool, empty_strings_as_null: bool
    ) -> None:
        self.path = path
        self._name = path_text(path)
        self._model = model
        self._is_stored = is_stored
        self._empty_strings_as_null = empty_strings_as_null

    def read(self, item: Item) -> tuple[DataT, Any]:
        """The data, and its baseline."""
        members = read_map(item, self.path) if self._is_stored else {}
        return self._model.read(decode({"M": members}), self._name)

    def empty(self) -> DataT:
        """The data of an anonymous record."""
        return self._model.read({}, self._name)[0]

    def check(self, item: Item) -> None:
        """Raise `UnreadableItemError` if the path holds a value that is not a map."""
        if self._is_stored:
            read_map(item, self.path)

    def baseline(self, data: DataT, before: Any) -> Any:
        """The state of the data, with which changes are detected; `before` is the baseline so far."""
        return self._model.baseline(data, before) if self._is_stored else None

    def changes(self, data: DataT, loaded: Loaded, baseline: Any) -> Iterator[Change]:
        """The changes that the turn made to the data."""
        if not self._is_stored:
            return
        counted = dict.fromkeys(path[0] for path in loaded.increments).keys()
        stored = partial(self._stored, loaded)
        written, keys = self._model.write(data, stored, loaded.baseline, baseline, counted)
        if keys is None:
            members = read_map(loaded.item or {}, self.path)
        elif keys:
            members = picked(read_map(loaded.part(keys), self.path), keys)
            written = picked(written, keys)
        else:
            return
        after = self.encode(written, self.path, like={"M": members})["M"]
        counts, after = self._counts(loaded, members, after)
        grown, after = self._grown(loaded, members, after)
        yield from self.difference(members, after, self.path)
        yield from counts
        yield from grown

    def _stored(self, loaded: Loaded) -> dict[str, Any]:
        stored: dict[str, Any] = decode({"M": read_map(loaded.item or {}, self.path)})
        return stored

    def _counts(self, loaded: Loaded, before: Item, after: Item) -> tuple[list[Increment], Item]:
        """An Increment for each counter that was not set otherwise after counting, and `after` without them."""
        counts: list[Increment] = []
        for keys, by in list(loaded.increments.items()):
            path, old, value = (*self.path, *keys), find(before, keys), find(after, keys) or {}
            # Use the default that this turn loaded: a default factory may return a new value each time.
            start = self.start(keys) if old else _as_start(self._model.loaded_value(loaded.baseline, keys))
            if not _is_counted(old or start, value, by, path):
                # The handler set the value after counting, so it is written as it is.
                del loaded.increments[keys]
            elif by or old is None:
                counts.append(Increment(path, encode(by, path), otherwise=value, start=start))
                after = put(after, keys, old)
        return counts, after

    def _grown(self, loaded: Loaded, before: Item, after: Item) -> tuple[list[Append], Item]:
        """An Append for each list that is not stored yet and only grew, from a default or by `append`.

        Concurrent turns then keep each other's members. Also returns `after` without these lists.
        """
        grown: list[Append] = []
        for keys, members in list(_new_lists(before, after)):
            default = self._model.loaded_value(loaded.baseline, keys)
            start = self.encode(default, self.path)["L"] if isinstance(default, list) else []
            is_longer = len(members) > len(start) and all(map(same, start, members))
            if is_longer and (isinstance(default, list) or keys in loaded.appended):
                path = (*self.path, *keys)
                grown.append(Append(path, members[len(start) :], otherwise={"L": members}, start=start))
                after = put(after, keys, None)
        return grown, after

    def difference(self, before: Item, after: Item, path: ItemPath) -> list[Change]:
        """The changes between two maps, compared in the form that this store writes."""
        if self._empty_strings_as_null:
            before = self.encode(decode({"M": before}), path)["M"]
        return diff(before, after, path)

    def start(self, keys: DataKeys) -> AttributeValue:
        """The number that an increment starts from if nothing is stored at these keys: its default."""
        return _as_start(self._model.default(keys))

    def first_members(self, keys: DataKeys) -> list[AttributeValue]:
        """The members that a list starts with if nothing is stored at these keys: its default."""
        default = self._model.default(keys)
        return self.encode(default, self.path)["L"] if isinstance(default, list) else []

    def encode(self, value: Any, path: ItemPath, like: AttributeValue | None = None) -> AttributeValue:
        """The attribute value of `value` at `path`, encoded with this store's settings."""
        return encode(value, path, like=like, empty_strings_as_null=self._empty_strings_as_null)


def _new_lists(
    before: Item, after: Item, here: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Sequence[AttributeValue]]]:
    """The lists in `after` at paths that do not exist in `before`, including those in nested maps."""
    for key, value in after.items():
        old = before.get(key)
        if value is old:  # an unchanged value is encoded as the same object
            continue
        if "M" in value and (old is None or "M" in old):
            yield from _new_lists(old["M"] if old else {}, value["M"], (*here, key))
        elif "L" in value and old is None:
            yield (*here, key), value["L"]


def _as_start(default: Any) -> AttributeValue:
    """A numeric default as an attribute value; 0 for any other default."""
    is_number = isinstance(default, int | float | Decimal) and not isinstance(default, bool)
    return encode(default) if is_number else ZERO


def _is_counted(before: AttributeValue, after: AttributeValue, by: Number, path: ItemPath) -> bool:
    """Whether the value is still the stored number plus the counted sum."""
    return "N" in before and same(after, {"N": str(sum_of(decode(before), by, path_text(path)))})
