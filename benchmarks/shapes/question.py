"""CPU and wall time of a turn on users of different shapes."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.backends import CannedServer
from benchmarks.measured import Measured
from benchmarks.question import Options, Result
from benchmarks.registry import FLOOR, SHAPED
from benchmarks.shapes.items import SHAPES, shaped_item
from benchmarks.turns import Worker, on_canned_server
from benchmarks.user_item import wire_size

STEPS = {shape: f"{shape}, {wire_size(shaped_item(shape)):,} bytes" for shape in SHAPES}


def run(options: Options) -> Result:
    """Measure the contenders one shape after the other."""
    return on_canned_server("shapes", SHAPED, FLOOR, options, STEPS, _measure)


def _measure(worker: Worker, server: CannedServer) -> Callable[[str], Measured]:
    def measure(shape: str) -> Measured:
        server.use_items_of(shape)
        return worker.measure("turn")

    return measure
