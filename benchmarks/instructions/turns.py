"""`python -m benchmarks.instructions.turns CONTENDER STEP ENDPOINT BEFORE COUNTED`: steps of a contender, one after the other."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.contenders import Backend
from benchmarks.instructions.switch import counting
from benchmarks.registry import open_steps
from benchmarks.users import user_id


async def count_turns(contender: str, step: str, endpoint: str, before: int, counted: int) -> None:
    """Open the contender, do the steps before, and count the others."""
    async with open_steps(contender)(Backend(endpoint, 1)) as steps:
        do = getattr(steps, step)
        for _ in range(before):
            await do(user_id(1))
        with counting():
            for _ in range(counted):
                await do(user_id(1))


if __name__ == "__main__":
    contender, step, endpoint, before, counted = sys.argv[1:]
    asyncio.run(count_turns(contender, step, endpoint, int(before), int(counted)))
