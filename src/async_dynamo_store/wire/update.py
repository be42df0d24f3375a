"""One conditional UpdateItem for a list of changes. Pure.

`plan` builds the update for a given item, the *base*. DynamoDB refuses the update if a relevant part of the stored
item differs from the base. The same changes are then planned again for the item that DynamoDB returned.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, NamedTuple

from .changes import Append, Change, Increment, Put, Replace, apply, find
from .expression import ABSENT, EQUAL, Clause, Condition, Expression, Form, Values
from .values import AttributeValue, Item, ItemPath, member_of

_MAX_EXPRESSION_BYTES = 4096
_MAX_OPERATORS = 300
_MAX_CHANGES = 100
_TEXTS = 128
"""Updates whose texts are kept. They contain the names of users' keys, so this also bounds the memory that they take."""
_OPERATOR = re.compile(r" (?:=|\+|<|OR|AND|BETWEEN) |NOT |\w\(")

_PRESENT = Form("attribute_exists({0})")
_OF_TYPE = Form("attribute_type({0}, {1})", 1)
_ABSENT_OR_OF_TYPE = Form("(attribute_not_exists({0}) OR attribute_type({0}, {1}))", 1)
_SUM = Form("{0} = if_not_exists({0}, {1}) + {2}", 2)
_APPENDED = Form("{0} = list_append({0}, {1})", 1)


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
    if base is None:
        return _filled(changes, conditions).parameters
    fine = [part for change in changes for part in change.on(base)]
    limit = _MAX_CHANGES
    writes = fine if _stand_alone(fine, base, limit) else _group_under_parents(fine, base, after, limit)
    while True:
        planned = _filled(writes, conditions)
        if planned.fits or limit == 1:
            return planned.parameters
        limit //= 2
        writes = _group_under_parents(fine, base, after, limit)


class _Filled(NamedTuple):
    parameters: dict[str, Any]
    fits: bool


class _Texts(NamedTuple):
    """The texts of an update without the values of the `placeholders`; `types` are the placeholders of type names."""

    update: str
    condition: str
    names: dict[str, str]
    placeholders: list[str]
    types: dict[str, str]
    fits: bool


_Write = tuple[ItemPath, Form | None, Form | None]


def _filled(writes: Sequence[Change], conditions: Sequence[Condition]) -> _Filled:
    clauses = [condition.clause for condition in conditions]
    forms: list[_Write] = []
    values: list[AttributeValue] = []
    conditional: list[AttributeValue] = []
    for write in writes:
        form, new, condition, old = _clauses(write)
        forms.append((write.path, form, condition))
        values += new
        conditional += old
    for clause in clauses:
        conditional += clause.values
    texts = _texts(tuple(forms), tuple([clause[:2] for clause in clauses]))
    parameters: dict[str, Any] = {
        "UpdateExpression": texts.update,
        "ConditionExpression": texts.condition,
        "ExpressionAttributeNames": texts.names.copy(),
    }
    if texts.placeholders or texts.types:
        filled = dict(zip(texts.placeholders, values + conditional, strict=True))
        types = {placeholder: {"S": tag} for placeholder, tag in texts.types.items()}
        parameters["ExpressionAttributeValues"] = filled | types
    return _Filled(parameters, texts.fits)


def _clauses(write: Change) -> tuple[Form | None, Values, Form | None, Values]:
    """How the update writes a change (None: it removes the path), and the condition that this needs; each with its values."""
    if isinstance(write, Put):
        if isinstance(write.path[-1], int):
            # DynamoDB appends a value that is set at an index beyond the end of a list.
            return EQUAL, (write.value,), _PRESENT, ()
        is_new_map = write.only_if_absent and "M" in write.value
        return EQUAL, (write.value,), ABSENT if is_new_map else None, ()
    if isinstance(write, Replace):
        new, old = write.value, write.old
        condition, was = (ABSENT, ()) if old is None else (EQUAL, (old,))
        return (None, (), condition, was) if new is None else (EQUAL, (new,), condition, was)
    if isinstance(write, Increment):
        return _SUM, (write.start, write.by), _ABSENT_OR_OF_TYPE, ({"S": "N"},)
    if isinstance(write, Append):
        return _APPENDED, ({"L": list(write.members)},), _OF_TYPE, ({"S": "L"},)
    return None, (), _PRESENT if isinstance(write.path[-1], int) else None, ()


@lru_cache(maxsize=_TEXTS)
def _texts(writes: tuple[_Write, ...], clauses: tuple[tuple[Form, tuple[ItemPath, ...]], ...]) -> _Texts:
    """The texts for these forms. Most saves of an app write the same few paths, and differ only in the values."""
    expression = Expression()
    open_: AttributeValue = {}

    def text(form: Form, *paths: ItemPath) -> str:
        return expression.text(Clause(form, paths, (open_,) * form.values))

    sets: list[str] = []
    removes: list[str] = []
    for path, form, _ in writes:
        if form:
            sets.append(text(form, path))
        else:
            removes.append(expression.path(path))
    conditions: list[str] = []
    types: dict[str, str] = {}
    for parent, tag in _parents(path for path, _, _ in writes):
        if tag not in types:
            types[tag] = expression.value({"S": tag})
        conditions.append(_OF_TYPE.text.format(expression.path(parent), types[tag]))
    conditions += [text(form, path) for path, _, form in writes if form]
    conditions += [text(form, *paths) for form, paths in clauses]
    steps = [f"SET {', '.join(sets)}"] if sets else []
    steps += [f"REMOVE {', '.join(removes)}"] if removes else []
    update, condition = " ".join(steps), " AND ".join(conditions)
    values = expression.values.items()
    return _Texts(
        update,
        condition,
        {alias: name for name, alias in expression.names.items()},
        [placeholder for placeholder, value in values if value is open_],
        {placeholder: value["S"] for placeholder, value in values if value is not open_},
        _fits(update) and _fits(condition),
    )


def _parents(paths: Iterable[ItemPath]) -> Iterable[tuple[ItemPath, str]]:
    """The maps and lists that hold these paths, each with its type."""
    return dict.fromkeys(
        (path[:-1], "L" if isinstance(path[-1], int) else "M") for path in paths if len(path) > 1
    )


@lru_cache(maxsize=_TEXTS)
def _parents_of_separate(paths: tuple[ItemPath, ...]) -> Iterable[tuple[ItemPath, str]] | None:
    """`_parents` of paths none of which contains another; None for other paths."""
    places = set(paths)
    inside = any(path[:length] in places for path in paths for length in range(1, len(path)))
    return None if inside or len(places) < len(paths) else _parents(paths)


def _stand_alone(writes: Sequence[Change], base: Item, limit: int) -> bool:
    """Whether each change can be written at its own path: there are not too many, and the base has all parents."""
    if len(writes) > limit:
        return False
    parents = _parents_of_separate(tuple([write.path for write in writes]))
    return parents is not None and all(tag in (find(base, parent) or ()) for parent, tag in parents)


def _fits(text: str) -> bool:
    # A text of at most 300 characters cannot contain more than 300 operators.
    return len(text) <= _MAX_OPERATORS or (
        len(text) <= _MAX_EXPRESSION_BYTES and len(_OPERATOR.findall(text)) <= _MAX_OPERATORS
    )


def _group_under_parents(fine: Sequence[Change], base: Item, after: Item | None, limit: int) -> list[Change]:
    paths = [change.path for change in fine]
    written = set(paths)
    places = [_writable_path(path, base, written) for path in paths]
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
