"""CPU time of encoding and decoding the user item, for each codec in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.measured import Measured
from benchmarks.processes import Child, python
from benchmarks.question import Options, Result, choose_base, interleaved, progress, take_part
from benchmarks.registry import CODEC

STEPS = {"encode": "Python values to attribute values", "decode": "attribute values to Python values"}


def run(options: Options) -> Result:
    """Measure all codecs that are installed."""
    present, missing = take_part(CODEC, options)
    with ExitStack() as running:
        progress(f"codec: starting {', '.join(contender.title for contender in present)}")
        measures = {
            contender.name: _measure(
                running.enter_context(_child(contender.name, options.size)),
                options.seconds,
            )
            for contender in present
        }
        samples = list(interleaved("codec", options.rounds, measures, STEPS))
    base = choose_base(present, "boto3", options)
    return Result("codec", STEPS, base, present, missing, samples, options)


def _child(contender: str, size: int) -> Child:
    return Child(python("benchmarks.codec.worker", contender, str(size)))


def _measure(child: Child, seconds: float) -> Callable[[str], Measured]:
    def measure(step: str) -> Measured:
        child.ask([step, seconds / 10])
        measured: Measured = child.ask([step, seconds])
        return measured

    return measure
