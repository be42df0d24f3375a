"""What the saves and the verbs promise, on plain dicts: the model that the stored users are held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

Data = dict[str, Any]
Path = tuple[str, ...]

GONE: Any = object()


def find(data: Data, path: Path) -> Any:
    """What is at the path, `GONE` when nothing is."""
    value: Any = data
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return GONE
        value = value[key]
    return value


def fits(data: Data, path: Path) -> bool:
    """Whether what is on the way to the path has members, or is not there."""
    return all(
        find(data, path[:length]) is GONE or isinstance(find(data, path[:length]), dict)
        for length in range(1, len(path))
    )


def put(data: Data, path: Path, value: Any) -> None:
    """Set what is at the path, or remove it (`GONE`). Parents are made for a value; what is in the way goes."""
    *parents, key = path
    for parent in parents:
        if not isinstance(data.get(parent), dict):
            if value is GONE:
                return
            data[parent] = {}
        data = data[parent]
    if value is GONE:
        data.pop(key, None)
    else:
        data[key] = deepcopy(value)


def counted(data: Data, path: Path, by: int, otherwise: int) -> int:
    """What a counter comes to; where something is that is no number, it is replaced."""
    old = find(data, path)
    return by if old is GONE else old + by if isinstance(old, int) else otherwise


def merged(stored: Data, base: Data, mine: Data, counts: Mapping[Path, int]) -> Data:
    """What is stored after a merge of what a turn has made (`mine`) of what it had loaded (`base`)."""
    stored, mine = deepcopy(stored), deepcopy(mine)
    totals = {
        path: find(mine, path)
        for path, by in counts.items()
        if find(base, path) is GONE or isinstance(find(base, path), int)
        if find(mine, path) == counted(base, path, by, 0)
    }
    for path in totals:
        put(mine, path, find(base, path))
    for path, value, is_new in differences(base, mine):
        if is_new:
            join(stored, path, value)
        else:
            put(stored, path, value)
    for path, total in totals.items():
        put(stored, path, counted(stored, path, counts[path], total))
    return stored


def join(stored: Data, path: Path, value: Any) -> None:
    """Set what was new to the turn: a map and a map of another turn become one."""
    if isinstance(value, dict) and isinstance(find(stored, path), dict):
        for key, member in value.items():
            join(stored, (*path, key), member)
    else:
        put(stored, path, value)


def differences(base: Data, mine: Data, here: Path = ()) -> Iterator[tuple[Path, Any, bool]]:
    """Path, value, and whether it is new, for all that differs; maps key by key, everything else as a whole."""
    for key, value in mine.items():
        path = (*here, key)
        if key not in base:
            yield path, value, True
        elif isinstance(value, dict) and isinstance(base[key], dict):
            yield from differences(base[key], value, path)
        elif value != base[key]:
            yield path, value, False
    for key in base.keys() - mine.keys():
        yield (*here, key), GONE, False
