"""A machine with sources of credentials, as AWS's default chain finds them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SLEEPING = "import time; time.sleep(60)"
"""The script of a credential_process that hangs."""


@dataclass
class Machine:
    """The machine that a store runs on: its environment, its files, and the endpoint that its source of credentials asks."""

    folder: Path
    patch: pytest.MonkeyPatch
    endpoint: str
    asked: list[str] = field(default_factory=list)

    def set(self, **variables: str) -> None:
        for name, value in variables.items():
            self.patch.setenv(name, value.format(endpoint=self.endpoint, folder=self.folder))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def profile(self, **settings: str) -> None:
        """The profile "voice" in the AWS configuration file, chosen by AWS_PROFILE."""
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        path = self.write("config", f"[profile voice]\nregion = eu-west-1\n{lines}\n")
        self.set(AWS_CONFIG_FILE=str(path), AWS_PROFILE="voice")


def process(script: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        path = machine.write("process.py", script)
        machine.profile(credential_process=f'"{sys.executable}" -S -E "{path}"')

    return set_up
