"""From the item as it was read and the item as it should be to the smallest update of it. Pure.

A change says what is to happen at one path. `plan` turns changes into one conditional update of a given item,
the *base*: an update that DynamoDB refuses when the base it was planned for no longer holds where it matters.
Then the same changes are planned again, for the item that DynamoDB answered with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from .codec import AttributeValue, Item, Path, decode, encode, path_text, same, sum_of

_MAX_EXPRESSION_BYTES = 4096
_MAX_OPERATORS = 300
_MAX_CHANGES = 100
_OPERATOR = re.compile(r" (?:=|\+|>|OR|AND) |\w\(")
_ZERO: AttributeValue = {"N": "0"}


class Put(NamedTuple):
    """Set `path` to `value`.

    `fresh`: nothing was at the path when the change was made, so that a map that another writer has put there
    meanwhile is joined with this one and not replaced.
    """

    path: Path
    value: AttributeValue
    fresh: bool = False


class Remove(NamedTuple):
    """Take away what is at `path`."""

    path: Path


class Replace(NamedTuple):
    """What is at `path` becomes `value` (None: nothing), if it still is `old`: how a write that is worked out from what was read stays safe."""

    path: Path
    old: AttributeValue | None
    value: AttributeValue | None


class Increment(NamedTuple):
    """Add `by` to the number at `path`, which counts as 0 where there is none.

    Any other value is replaced by `otherwise`.
    """

    path: Path
    by: AttributeValue
    otherwise: AttributeValue


class Prepend(NamedTuple):
    """Put `members` in front of the list at `path`, of which the first `size` members stay."""

    path: Path
    members: Sequence[AttributeValue]
    size: int


Change = Put | Remove | Replace | Increment | Prepend


def diff(before: Item, after: Item, path: Path = ()) -> list[Change]:
    """The changes that turn the members of one map into the members of another.

    Maps are compared key by key, lists as a whole.
    """
    changes: list[Change] = []
    for key, value in after.items():
        old = before.get(key)
        if old is value or old == value:
            continue
        here = (*path, key)
        if old is None:
            changes.append(Put(here, value, fresh=True))
        elif "M" in old and "M" in value:
            changes += diff(old["M"], value["M"], here)
        elif not same(old, value):
            changes.append(Put(here, value))
    changes += [Remove((*path, key)) for key in before if key not in after]
    return changes


def find(item: Item, path: Path) -> AttributeValue | None:
    """What is at `path` of an item, if anything."""
    value: AttributeValue | None = {"M": item}
    for key in path:
        value = value.get("M", {}).get(key) if value else None
    return value


def apply(item: Item, changes: Iterable[Change]) -> Item:
    """The item with the changes made, and parents that are missing or no maps made maps.

    The item given stays as it was.
    """
    for change in changes:
        for part in _refine(change, item):
            item = put(item, part.path, _outcome(item, part))
    return item


def _outcome(item: Item, change: Change) -> AttributeValue | None:
    match change:
        case Put() | Replace():
            return change.value
        case Increment(path, by):
            old = find(item, path) or {"N": "0"}
            return encode(sum_of(decode(old), decode(by), path_text(path)), path)
        case _:
            return None


def put(members: Item, path: Path, value: AttributeValue | None) -> Item:
    """The members of a map with `value` at `path` (None: with nothing there).

    The map given stays as it was.
    """
    key, rest = str(path[0]), path[1:]
    old = members.get(key)
    if rest:
        inside = old["M"] if old and "M" in old else {}
        if value is None and not inside:
            return members
        value = {"M": put(inside, rest, value)}
    if value is None:
        return {name: member for name, member in members.items() if name != key}
    return {**members, key: value}


class Guard(NamedTuple):
    """A condition on one path: `value` is there (None: nothing is there)."""

    path: Path
    value: AttributeValue | None


class Alive(NamedTuple):
    """The condition that the time to live at `path` is not over at `epoch` (seconds)."""

    path: Path
    epoch: int


class Expression:
    """The aliases that DynamoDB's expressions stand on; every path segment gets one, so that any key may be reserved, dotted or odd."""

    __slots__ = ("names", "values")

    def __init__(self) -> None:
        self.names: dict[str | int, str] = {}
        self.values: dict[str, AttributeValue] = {}

    def path(self, path: Path) -> str:
        """The path in aliases: `#0.#1`."""
        names, text = self.names, ""
        for key in path:
            alias = names.get(key)
            if alias is None:
                alias = names[key] = f"#{len(names)}"
            text = f"{text}.{alias}" if text else alias
        return text

    def value(self, value: AttributeValue) -> str:
        """The placeholder of a value: `:0`."""
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def guard(self, guard: Guard | Alive) -> str:
        """A guard as a condition."""
        name = self.path(guard.path)
        if isinstance(guard, Alive):
            return f"(attribute_not_exists({name}) OR {name} > {self.value({'N': str(guard.epoch)})})"
        if guard.value is None:
            return f"attribute_not_exists({name})"
        return f"{name} = {self.value(guard.value)}"

    def parameters(self, condition: str) -> dict[str, Any]:
        """The request's parameters for a condition written with these aliases."""
        parameters: dict[str, Any] = {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {alias: name for name, alias in self.names.items()},
        }
        if self.values:
            parameters["ExpressionAttributeValues"] = self.values
        return parameters


