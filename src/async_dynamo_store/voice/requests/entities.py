"""A request's slots or parameters: the value of each, and how it was resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A value of the agent's model that matches what was heard; `id` is None where the platform has none."""

    value: Any = field(repr=False)
    id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One slot or parameter. Its repr shows no user data.

    - `value`: as in `request.entities`: the resolved value, else what was heard; None for an empty slot.
    - `heard`: what the user said or typed for it; None where the platform does not report it.
    - `is_match`: whether it is a value of the agent's model; None where the platform does not report it.
    - `matches`: the matching values, best first.
    - `parts`: the members of a slot with several values.
    """

    value: Any = field(default=None, repr=False)
    heard: str | None = field(default=None, repr=False)
    is_match: bool | None = None
    matches: tuple[Match, ...] = field(default=(), repr=False)
    parts: tuple[Entity, ...] = field(default=(), repr=False)

    @property
    def id(self) -> str | None:
        """The id of the best match."""
        return self.matches[0].id if self.matches else None


class Entities(dict[str, Any]):
    """One plain value per slot or parameter; `details` returns what else the platform reports about one."""

    def __init__(
        self, values: Mapping[str, Any] | None = None, describe: Callable[[str], Entity] | None = None
    ) -> None:
        super().__init__(values or {})
        self._describe = describe

    def details(self, name: str) -> Entity:
        """The details of an entity; raises KeyError if the request does not have it."""
        value = self[name]
        return self._describe(name) if self._describe else Entity(value=value)
