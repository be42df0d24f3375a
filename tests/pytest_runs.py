"""Runs of pytest in a process of their own, as a user of the plugin starts it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def run_pytest(*arguments: str | Path) -> str:
    """The report of a pytest run in which nothing failed."""
    without = ("-p", "no:cacheprovider", "-p", "no:faker")
    command = [sys.executable, "-m", "pytest", *without, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def passed(report: str) -> int:
    """How many tests passed."""
    (count,) = re.findall(r"(\d+) passed", report)
    return int(count)
