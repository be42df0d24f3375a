"""CPU and wall time of a turn on users of different shapes."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.backends import CannedServer, canned_server
from benchmarks.measured import Measured
from benchmarks.question import Options, Result, choose_base, interleaved, take_part
from benchmarks.registry import FLOOR, SHAPED
from benchmarks.shapes.items import SHAPES, shaped_item
from benchmarks.turns import Worker, same_turn, workers
from benchmarks.user_item import wire_size

STEPS = {shape: f"{shape}, {wire_size(shaped_item(shape)):,} bytes" for shape in SHAPES}


def run(options: Options) -> Result:
    """Measure the contenders one shape after the other."""
    present, missing = take_part(SHAPED, options)
    with (
        canned_server(options.size) as server,
        workers(present, server.endpoint, options.in_flight, options) as opened,
    ):
        facts = {name: same_turn(name, worker, server) for name, worker in opened.items()}
        measures = {name: _measure(worker, server) for name, worker in opened.items()}
        samples = list(interleaved("shapes", options.rounds, measures, STEPS))
    base = choose_base(present, FLOOR, options)
    return Result("shapes", STEPS, base, present, missing, samples, options, facts)


def _measure(worker: Worker, server: CannedServer) -> Callable[[str], Measured]:
    def measure(shape: str) -> Measured:
        server.use_items_of(shape)
        return worker.measure("turn")

    return measure
