"""The wheel and the sdist, each installed into an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import async_dynamo_store

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
PUBLIC_NAMES = Path(__file__).with_name("public_names.py")
EXTRAS = "asgi,cli,embedded,fastapi,lambda,otel,testing"


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that succeeds; nothing of this checkout is on its path."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))
    }
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of this checkout, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run(Path(sys.executable).with_name("uv"), "build", "--quiet", "--out-dir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module", params=["wheel with pip", "sdist with uv"])
def python(request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a clean environment that holds the package and its extras."""
    folder = tmp_path_factory.mktemp("installed")
    kind, _, installer = request.param.partition(" with ")
    (archive,) = built.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    venv.create(folder, with_pip=installer == "pip")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    package = f"async-dynamo-store[{EXTRAS}] @ {archive.as_uri()}"
    if installer == "pip":
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, cwd=folder)
    else:
        uv = Path(sys.executable).with_name("uv")
        run(uv, "pip", "install", "--quiet", "--python", python, package, cwd=folder)
    return python


def test_every_public_name_and_module_is_imported(python: Path) -> None:
    imported = run(python, PUBLIC_NAMES, cwd=python.parent).split()
    assert set(async_dynamo_store.__all__) < set(imported)
    source = ROOT / "src" / "async_dynamo_store" / "integrations"
    modules = {f"async_dynamo_store.integrations.{path.stem}" for path in source.glob("[!_]*.py")}
    assert modules < set(imported)


def test_the_demo_runs(python: Path) -> None:
    demo = run(python.with_name("async-dynamo-store"), "demo", cwd=python.parent)
    assert "7 requests, 17 calls of DynamoDB" in demo


def test_the_sdist_has_what_its_own_tests_read(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as sdist:
        packed = {name.partition("/")[2] for name in sdist.getnames()}
    tracked = set(run("git", "ls-files", cwd=ROOT).splitlines())
    left_out = {name for name in tracked - packed if not name.startswith(".")}
    assert left_out == set()


def test_the_wheel_has_the_package_alone(built: Path) -> None:
    (archive,) = built.glob("*.whl")
    with zipfile.ZipFile(archive) as wheel:
        packed = set(wheel.namelist())
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert {name for name in packed if ".dist-info/" not in name} == source


def test_the_page_of_the_package_index_has_absolute_links(built: Path) -> None:
    (archive,) = built.glob("*.whl")
    with zipfile.ZipFile(archive) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = wheel.read(path).decode()
    links = re.findall(r"\]\(([^)#][^)]*)\)", metadata)
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", metadata)
    assert [link for link in pictures if not link.startswith("https://raw.githubusercontent.com/")] == []
