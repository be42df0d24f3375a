"""Merges a model's values into the stored map; unknown keys stay with the object that they belong to."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from pydantic import BaseModel

from .members import Objects, members_of
from .value_paths import ValuePath


class Values(NamedTuple):
    """A part of a model at the save: its dumped value, the explicitly set part of it, and the object it was dumped from."""

    now: Any
    set: Any
    held: Any = None

    def members(self) -> Iterator[tuple[Any, Values]]:
        """The members of a map or a list, by key or index."""
        held = dict(members_of(self.held, self.now))
        for key, member in self.now.items() if isinstance(self.now, dict) else enumerate(self.now):
            yield key, Values(member, _member(self.set, key), held.get(key))


class Origin(NamedTuple):
    """A map of the stored data: its path in the model at the load, the object made from it, and its loaded values."""

    path: ValuePath
    held: Any
    stored: dict[str, Any]
    loaded: dict[str, Any]


class Merging:
    """Finds, for each map of a model's values, the stored map that it comes from.

    An object keeps its stored map, even if it was moved. A different object under the same field or dict key counts
    as a new value of that key, unless the former object was moved elsewhere. A different object in a list counts as
    a new member, unless it equals a member that was removed.
    """

    def __init__(self, stored: dict[str, Any], loaded: dict[str, Any], before: Objects, now: Objects) -> None:
        self._origins = {
            path: Origin(path, before.get(path), kept, values)
            for path, kept, values in _paired(stored, loaded, ())
        }
        self._present = {id(held) for held in now.values()}
        self._listed: dict[ValuePath | None, list[Origin]] = {}
        self._held_by: dict[int, list[Origin]] = {}
        for origin in self._origins.values():
            self._listed.setdefault(origin.path[:-1], []).append(origin)
            if origin.held is not None:
                self._held_by.setdefault(id(origin.held), []).append(origin)

    def merged(self, values: Values) -> dict[str, Any]:
        """The map to store."""
        return self._map(values, self._origins[()])

    def _value(self, values: Values, place: ValuePath | None) -> Any:
        match values.now:
            case dict():
                return self._map(values, self._by_name(values.held, place))
            case list():
                return self._list(values, place)
            case value:
                return value

    def _map(self, values: Values, origin: Origin | None) -> dict[str, Any]:
        """The map to store: keys unknown to the model are kept, unset and unchanged defaults are omitted."""
        if origin is None:
            return {key: self._value(member, None) for key, member in values.members()}
        stored, loaded = origin.stored, origin.loaded
        set_keys = values.set if isinstance(values.set, dict) else {}
        result = {key: value for key, value in stored.items() if key not in loaded and key not in values.now}
        for key, member in values.members():
            is_kept = key in stored or key in set_keys or key not in loaded
            if is_kept or repr(member.now) != repr(loaded[key]):
                result[key] = self._value(member, (*origin.path, key))
        return result

    def _list(self, values: Values, place: ValuePath | None) -> list[Any]:
        if not any(isinstance(member, dict | list) for member in values.now):
            return list(values.now)
        members = list(values.members())
        origins = {
            index: self._by_object(member.held, _inside(place, index))
            for index, member in members
            if isinstance(member.now, dict)
        }
        new = {index: member for index, member in members if index in origins and origins[index] is None}
        origins |= _copies(
            new, [each for each in self._listed.get(place, ()) if id(each.held) not in self._present]
        )
        return [
            self._map(member, origins[index])
            if index in origins
            else self._value(member, _inside(place, index))
            for index, member in members
        ]

    def _by_object(self, held: Any, place: ValuePath | None) -> Origin | None:
        """The origin of an object; if it has several, the one at its path."""
        origins = self._held_by.get(id(held), [])
        if len(origins) == 1:
            return origins[0]
        return next((origin for origin in origins if origin.path == place), None)

    def _by_name(self, held: Any, place: ValuePath | None) -> Origin | None:
        former = None if place is None else self._origins.get(place)
        if (origin := self._by_object(held, place)) or former is None:
            return origin
        return former if id(former.held) not in self._present and _may_follow(former.held, held) else None


def _may_follow(former: Any, held: Any) -> bool:
    """Whether an object can replace another as a new value of the same key; a model of another type cannot."""
    if not isinstance(former, BaseModel) and not isinstance(held, BaseModel):
        return True
    return isinstance(held, type(former)) or isinstance(former, type(held))


def _copies(new: dict[int, Values], gone: list[Origin]) -> dict[int, Origin]:
    """The new members of a list that are copies of removed members, by index.

    A member is a copy of the removed member at the same index if the two are equal. Otherwise it is a copy of an
    equal removed member, if neither has another match.
    """
    at = {origin.path[-1]: origin for origin in gone}
    by_text: dict[str, list[Origin]] = {}
    for origin in gone:
        by_text.setdefault(repr(origin.loaded), []).append(origin)
    counts = Counter(repr(member.now) for member in new.values())
    copies: dict[int, Origin] = {}
    for index, member in new.items():
        text = repr(member.now)
        if index in at and _equal(member, at[index]):
            equal = [at[index]]
        elif _has_own_equality(member.held):
            equal = [origin for origin in gone if _equal(member, origin)]
        else:
            equal = by_text.get(text, []) if counts[text] == 1 else []
        if len(equal) == 1:
            copies[index] = equal[0]
    return copies


def _equal(member: Values, origin: Origin) -> bool:
    if _has_own_equality(member.held):
        return bool(member.held == origin.held)
    return repr(member.now) == repr(origin.loaded)


def _has_own_equality(held: Any) -> bool:
    return isinstance(held, BaseModel) and type(held).__eq__ is not BaseModel.__eq__


def _inside(place: ValuePath | None, key: str | int) -> ValuePath | None:
    return None if place is None else (*place, key)


def _member(container: Any, key: Any) -> Any:
    if isinstance(container, dict):
        return container.get(key)
    return container[key] if isinstance(container, list) and key < len(container) else None


def _paired(stored: Any, loaded: Any, path: ValuePath) -> Iterator[tuple[ValuePath, Any, Any]]:
    """The maps of the stored data, each with its path in the model and the map that the model made of it."""
    if isinstance(stored, dict) and isinstance(loaded, dict):
        yield path, stored, loaded
        for key, member in loaded.items():
            if key in stored and isinstance(member, dict | list):
                yield from _paired(stored[key], member, (*path, key))
    elif isinstance(stored, list) and isinstance(loaded, list):
        for index, member in _matched(stored, loaded):
            yield from _paired(member, loaded[index], (*path, index))


def _matched(stored: Sequence[Any], loaded: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """The stored members of a list, by their index in the model: a validator may sort or drop members."""
    if len(stored) == len(loaded) and all(map(_agree, stored, loaded)):
        yield from enumerate(stored)
        return
    # For each loaded member, the indexes of the stored members that it agrees with.
    keys = _scalar_keys([*stored, *loaded])
    alike: dict[Any, list[int]] = {}
    for place, kept in enumerate(stored):
        alike.setdefault(_signature(kept, keys), []).append(place)
    places = [
        [place for place in alike.get(_signature(member, keys), ()) if _agree(stored[place], member)]
        for member in loaded
    ]
    uses = Counter(itertools.chain.from_iterable(places))
    is_changed = [not places[index] and not uses[index] for index in range(len(loaded))]
    if len(stored) == len(loaded) and all(
        changed or index in places[index] for index, changed in enumerate(is_changed)
    ):
        # A validator has changed members without moving them.
        yield from enumerate(stored)
        return
    for index, found in enumerate(places):
        if len(found) == 1 and uses[found[0]] == 1:
            yield index, stored[found[0]]


def _scalar_keys(members: Sequence[Any]) -> list[str]:
    """The keys that hold a scalar in each of these members."""
    keys = [
        {key for key, value in member.items() if not isinstance(value, dict | list | AbstractSet)}
        if isinstance(member, dict)
        else set[str]()
        for member in members
    ]
    return sorted(set.intersection(*keys)) if keys else []


def _signature(member: Any, keys: Sequence[str]) -> Any:
    """A key that is equal for members that agree, so that only a few pairs have to be compared."""
    return tuple(None if member[key] == "" else member[key] for key in keys)


def _agree(stored: Any, loaded: Any) -> bool:
    """Whether the model can have read `loaded` from `stored` without changing a value."""
    if stored == loaded:
        return True
    if isinstance(stored, dict) and isinstance(loaded, dict):
        return all(_agree(member, loaded[key]) for key, member in stored.items() if key in loaded)
    if isinstance(stored, list) and isinstance(loaded, list):
        return len(stored) == len(loaded) and all(map(_agree, stored, loaded))
    return stored is None and bool(loaded == "")
