"""`python -m benchmarks.cold_start`: what the init phase of a Lambda function is spent on, by step."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import certifi

from benchmarks.machine import machine
from benchmarks.measured import Spread
from benchmarks.processes import Child, python
from benchmarks.report import write_rows

_AUTHORITY = re.compile(r"# Issuer:.*?-----END CERTIFICATE-----\n", re.DOTALL)
_WAYS = {"as it is": False, "with Amazon's certificate authorities only": True}


def main() -> None:
    """Measure in new processes, A B A B, print, and write the result."""
    command_line = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    command_line.add_argument("--rounds", type=int, default=9, help="processes of each way (%(default)s)")
    rounds: int = command_line.parse_args().rounds
    before = machine()
    found: dict[str, list[dict[str, float]]] = {way: [] for way in _WAYS}
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(_authorities_of_amazon())
        file.flush()
        for _ in range(rounds + 1):
            for way, is_small in _WAYS.items():
                with Child(python("benchmarks.cold_start.parts", *[file.name] * is_small)) as child:
                    found[way].append(child.hear())
    command = shlex.join(["python", "-m", "benchmarks.cold_start", *sys.argv[1:]])
    rows = {way: _spreads(each[1:]) for way, each in found.items()}  # the first filled the disk's cache
    for way, steps in rows.items():
        print(f"{way}, CPU:")
        for step, spread in steps.items():
            print(f"{spread['median']:8.1f} ms ({spread['min']:.1f}–{spread['max']:.1f})  {step}")
    write_rows("cold_start_parts", command, before, rounds=rounds, cpu_milliseconds=rows)


def _spreads(found: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    for each in found:
        each["all"] = sum(each.values())
    return {step: Spread.of(each[step] for each in found)._asdict() for step in found[0]}


def _authorities_of_amazon() -> str:
    """Those that AWS says its endpoints' certificates lead to (Amazon Trust Services), of all that certifi has."""
    texts = _AUTHORITY.findall(Path(certifi.where()).read_text())
    return "".join(text for text in texts if "Amazon" in text or "Starfield Services" in text)


if __name__ == "__main__":
    main()
