"""From the item as it was read and the item as it should be to the smallest update of it. Pure.

A change says what is to happen at one path. `plan` turns changes into one conditional update of a given item,
the *base*: an update that DynamoDB refuses when the base it was planned for no longer holds where it matters.
Then the same changes are planned again, for the item that DynamoDB answered with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .codec import AttributeValue, Item, Path, decode, encode, path_text, same, sum_of

_MAX_EXPRESSION_BYTES = 4096
_MAX_OPERATORS = 300
_MAX_CHANGES = 100
_OPERATOR = re.compile(r" (?:=|\+|>|OR|AND) |\w\(")
_ZERO: AttributeValue = {"N": "0"}


@dataclass(slots=True)
class Put:
    """Set `path` to `value`.

    `fresh`: nothing was at the path when the change was made, so that a map that another writer has put there
    meanwhile is joined with this one and not replaced.
    """

    path: Path
    value: AttributeValue
    fresh: bool = False


@dataclass(slots=True)
class Remove:
    """Take away what is at `path`."""

    path: Path


@dataclass(slots=True)
class Replace:
    """What is at `path` becomes `value` (None: nothing), if it still is `old`: how a write that is worked out from what was read stays safe."""

    path: Path
    old: AttributeValue | None
    value: AttributeValue | None


@dataclass(slots=True)
class Increment:
    """Add `by` to the number at `path`, which counts as 0 where there is none.

    Any other value is replaced by `otherwise`.
    """

    path: Path
    by: AttributeValue
    otherwise: AttributeValue


@dataclass(slots=True)
class Prepend:
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
        case Remove():
            return None
        case Increment(path, by):
            old = find(item, path) or {"N": "0"}
            return encode(sum_of(decode(old), decode(by), path_text(path)), path)
        case _:
            old = find(item, change.path) or {}
            return {"L": [*change.members, *old.get("L", ())][: change.size]}


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


@dataclass(slots=True)
class Guard:
    """A condition on one path: `value` is there (None: nothing is there)."""

    path: Path
    value: AttributeValue | None


@dataclass(slots=True)
class Alive:
    """The condition that the time to live at `path` is not over at `epoch` (seconds)."""

    path: Path
    epoch: int


@dataclass(slots=True)
class Expression:
    """The aliases that DynamoDB's expressions stand on; every path segment gets one, so that any key may be reserved, dotted or odd."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, AttributeValue] = field(default_factory=dict)

    def path(self, path: Path) -> str:
        """The path in aliases: `#0.#1`."""
        names = self.names
        aliases: list[str] = []
        for key in map(str, path):
            alias = names.get(key)
            if alias is None:
                alias = names[key] = f"#{len(names):x}"
            aliases.append(alias)
        return ".".join(aliases)

    def value(self, value: AttributeValue) -> str:
        """The placeholder of a value: `:0`."""
        placeholder = f":{len(self.values):x}"
        self.values[placeholder] = value
        return placeholder

    def guard(self, guard: Guard | Alive) -> str:
        """A guard as a condition."""
        if isinstance(guard, Alive):
            name = self.path(guard.path)
            return f"(attribute_not_exists({name}) OR {name} > {self.value({'N': str(guard.epoch)})})"
        if guard.value is None:
            return f"attribute_not_exists({self.path(guard.path)})"
        return f"{self.path(guard.path)} = {self.value(guard.value)}"

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
    clauses = (f"{verb} {', '.join(parts)}" for verb, parts in (("SET", sets), ("REMOVE", removes)) if parts)
    return " ".join(clauses)


def _conditions(writes: Sequence[Change], expression: Expression) -> Iterator[str]:
    parents = {write.path[:-1] for write in writes if len(write.path) > 1}
    if parents:
        a_map = expression.value({"S": "M"})
        for parent in sorted(parents):
            yield f"attribute_type({expression.path(parent)}, {a_map})"
    for write in writes:
        if isinstance(write, Replace):
            yield expression.guard(Guard(write.path, write.old))
        elif isinstance(write, Increment):
            name, a_number = expression.path(write.path), expression.value({"S": "N"})
            yield f"(attribute_not_exists({name}) OR attribute_type({name}, {a_number}))"
        elif isinstance(write, Put) and write.fresh and "M" in write.value:
            yield expression.guard(Guard(write.path, None))


def _fold(changes: Sequence[Change], base: Item, after: Item | None, limit: int) -> list[Change]:
    fine = [part for change in changes for part in _refine(change, base)]
    places = _apart([_first_gap(change.path, base) for change in fine])
    while len(set(places)) > limit and (parent := _busiest_parent(set(places), limit)):
        places = [parent if place[: len(parent)] == parent else place for place in places]
    shared = Counter(places) if len(set(places)) < len(places) else Counter[Path]()
    writes: dict[Path, Change] = {}
    for change, place in zip(fine, places, strict=True):
        if place == change.path and shared[place] <= 1 and not isinstance(change, Prepend):
            writes[place] = change
        elif place not in writes:
            after = apply(base, fine) if after is None else after
            writes[place] = Replace(place, find(base, place), find(after, place))
    return list(writes.values())


def _refine(change: Change, base: Item) -> Iterable[Change]:
    """A fresh map that meets a map becomes a change for each member.

    A map or an increment that meets another type replaces it.
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
    return (change,)


def _first_gap(path: Path, base: Item) -> Path:
    """The path, or its shortest beginning at which the base has no map to go into."""
    members = base
    for length, key in enumerate(path[:-1], 1):
        parent = members.get(str(key))
        if parent is None or "M" not in parent:
            return path[:length]
        members = parent["M"]
    return path


def _apart(places: list[Path]) -> list[Path]:
    """The places, those inside another one moved up to it: DynamoDB refuses document paths that overlap."""
    outer = set(places)
    apart: list[Path] = []
    for place in places:
        for length in range(1, len(place)):
            if place[:length] in outer:
                apart.append(place[:length])
                break
        else:
            apart.append(place)
    return apart


def _busiest_parent(places: set[Path], limit: int) -> Path | None:
    """The deepest path whose fold brings the places down to the limit, else the one that brings them down the most."""
    counts = Counter(place[:length] for place in places for length in range(1, len(place)))
    enough = [parent for parent, count in counts.items() if len(places) - count < limit]
    return (
        max(enough, key=len)
        if enough
        else max(counts, key=lambda parent: (counts[parent], len(parent)), default=None)
    )
