"""Wall and CPU time of an import, and from the start of a process to its first load and its first turn."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

from benchmarks.backends import canned_server
from benchmarks.measured import Measured
from benchmarks.processes import ChildFailedError, python, start, stop
from benchmarks.question import Options, Result, choose_base, interleaved, progress, take_part
from benchmarks.registry import COLD_START, TURN, Contender

STEPS = {
    "import": "import alone",
    "read": "process start to the first load",
    "turn": "process start to the first turn",
}
BASE = "aioboto3-client"

_IMPORT = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{statement}
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def run(options: Options) -> Result:
    """Start all contenders that are installed, each time in a new process."""
    wanted = [contender for contender in TURN if contender.name in COLD_START]
    present, missing = take_part(wanted, options)
    with canned_server(options.size) as server:
        measures = {contender.name: _measure(contender, server.endpoint) for contender in present}
        progress("cold_start: warming the disk's cache")
        for measure in measures.values():
            for step in STEPS:
                measure(step)
        samples = list(interleaved("cold_start", options.rounds, measures, STEPS))
    base = choose_base(present, BASE, options)
    return Result("cold_start", STEPS, base, present, missing, samples, options)


def _measure(contender: Contender, endpoint: str) -> Callable[[str], Measured]:
    def measure(step: str) -> Measured:
        if step == "import":
            program = _IMPORT.format(statement=COLD_START[contender.name])
            _, (wall, cpu) = _numbers([sys.executable, "-c", program])
            return {"count": 1, "wall": wall, "cpu": cpu}
        command = python("benchmarks.cold_start.child", contender.source, step, endpoint)
        wall, (cpu,) = _numbers(command)
        return {"count": 1, "wall": wall, "cpu": cpu}

    return measure


def _numbers(command: list[str]) -> tuple[float, list[float]]:
    """Seconds until `command` prints its first line, and the numbers in that line."""
    started = perf_counter()
    process = start(command)
    assert process.stdout
    line = process.stdout.readline()
    seconds = perf_counter() - started
    stop(process)
    if not line:
        raise ChildFailedError(command)
    return seconds, [float(number) for number in line.split()]
