"""CPU and wall time of a turn on items from 1 KB to 350 KB."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.backends import CannedServer
from benchmarks.measured import Measured
from benchmarks.question import Options, Result
from benchmarks.registry import FLOOR, SCALING
from benchmarks.turns import Worker, on_canned_server

SIZES = (1_000, 3_700, 10_000, 35_000, 100_000, 350_000)
STEPS = {str(size): f"{size:,} bytes" for size in SIZES}


def run(options: Options) -> Result:
    """Measure the contenders one size after the other."""
    return on_canned_server("size", SCALING, FLOOR, options, STEPS, _measure)


def _measure(worker: Worker, server: CannedServer) -> Callable[[str], Measured]:
    def measure(size: str) -> Measured:
        server.use_items_of(int(size))
        return worker.measure("turn")

    return measure
