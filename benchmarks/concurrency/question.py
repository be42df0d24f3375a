"""Latency, CPU and wall time of a turn with 1 to 1,000 turns in flight."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.backends import canned_server
from benchmarks.measured import Measured
from benchmarks.question import Options, Result, choose_base, interleaved, take_part
from benchmarks.registry import CONCURRENT, FLOOR
from benchmarks.turns import Worker, workers

LOADS = (1, 4, 16, 64, 250, 1_000)
STEPS = {str(load): f"{load:,} in flight" for load in LOADS}


def run(options: Options) -> Result:
    """Measure the contenders one load after the other."""
    present, missing = take_part(CONCURRENT, options)
    with (
        canned_server(options.size) as server,
        workers(present, server.endpoint, LOADS[-1], options) as opened,
    ):
        measures = {name: _measure(worker) for name, worker in opened.items()}
        samples = list(interleaved("concurrency", options.rounds, measures, STEPS))
    base = choose_base(present, FLOOR, options)
    return Result("concurrency", STEPS, base, present, missing, samples, options)


def _measure(worker: Worker) -> Callable[[str], Measured]:
    return lambda load: worker.measure("turn", int(load))
