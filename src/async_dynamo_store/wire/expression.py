"""DynamoDB's expressions: conditions, and one conditional update for a list of changes. Pure.

`plan` builds the update for a given item, the *base*. DynamoDB refuses the update if a relevant part of the stored
item differs from the base. The same changes are then planned again for the item that DynamoDB returned.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from .changes import Append, Change, Increment, Put, Replace, apply, find
from .values import AttributeValue, Item, ItemPath, member_of

_MAX_EXPRESSION_BYTES = 4096
_MAX_OPERATORS = 300
_MAX_CHANGES = 100

FIVE_YEARS = 5 * 365 * 24 * 3600
"""In seconds, without leap days."""
_OPERATOR = re.compile(r" (?:=|\+|<|OR|AND|BETWEEN) |NOT |\w\(")


class Guard(NamedTuple):
    """The condition that `path` holds `value` (None: that it does not exist)."""

    path: ItemPath
    value: AttributeValue | None


class Alive(NamedTuple):
    """The condition that the time to live at `path` has not expired at `epoch` (seconds).

    The rule is DynamoDB's: a number is expired if it lies in the past, but not more than five years (AWS, 'Using
    time to live (TTL) in DynamoDB').
    """

    path: ItemPath
    epoch: int


class Unmade(NamedTuple):
    """The condition that the slot's number is lower than `number`, or that it is absent and `floor` is lower."""

    slot: ItemPath
    number: AttributeValue
    floor: ItemPath
    may_have_slot: bool
    may_lack_slot: bool


Condition = Guard | Alive | Unmade


class Expression:
    """The aliases of the names and values in DynamoDB's expressions.

    Every name gets an alias, so a key may be a reserved word or contain dots and special characters.
    """

    __slots__ = ("_paths", "names", "values")

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, AttributeValue] = {}
        self._paths: dict[ItemPath, str] = {}

    def path(self, path: ItemPath) -> str:
        """The path as aliases and list indexes: `#0.#1[2]`."""
        text = self._paths.get(path)
        if text is None:
            text = self._paths[path] = self._written(path)
        return text

    def _written(self, path: ItemPath) -> str:
        names, text = self.names, ""
        for key in path:
            if isinstance(key, int):
                text = f"{text}[{key}]"
                continue
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

    def condition(self, condition: Condition) -> str:
        """The text of a condition."""
        if isinstance(condition, Unmade):
            return self._unmade(condition)
        if isinstance(condition, Alive):
            return f"NOT {self.expired(condition)}"
        name, value = self.path(condition.path), condition.value
        return f"attribute_not_exists({name})" if value is None else f"{name} = {self.value(value)}"

    def expired(self, alive: Alive) -> str:
        """The text of the opposite condition: the item has expired. False if the path holds no number."""
        oldest, now = ({"N": str(seconds)} for seconds in (alive.epoch - FIVE_YEARS, alive.epoch))
        return f"{self.path(alive.path)} BETWEEN {self.value(oldest)} AND {self.value(now)}"

    def _unmade(self, condition: Unmade) -> str:
        slot, number = self.path(condition.slot), self.value(condition.number)
        is_lower = f"{slot} < {number}"
        if not condition.may_lack_slot:
            return is_lower
        floor = self.path(condition.floor)
        is_new = f"attribute_not_exists({slot}) AND (attribute_not_exists({floor}) OR {floor} < {number})"
        return f"({is_new} OR {is_lower})" if condition.may_have_slot else is_new

    def parameters(self, condition: str) -> dict[str, Any]:
        """The request parameters for a condition that uses these aliases."""
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
    conditions: Sequence[Condition] = (),
    after: Item | None = None,
) -> dict[str, Any]:
    """The parameters of the UpdateItem that makes the changes on `base`.

    The update carries `conditions` and the conditions that the changes themselves need. `after` is the base with the
    changes made, if the caller has it already. `base=None`: the item was not read; the update assumes that the
    parents of all paths exist, and is refused if they do not.

    If a plan exceeds DynamoDB's limits (4 KB and 300 operators; AWS, 'Expressions' in 'Quotas in Amazon DynamoDB'),
    changes under one parent become one write of that parent, with the condition that it still equals the base.
    """
    limit = _MAX_CHANGES
    while True:
        writes = list(changes) if base is None else _group_under_parents(changes, base, after, limit)
        expression = Expression()
        update = _update_text(writes, expression)
        condition = " AND ".join([*_conditions(writes, expression), *map(expression.condition, conditions)])
        if limit == 1 or (_fits(update) and _fits(condition)):
            return {"UpdateExpression": update} | expression.parameters(condition)
        limit //= 2


