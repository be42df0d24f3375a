"""DynamoDB's expressions: conditions, and the aliases of names and values. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from .values import AttributeValue, ItemPath

FIVE_YEARS = 5 * 365 * 24 * 3600
"""In seconds, without leap days."""


class Form(NamedTuple):
    """The text of a clause, with a field for each path and then for each of its `values`."""

    text: str
    values: int = 0


EQUAL = Form("{0} = {1}", 1)
ABSENT = Form("attribute_not_exists({0})")
_EXPIRED = Form("{0} BETWEEN {1} AND {2}", 2)
_ALIVE = Form(f"NOT {_EXPIRED.text}", 2)
_LOWER = Form("{0} < {1}", 1)
_NEW = Form("attribute_not_exists({0}) AND (attribute_not_exists({1}) OR {1} < {2})", 1)
_NEW_OR_LOWER = Form(f"({_NEW.text} OR {{0}} < {{2}})", 1)

Values = tuple[AttributeValue, ...]


class Clause(NamedTuple):
    """A part of an expression: its form, filled with paths and values."""

    form: Form
    paths: tuple[ItemPath, ...]
    values: Values = ()


class Guard(NamedTuple):
    """The condition that `path` holds `value` (None: that it does not exist)."""

    path: ItemPath
    value: AttributeValue | None

    @property
    def clause(self) -> Clause:
        """The condition as text."""
        path, value = self
        return Clause(ABSENT, (path,)) if value is None else Clause(EQUAL, (path,), (value,))


class Alive(NamedTuple):
    """The condition that the time to live at `path` has not expired at `epoch` (seconds).

    The rule is DynamoDB's: a number is expired if it lies in the past, but not more than five years (AWS, 'Using
    time to live (TTL) in DynamoDB').
    """

    path: ItemPath
    epoch: int

    @property
    def clause(self) -> Clause:
        """The condition as text."""
        return self.expired._replace(form=_ALIVE)

    @property
    def expired(self) -> Clause:
        """The opposite condition: the item has expired. False if the path holds no number."""
        return Clause(_EXPIRED, (self.path,), ({"N": str(self.epoch - FIVE_YEARS)}, {"N": str(self.epoch)}))


class Unmade(NamedTuple):
    """The condition that the slot's number is lower than `number`, or that it is absent and `floor` is lower."""

    slot: ItemPath
    number: AttributeValue
    floor: ItemPath
    may_have_slot: bool
    may_lack_slot: bool

    @property
    def clause(self) -> Clause:
        """The condition as text."""
        if not self.may_lack_slot:
            return Clause(_LOWER, (self.slot,), (self.number,))
        form = _NEW_OR_LOWER if self.may_have_slot else _NEW
        return Clause(form, (self.slot, self.floor), (self.number,))


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

    def text(self, clause: Clause) -> str:
        """The text of a clause."""
        return clause.form.text.format(*map(self.path, clause.paths), *map(self.value, clause.values))

    def condition(self, condition: Condition) -> str:
        """The text of a condition."""
        return self.text(condition.clause)

    def parameters(self, condition: str) -> dict[str, Any]:
        """The request parameters for a condition that uses these aliases."""
        parameters: dict[str, Any] = {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {alias: name for name, alias in self.names.items()},
        }
        if self.values:
            parameters["ExpressionAttributeValues"] = self.values
        return parameters
