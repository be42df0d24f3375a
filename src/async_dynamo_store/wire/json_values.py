"""Checks JSON values: session attributes, native output and the messages of a transcript."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from async_dynamo_store.errors import UnsupportedValueError

_LEVELS = 100
"""The nesting limit: above what any platform sends, below Python's recursion limit."""
_ALWAYS_JSON = frozenset({str, int, bool, type(None)})


def check_json(value: Any, path: str, level: int = 0) -> None:
    """Raise `UnsupportedValueError`, with the path, if the value is not valid JSON.

    A Decimal is allowed and written as a number, as in Lambda's runtime.
    """
    if isinstance(value, dict):
        inner = _deeper(level, path) if value else level
        for key, item in value.items():
            if not isinstance(key, str):
                raise _refused(f"a dict with a key {_kind(key)}", "Use str keys", path)
            if type(item) not in _ALWAYS_JSON:
                check_json(item, f"{path}.{key}", inner)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_json(item, f"{path}[{index}]", _deeper(level, path))
    elif isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise _refused("NaN or infinity", "Use None instead", path)
    elif value is not None and not isinstance(value, str | int):
        raise _refused(_kind(value), "Convert it to a str or a number", path)


def _deeper(level: int, path: str) -> int:
    if level == _LEVELS:
        raise _refused(
            f"nested deeper than {_LEVELS} levels", "Flatten it, or check whether it contains itself", path
        )
    return level + 1


def _kind(value: object) -> str:
    return f"of type {type(value).__qualname__}"


def _refused(what: str, remedy: str, path: str) -> UnsupportedValueError:
    return UnsupportedValueError(f"{path} is {what}, but must be JSON. {remedy}.", path)
