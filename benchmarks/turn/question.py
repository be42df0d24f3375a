"""CPU and wall time of a turn and of an unchanged turn, for each contender in a process of its own."""

from __future__ import annotations

from benchmarks.backends import canned_server, dynamodb_local
from benchmarks.question import Options, Result, choose_base, interleaved, take_part
from benchmarks.registry import FLOOR, TURN
from benchmarks.turns import same_turn, workers

STEPS = {"turn": "one field changed", "read": "nothing changed"}


def run(options: Options) -> Result:
    """Measure all contenders that are installed."""
    present, missing = take_part(TURN, options)
    facts = {}
    if options.backend == "canned":
        with (
            canned_server(options.size) as server,
            workers(present, server.endpoint, options.in_flight, options) as opened,
        ):
            facts = {name: same_turn(name, worker, server) for name, worker in opened.items()}
            measures = {name: worker.measure for name, worker in opened.items()}
            samples = list(interleaved("turn", options.rounds, measures, STEPS))
    else:
        with (
            dynamodb_local(options.size, options.in_flight) as endpoint,
            workers(present, endpoint, options.in_flight, options) as opened,
        ):
            measures = {name: worker.measure for name, worker in opened.items()}
            samples = list(interleaved("turn", options.rounds, measures, STEPS))
    base = choose_base(present, FLOOR, options)
    return Result("turn", STEPS, base, present, missing, samples, options, facts)
