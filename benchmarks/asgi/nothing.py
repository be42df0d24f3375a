"""A skill that asks no database: what uvicorn and a small app cost by themselves."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request  # noqa: TC002 - Starlette reads annotations
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.aws_lambda.event import answer, who


async def skill(request: Request) -> Response:
    """One request."""
    who(await request.json())
    return JSONResponse(answer(0))


app = Starlette(routes=[Route("/", skill, methods=["POST"])])
