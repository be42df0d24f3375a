"""What the apps of these tests are, in this process and in servers, which load no pytest with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from async_dynamo_store import Turn, VoiceApp


def counting_skill(db: Mapping[str, Any] | None) -> VoiceApp[Any]:
    app = VoiceApp({"db": dict(db)} if db else None)

    @app.fallback
    async def count(turn: Turn) -> None:
        turn.tell(f"Visit {turn.user.increment('visits')}" if db else "Hello")

    return app


def header(scope: Mapping[str, Any]) -> str | None:
    """Whom the request names: a `user_id` for `UserMiddleware`."""
    found: bytes | None = dict(scope["headers"]).get(b"x-user")
    return found.decode() if found is not None else None
