"""`user.data` as a plain dict."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import orjson

from async_dynamo_store.errors import UnsupportedValueError

from .data_model import Written
from .paths import DataKeys

_AS_PLAIN_JSON = (
    orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
)
_NEVER_NULL_OR_NONE = frozenset({str, int, bool, type(None)})


class Prints(NamedTuple):
    """The state of a dict: its keys, and its JSON text without the members that JSON cannot represent."""

    keys: tuple[Any, ...]
    text: bytes
    is_whole: bool


class PlainData:
    """`user.data` as a plain dict. Its baseline is its JSON text, so a save has to compare only a few values."""

    def read(self, stored: dict[str, Any], attribute: str) -> tuple[dict[str, Any], Prints]:
        """The stored map itself."""
        return stored, self.baseline(stored)

    def baseline(self, data: dict[str, Any], before: Prints | None = None) -> Prints:
        """The current state of the dict."""
        if not isinstance(data, dict):
            raise UnsupportedValueError(f"user.data is {type(data).__qualname__}; set it to a dict", "data")
        try:
            return Prints(tuple(data), orjson.dumps(data, option=_AS_PLAIN_JSON), is_whole=True)
        except (TypeError, ValueError):
            members = filter(None, itertools.starmap(_member_text, data.items()))
            return Prints(tuple(data), b"{%b}" % b",".join(members), is_whole=False)

    def write(
        self,
        data: dict[str, Any],
        stored: Callable[[], dict[str, Any]],
        baseline: Prints,
        now: Prints,
        counted: AbstractSet[str],
    ) -> Written:
        """The dict itself."""
        return Written(data, counted | self._changed(data, baseline, now))

    def stored_keys(self, keys: DataKeys) -> DataKeys:
        """The keys themselves."""
        return keys

    def default(self, keys: DataKeys) -> None:
        """A dict has no defaults."""

    def loaded_value(self, baseline: Prints, keys: DataKeys) -> None:
        """A dict creates no values itself."""

    def _changed(self, data: dict[str, Any], baseline: Prints, now: Prints) -> set[Any]:
        """The keys that have changed or have to be compared."""
        is_exact = baseline.is_whole and now.is_whole and _has_exact_nulls(data, now.text)
        if now.text == baseline.text and is_exact:
            return set()
        changed = set() if baseline.keys == now.keys else set(baseline.keys).difference(data)
        if not is_exact:
            changed.update(key for key, value in data.items() if not _is_exact(key, value))
        begin, is_same = 1, True
        for key, value in data.items():
            # If the old text ends with the rest of the new one, the remaining members are unchanged.
            if not is_same and baseline.text.endswith(now.text[begin - 1 :]):
                break
            text = _member_text(key, value)
            if text is None:
                continue
            end = begin + len(text)
            is_same = is_same and baseline.text.startswith(now.text[begin : end + 1], begin)
            if not is_same:
                changed.add(key)
            begin = end + 1
        return changed


def _member_text(key: Any, value: Any) -> bytes | None:
    """A member of a dict as JSON text without the braces; None if JSON cannot represent it."""
    try:
        return orjson.dumps({key: value}, option=_AS_PLAIN_JSON)[1:-1]
    except (TypeError, ValueError):
        return None


def _is_exact(key: Any, value: Any) -> bool:
    """Whether the JSON text of a member identifies its value."""
    text = _member_text(key, value)
    return text is not None and _has_exact_nulls(value, text)


def _has_exact_nulls(value: Any, text: bytes) -> bool:
    """Whether each null in the JSON text of a value is None: NaN and infinity are written as null, too."""
    nulls = text.count(b"null")
    if not nulls:
        return True
    # A walk through all values is rarely needed: most have no None inside.
    is_counted = type(value) is dict and nulls == sum(member is None for member in value.values())
    return is_counted or _has_only_none_as_null(value)


def _has_only_none_as_null(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return all(map(_has_only_none_as_null, value.values()))
    if kind is list or kind is tuple:
        return all(map(_has_only_none_as_null, value))
    return math.isfinite(value) if kind is float else kind in _NEVER_NULL_OR_NONE
