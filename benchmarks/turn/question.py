"""CPU and wall time of a turn and of an unchanged turn, for each contender in a process of its own."""

from __future__ import annotations

from benchmarks.backends import dynamodb_local
from benchmarks.question import Options, Result, choose_base, interleaved, take_part
from benchmarks.registry import FLOOR, TURN
from benchmarks.turns import STEPS, on_canned_server, workers


def run(options: Options) -> Result:
    """Measure all contenders that are installed."""
    if options.backend == "canned":
        return on_canned_server("turn", TURN, FLOOR, options)
    present, missing = take_part(TURN, options)
    with (
        dynamodb_local(options.size, options.in_flight) as endpoint,
        workers(present, endpoint, options.in_flight, options) as opened,
    ):
        measures = {name: worker.measure for name, worker in opened.items()}
        samples = list(interleaved("turn", options.rounds, measures, STEPS))
    base = choose_base(present, FLOOR, options)
    return Result("turn", STEPS, base, present, missing, samples, options)
