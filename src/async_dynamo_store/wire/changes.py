"""Changes to an item, and the difference between two items. Pure.

A change describes one operation at one path. `on(item)` adapts it to an item that another writer may have changed
since it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .codec import decode, encode, sum_of
from .values import AttributeValue, Item, ItemPath, member_of, path_text, same

ZERO: AttributeValue = {"N": "0"}


class Put(NamedTuple):
    """Set `path` to `value`.

    `only_if_absent`: nothing was stored at the path when the change was created. If another writer has put a map
    there since, the two maps are merged.
    """

    path: ItemPath
    value: AttributeValue
    only_if_absent: bool = False

    def on(self, item: Item) -> Iterable[Change]:
        """The changes to make on `item`; if both values are maps, one change for each member."""
        if not self.only_if_absent or "M" not in self.value or not (old := find(item, self.path)):
            return (self,)
        if "M" not in old:
            return (Replace(self.path, old, self.value),)
        members = (
            Put((*self.path, key), member, only_if_absent=True) for key, member in self.value["M"].items()
        )
        return [change for member in members for change in member.on(item)]

    def outcome(self, item: Item) -> AttributeValue | None:
        """The value at the path afterwards; None if there is none."""
        return self.value


class Remove(NamedTuple):
    """Remove the value at `path`."""

    path: ItemPath

    def on(self, item: Item) -> Iterable[Change]:
        """The changes to make on `item`."""
        return (self,)

    def outcome(self, item: Item) -> AttributeValue | None:
        """The value at the path afterwards; None if there is none."""
        return None


class Replace(NamedTuple):
    """Set `path` to `value` (None: remove it), on the condition that it still holds `old`.

    The condition protects a write whose value was computed from the item as it was read.
    """

    path: ItemPath
    old: AttributeValue | None
    value: AttributeValue | None

    def on(self, item: Item) -> Iterable[Change]:
        """The changes to make on `item`."""
        return (self,)

    def outcome(self, item: Item) -> AttributeValue | None:
        """The value at the path afterwards; None if there is none."""
        return self.value


class Increment(NamedTuple):
    """Add `by` to the number at `path`; a missing number counts as `start`.

    A value that is not a number is replaced by `otherwise`.
    """

    path: ItemPath
    by: AttributeValue
    otherwise: AttributeValue
    start: AttributeValue = ZERO

    def on(self, item: Item) -> Iterable[Change]:
        """The changes to make on `item`: a value that is not a number is replaced.

        Empty if the path leads through a list that is now too short.
        """
        old = find(item, self.path) or ZERO
        if not _has_lists_of(item, self.path):
            return ()
        return (self,) if "N" in old else (Replace(self.path, old, self.otherwise),)

    def outcome(self, item: Item) -> AttributeValue | None:
        """The value at the path afterwards; None if there is none."""
        old = find(item, self.path) or self.start
        return encode(sum_of(decode(old), decode(self.by), path_text(self.path)), self.path)


class Append(NamedTuple):
    """Append `members` to the list at `path`; a missing list counts as `start`.

    A value that is not a list is replaced by `otherwise`.
    """

    path: ItemPath
    members: Sequence[AttributeValue]
    otherwise: AttributeValue
    start: Sequence[AttributeValue] = ()

    def on(self, item: Item) -> Iterable[Change]:
        """The changes to make on `item`: a value that is not a list is replaced.

        Empty if the path leads through a list that is now too short.
        """
        old = find(item, self.path)
        if not _has_lists_of(item, self.path):
            return ()
        if old is None:
            return (Replace(self.path, None, {"L": [*self.start, *self.members]}),)
        return (self,) if "L" in old else (Replace(self.path, old, self.otherwise),)

    def outcome(self, item: Item) -> AttributeValue | None:
        """The value at the path afterwards; None if there is none."""
        old = find(item, self.path) or {}
        return {"L": [*old.get("L", self.start), *self.members]}


class Prepend(NamedTuple):
    """Insert `members` at the front of the list at `path` and keep the first `size` members."""

    path: ItemPath
    members: Sequence[AttributeValue]
    size: int

    def on(self, item: Item) -> Iterable[Change]:
        """The changes to make on `item`: one that replaces the whole list."""
        old = find(item, self.path)
        grown = [*self.members, *(old or {}).get("L", ())][: self.size]
        return (Replace(self.path, old, {"L": grown}),)

    def outcome(self, item: Item) -> AttributeValue | None:
        """The value at the path afterwards; None if there is none."""
        (change,) = self.on(item)
        return change.outcome(item)


Change = Put | Remove | Replace | Increment | Append | Prepend


def diff(before: Item, after: Item, path: ItemPath = ()) -> list[Change]:
    """The changes that turn the members of one map into the members of another.

    Maps are compared key by key. A list with new members only at its end gets an `Append`; any other changed list
    is written as a whole.
    """
    changes: list[Change] = []
    for key, value in after.items():
        old = before.get(key)
        if old is value or old == value:
            continue
        here = (*path, key)
        if old is None:
            changes.append(Put(here, value, only_if_absent=True))
        elif "M" in old and "M" in value:
            changes += diff(old["M"], value["M"], here)
        elif not same(old, value):
            appended = _appended(old, value)
            changes.append(Append(here, appended, otherwise=value) if appended else Put(here, value))
    changes += [Remove((*path, key)) for key in before if key not in after]
    return changes


def find(item: Item, path: ItemPath) -> AttributeValue | None:
    """The value at `path` of an item, or None."""
    value: AttributeValue | None = {"M": item}
    for key in path:
        if value is None:
            return None
        value = value["M"].get(key) if "M" in value and type(key) is str else member_of(value, key)
    return value


def _appended(old: AttributeValue, value: AttributeValue) -> list[AttributeValue]:
    """The members that were appended to a list; empty if it changed in any other way."""
    before, after = old.get("L"), value.get("L")
    if before is None or after is None or len(after) <= len(before):
        return []
    return after[len(before) :] if all(map(same, before, after)) else []


def _has_lists_of(item: Item, path: ItemPath) -> bool:
    """Whether each index in the path exists in a list of the item."""
    return all(
        find(item, path[: length + 1]) is not None for length, key in enumerate(path) if isinstance(key, int)
    )


def apply(item: Item, changes: Iterable[Change]) -> Item:
    """A copy of the item with the changes made; parents that are missing or not maps become maps."""
    for change in changes:
        for part in change.on(item):
            item = put(item, part.path, part.outcome(item))
    return item


def put(members: Item, path: ItemPath, value: AttributeValue | None) -> Item:
    """A copy of a map's members with `value` at `path` (None: without the path).

    An index in the path must exist in a stored list.
    """
    key, rest = str(path[0]), path[1:]
    if rest:
        if value is None and find(members, path) is None:
            return members
        value = _put_inside(members.get(key), rest, value)
    if value is None:
        return {name: member for name, member in members.items() if name != key}
    return {**members, key: value}


def _put_inside(old: AttributeValue | None, path: ItemPath, value: AttributeValue | None) -> AttributeValue:
    """A copy of a map or a list with `value` at `path`."""
    key, rest = path[0], path[1:]
    if not isinstance(key, int):
        return {"M": put(old["M"] if old and "M" in old else {}, path, value)}
    members = list(old["L"]) if old else []
    if rest:
        value = _put_inside(members[key], rest, value)
    members[key : key + 1] = [] if value is None else [value]
    return {"L": members}
