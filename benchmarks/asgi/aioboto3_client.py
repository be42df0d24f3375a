"""The skill with one aioboto3 client, opened and closed by the lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aioboto3
from starlette.applications import Starlette
from starlette.requests import Request  # noqa: TC002 - Starlette reads annotations
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.aws_lambda.aioboto3_turn import turn


async def skill(request: Request) -> Response:
    """One request."""
    return JSONResponse(await turn(request.state.client, await request.json()))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
    """Open the client."""
    async with aioboto3.Session().client("dynamodb") as client:
        yield {"client": client}


app = Starlette(routes=[Route("/", skill, methods=["POST"])], lifespan=lifespan)
