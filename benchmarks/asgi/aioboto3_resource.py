"""The skill with one aioboto3 resource, opened and closed by the lifespan: what most projects write."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aioboto3
from starlette.applications import Starlette
from starlette.requests import Request  # noqa: TC002 - Starlette reads annotations
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.aws_lambda.event import answer, who
from benchmarks.users import KEY_COLUMN, now

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb.service_resource import Table


async def turn(table: Table, event: dict[str, Any]) -> dict[str, Any]:
    """From the request to the response."""
    key = {KEY_COLUMN: who(event)}
    user: dict[str, Any] = (await table.get_item(Key=key, ConsistentRead=True)).get("Item", key)
    data = user.setdefault("user", {}).setdefault("data", {})
    data["score"] = data.get("score", 0) + 1
    user["updatedAt"] = now()
    await table.put_item(Item=user)
    return answer(data["score"])


async def skill(request: Request) -> Response:
    """One request."""
    return JSONResponse(await turn(request.state.table, await request.json()))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Open the resource."""
    async with aioboto3.Session().resource("dynamodb") as dynamodb:
        yield {"table": await dynamodb.Table(os.environ["TABLE_NAME"])}


app = Starlette(routes=[Route("/", skill, methods=["POST"])], lifespan=lifespan)
