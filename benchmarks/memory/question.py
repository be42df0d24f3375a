"""Memory in use and objects alive, over turns for ever new users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.backends import canned_server
from benchmarks.processes import Child, python
from benchmarks.question import Options, progress, take_part
from benchmarks.registry import FLOOR, OURS, TURN, Contender

POINTS = 20


@dataclass(frozen=True)
class MemoryResult:
    """What each contender had in use after each part of the turns."""

    present: list[Contender]
    missing: list[Contender]
    points: dict[str, list[dict[str, int]]]
    """By contender: `turns` done so far, `bytes` in use, `objects` alive."""
    options: Options
    question: str = "memory"

    def as_json(self) -> dict[str, Any]:
        """What the result adds to the common head."""
        return {
            "contenders": [
                {
                    "name": contender.name,
                    "title": contender.title,
                    "growth": _growth(self.points[contender.name]),
                    "points": self.points[contender.name],
                }
                for contender in self.present
            ]
        }


def run(options: Options) -> MemoryResult:
    """Watch each contender, one after the other."""
    wanted = [
        contender._replace(requires=(*contender.requires, "psutil"))
        for contender in TURN
        if contender.name in {FLOOR, OURS}
    ]
    present, missing = take_part(wanted, options)
    points = {}
    with canned_server(options.size) as server:
        for contender in present:
            progress(f"memory: {options.turns:,} turns of {contender.title}")
            arguments = (contender.name, server.endpoint, str(options.in_flight))
            with Child(python("benchmarks.memory.worker", *arguments)) as child:
                points[contender.name] = _watch(child, options.turns // POINTS)
    return MemoryResult(present, missing, points, options)


def _watch(child: Child, turns: int) -> list[dict[str, int]]:
    return [{"turns": turns * (point + 1), **child.ask(turns)} for point in range(POINTS)]


def _growth(points: list[dict[str, int]]) -> dict[str, float]:
    """For each turn of the second half, in which all pools and caches are full."""
    middle, end = points[len(points) // 2 - 1], points[-1]
    turns = end["turns"] - middle["turns"]
    return {name: (end[name] - middle[name]) / turns for name in ("bytes", "objects")}
