"""`python -m benchmarks.instructions`: count, print, write results. Needs Valgrind."""

from __future__ import annotations

import compileall
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import async_dynamo_store
from benchmarks.backends import canned_server
from benchmarks.instructions.starts import STARTS
from benchmarks.machine import machine
from benchmarks.processes import ENVIRONMENT, ROOT
from benchmarks.question import progress
from benchmarks.registry import APPS, FLOOR, OURS, SCALING
from benchmarks.report import write_rows
from benchmarks.user_item import user_item, wire_size

STEPS = {"turn": "one field changed", "read": "nothing changed"}
_COLD, _WARM = 60, 260
"""Steps of two runs; what the second does more is warm."""
_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def count(*arguments: str) -> int:
    """The instructions, outside the kernel, of a process of Python."""
    valgrind = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
    done = subprocess.run(
        [*valgrind, sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = _COUNTED.search(done.stderr)
    if not found:
        raise RuntimeError(f"valgrind counted nothing: {done.stderr[-500:]}")
    return int(found[1].replace(",", ""))


def starts(endpoint: str) -> list[dict[str, Any]]:
    """From the start of a process to its first answer, compared with bare aioboto3."""
    rows: list[dict[str, Any]] = []
    for title, program in STARTS.items():
        progress(f"start: {title}")
        counted = count("-c", program, endpoint)
        rows.append({"start": title, "millions": round(counted / 1e6)})
        rows[-1]["ratio"] = round(counted / 1e6 / rows[0]["millions"], 3)
        print("{start:45} {millions:>6} million  {ratio:>6.3f} ×".format(**rows[-1]))
    return rows


def turns(endpoint: str) -> list[dict[str, Any]]:
    """Warm turns, compared with bare aiohttp posts and with the store's own turn."""
    rows: list[dict[str, Any]] = []
    by_name = {contender.name: contender for contender in (*SCALING, *APPS) if not contender.missing()}
    for step in STEPS:
        counted: dict[str, float] = {}
        for name, contender in by_name.items():
            progress(f"{step}: {contender.title}")
            few, many = (
                count("-m", "benchmarks.instructions.turns", name, step, endpoint, str(times))
                for times in (_COLD, _WARM)
            )
            counted[name] = (many - few) / (_WARM - _COLD) / 1000
            row = {"step": step, "contender": contender.title, "thousands": round(counted[name], 1)}
            row |= {
                f"to_{base}": round(counted[name] / counted[base], 3)
                for base in (FLOOR, OURS)
                if base in counted
            }
            rows.append(row)
            print(
                f"{step:5} {contender.title:45} {counted[name]:>9.1f} thousand  {counted[name] / counted[FLOOR]:.2f} ×"
            )
    return rows


def main() -> None:
    """Count both."""
    before = machine()
    compileall.compile_dir(Path(async_dynamo_store.__file__).parent, quiet=1)
    size = wire_size(user_item(3700))
    with canned_server(size) as server:
        found = {"starts": starts(server.endpoint), "turns": turns(server.endpoint)}
    write_rows("instructions", "python -m benchmarks.instructions", before, size=size, **found)


if __name__ == "__main__":
    main()
