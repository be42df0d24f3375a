"""Turn contenders, each opened in a process of its own and asked to do the same turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.backends import CannedServer, canned_server
from benchmarks.measured import Measured
from benchmarks.processes import Child
from benchmarks.question import Options, Result, choose_base, interleaved, progress, take_part
from benchmarks.registry import Contender
from benchmarks.users import SCORE

STEPS = {"turn": "one field changed", "read": "nothing changed"}
"""What every contender of a turn can do."""

_WARM_UP = 0.2
"""The part of a round's seconds that a contender runs before it is measured."""


class WrongTurnError(Exception):
    """A contender does another turn than the others."""


class Worker:
    """One contender, opened in its process."""

    def __init__(self, child: Child, options: Options) -> None:
        self._child = child
        self._options = options

    def once(self, step: str) -> None:
        """Do one single step."""
        self._child.ask([step, 0, 1])

    def measure(self, step: str, in_flight: int | None = None) -> Measured:
        """Warm up, then measure with so many users at once."""
        users, seconds = in_flight or self._options.in_flight, self._options.seconds
        self._child.ask([step, seconds * _WARM_UP, users])
        measured: Measured = self._child.ask([step, seconds, users])
        return measured


@contextmanager
def workers(
    contenders: Iterable[Contender], endpoint: str, most_in_flight: int, options: Options
) -> Iterator[dict[str, Worker]]:
    """Running workers by the contender's name, each with a pool for `most_in_flight` turns at once."""
    with ExitStack() as running:
        opened = {}
        for contender in contenders:
            progress(f"starting {contender.title}")
            child = contender.worker(endpoint, most_in_flight, options.loop)
            opened[contender.name] = Worker(running.enter_context(child), options)
        yield opened


def on_canned_server(
    question: str,
    contenders: Iterable[Contender],
    base: str,
    options: Options,
    steps: Mapping[str, str] = STEPS,
    measure: Callable[[Worker, CannedServer], Callable[[str], Measured]] = lambda worker, _: worker.measure,
) -> Result:
    """Measure all contenders that are installed, after making sure that they do the same turn."""
    present, missing = take_part(contenders, options)
    with (
        canned_server(options.size) as server,
        workers(present, server.endpoint, options.in_flight, options) as opened,
    ):
        facts = {name: same_turn(name, worker, server) for name, worker in opened.items()}
        measures = {name: measure(worker, server) for name, worker in opened.items()}
        samples = list(interleaved(question, options.rounds, measures, steps))
    base = choose_base(present, base, options)
    return Result(question, dict(steps), base, present, missing, samples, options, facts)


def same_turn(name: str, worker: Worker, server: CannedServer) -> dict[str, Any]:
    """Make sure that a turn is one read and one write of the changed score; tell which calls it makes."""
    worker.once("turn")
    server.tally()
    worker.once("turn")
    turn = server.tally()
    worker.once("read")
    read = server.tally()
    writes = [count for call, count in turn["calls"].items() if call != "GetItem"]
    if (turn["calls"].get("GetItem"), writes) != (1, [1]) or not _holds_score(json.loads(turn["last_write"])):
        raise WrongTurnError(f"{name}: expected one GetItem and one write of the new score, got {turn}")
    return {"calls": {"turn": turn["calls"], "read": read["calls"]}, "write_bytes": len(turn["last_write"])}


def _holds_score(part: Any) -> bool:
    if isinstance(part, dict):
        number = part.get("N")
        found = isinstance(number, str) and float(number) == SCORE + 1
        return found or any(_holds_score(member) for member in part.values())
    return isinstance(part, list) and any(_holds_score(member) for member in part)
