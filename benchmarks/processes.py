"""Child processes on a CPU of their own that answer one line with one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
_STOP_SECONDS = 10

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "BENCHMARK",
    "AWS_SECRET_ACCESS_KEY": "no-secret-at-all",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""The AWS settings of every contender, and the only ones."""


class ChildFailedError(Exception):
    """A child process stopped without an answer; its own error is on standard error."""


def can_pin() -> bool:
    """Whether this system lets a process choose its CPUs, and has two of them."""
    return hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) > 1


@contextmanager
def on_cpu(*, last: bool) -> Iterator[None]:
    """What is started inside runs on the first of the allowed CPUs only, or on the `last` only."""
    if not can_pin():
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed) if last else min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def start(command: list[str], *, serves: bool = False) -> subprocess.Popen[str]:
    """Start `command` on the CPU of those who are measured, or of those who serve them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with on_cpu(last=serves):
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd=ROOT,
            env=kept | ENVIRONMENT,
        )


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a Python module."""
    return [sys.executable, "-m", module, *arguments]


class Child:
    """A running command; leaving the context closes its standard input, which ends it."""

    def __init__(self, command: list[str], *, serves: bool = False) -> None:
        self._command = command
        self._serves = serves

    def __enter__(self) -> Self:
        self._process = start(self._command, serves=self._serves)
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._process)

    def ask(self, question: object) -> Any:
        """Send `question` as a line of JSON and return what the next line of the answer holds."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
        except BrokenPipeError:
            raise ChildFailedError(self._command) from None
        return self.hear()

    def hear(self) -> Any:
        """What the next line holds that the process prints."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise ChildFailedError(self._command)
        return json.loads(line)


def stop(process: subprocess.Popen[str]) -> None:
    """Close the standard input of `process` and wait until it has ended."""
    assert process.stdin
    assert process.stdout
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
