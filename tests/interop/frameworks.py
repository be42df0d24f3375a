"""The frameworks whose items we share, each as a process of its own: requests and answers are JSON lines.

`python -m tests.interop.frameworks` installs the npm packages of the two that run on Node.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OLDEST_NODE = 20
INSTALL_SECONDS = 300
TURN_SECONDS = 60
NAMES = ("jovo4", "jovo3", "ask-sdk")


class MissingError(Exception):
    """A framework cannot run here, or is not installed; the text says what to do."""


def required() -> bool:
    """Whether a framework that cannot run is a failure."""
    return os.environ.get("REQUIRE_INTEROP", "0") not in {"", "0"}


def check(name: str) -> None:
    """Raise `MissingError` unless the framework is installed and can run."""
    if name == "ask-sdk":
        if not importlib.util.find_spec("ask_sdk_dynamodb"):
            raise MissingError("no ask-sdk: install requirements/dev.txt")
        return
    check_node()
    if not is_installed(HERE / "node" / name):
        raise MissingError(f"no {name}: it is not installed yet, `make interop` does it")


def check_node() -> None:
    node = shutil.which("node")
    shown = subprocess.run([node, "--version"], capture_output=True, text=True, check=False) if node else None
    version = re.match(r"v(\d+)", shown.stdout) if shown else None
    if not version or int(version[1]) < OLDEST_NODE or not shutil.which("npm"):
        raise MissingError(f"no jovo4 and jovo3: install Node {OLDEST_NODE} or newer, with npm")


def is_installed(folder: Path) -> bool:
    """Whether the packages were installed after they were last changed."""
    stamp = folder / "node_modules" / ".installed"
    return stamp.is_file() and stamp.read_bytes() == (folder / "package.json").read_bytes()


def install(folder: Path) -> None:
    """Install what `package.json` names, unless that is done. Jovo's peer ranges do not fit each other."""
    if is_installed(folder):
        return
    npm = str(shutil.which("npm"))
    command = [
        npm,
        "install",
        "--legacy-peer-deps",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]
    try:
        subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, timeout=INSTALL_SECONDS, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"no {folder.name}: npm could not install it: {error}") from error
    (folder / "node_modules" / ".installed").write_bytes((folder / "package.json").read_bytes())


def command(name: str) -> list[str]:
    if name == "ask-sdk":
        return [sys.executable, str(HERE / "ask_sdk_skill.py")]
    return ["node", str(HERE / "node" / name / "skill.js")]


@dataclass
class Answer:
    """What a skill found stored when it was asked, and what it answered."""

    seen: dict[str, Any]
    response: Any

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.seen["data"]
        return data


@dataclass
class Framework:
    """A skill on one of the frameworks: `turn` is one request of one user."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    def turn(
        self,
        table: str,
        request: dict[str, Any],
        *,
        options: dict[str, Any] | None = None,
        **change: Any,
    ) -> Answer:
        """Send a request to the skill on `table`.

        It does as `change` says: `set` and `unset` members of the user's data, `set` those of the `session`,
        `delete` the user, `say` something and `listen`.
        """
        line = {
            "table": table,
            "options": options or {},
            "request": request,
            "change": {"say": "Well.", "listen": False, **change},
        }
        answer = self._ask(json.dumps(line))
        if "error" in answer:
            raise RuntimeError(f"{self.name}: {answer['error']}")
        return Answer(answer.get("seen", {}), answer.get("response"))

    def _ask(self, line: str) -> dict[str, Any]:
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin
        assert stdout
        timer = threading.Timer(TURN_SECONDS, self.process.kill)
        timer.start()
        try:
            stdin.write(line + "\n")
            stdin.flush()
            text = stdout.readline()
        finally:
            timer.cancel()
        if not text:
            raise RuntimeError(f"{self.name} ended: {self.log.read_text()[-2000:]}")
        answer: dict[str, Any] = json.loads(text)
        return answer


@contextmanager
def running(name: str, endpoint_url: str, log: Path) -> Iterator[Framework]:
    """The framework's process, talking to the DynamoDB at `endpoint_url`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    environment |= {
        "AWS_ACCESS_KEY_ID": "testAccessKeyId",
        "AWS_SECRET_ACCESS_KEY": "testSecretAccessKey",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    with log.open("w") as errors:
        process = subprocess.Popen(
            command(name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment | {"AWS_ENDPOINT_URL_DYNAMODB": endpoint_url},
        )
    with process:
        try:
            yield Framework(name, process, log)
        finally:
            process.kill()


def main() -> int:
    """Install; where that cannot be, say so in one line, and fail only where it is required."""
    try:
        check_node()
        for name in ("jovo4", "jovo3"):
            install(HERE / "node" / name)
    except MissingError as reason:
        consequence = "it is required" if required() else "the tests run beside the others"
        sys.stderr.write(f"{reason}: {consequence}.\n")
        return int(required())
    return 0


if __name__ == "__main__":
    sys.exit(main())
