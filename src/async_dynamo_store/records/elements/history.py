"""The stored element `history`: the user's last turns, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from async_dynamo_store.records.reading import read_map, unreadable
from async_dynamo_store.wire.changes import Change, Prepend
from async_dynamo_store.wire.codec import decode

if TYPE_CHECKING:
    from async_dynamo_store.layouts import Layout
    from async_dynamo_store.wire.values import Item

    from .data import DataElement


class HistoryElement:
    """The last `size` turns, if a history is configured and the layout supports it."""

    def __init__(self, layout: Layout, size: int | None, data: DataElement[Any]) -> None:
        self._path = layout.history if size else None
        self._size = size or 0
        self._data = data

    def read(self, item: Item) -> list[dict[str, Any]]:
        """The stored turns."""
        if self._path is None:
            return []
        turns = decode(read_map(item, self._path[:-1]).get(self._path[-1], {"L": []}))
        if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
            raise unreadable(item, self._path, "a list of maps")
        return turns

    def changes(self, new_turns: Sequence[dict[str, Any]]) -> Iterator[Change]:
        """The changes that insert new turns in front of the stored ones."""
        if self._path and new_turns:
            turns = [self._data.encode(turn, (*self._path, 0)) for turn in new_turns]
            yield Prepend(self._path, turns, self._size)
