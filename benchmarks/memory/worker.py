"""The process whose memory is watched: `python -m benchmarks.memory.worker CONTENDER ENDPOINT IN_FLIGHT`.

Each line on its standard input is a number of turns to do, each for a user that was never seen before. It is
answered with a line of JSON: the bytes of memory in use, and the number of objects that Python tracks.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Iterator
from itertools import count, islice

import psutil

from benchmarks.contenders import Backend, Step
from benchmarks.registry import open_steps
from benchmarks.users import user_id


async def turns(step: Step, users: Iterator[int], in_flight: int) -> None:
    """One turn for each of the users, so many at once."""

    async def some() -> None:
        for number in users:
            await step(user_id(number))

    await asyncio.gather(*(some() for _ in range(in_flight)))


async def serve(contender: str, endpoint: str, in_flight: int) -> None:
    """Open the contender and do turns until standard input is closed."""
    process = psutil.Process()
    new_users = count()
    async with open_steps(contender)(Backend(endpoint, in_flight)) as steps:
        while line := await asyncio.to_thread(sys.stdin.readline):
            await turns(steps.turn, islice(new_users, int(line)), in_flight)
            gc.collect()
            in_use = {"bytes": process.memory_info().rss, "objects": len(gc.get_objects())}
            print(json.dumps(in_use), flush=True)


if __name__ == "__main__":
    name, url, at_once = sys.argv[1:]
    asyncio.run(serve(name, url, int(at_once)))
