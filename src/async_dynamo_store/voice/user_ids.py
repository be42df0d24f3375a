"""The functions with which a developer says whose request it is (`user_id=`)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

FindUserId = Callable[[Mapping[str, Any]], "Awaitable[str | None] | str | None"]
"""A function, sync or async, from a request (its raw JSON, or an ASGI scope) to the user's id; None for nobody."""


async def found_user_id(find: FindUserId, request: Mapping[str, Any]) -> str | None:
    """The user's id, as it was found; an empty one names nobody."""
    found = find(request)
    user_id = await found if inspect.isawaitable(found) else found
    return None if user_id == "" else user_id
