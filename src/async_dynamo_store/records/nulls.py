"""Conversion between empty strings and null, for `empty_strings="null"`."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


def as_null(value: Any) -> Any:
    """The value as `empty_strings="null"` stores it."""
    match value:
        case dict():
            return {key: as_null(member) for key, member in value.items()}
        case list():
            return [as_null(member) for member in value]
        case "":
            return None
        case _:
            return value


def with_empty_strings(stored: dict[str, Any], error: ValidationError) -> dict[str, Any] | None:
    """The stored data with an empty string for each null that the model refused; None if it refused no null."""
    mended = deepcopy(stored)
    is_mended = False
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        parent: Any = mended
        # The location of an error also contains the branch of a union, which is not a key.
        for key in problem["loc"]:
            if not _has(parent, key):
                continue
            if parent[key] is None:
                parent[key] = ""
                is_mended = True
                break
            parent = parent[key]
    return mended if is_mended else None


def _has(parent: Any, key: str | int) -> bool:
    if isinstance(parent, list):
        return isinstance(key, int) and key < len(parent)
    return isinstance(parent, dict) and key in parent
