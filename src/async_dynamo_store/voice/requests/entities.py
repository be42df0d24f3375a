"""What a request says of its slots or parameters: a value for each, and how it came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One value of the agent's own list that fits what was heard; `id` is None where the platform has none."""

    value: Any = field(repr=False)
    id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One slot or parameter. Its repr holds nothing of the user's.

    - `value`: as in `request.entities`: what it resolved to, else what was heard; None for an empty slot.
    - `heard`: what the user said or typed for it; None where the platform does not say.
    - `is_match`: whether it is a value of the agent's own list; None where the platform does not say.
    - `matches`: the values that fit, best first.
    - `parts`: the members of a slot that holds several.
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
    """One plain value per slot or parameter; `details` says what else the platform knows of one."""

    def __init__(
        self, values: Mapping[str, Any] | None = None, describe: Callable[[str], Entity] | None = None
    ) -> None:
        super().__init__(values or {})
        self._describe = describe

    def details(self, name: str) -> Entity:
        """What is known of an entity; raises KeyError for one that the request does not have."""
        value = self[name]
        return self._describe(name) if self._describe else Entity(value=value)
