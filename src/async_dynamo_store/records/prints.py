"""JSON texts of a map, which tell cheaply which of its members have changed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Set as AbstractSet
from operator import is_
from typing import Any, NamedTuple, cast

import orjson

_AS_PLAIN_JSON = (
    orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
)
_NEVER_NULL_OR_NONE = frozenset({str, int, bool, type(None)})


class Prints(NamedTuple):
    """The state of a map: its keys, and its JSON text without the members that JSON cannot represent."""

    keys: tuple[Any, ...]
    text: bytes
    is_whole: bool

    def members(self) -> dict[str, Any] | None:
        """The map itself; None if JSON cannot represent all of it."""
        return cast("dict[str, Any]", orjson.loads(self.text)) if self.is_whole else None


def prints_of(members: dict[Any, Any]) -> Prints:
    """The current state of a map."""
    try:
        return Prints(tuple(members), orjson.dumps(members, option=_AS_PLAIN_JSON), is_whole=True)
    except (TypeError, ValueError):
        texts = filter(None, itertools.starmap(_member_text, members.items()))
        return Prints(tuple(members), b"{%b}" % b",".join(texts), is_whole=False)


def changed_keys(members: dict[Any, Any], before: Prints, now: Prints) -> AbstractSet[Any]:
    """The keys of the members that have changed since `before`, or have to be compared; `now` is their state.

    `before` must have exact nulls: a NaN that became None has the same text.
    """
    is_exact = before.is_whole and now.is_whole and has_exact_nulls(members, now.text)
    if now.text == before.text and is_exact:
        return set()
    # In the order of the members, so that the same changes give the same request.
    changed: dict[Any, None] = {}
    if before.keys != now.keys:
        changed = dict.fromkeys(key for key in before.keys if key not in members)
    if not is_exact:
        changed |= dict.fromkeys(key for key, value in members.items() if not _is_exact(key, value))
    begin, is_same = 1, True
    for key, value in members.items():
        # If the old text ends with the rest of the new one, the remaining members are unchanged.
        if not is_same and before.text.endswith(now.text[begin - 1 :]):
            break
        text = _member_text(key, value)
        if text is None:
            continue
        end = begin + len(text)
        is_same = is_same and before.text.startswith(now.text[begin : end + 1], begin)
        if not is_same:
            changed[key] = None
        begin = end + 1
    return changed.keys()


def _member_text(key: Any, value: Any) -> bytes | None:
    """A member of a dict as JSON text without the braces; None if JSON cannot represent it."""
    try:
        return orjson.dumps({key: value}, option=_AS_PLAIN_JSON)[1:-1]
    except (TypeError, ValueError):
        return None


def _is_exact(key: Any, value: Any) -> bool:
    """Whether the JSON text of a member identifies its value."""
    text = _member_text(key, value)
    return text is not None and has_exact_nulls(value, text)


def has_exact_nulls(value: Any, text: bytes) -> bool:
    """Whether each null in the JSON text of a value is None: NaN and infinity are written as null, too."""
    nulls = text.count(b"null")
    if not nulls:
        return True
    # A walk through all values is rarely needed: most have no None inside.
    is_counted = type(value) is dict and nulls == sum(map(is_, value.values(), itertools.repeat(None)))
    return is_counted or _has_only_none_as_null(value)


def _has_only_none_as_null(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_has_only_none_as_null, value.values()))
    if kind is list or kind is tuple:
        return all(map(_has_only_none_as_null, value))
    return math.isfinite(value) if kind is float else kind in _NEVER_NULL_OR_NONE
