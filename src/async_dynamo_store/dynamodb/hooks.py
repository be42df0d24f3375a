"""What every client does at botocore's events: look at an answer before it is parsed, and try conflicts again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import orjson

from async_dynamo_store.errors import UnavailableError

from .answers import CONFLICT_CODES

_FIRST_PAUSE_SECONDS = 0.05


def retry_conflicts(max_attempts: int) -> Callable[..., float | None]:
    """A hook of botocore's, after each try: what DynamoDB did not apply for another writer is tried again after a pause."""

    def pause(*, response: Any, attempts: int, **_: Any) -> float | None:
        code = response[1].get("Error", {}).get("Code") if response else None
        if code in CONFLICT_CODES and attempts < max_attempts:
            longest: float = _FIRST_PAUSE_SECONDS * 2 ** (attempts - 1)
            return random.uniform(0.5, 1) * longest  # noqa: S311 - no secret
        return None

    return pause


def check_answer(*, response_dict: Any, operation_model: Any, **_: Any) -> None:
    """A hook of botocore's, before it parses: a 200 that is not DynamoDB's, such as a proxy's page, is no empty answer."""
    if response_dict["status_code"] != 200:
        return
    kind = response_dict["headers"].get("content-type", "nothing")
    if not kind.startswith("application/x-amz-json"):
        raise UnavailableError(
            f"What answered {operation_model.name} is not DynamoDB (it sent {kind}). Check the endpoint, and"
            " proxies on the way."
        )
    orjson.loads(response_dict["body"])
