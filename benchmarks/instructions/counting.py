"""Counts processor instructions with Valgrind, without those of the kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks.processes import ENVIRONMENT, ROOT

COLD, WARM = 60, 100
"""The steps before those that are counted, and these."""

SWITCH = "BENCHMARK_SWITCH"
"""The environment variable with the path of the library that switches the counting on and off."""
_SWITCH = """
#include <valgrind/callgrind.h>
void on(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void off(void) { CALLGRIND_DUMP_STATS; CALLGRIND_STOP_INSTRUMENTATION; }
"""
_NONE: Mapping[str, str] = {}
_OF_PROCESS = re.compile(r"I\s+refs:\s+([\d,]+)")
_OF_DUMP = re.compile(r"^totals: (\d+)", re.MULTILINE)


def of_processes(runs: Iterable[Sequence[str]]) -> list[int]:
    """The instructions of whole processes of Python with these arguments."""
    valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = pool.map(partial(_run, valgrind, _NONE), runs)
        return [int(_found(_OF_PROCESS, error).replace(",", "")) for error in errors]


def of_steps(runs: Iterable[Sequence[str]], variables: Mapping[str, str] = _NONE) -> list[int]:
    """The instructions between `on` and `off` in processes of Python with these arguments; see `switch.py`."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        switch = Path(folder, "switch.so")
        compiler = ("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(switch))
        subprocess.run(compiler, input=_SWITCH, text=True, check=True)
        variables = {**variables, SWITCH: str(switch)}
        return list(pool.map(partial(_of_steps, folder, variables), range(sys.maxsize), runs))


def _of_steps(folder: str, variables: Mapping[str, str], number: int, arguments: Sequence[str]) -> int:
    file = Path(folder, str(number))
    _run(
        ("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={file}"),
        variables,
        arguments,
    )
    return int(_found(_OF_DUMP, Path(f"{file}.1").read_text()))


def warm_turns(
    names: Iterable[str], step: str, endpoint: str, variables: Mapping[str, str] = _NONE
) -> dict[str, float]:
    """The instructions of a contender's step, by its name, after the first steps."""
    names = list(names)
    counted = of_steps([turns(name, step, endpoint, COLD, WARM) for name in names], variables)
    return {name: number / WARM for name, number in zip(names, counted, strict=True)}


def turns(contender: str, step: str, endpoint: str, before: int, counted: int) -> Sequence[str]:
    """The arguments of a process that counts so many steps of a contender, after some others."""
    numbers = (str(before), str(counted))
    return ("-m", "benchmarks.instructions.turns", contender, step, endpoint, *numbers)


def _run(valgrind: Sequence[str], variables: Mapping[str, str], arguments: Sequence[str]) -> str:
    environment = {**os.environ, **ENVIRONMENT, **variables, "PYTHONHASHSEED": "0"}
    with suppress(KeyError):
        del environment["PYTHONDONTWRITEBYTECODE"]
    run = partial(subprocess.run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    process = (sys.executable, *arguments)
    run(process)  # compiles what it imports, once
    error: str = run([*valgrind, *process]).stderr
    return error


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    if not found:
        raise RuntimeError(f"valgrind counted nothing: {text[-500:]}")
    return found[1]
