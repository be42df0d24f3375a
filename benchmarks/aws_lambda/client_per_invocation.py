"""A new event loop and a new client for each invocation, as the documentation of aioboto3 suggests."""

from __future__ import annotations

import asyncio
from typing import Any

import aioboto3

from benchmarks.aws_lambda.aioboto3_turn import turn

session = aioboto3.Session()


async def answer(event: dict[str, Any]) -> dict[str, Any]:
    """Open a client, and close it."""
    async with session.client("dynamodb") as client:
        return await turn(client, event)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One invocation."""
    return asyncio.run(answer(event))
