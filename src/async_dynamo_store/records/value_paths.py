"""Paths in the values that a model dumps, and differences between two such values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

ValuePath = tuple[str | int, ...]
"""The path of a value in a model's dump: stored keys and indexes."""


def found(values: Any, path: ValuePath) -> Any:
    """The value at a path through maps, or None."""
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def picked(members: Mapping[str, Any], keys: Collection[Any]) -> dict[str, Any]:
    """The members of a map under these keys."""
    return {key: members[key] for key in keys if key in members}


def others(members: Mapping[str, Any], keys: Collection[Any]) -> dict[str, Any]:
    """The members of a map under all other keys than these."""
    return {key: value for key, value in members.items() if key not in keys}


def equal(one: Any, other: Any) -> bool:
    """Whether two values are equal; what cannot be compared, such as an array of numpy, is not."""
    try:
        return bool(one == other)
    except ValueError:
        return False


def differing(one: Any, other: Any, path: ValuePath = ()) -> Iterator[ValuePath]:
    """The paths at which two values differ."""
    if equal(one, other):
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            if key in one and key in other:
                yield from differing(one[key], other[key], (*path, key))
            else:
                yield (*path, key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (member, counterpart) in enumerate(zip(one, other, strict=True)):
            yield from differing(member, counterpart, (*path, index))
    else:
        yield path


def only_in(one: Any, other: Any, path: ValuePath = ()) -> Iterator[ValuePath]:
    """The paths of map keys that exist in `one` but not in `other`."""
    if equal(one, other):
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for key, member in one.items():
            if key not in other:
                yield (*path, key)
            else:
                yield from only_in(member, other[key], (*path, key))
    elif isinstance(one, list) and isinstance(other, list):
        for index, (member, counterpart) in enumerate(zip(one, other, strict=False)):
            yield from only_in(member, counterpart, (*path, index))


def without(value: Any, paths: Collection[ValuePath], path: ValuePath = ()) -> Any:
    """A copy of the value without the map keys at these paths."""
    if isinstance(value, dict):
        return {
            key: without(member, paths, (*path, key))
            for key, member in value.items()
            if (*path, key) not in paths
        }
    if isinstance(value, list):
        return [without(member, paths, (*path, index)) for index, member in enumerate(value)]
    return value


def is_within(path: ValuePath, places: Collection[ValuePath]) -> bool:
    """Whether a path is one of these or lies below one."""
    return any(path[:length] in places for length in range(1, len(path) + 1))


def culprits(paths: Sequence[ValuePath], is_fine: Callable[[Sequence[ValuePath]], bool]) -> set[ValuePath]:
    """The paths that have to be removed so that `is_fine` accepts the rest.

    Calls `is_fine` about log2(n) + 2 times for each of them. `is_fine` must accept an empty list.
    """
    gone: set[ValuePath] = set()
    left = list(paths)
    while not is_fine(left):
        together: list[ValuePath] = []
        rest = left
        # Some paths only fail together, such as two halves of a name. Each round finds one more of them.
        while rest and (not together or is_fine(together)):
            fine, wrong = 0, len(rest)
            while wrong - fine > 1:
                middle = (fine + wrong) // 2
                if is_fine([*rest[:middle], *together]):
                    fine = middle
                else:
                    wrong = middle
            together.append(rest[wrong - 1])
            rest = rest[: wrong - 1]
        gone.update(together)
        left = [path for path in left if path not in gone]
    return gone
