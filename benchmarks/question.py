"""What every question has: its options on the way in, its result on the way out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.measured import Measured, Sample, Spread, Which, costs, ratio
from benchmarks.registry import Contender
from benchmarks.targets import checked


@dataclass(frozen=True)
class Options:
    """How to measure."""

    rounds: int = 3
    seconds: float = 0.4
    """For how long a contender is measured in each round."""
    size: int = 3700
    """Bytes of the user item in its wire form."""
    in_flight: int = 32
    turns: int = 10_000
    """How many turns a contender does while its memory is watched."""
    loop: str = "asyncio"
    backend: str = "canned"
    cpus: float | None = None
    """The share of a CPU that a measured process may use; None: all of one."""
    only: tuple[str, ...] = ()
    """Names of the contenders that take part, or none for all."""
    base: str = ""
    """What the others are compared with; empty: what the question has for it."""


@dataclass(frozen=True)
class Result:
    """The costs that answer one question."""

    question: str
    steps: dict[str, str]
    """The steps that were measured, each with its title."""
    base: str
    """The contender that all ratios are taken to."""
    present: list[Contender]
    missing: list[Contender]
    samples: list[Sample]
    options: Options
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """More about each contender, by its name."""

    def as_json(self) -> dict[str, Any]:
        """What the result adds to the common head."""
        return {
            "steps": self.steps,
            "base": self.base,
            "contenders": [self._of(contender) for contender in self.present],
            "targets": checked(self.question, self.samples),
            "samples": [asdict(sample) for sample in self.samples],
        }

    def _of(self, contender: Contender) -> dict[str, Any]:
        return {
            "name": contender.name,
            "title": contender.title,
            "steps": {step: self._step(Which(contender.name, step)) for step in self.steps},
            **self.facts.get(contender.name, {}),
        }

    def _step(self, which: Which) -> dict[str, Any]:
        base = Which(self.base, which.step)
        measured = {
            "cpu_seconds": Spread.of(costs(self.samples, which, "cpu").values()),
            "cpu_ratio": ratio(self.samples, which, base, "cpu"),
            "wall_seconds": Spread.of(costs(self.samples, which, "wall").values()),
            "wall_ratio": ratio(self.samples, which, base, "wall"),
        }
        latencies = [sample.latency for sample in self.samples if sample.which == which and sample.latency]
        for percentile in latencies[0] if latencies else ():
            measured[percentile] = Spread.of(latency[percentile] for latency in latencies)
        return {name: spread._asdict() for name, spread in measured.items()}


def take_part(contenders: Iterable[Contender], options: Options) -> tuple[list[Contender], list[Contender]]:
    """Those who take part and those who would if they were installed."""
    wanted = [contender for contender in contenders if not options.only or contender.name in options.only]
    return (
        [contender for contender in wanted if not contender.missing()],
        [contender for contender in wanted if contender.missing()],
    )


def choose_base(present: list[Contender], preferred: str, options: Options) -> str:
    """The name of the contender that the others are compared with."""
    names = [contender.name for contender in present]
    return next((name for name in (options.base, preferred) if name in names), names[0])


def progress(text: str) -> None:
    """Say on standard error how far the run is."""
    print(text, file=sys.stderr, flush=True)


def interleaved(
    question: str, rounds: int, measures: Mapping[str, Callable[[str], Measured]], steps: Iterable[str]
) -> Iterator[Sample]:
    """Measure each step of each contender once, then all once more, A B A B, for so many rounds."""
    steps = list(steps)
    for number in range(rounds):
        progress(f"{question}: round {number + 1} of {rounds}")
        for step in steps:
            for contender, measure in measures.items():
                yield Sample(contender, step, number, **measure(step))
