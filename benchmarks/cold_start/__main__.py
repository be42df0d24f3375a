"""`python -m benchmarks.cold_start`: what the init phase of a Lambda function is spent on, by step."""

from __future__ import annotations

import argparse
import shlex
import sys

from benchmarks.machine import machine
from benchmarks.measured import Spread
from benchmarks.processes import Child, python
from benchmarks.report import write_rows


def main() -> None:
    """Measure in new processes, print, and write the result."""
    command_line = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    command_line.add_argument("--rounds", type=int, default=9, help="processes (%(default)s)")
    rounds: int = command_line.parse_args().rounds
    before = machine()
    found: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        with Child(python("benchmarks.cold_start.parts")) as child:
            found.append(child.hear())
    del found[0]  # the disk's cache
    rows = {step: Spread.of(each[step] for each in found)._asdict() for step in found[0]}
    for step, spread in rows.items():
        print(f"{spread['median']:7.1f} ms ({spread['min']:.1f}–{spread['max']:.1f})  {step}")
    command = shlex.join(["python", "-m", "benchmarks.cold_start", *sys.argv[1:]])
    write_rows("cold_start_parts", command, before, rounds=rounds, cpu_milliseconds=rows)


if __name__ == "__main__":
    main()