def _fits(text: str) -> bool:
    # A text of at most 300 characters cannot contain more than 300 operators.
    return len(text) <= _MAX_OPERATORS or (
        len(text) <= _MAX_EXPRESSION_BYTES and len(_OPERATOR.findall(text)) <= _MAX_OPERATORS
    )


def _update_text(writes: Iterable[Change], expression: Expression) -> str:
    sets: list[str] = []
    removes: list[str] = []
    for write in writes:
        name = expression.path(write.path)
        if isinstance(write, (Put, Replace)) and write.value is not None:
            sets.append(f"{name} = {expression.value(write.value)}")
        elif isinstance(write, Increment):
            start, by = expression.value(write.start), expression.value(write.by)
            sets.append(f"{name} = if_not_exists({name}, {start}) + {by}")
        elif isinstance(write, Append):
            sets.append(f"{name} = list_append({name}, {expression.value({'L': list(write.members)})})")
        else:
            removes.append(name)
    if not removes:
        return f"SET {', '.join(sets)}"
    return f"SET {', '.join(sets)} REMOVE {', '.join(removes)}" if sets else f"REMOVE {', '.join(removes)}"


def _conditions(writes: Sequence[Change], expression: Expression) -> list[str]:
    conditions: list[str] = []
    types: dict[bool, str] = {}
    parents = [(write.path[:-1], isinstance(write.path[-1], int)) for write in writes if len(write.path) > 1]
    for parent, is_list in dict.fromkeys(parents):
        if is_list not in types:
            types[is_list] = expression.value({"S": "L" if is_list else "M"})
        conditions.append(f"attribute_type({expression.path(parent)}, {types[is_list]})")
    for write in writes:
        name = expression.path(write.path)
        if isinstance(write, Replace):
            conditions.append(expression.condition(Guard(write.path, write.old)))
        elif isinstance(write, Increment):
            conditions.append(_absent_or(name, "N", expression))
        elif isinstance(write, Append):
            conditions.append(f"attribute_type({name}, {expression.value({'S': 'L'})})")
        elif isinstance(write.path[-1], int):
            # DynamoDB appends a value that is set at an index beyond the end of a list.
            conditions.append(f"attribute_exists({name})")
        elif isinstance(write, Put) and write.only_if_absent and "M" in write.value:
            conditions.append(expression.condition(Guard(write.path, None)))
    return conditions


def _absent_or(name: str, tag: str, expression: Expression) -> str:
    return f"(attribute_not_exists({name}) OR attribute_type({name}, {expression.value({'S': tag})}))"


def _group_under_parents(
    changes: Sequence[Change], base: Item, after: Item | None, limit: int
) -> list[Change]:
    fine = [part for change in changes for part in change.on(base)]
    paths = [change.path for change in fine]
    written = set(paths)
    places = [_writable_path(path, base, written) for path in paths]
    if places == paths and len(written) == len(paths) <= limit:
        return fine
    while len(set(places)) > limit and (parent := _busiest_parent(set(places), limit)):
        places = [parent if place[: len(parent)] == parent else place for place in places]
    counts: dict[ItemPath, int] = {}
    for place in places:
        counts[place] = counts.get(place, 0) + 1
    writes: dict[ItemPath, Change] = {}
    for change, place in zip(fine, places, strict=True):
        if place == change.path and counts[place] == 1:
            writes[place] = change
        elif place not in writes:
            after = apply(base, fine) if after is None else after
            writes[place] = Replace(place, find(base, place), find(after, place))
    return list(writes.values())


def _writable_path(path: ItemPath, base: Item, written: AbstractSet[ItemPath]) -> ItemPath:
    """The path, or its shortest prefix that has to be written as a whole.

    A prefix is written as a whole if the base has no map or list there, or if another change writes it: DynamoDB
    refuses overlapping document paths.
    """
    value: AttributeValue = {"M": base}
    for length in range(1, len(path)):
        member = member_of(value, path[length - 1])
        container = "L" if isinstance(path[length], int) else "M"
        if member is None or container not in member or path[:length] in written:
            return path[:length]
        value = member
    return path


def _busiest_parent(places: set[ItemPath], limit: int) -> ItemPath | None:
    """The deepest path whose grouping meets the limit; if none does, the path that groups the most places."""
    counts = Counter(place[:length] for place in places for length in range(1, len(place)))
    enough = [parent for parent, count in counts.items() if len(places) - count < limit]
    return (
        max(enough, key=len)
        if enough
        else max(counts, key=lambda parent: (counts[parent], len(parent)), default=None)
    )
