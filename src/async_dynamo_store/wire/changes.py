"""What is to change in an item, and the difference of two items. Pure.

A change says what is to happen at one path. `on(item)` says what it comes to on an item that others may have
written meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .codec import decode, encode, sum_of
from .values import AttributeValue, Item, ItemPath, member_of, path_text, same

ZERO: AttributeValue = {"N": "0"}


class Put(NamedTuple):
    """Set `path` to `value`.

    `only_if_absent`: nothing was at the path when the change was made. A map that another writer has put there
    meanwhile is then merged with this one, and not replaced.
    """

    path: ItemPath
    value: AttributeValue
    only_if_absent: bool = False

    def on(self, item: Item) -> Iterable[Change]:
        """What this comes to on an item: of a map that meets a map, a change for each member."""
        if not self.only_if_absent or "M" not in self.value or not (old := find(item, self.path)):
            return (self,)
        if "M" not in old:
            return (Replace(self.path, old, self.value),)
        members = (
            Put((*self.path, key), member, only_if_absent=True) for key, member in self.value["M"].items()
        )
        return [change for member in members for change in member.on(item)]

    def outcome(self, item: Item) -> AttributeValue | None:
        """What is at the path afterwards; None for nothing."""
        return self.value


class Remove(NamedTuple):
    """Take away what is at `path`."""

    path: ItemPath

    def on(self, item: Item) -> Iterable[Change]:
        """What this comes to on an item."""
        return (self,)

    def outcome(self, item: Item) -> AttributeValue | None:
        """What is at the path afterwards; None for nothing."""
        return None


class Replace(NamedTuple):
    """What is at `path` becomes `value` (None: nothing), if it still is `old`.

    This keeps a write safe whose value was worked out from what was read.
    """

    path: ItemPath
    old: AttributeValue | None
    value: AttributeValue | None

    def on(self, item: Item) -> Iterable[Change]:
        """What this comes to on an item."""
        return (self,)

    def outcome(self, item: Item) -> AttributeValue | None:
        """What is at the path afterwards; None for nothing."""
        return self.value


class Increment(NamedTuple):
    """Add `by` to the number at `path`, which counts as `start` where there is none.

    Any other value is replaced by `otherwise`.
    """

    path: ItemPath
    by: AttributeValue
    otherwise: AttributeValue
    start: AttributeValue = ZERO

    def on(self, item: Item) -> Iterable[Change]:
        """What this comes to on an item: what is no number is replaced; nothing when its list is shorter now."""
        old = find(item, self.path) or ZERO
        if not _has_lists_of(item, self.path):
            return ()
        return (self,) if "N" in old else (Replace(self.path, old, self.otherwise),)

    def outcome(self, item: Item) -> AttributeValue | None:
        """What is at the path afterwards; None for nothing."""
        old = find(item, self.path) or self.start
        return encode(sum_of(decode(old), decode(self.by), path_text(self.path)), self.path)


class Append(NamedTuple):
    """Put `members` at the end of the list at `path`, which is made of `start` where there is none.

    Any other value is replaced by `otherwise`.
    """

    path: ItemPath
    members: Sequence[AttributeValue]
    otherwise: AttributeValue
    start: Sequence[AttributeValue] = ()

    def on(self, item: Item) -> Iterable[Change]:
        """What this comes to on an item: what is no list is replaced; nothing when a list around it is shorter now."""
        old = find(item, self.path)
        if not _has_lists_of(item, self.path):
            return ()
        if old is None:
            return (Replace(self.path, None, {"L": [*self.start, *self.members]}),)
        return (self,) if "L" in old else (Replace(self.path, old, self.otherwise),)

    def outcome(self, item: Item) -> AttributeValue | None:
        """What is at the path afterwards; None for nothing."""
        old = find(item, self.path) or {}
        return {"L": [*old.get("L", self.start), *self.members]}


class Prepend(NamedTuple):
    """Put `members` in front of the list at `path`, of which the first `size` members stay."""

    path: ItemPath
    members: Sequence[AttributeValue]
    size: int

    def on(self, item: Item) -> Iterable[Change]:
        """What this comes to on an item: the whole list, worked out from the stored one."""
        old = find(item, self.path)
        grown = [*self.members, *(old or {}).get("L", ())][: self.size]
        return (Replace(self.path, old, {"L": grown}),)

    def outcome(self, item: Item) -> AttributeValue | None:
        """What is at the path afterwards; None for nothing."""
        (change,) = self.on(item)
        return change.outcome(item)


Change = Put | Remove | Replace | Increment | Append | Prepend


def diff(before: Item, after: Item, path: ItemPath = ()) -> list[Change]:
    """The changes that turn the members of one map into the members of another.

    Maps are compared key by key. A list that only grew at its end is appended to; any other change of a list
    writes it as a whole.
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
    """What is at `path` of an item, if anything."""
    value: AttributeValue | None = {"M": item}
    for key in path:
        if value is None:
            return None
        value = value["M"].get(key) if "M" in value and type(key) is str else member_of(value, key)
    return value


def _appended(old: AttributeValue, value: AttributeValue) -> list[AttributeValue]:
    """What a list got at its end, if nothing else happened to it."""
    before, after = old.get("L"), value.get("L")
    if before is None or after is None or len(after) <= len(before):
        return []
    return after[len(before) :] if all(map(same, before, after)) else []


def _has_lists_of(item: Item, path: ItemPath) -> bool:
    """Whether each index in the path is one of a list in the item."""
    return all(
        find(item, path[: length + 1]) is not None for length, key in enumerate(path) if isinstance(key, int)
    )


def apply(item: Item, changes: Iterable[Change]) -> Item:
    """The item with the changes made, and parents that are missing or no maps made maps.

    The item given stays as it was.
    """
    for change in changes:
        for part in change.on(item):
            item = put(item, part.path, part.outcome(item))
    return item


def put(members: Item, path: ItemPath, value: AttributeValue | None) -> Item:
    """The members of a map with `value` at `path` (None: with nothing there).

    The map given stays as it was. An index in the path has to be one of a list that is there.
    """
    key, rest = str(path[0]), path[1:]
    old = members.get(key)
    if rest:
        if value is None and find(members, path) is None:
            return members
        value = _put_inside(old, rest, value)
    if value is None:
        return {name: member for name, member in members.items() if name != key}
    return {**members, key: value}


def _put_inside(old: AttributeValue | None, path: ItemPath, value: AttributeValue | None) -> AttributeValue:
    """A map or a list with `value` at `path`."""
    key, rest = path[0], path[1:]
    if not isinstance(key, int):
        return {"M": put(old["M"] if old and "M" in old else {}, path, value)}
    members = list(old["L"]) if old else []
    if rest:
        value = _put_inside(members[key], rest, value)
    members[key : key + 1] = [] if value is None else [value]
    return {"L": members}
