"""FastAPI: `CurrentUser[Profile]` is the user that `UserMiddleware` has loaded.

```python
@api.post("/score")
async def score(user: CurrentUser[Profile]) -> int:
    user.data.score += 1
    return user.data.score
```
"""

from __future__ import annotations

from typing import Annotated, Any

from async_dynamo_store.records.record import DataT, UserRecord

from .extras import naming_the_extra

with naming_the_extra("fastapi", "CurrentUser"):
    from fastapi import Depends, HTTPException, WebSocketException, status
    from fastapi.requests import HTTPConnection  # noqa: TC002 - FastAPI reads the annotation

__all__ = ["CurrentUser", "current_user"]


def current_user(connection: HTTPConnection) -> UserRecord[Any]:
    """The user of this request; 401 for a request without a user (for a WebSocket, close code 1008)."""
    user: UserRecord[Any] | None = connection.state.user
    if user is not None:
        return user
    if connection.scope["type"] == "websocket":
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION, "This needs a user.")
    raise HTTPException(status.HTTP_401_UNAUTHORIZED, "This needs a user.")


CurrentUser = Annotated[UserRecord[DataT], Depends(current_user)]
"""The type of an endpoint's parameter: the user, with the store's `data_model` (a dict without one)."""
