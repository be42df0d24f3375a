"""The longest pause of the event loop in each part of a store's life, each time in a new process."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.backends import canned_server
from benchmarks.measured import Sample
from benchmarks.processes import Child, python
from benchmarks.question import Options, Result, choose_base, progress, take_part
from benchmarks.registry import COLD_START, TURN, Contender

STEPS = {
    "open": "longest stall while it opens",
    "first": "longest stall in the first turn",
    "second": "longest stall in the second turn",
    "close": "longest stall while it closes",
}
BASE = "aioboto3-client"


def run(options: Options) -> Result:
    """Start all contenders that are installed, A B A B."""
    wanted = [contender for contender in TURN if contender.name in COLD_START]
    present, missing = take_part(wanted, options)
    with canned_server(options.size) as server:
        for contender in present:  # the disk's cache
            list(_samples(contender, server.endpoint, 0))
        samples: list[Sample] = []
        for number in range(options.rounds):
            progress(f"loop_stall: round {number + 1} of {options.rounds}")
            for contender in present:
                samples += _samples(contender, server.endpoint, number)
    base = choose_base(present, BASE, options)
    return Result("loop_stall", STEPS, base, present, missing, samples, options)


def _samples(contender: Contender, endpoint: str, number: int) -> Iterator[Sample]:
    with Child(python("benchmarks.loop_stall.child", contender.source, endpoint)) as child:
        for step, (wall, cpu) in child.hear().items():
            yield Sample(contender.name, step, number, count=1, wall=wall, cpu=cpu)
