"""Handlers for botocore's events: check a response before it is parsed, and retry conflicts."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import orjson

from async_dynamo_store.errors import UnavailableError

from .answers import CONFLICT_CODES

_FIRST_PAUSE_SECONDS = 0.05


def retry_conflicts(max_attempts: int) -> Callable[..., float | None]:
    """A botocore handler called after each attempt: a write refused because of another writer is retried after a pause."""

    def pause(*, response: Any, attempts: int, **_: Any) -> float | None:
        code = response[1].get("Error", {}).get("Code") if response else None
        if code in CONFLICT_CODES and attempts < max_attempts:
            longest: float = _FIRST_PAUSE_SECONDS * 2 ** (attempts - 1)
            return random.uniform(0.5, 1) * longest  # noqa: S311 - no secret
        return None

    return pause


def check_answer(*, response_dict: Any, operation_model: Any, **_: Any) -> None:
    """A botocore handler called before parsing: raise an error for a 200 response that is not from DynamoDB.

    Without it, botocore would read a proxy's page as an empty response.
    """
    if response_dict["status_code"] != 200:
        return
    kind = response_dict["headers"].get("content-type", "nothing")
    if not kind.startswith("application/x-amz-json"):
        raise UnavailableError(
            f"The response to {operation_model.name} is not from DynamoDB (content type: {kind}). Check the endpoint, and"
            " any proxy in between."
        )
    orjson.loads(response_dict["body"])
