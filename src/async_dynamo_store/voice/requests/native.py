"""Native output: parts of a platform's own response that a handler adds to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from .model import Platform

Native = Mapping[Platform, Mapping[str, Any]]
"""By platform, parts of its whole response (for Twilio the attributes of verbs, see `twilio`)."""


def native_of(native: Native | None, platform: Platform) -> Mapping[str, Any] | None:
    """What is for this platform.

    Raises ValueError for a platform that there is not, TypeError for what is no dict.
    """
    for name, part in (native or {}).items():
        if name not in get_args(Platform):
            raise ValueError(f"native names {name!r}; the platforms are {', '.join(get_args(Platform))}")
        if not isinstance(part, Mapping):
            raise TypeError(
                f"native[{name!r}] is a {type(part).__name__}; give a dict, a part of the response"
            )
    return (native or {}).get(platform)


def merged(ours: Any, native: Any) -> Any:
    """Our response with the native parts: objects key by key, lists one after the other, else the native part.

    A None takes our part away, as in a JSON Merge Patch (RFC 7396).
    """
    if isinstance(native, Mapping):
        before = ours if isinstance(ours, Mapping) else {}
        both = {name: merged(before.get(name), part) for name, part in native.items() if part is not None}
        return {name: part for name, part in before.items() if name not in native} | both
    if isinstance(ours, list) and isinstance(native, list):
        return [*ours, *native]
    return native
