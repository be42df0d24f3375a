"""Native output: parts of a platform's own response that a handler adds to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from .model import Platform

Native = Mapping[Platform, Mapping[str, Any]]
"""Parts of the response, by platform (for Twilio the attributes of verbs, see `twilio`)."""


def native_of(native: Native | None, platform: Platform) -> Mapping[str, Any] | None:
    """The part for this platform.

    Raises ValueError for an unknown platform, TypeError for a part that is not a dict.
    """
    for name, part in (native or {}).items():
        if name not in get_args(Platform):
            raise ValueError(
                f"native has the unknown platform {name!r}; the platforms are {', '.join(get_args(Platform))}"
            )
        if not isinstance(part, Mapping):
            raise TypeError(
                f"native[{name!r}] is a {type(part).__name__}; give a dict, a part of the response"
            )
    return (native or {}).get(platform)


def merged(ours: Any, native: Any) -> Any:
    """Merge native parts into our response: objects key by key, lists concatenated, all else replaced.

    None removes our part, as in a JSON Merge Patch (RFC 7396).
    """
    if isinstance(native, Mapping):
        before = ours if isinstance(ours, Mapping) else {}
        both = {name: merged(before.get(name), part) for name, part in native.items() if part is not None}
        return {name: part for name, part in before.items() if name not in native} | both
    if isinstance(ours, list) and isinstance(native, list):
        return [*ours, *native]
    return native