def plan(
    changes: Sequence[Change],
    base: Item | None,
    guards: Sequence[Guard | Alive] = (),
    after: Item | None = None,
) -> dict[str, Any]:
    """The parameters of the UpdateItem that makes the changes on `base`, under these guards and those that they need.

    `after` is the base with the changes made, from a caller who has it.

    `base=None`: the item is not known; its parents are taken to be there, and the update is refused where
    they are not. A plan over DynamoDB's limits (4 KB and 300 operators; AWS, 'Expressions' in 'Quotas in
    Amazon DynamoDB') is folded: paths that share a parent become one write of that parent, guarded by its
    equality with the base.
    """
    limit = _MAX_CHANGES
    while True:
        writes = list(changes) if base is None else _fold(changes, base, after, limit)
        expression = Expression()
        update = _update_text(writes, expression)
        condition = " AND ".join([*_conditions(writes, expression), *map(expression.guard, guards)])
        if limit == 1 or (_fits(update) and _fits(condition)):
            return {"UpdateExpression": update} | expression.parameters(condition)
        limit //= 2


def _fits(text: str) -> bool:
    # No text this short has that many operators.
    return len(text) <= _MAX_OPERATORS or (
        len(text) <= _MAX_EXPRESSION_BYTES and len(_OPERATOR.findall(text)) <= _MAX_OPERATORS
    )


def _update_text(writes: Iterable[Change], expression: Expression) -> str:
    sets: list[str] = []
    removes: list[str] = []
    for write in writes:
        name = expression.path(write.path)
        if isinstance(write, Increment):
            zero, by = expression.value(_ZERO), expression.value(write.by)
            sets.append(f"{name} = if_not_exists({name}, {zero}) + {by}")
        elif isinstance(write, (Put, Replace)) and write.value is not None:
            sets.append(f"{name} = {expression.value(write.value)}")
        else:
            removes.append(name)
    if not removes:
        return f"SET {', '.join(sets)}"
    return f"SET {', '.join(sets)} REMOVE {', '.join(removes)}" if sets else f"REMOVE {', '.join(removes)}"


def _conditions(writes: Sequence[Change], expression: Expression) -> list[str]:
    conditions: list[str] = []
    parents = {write.path[:-1] for write in writes if len(write.path) > 1}
    if parents:
        a_map = expression.value({"S": "M"})
        conditions += [f"attribute_type({expression.path(parent)}, {a_map})" for parent in sorted(parents)]
    for write in writes:
        if isinstance(write, Replace):
            conditions.append(expression.guard(Guard(write.path, write.old)))
        elif isinstance(write, Increment):
            name, a_number = expression.path(write.path), expression.value({"S": "N"})
            conditions.append(f"(attribute_not_exists({name}) OR attribute_type({name}, {a_number}))")
        elif isinstance(write, Put) and write.fresh and "M" in write.value:
            conditions.append(expression.guard(Guard(write.path, None)))
    return conditions


def _fold(changes: Sequence[Change], base: Item, after: Item | None, limit: int) -> list[Change]:
    fine = [part for change in changes for part in _refine(change, base)]
    paths = [change.path for change in fine]
    written = set(paths)
    places = [_place(path, base, written) for path in paths]
    if places == paths and len(written) == len(paths) <= limit:
        return fine
    while len(set(places)) > limit and (parent := _busiest_parent(set(places), limit)):
        places = [parent if place[: len(parent)] == parent else place for place in places]
    counts: dict[Path, int] = {}
    for place in places:
        counts[place] = counts.get(place, 0) + 1
    writes: dict[Path, Change] = {}
    for change, place in zip(fine, places, strict=True):
        if place == change.path and counts[place] == 1:
            writes[place] = change
        elif place not in writes:
            after = apply(base, fine) if after is None else after
            writes[place] = Replace(place, find(base, place), find(after, place))
    return list(writes.values())


def _refine(change: Change, base: Item) -> Iterable[Change]:
    """A fresh map that meets a map becomes a change for each member.

    A map or an increment that meets another type replaces it, and so does a list that grows.
    """
    if isinstance(change, Put):
        if not change.fresh or "M" not in change.value or not (old := find(base, change.path)):
            return (change,)
        if "M" not in old:
            return (Replace(change.path, old, change.value),)
        members = change.value["M"].items()
        parts = (Put((*change.path, key), member, fresh=True) for key, member in members)
        return [finer for part in parts for finer in _refine(part, base)]
    if isinstance(change, Increment) and "N" not in (old := find(base, change.path) or _ZERO):
        return (Replace(change.path, old, change.otherwise),)
    if isinstance(change, Prepend):
        old = find(base, change.path)
        grown = [*change.members, *(old or {}).get("L", ())][: change.size]
        return (Replace(change.path, old, {"L": grown}),)
    return (change,)


def _place(path: Path, base: Item, written: AbstractSet[Path]) -> Path:
    """The path, or its shortest beginning that has to be written as a whole.

    That is one at which the base has no map to go into, or where there is a write already: DynamoDB refuses
    document paths that overlap.
    """
    members: dict[Any, AttributeValue] = base
    for length in range(1, len(path)):
        parent = members.get(path[length - 1])
        if parent is None or "M" not in parent or path[:length] in written:
            return path[:length]
        members = parent["M"]
    return path


def _busiest_parent(places: set[Path], limit: int) -> Path | None:
    """The deepest path whose fold brings the places down to the limit, else the one that brings them down the most."""
    counts = Counter(place[:length] for place in places for length in range(1, len(place)))
    enough = [parent for parent, count in counts.items() if len(places) - count < limit]
    return (
        max(enough, key=len)
        if enough
        else max(counts, key=lambda parent: (counts[parent], len(parent)), default=None)
    )
