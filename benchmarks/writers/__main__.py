"""`python -m benchmarks.writers`: count, print, write results.

The former design, one token per save for a minute, is taken from the repository's own history. It gets slower with
each write, so it is given fewer of them.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.backends import dynamodb_local
from benchmarks.machine import machine

ROOT = Path(__file__).parents[2]
FORMER = "7d2ae34"
WRITERS = (1, 8, 64)


@contextmanager
def former_source() -> Iterator[Path]:
    """The library as it was before writers had slots."""
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", FORMER, "src"],
        check=True,
        capture_output=True,
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(folder, filter="data")
        yield Path(folder) / "src"


def counted(source: Path, endpoint: str, table: str, writers: int, writes: int) -> list[dict[str, Any]]:
    """What a worker on this source measured, tenth by tenth."""
    command = [sys.executable, "-m", "benchmarks.writers.worker", endpoint, table, str(writers), str(writes)]
    path = os.pathsep.join([str(source), str(ROOT)])
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def row(design: str, writers: int, parts: list[dict[str, Any]]) -> str:
    """The first tenth and the last, for a reader."""
    first, last = parts[0], parts[-1]
    flat = last["wall_us"] / first["wall_us"]
    return (
        f"{design:8} {writers:3} writers {last['writes']:>7} writes: {last['bytes']:>7} bytes,"
        f" {first['wall_us']:>9.0f} -> {last['wall_us']:>9.0f} us wall ({flat:.2f}),"
        f" {first['cpu_us']:>8.0f} -> {last['cpu_us']:>8.0f} us CPU a write"
    )


def main() -> None:
    """Answer this question alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writers")
    parser.add_argument("--writes", type=int, default=100_000, help="increments of one user (%(default)s)")
    parser.add_argument(
        "--former-writes", type=int, default=4_000, help="with the former design (%(default)s)"
    )
    options = parser.parse_args()
    before, rows = machine(), list[dict[str, Any]]()
    with former_source() as former, dynamodb_local(1_000, 1) as endpoint:
        for writers in WRITERS:
            for design, source, writes in (
                ("former", former, options.former_writes),
                ("slots", ROOT / "src", options.writes),
            ):
                parts = counted(source, endpoint, f"{design}-{writers}", writers, writes)
                rows.append({"design": design, "writers": writers, "parts": parts})
                print(row(design, writers, parts), flush=True)
    command = (
        f"python -m benchmarks.writers --writes {options.writes} --former-writes {options.former_writes}"
    )
    report.write_rows("writers", command, before, former=FORMER, rows=rows)


if __name__ == "__main__":
    main()
