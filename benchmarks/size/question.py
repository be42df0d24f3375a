"""CPU and wall time of a turn on items from 1 KB to 350 KB."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.backends import CannedServer, canned_server
from benchmarks.measured import Measured
from benchmarks.question import Options, Result, choose_base, interleaved, take_part
from benchmarks.registry import FLOOR, SCALING
from benchmarks.turns import Worker, workers

SIZES = (1_000, 3_700, 10_000, 35_000, 100_000, 350_000)
STEPS = {str(size): f"{size:,} bytes" for size in SIZES}


def run(options: Options) -> Result:
    """Measure the contenders one size after the other."""
    present, missing = take_part(SCALING, options)
    with (
        canned_server(SIZES[0]) as server,
        workers(present, server.endpoint, options.in_flight, options) as opened,
    ):
        measures = {name: _measure(worker, server) for name, worker in opened.items()}
        samples = list(interleaved("size", options.rounds, measures, STEPS))
    base = choose_base(present, FLOOR, options)
    return Result("size", STEPS, base, present, missing, samples, options)


def _measure(worker: Worker, server: CannedServer) -> Callable[[str], Measured]:
    def measure(size: str) -> Measured:
        server.use_items_of(int(size))
        return worker.measure("turn")

    return measure
