"""CPU of a request, and requests per second, of one uvicorn process; all skills do the same turn."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles

from benchmarks.asgi.load import load, once
from benchmarks.backends import CannedServer, canned_server, dynamodb_local
from benchmarks.measured import Measured
from benchmarks.processes import ENVIRONMENT, ROOT, on_cpu
from benchmarks.question import Options, Result, choose_base, interleaved, progress, take_part
from benchmarks.registry import OURS, Contender
from benchmarks.turns import WrongTurnError
from benchmarks.users import TABLE_NAME
from tests.engine_process import HOST, free_port, wait_until_it_accepts

STEPS = {"request": "one request that changes one field"}
NOTHING = "nothing"
_SERVER = ("uvicorn", "starlette")
SKILLS = (
    Contender(NOTHING, "no database at all", NOTHING, _SERVER),
    Contender(OURS, "async-dynamo-store, AsgiApp", "store", (OURS, *_SERVER)),
    Contender("aioboto3-client", "aioboto3 client", "aioboto3_client", ("aioboto3", *_SERVER)),
    Contender("aioboto3-resource", "aioboto3 resource", "aioboto3_resource", ("aioboto3", *_SERVER)),
)
_WARM_UP = 0.2
"""The part of a round's seconds that a skill is asked before it is measured."""

_PROCESS_CPU_TIME = 2


@dataclass(frozen=True)
class Skill:
    """A skill under uvicorn."""

    pid: int
    port: int

    def cpu(self) -> float:
        """The CPU seconds of its process: of all its threads, user and system."""
        return time.clock_gettime((~self.pid << 3) | _PROCESS_CPU_TIME)


def run(options: Options) -> Result:
    """Measure every skill in each round."""
    present, missing = take_part(SKILLS, options)
    with ExitStack() as stack:
        server: CannedServer | None = None
        if options.backend == "canned":
            server = stack.enter_context(canned_server(options.size))
            endpoint = server.endpoint
        else:
            endpoint = stack.enter_context(dynamodb_local(options.size, options.in_flight))
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
        measures: dict[str, Callable[[str], Measured]] = {}
        for contender in present:
            skill = stack.enter_context(_uvicorn(contender.source, endpoint, log))
            if server:
                _same_turn(contender, skill, server)
            measures[contender.name] = partial(_measure, skill, options)
        samples = list(interleaved("asgi", options.rounds, measures, STEPS))
    return Result("asgi", STEPS, choose_base(present, OURS, options), present, missing, samples, options)


@contextmanager
def _uvicorn(source: str, endpoint: str, log: Path) -> Iterator[Skill]:
    progress(f"starting {source}")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"benchmarks.asgi.{source}:app", "--host", HOST]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    environment = os.environ | ENVIRONMENT
    environment |= {"AWS_ENDPOINT_URL_DYNAMODB": endpoint, "TABLE_NAME": TABLE_NAME}
    with log.open("a") as output, on_cpu(last=False):
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        wait_until_it_accepts(process, port, log)
        yield Skill(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def _same_turn(contender: Contender, skill: Skill, server: CannedServer) -> None:
    """Make sure that a request is one read and one write."""
    asyncio.run(once(skill.port))
    server.tally()
    asyncio.run(once(skill.port))
    calls = server.tally()["calls"]
    if list(calls.values()) != ([] if contender.source == NOTHING else [1, 1]):
        raise WrongTurnError(f"{contender.name}: expected one read and one write, got {calls}")


def _measure(skill: Skill, options: Options, step: str) -> Measured:
    with on_cpu(last=True):
        asyncio.run(load(skill.port, options.in_flight, options.seconds * _WARM_UP))
        cpu, started = skill.cpu(), time.perf_counter()
        latencies = asyncio.run(load(skill.port, options.in_flight, options.seconds))
    percentiles = quantiles(latencies, n=100)
    return {
        "count": len(latencies),
        "wall": time.perf_counter() - started,
        "cpu": skill.cpu() - cpu,
        "latency": {f"p{percent}": percentiles[percent - 1] for percent in (50, 90, 99)},
    }
