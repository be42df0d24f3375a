"""`user_id=`: a developer's own function that finds the user id of a request."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

FindUserId = Callable[[Mapping[str, Any]], "Awaitable[str | None] | str | None"]
"""A function, sync or async, from a request (its raw JSON, or an ASGI scope) to the user's id, or None."""


async def found_user_id(find: FindUserId, request: Mapping[str, Any]) -> str | None:
    """The user id that `find` returns; None if it is empty."""
    found = find(request)
    user_id = await found if inspect.isawaitable(found) else found
    return None if user_id == "" else user_id
