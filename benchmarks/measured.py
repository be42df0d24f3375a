"""What was measured, and the ratios that are drawn from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Literal, NamedTuple, NotRequired, TypedDict

Cost = Literal["cpu", "wall"]


class Measured(TypedDict):
    """What a number of equal steps took. CPU seconds are those of all threads, user and system."""

    count: int
    wall: float
    cpu: float
    latency: NotRequired[dict[str, float]]
    """Seconds from the start of a step to its end, by percentile: p50, p90, p99."""


class Which(NamedTuple):
    """A step of a contender."""

    contender: str
    step: str


@dataclass(frozen=True)
class Sample:
    """One contender's step in one round."""

    contender: str
    step: str
    round: int
    count: int
    wall: float
    cpu: float
    latency: dict[str, float] | None = None

    @property
    def which(self) -> Which:
        """The contender and its step."""
        return Which(self.contender, self.step)

    def cost(self, cost: Cost) -> float:
        """Seconds for one step."""
        seconds: float = getattr(self, cost)
        return seconds / self.count


class Spread(NamedTuple):
    """The median over the rounds, and how far they lie apart."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of at least one value."""
        values = list(values)
        return cls(median(values), min(values), max(values))

    def times(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(*(value * factor for value in self))


def costs(samples: Iterable[Sample], which: Which, cost: Cost) -> dict[int, float]:
    """Seconds for one step, by round."""
    return {sample.round: sample.cost(cost) for sample in samples if (sample.contender, sample.step) == which}


def ratio(samples: Iterable[Sample], of: Which, to: Which, cost: Cost) -> Spread:
    """How many times the cost of `to` the cost of `of` is, both taken in the same round."""
    samples = list(samples)
    base = costs(samples, to, cost)
    return Spread.of(value / base[number] for number, value in costs(samples, of, cost).items())
