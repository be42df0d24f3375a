"""`python -m benchmarks.instructions`: count, print, write results. Needs Valgrind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.backends import canned_server
from benchmarks.instructions.starts import STARTS
from benchmarks.machine import machine
from benchmarks.processes import ENVIRONMENT, ROOT
from benchmarks.registry import APPS, FLOOR, OURS, SHAPED
from benchmarks.report import write_rows
from benchmarks.turns import STEPS
from benchmarks.user_item import user_item, wire_size

_COLD, _WARM = 60, 260
"""Steps of two runs; what the second does more is warm."""
_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def counts(runs: Iterable[Sequence[str]]) -> list[int]:
    """The instructions, outside the kernel, of processes of Python with these arguments."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_count, runs))


def _count(arguments: Sequence[str]) -> int:
    valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    process = (sys.executable, *arguments)
    environment = os.environ | ENVIRONMENT | {"PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    run = partial(subprocess.run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    run(process)  # compiles what it imports, once
    done = run([*valgrind, *process])
    found = _COUNTED.search(done.stderr)
    if not found:
        raise RuntimeError(f"valgrind counted nothing: {done.stderr[-500:]}")
    return int(found[1].replace(",", ""))


def starts(endpoint: str) -> list[dict[str, Any]]:
    """From the start of a process to its first answer, compared with bare aioboto3."""
    rows: list[dict[str, Any]] = []
    counted = counts([("-c", program, endpoint) for program in STARTS.values()])
    for title, instructions in zip(STARTS, counted, strict=True):
        millions, ratio = round(instructions / 1e6), round(instructions / counted[0], 3)
        rows.append({"start": title, "millions": millions, "ratio": ratio})
        print(f"{title:45} {millions:>6} million  {ratio:>6} ×", flush=True)
    return rows


def turns(endpoint: str) -> list[dict[str, Any]]:
    """Warm turns, compared with bare aiohttp posts and with the store's own turn."""
    rows: list[dict[str, Any]] = []
    titles = {each.name: each.title for each in (*SHAPED, *APPS) if not each.missing()}
    for step in STEPS:
        runs = [(name, times) for name in titles for times in (_COLD, _WARM)]
        counted = counts(
            [
                ("-m", "benchmarks.instructions.turns", name, step, endpoint, str(times))
                for name, times in runs
            ]
        )
        of_run = dict(zip(runs, counted, strict=True))
        warm = {name: (of_run[name, _WARM] - of_run[name, _COLD]) / (_WARM - _COLD) for name in titles}
        for name, title in titles.items():
            row = {"step": step, "contender": title, "thousands": round(warm[name] / 1e3, 1)}
            row |= {f"to_{base}": round(warm[name] / warm[base], 3) for base in (FLOOR, OURS)}
            rows.append(row)
            print(
                f"{step:5} {title:45} {row['thousands']:>9} thousand  {row[f'to_{FLOOR}']:>6} ×", flush=True
            )
    return rows


def main() -> None:
    """Count both."""
    before = machine()
    size = wire_size(user_item(3700))
    with canned_server(size) as server:
        found = {
            "starts": starts(server.endpoint),
            "steps": STEPS,
            "turns": turns(server.endpoint),
        }
    write_rows("instructions", "python -m benchmarks.instructions", before, size=size, **found)


if __name__ == "__main__":
    main()
