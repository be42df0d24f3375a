"""Runs a DynamoDB engine in a process of its own, on a free loopback port."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOST = "127.0.0.1"
NEVER_GIVEN_AWAY = range(10_000, 32_768)
"""Ports below those that Linux (from 32768) and other systems (RFC 6335: from 49152) give to who asks for any."""
START_SECONDS = 60
STOP_SECONDS = 10


MINISTACK = Path(__file__).parents[1] / ".venv-ministack"


def moto_command(port: int) -> list[str]:
    """Moto's server, apart from the moto that `type: "embedded"` runs inside the test process."""
    return [sys.executable, str(Path(__file__).with_name("engine_moto.py")), str(port)]


def ministack_command(port: int) -> list[str]:
    """ministack's server, in the environment that `make ministack` makes for it."""
    return [
        str(MINISTACK / "bin" / "python"),
        str(Path(__file__).with_name("engine_ministack.py")),
        str(port),
    ]


@contextmanager
def engine_process(command: Callable[[int], list[str]], log: Path) -> Iterator[str]:
    """Start `command(port)`, yield its endpoint URL as soon as it accepts connections, and stop it."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            command(port),
            cwd=log.parent,  # DynamoDB Local leaves a file where it runs
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")},
        )
    try:
        wait_until_it_accepts(process, port, log)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A loopback port on which nothing listens, and which no system gives to a socket that asks for any port.

    An engine takes seconds before it listens. A port that the system may give away is somebody else's by then: a server
    of another test would be taken for the engine, until it ends.
    """
    while True:
        port = secrets.choice(NEVER_GIVEN_AWAY)
        with suppress(OSError), socket.create_server((HOST, port)):
            return port


def wait_until_it_accepts(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Connect until it works; say what the engine printed when it does not come up."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} did not come up: {log.read_text()[-2000:]}")
