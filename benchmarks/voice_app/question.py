"""CPU and wall time of a turn of a `VoiceApp`, for requests of Jovo's clients and of Alexa."""

from __future__ import annotations

from benchmarks.backends import canned_server
from benchmarks.question import Options, Result, choose_base, interleaved, take_part
from benchmarks.registry import APPS, OURS
from benchmarks.turn.question import STEPS
from benchmarks.turns import same_turn, workers


def run(options: Options) -> Result:
    """Measure the store's own turn, and those of the apps."""
    present, missing = take_part(APPS, options)
    with (
        canned_server(options.size) as server,
        workers(present, server.endpoint, options.in_flight, options) as opened,
    ):
        facts = {name: same_turn(name, worker, server) for name, worker in opened.items()}
        measures = {name: worker.measure for name, worker in opened.items()}
        samples = list(interleaved("voice_app", options.rounds, measures, STEPS))
    base = choose_base(present, OURS, options)
    return Result("voice_app", STEPS, base, present, missing, samples, options, facts)
