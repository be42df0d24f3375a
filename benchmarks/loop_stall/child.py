"""A process with a task that looks at the clock every millisecond: `python -m benchmarks.loop_stall.child SOURCE ENDPOINT`.

The contender is imported before the loop runs, as a module at its head does. It is then opened, does a turn and another,
and is closed. Printed is the longest pause of that task in each of these: wall seconds, and CPU seconds of the process.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib import import_module

from benchmarks.contenders import Backend, OpenSteps
from benchmarks.users import user_id

_TICK = 0.001


class _Ticker:
    def __init__(self) -> None:
        self._longest = (0.0, 0.0)
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        while True:
            await asyncio.sleep(_TICK)
            now, used = time.perf_counter(), time.process_time()
            self._longest = max(self._longest, (now - wall - _TICK, used - cpu))
            wall, cpu = now, used

    async def longest(self) -> tuple[float, float]:
        """The longest pause since this was asked last."""
        await asyncio.sleep(5 * _TICK)
        longest, self._longest = self._longest, (0.0, 0.0)
        return longest

    def stop(self) -> None:
        self._task.cancel()


async def life(open_steps: OpenSteps, endpoint: str) -> dict[str, tuple[float, float]]:
    """The longest pause in each part of a contender's life."""
    ticker = _Ticker()
    found: dict[str, tuple[float, float]] = {}
    await ticker.longest()
    async with open_steps(Backend(endpoint, in_flight=1)) as steps:
        found["open"] = await ticker.longest()
        await steps.turn(user_id(0))
        found["first"] = await ticker.longest()
        await steps.turn(user_id(0))
        found["second"] = await ticker.longest()
    found["close"] = await ticker.longest()
    ticker.stop()
    return found


if __name__ == "__main__":
    module, attribute = sys.argv[1].split(":")
    imported = getattr(import_module(f"benchmarks.contenders.{module}"), attribute)
    print(json.dumps(asyncio.run(life(imported, sys.argv[2]))), flush=True)
