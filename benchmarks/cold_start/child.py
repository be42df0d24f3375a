"""A process that does one step and says so: `python -m benchmarks.cold_start.child SOURCE STEP ENDPOINT`.

It imports next to nothing of its own, and prints the CPU seconds that it has used since its start.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from importlib import import_module

from benchmarks.contenders import Backend, Step
from benchmarks.users import user_id


async def first(source: str, name: str, endpoint: str) -> None:
    """Import the contender, open it, and do its first step."""
    module, attribute = source.split(":")
    open_steps = getattr(import_module(f"benchmarks.contenders.{module}"), attribute)
    async with open_steps(Backend(endpoint, in_flight=1)) as steps:
        step: Step = getattr(steps, name)
        await step(user_id(0))
        print(time.process_time(), flush=True)
        os._exit(0)  # how a contender ends is not measured, and not all end in peace


if __name__ == "__main__":
    asyncio.run(first(*sys.argv[1:]))
