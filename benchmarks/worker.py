"""The process in which one contender is measured: `python -m benchmarks.worker CONTENDER ENDPOINT ...`.

Each line on its standard input is a JSON list, `[STEP, SECONDS, IN_FLIGHT]`: run the step for so many users
at once, each over and over until the seconds have passed, at least once. Each is answered with a line of
JSON that holds what was measured.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
from time import perf_counter, process_time

from benchmarks import event_loop
from benchmarks.contenders import Backend, Step
from benchmarks.measured import Measured
from benchmarks.registry import open_steps
from benchmarks.users import user_id

_PERCENTILES = (50, 90, 99)


async def measure(step: Step, seconds: float, in_flight: int) -> Measured:
    """Run `step` for `in_flight` users at once, over and over, until `seconds` have passed."""
    latencies: list[float] = []
    # A collection that is due from the start of the process, or from the sample before, would fall into this one by chance.
    gc.collect()
    started, cpu_before = perf_counter(), process_time()
    deadline = started + seconds

    async def one_user(user_id: str) -> None:
        now = perf_counter()
        while True:
            before = now
            await step(user_id)
            now = perf_counter()
            latencies.append(now - before)
            if now >= deadline:
                return

    await asyncio.gather(*(one_user(user_id(number)) for number in range(in_flight)))
    wall, cpu = perf_counter() - started, process_time() - cpu_before
    latencies.sort()
    latency = {f"p{percent}": latencies[len(latencies) * percent // 100] for percent in _PERCENTILES}
    return {"count": len(latencies), "wall": wall, "cpu": cpu, "latency": latency}


async def serve(contender: str, backend: Backend) -> None:
    """Open the contender and measure what is asked for until standard input is closed."""
    async with open_steps(contender)(backend) as steps:
        while line := await asyncio.to_thread(sys.stdin.readline):
            name, seconds, in_flight = json.loads(line)
            print(json.dumps(await measure(getattr(steps, name), seconds, in_flight)), flush=True)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="Measures one contender.")
    parser.add_argument("contender")
    parser.add_argument("endpoint")
    parser.add_argument("--in-flight", type=int, default=32)
    parser.add_argument("--loop", choices=event_loop.LOOPS, default="asyncio")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=event_loop.factory(arguments.loop)) as runner:
        runner.run(serve(arguments.contender, Backend(arguments.endpoint, arguments.in_flight)))


if __name__ == "__main__":
    main()
