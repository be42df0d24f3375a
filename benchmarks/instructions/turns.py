"""`python -m benchmarks.instructions.turns CONTENDER STEP ENDPOINT TIMES`: so many steps of a contender, one after the other."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.contenders import Backend
from benchmarks.registry import open_steps
from benchmarks.users import user_id


async def main(contender: str, step: str, endpoint: str, times: int) -> None:
    """Open the contender and do the steps."""
    async with open_steps(contender)(Backend(endpoint, 1)) as steps:
        do = getattr(steps, step)
        for _ in range(times):
            await do(user_id(1))


if __name__ == "__main__":
    contender, step, endpoint, times = sys.argv[1:]
    asyncio.run(main(contender, step, endpoint, int(times)))
