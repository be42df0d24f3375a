"""Counts processor instructions with Valgrind's cachegrind, without those of the kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks.processes import ENVIRONMENT, ROOT

_COLD, _WARM = 60, 160
"""Steps of two runs; what the second does more is warm."""
_NONE: Mapping[str, str] = {}
_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def counts(runs: Iterable[Sequence[str]], variables: Mapping[str, str] = _NONE) -> list[int]:
    """The instructions of processes of Python with these arguments and further environment variables."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(partial(_count, variables), runs))


def warm_turns(
    names: Iterable[str], step: str, endpoint: str, variables: Mapping[str, str] = _NONE
) -> dict[str, float]:
    """The instructions of a contender's step, by its name, after the first steps."""
    runs = [(name, times) for name in names for times in (_COLD, _WARM)]
    counted = counts_of_turns(runs, step, endpoint, variables)
    return {name: (counted[name, _WARM] - counted[name, _COLD]) / (_WARM - _COLD) for name, _ in runs}


def counts_of_turns(
    runs: Sequence[tuple[str, int]], step: str, endpoint: str, variables: Mapping[str, str] = _NONE
) -> dict[tuple[str, int], int]:
    """The instructions of processes in which a contender does its step so many times."""
    arguments = [
        ("-m", "benchmarks.instructions.turns", name, step, endpoint, str(times)) for name, times in runs
    ]
    return dict(zip(runs, counts(arguments, variables), strict=True))


def _count(variables: Mapping[str, str], arguments: Sequence[str]) -> int:
    valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    process = (sys.executable, *arguments)
    environment = {**os.environ, **ENVIRONMENT, **variables, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    run = partial(subprocess.run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    run(process)  # compiles what it imports, once
    done = run([*valgrind, *process])
    found = _COUNTED.search(done.stderr)
    if not found:
        raise RuntimeError(f"valgrind counted nothing: {done.stderr[-500:]}")
    return int(found[1].replace(",", ""))
