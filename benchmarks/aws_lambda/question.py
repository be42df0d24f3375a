"""Wall and CPU time of an invocation in Amazon's own runtime interface client, on a loopback runtime API."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.aws_lambda.event import event
from benchmarks.backends import CannedServer, canned_server
from benchmarks.cpu_limit import Limit, cpu_limit
from benchmarks.measured import Measured, Sample
from benchmarks.processes import ENVIRONMENT
from benchmarks.question import Options, Result, choose_base, progress, take_part
from benchmarks.registry import OURS, Contender
from benchmarks.turns import WrongTurnError
from benchmarks.users import TABLE_NAME
from tests.aws_lambda.runtime_api import Function, FunctionError, function

STEPS = {
    "init": "the init phase",
    "first": "the first invocation",
    "cold": "process start to the first answer",
    "warm": "a warm invocation",
}
NOTHING = "nothing"
_RUNTIME = "awslambdaric"
FUNCTIONS = (
    Contender(NOTHING, "no database at all", NOTHING, (_RUNTIME,)),
    Contender(OURS, "async-dynamo-store, lambda_handler", "store", (OURS, _RUNTIME)),
    Contender("boto3-resource", "boto3 resource, kept, no asyncio", "boto3_resource", ("boto3", _RUNTIME)),
    Contender(
        "aioboto3-per-invocation",
        "aioboto3 client per invocation",
        "client_per_invocation",
        ("aioboto3", _RUNTIME),
    ),
    Contender(
        "aioboto3-asyncio-run",
        "aioboto3 client kept, asyncio.run",
        "asyncio_run",
        ("aioboto3", _RUNTIME),
    ),
)
BASE = OURS
_WARM_UP = 5
_PROCESS_CPU_TIME = 2
"""With a process id it makes the id of that process's clock: on Linux, what clock_getcpuclockid(3) does."""


@dataclass(frozen=True)
class LambdaResult(Result):
    """The costs of those that work, and what becomes of those that do not."""

    broken: dict[str, str] = field(default_factory=dict)
    """By contender: how its second invocation ends."""

    def as_json(self) -> dict[str, Any]:
        """What the result adds to the common head."""
        return {**super().as_json(), "broken": self.broken}


def run(options: Options) -> LambdaResult:
    """Start every function in each round, and invoke it for a while."""
    wanted, missing = take_part(FUNCTIONS, options)
    broken: dict[str, str] = {}
    samples: list[Sample] = []
    with (
        canned_server(options.size) as server,
        tempfile.TemporaryDirectory() as scratch,
        cpu_limit(options.cpus) as limit,
    ):
        log = Path(scratch) / "log"
        for contender in wanted:
            if error := asyncio.run(_second_invocation(contender, server, log)):
                progress(f"aws_lambda: {contender.title} breaks in its second invocation: {error}")
                broken[contender.name] = error
        present = [contender for contender in wanted if contender.name not in broken]
        for number in range(options.rounds):
            progress(f"aws_lambda: round {number + 1} of {options.rounds}")
            for contender in present:
                measured = asyncio.run(_measure(contender, server, log, options.seconds, limit))
                samples += [Sample(contender.name, step, number, **one) for step, one in measured.items()]
    base = choose_base(present, BASE, options)
    return LambdaResult("aws_lambda", STEPS, base, present, missing, samples, options, broken=broken)


def _start(contender: Contender, server: CannedServer, log: Path) -> AbstractAsyncContextManager[Function]:
    environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL_DYNAMODB": server.endpoint, "TABLE_NAME": TABLE_NAME}
    return function(f"benchmarks.aws_lambda.{contender.source}.handler", log, **environment)


async def _second_invocation(contender: Contender, server: CannedServer, log: Path) -> str | None:
    """Its error, if it has one. Makes sure that all do the same turn: one read and one write."""
    async with _start(contender, server, log) as running:
        await running(event())
        server.tally()
        try:
            await running(event())
        except FunctionError as error:
            return f"{error.type}: {error.message.rpartition('> ')[2]}"
        calls = server.tally()["calls"]
        expected = [] if contender.source == NOTHING else [1, 1]
        if list(calls.values()) != expected:
            raise WrongTurnError(f"{contender.name}: expected one read and one write, got {calls}")
        return None


async def _measure(
    contender: Contender, server: CannedServer, log: Path, seconds: float, limit: Limit
) -> dict[str, Measured]:
    started = time.perf_counter()
    async with _start(contender, server, log) as running:
        limit(running.pid)
        await running.until(running.api.waiting.wait())
        init: Measured = {"count": 1, "wall": time.perf_counter() - started, "cpu": _cpu(running)}
        await running(event())
        cold: Measured = {"count": 1, "wall": time.perf_counter() - started, "cpu": _cpu(running)}
        first: Measured = {
            "count": 1,
            "wall": cold["wall"] - init["wall"],
            "cpu": cold["cpu"] - init["cpu"],
        }
        for _ in range(_WARM_UP):
            await running(event())
        return {"init": init, "first": first, "cold": cold, "warm": await _warm(running, seconds)}


async def _warm(running: Function, seconds: float) -> Measured:
    """Invocations one after the other, as Lambda has them in one process."""
    count = 0
    cpu, started = _cpu(running), time.perf_counter()
    while (wall := time.perf_counter() - started) < seconds:
        await running(event())
        count += 1
    return {"count": count, "wall": wall, "cpu": _cpu(running) - cpu}


def _cpu(running: Function) -> float:
    """The CPU seconds of the function's process: of all its threads, user and system."""
    return time.clock_gettime((~running.pid << 3) | _PROCESS_CPU_TIME)
