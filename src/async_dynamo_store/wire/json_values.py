"""JSON values: session attributes, native output, the messages of a transcript."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from async_dynamo_store.errors import UnsupportedValueError

_LEVELS = 100
"""Far more than any platform passes on, and far fewer than Python's recursion allows."""


def check_json(value: Any, path: str, level: int = 0) -> None:
    """Raise `UnsupportedValueError` for what is no JSON, with the place.

    A Decimal is written as a number, as Lambda's own runtime does.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise _refused(f"a dict with a key {_kind(key)}", "Use str keys", path)
            check_json(item, f"{path}.{key}", _deeper(level, path))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_json(item, f"{path}[{index}]", _deeper(level, path))
    elif isinstance(value, float | Decimal):
        if not math.isfinite(value):
            raise _refused("a number that JSON has not", "Use None for no number", path)
    elif value is not None and not isinstance(value, str | int):
        raise _refused(_kind(value), "Make a str or a number of it", path)


def _deeper(level: int, path: str) -> int:
    if level == _LEVELS:
        raise _refused(
            f"deeper than {_LEVELS} levels", "Keep it flatter, or check whether it holds itself", path
        )
    return level + 1


def _kind(value: object) -> str:
    return f"of the type {type(value).__qualname__}"


def _refused(what: str, remedy: str, path: str) -> UnsupportedValueError:
    return UnsupportedValueError(f"{path} is {what}, and has to be JSON. {remedy}.", path)
