"""The wheel and the sdist of this checkout, built once, and the commands that look at them or install them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
UV = TOOLS / "uv"


@pytest.fixture(scope="session", autouse=True)
def small_ca_bundle() -> None:
    """What is installed comes over TLS, from servers of any authority."""


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that succeeds; nothing of this checkout is on its path."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COV", "MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of this checkout, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--quiet", "--out-dir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (archive,) = built.glob("*.whl")
    return archive


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    (archive,) = built.glob("*.tar.gz")
    return archive
