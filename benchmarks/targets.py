"""What this store promises, as ratios that hold on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.measured import Cost, Sample, Which, ratio
from benchmarks.registry import FLOOR, JOVO, OUR_ALEXA, OUR_ALEXA_KEPT, OUR_APP, OUR_MODEL, OURS
from benchmarks.shapes.items import SHAPES


class Target(NamedTuple):
    """The cost of `step` of `ours` is at most `at_most` times that of `to`."""

    step: str
    to: Which
    at_most: float
    cost: Cost = "cpu"
    ours: str = OURS

    def check(self, samples: list[Sample]) -> dict[str, Any]:
        """The measured ratio beside the promised one."""
        measured = ratio(samples, Which(self.ours, self.step), self.to, self.cost)
        return {
            "of": {"contender": self.ours, "step": self.step},
            "to": self.to._asdict(),
            "cost": self.cost,
            "at_most": self.at_most,
            "measured": measured._asdict(),
            "met": measured.median <= self.at_most,
        }


def _of_shapes() -> Iterator[Target]:
    """Whatever a user looks like."""
    for shape in SHAPES:
        yield Target(shape, Which(FLOOR, shape), 2.0 if shape == "lists" else 1.5)
        yield Target(shape, Which("pydynox-update", shape), 0.7)
        yield Target(shape, Which("aiodynamo-update", shape), 0.55)
        yield Target(shape, Which(FLOOR, shape), 2.0, ours=OUR_MODEL)


def _of_apps() -> Iterator[Target]:
    """A whole turn, JSON to JSON, costs little more than the store's own; one with a history always writes."""
    for app in (OUR_APP, OUR_ALEXA, OUR_ALEXA_KEPT):
        yield Target("turn", Which(OURS, "turn"), 1.15, ours=app)
        if app != OUR_ALEXA_KEPT:
            yield Target("read", Which(OURS, "read"), 1.3, ours=app)


TARGETS: dict[str, tuple[Target, ...]] = {
    "turn": (
        Target("turn", Which(FLOOR, "turn"), 2.0),
        Target("read", Which(FLOOR, "read"), 2.0),
        Target("turn", Which("pydynox-update", "turn"), 0.8),
        Target("turn", Which("aiodynamo-update", "turn"), 1 / 1.4),
        Target("turn", Which("aiodynamo-put", "turn"), 1 / 1.8),
        Target("turn", Which("aioboto3-client", "turn"), 1 / 5),
        Target("turn", Which("aioboto3-resource", "turn"), 1 / 8),
        Target("turn", Which("ask-sdk-threads", "turn"), 1 / 10, "wall"),
        Target("turn", Which(JOVO, "turn"), 1 / 10, "wall", OUR_APP),
    ),
    "codec": (
        Target("encode", Which("boto3", "encode"), 1 / 4),
        Target("decode", Which("boto3", "decode"), 1 / 1.5),
    ),
    "voice_app": tuple(_of_apps()),
    "shapes": tuple(_of_shapes()),
    "size": (Target("350000", Which(OURS, "100000"), 4.0),),
    "loop_stall": (Target("open", Which("aioboto3-client", "open"), 0.5, "wall"),),
    "aws_lambda": (
        Target("cold", Which("aioboto3-per-invocation", "cold"), 1.1),
        Target("first", Which(OURS, "warm"), 1.5),
    ),
    "cold_start": (
        Target("import", Which("aioboto3-client", "import"), 0.4, "wall"),
        Target("turn", Which("aioboto3-client", "read"), 1.1, "wall"),
    ),
}


def checked(question: str, samples: list[Sample]) -> list[dict[str, Any]]:
    """Every target of the question whose both sides were measured."""
    there = {sample.which for sample in samples}
    return [
        target.check(samples)
        for target in TARGETS.get(question, ())
        if {Which(target.ours, target.step), target.to} <= there
    ]
