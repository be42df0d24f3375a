"""A client that is kept, in an event loop that is not: what comes to mind first. It breaks."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import aioboto3

from benchmarks.aws_lambda.aioboto3_turn import turn

opened = AsyncExitStack()
kept: list[Any] = []


async def answer(event: dict[str, Any]) -> dict[str, Any]:
    """Open the client once."""
    if not kept:
        kept.append(await opened.enter_async_context(aioboto3.Session().client("dynamodb")))
    return await turn(kept[0], event)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One invocation."""
    return asyncio.run(answer(event))
