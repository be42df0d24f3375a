"""The wheel and the sdist, installed into environments of their own."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
import venv
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, UV, run

pytestmark = pytest.mark.packaging

MODULES = Path(__file__).with_name("modules.py")
BIN = "Scripts" if os.name == "nt" else "bin"

# The modules that an extra is for: they, and those below them, need it.
MODULES_OF = {
    "asgi": "async_dynamo_store.integrations.alexa",
    "cli": "async_dynamo_store.cli",
    "fastapi": "async_dynamo_store.integrations.fastapi",
    "livekit": "async_dynamo_store.integrations.livekit",
    "openai-agents": "async_dynamo_store.integrations.openai_agents",
    "otel": "async_dynamo_store.integrations.otel",
    "pipecat": "async_dynamo_store.integrations.pipecat",
    "testing": "async_dynamo_store.testing",
}
# Their frameworks are large: here they are only resolved, and `make agents` imports them.
OF_AGENTS = ("livekit", "openai-agents", "pipecat")
EXTRAS = ("asgi", "cli", "embedded", "fastapi", "lambda", "otel", "testing")

STORE_AND_READ = """
import asyncio
from async_dynamo_store import AsyncDynamoStore

async def main():
    async with AsyncDynamoStore({"type": "embedded", "tableName": "Users"}) as store:
        async with store.turn("ada") as user:
            user.data["score"] = 10
        print((await store.load("ada")).data["score"])

asyncio.run(main())
"""
A_TEST = """
def test_it(voice_db, frozen):
    assert voice_db.endpoint_url
"""


def importable(python: Path) -> set[str]:
    """The modules that can be imported; the others name what they miss."""
    missing = json.loads(run(python, MODULES, cwd=python.parent))
    return {module for module, package in missing.items() if package is None}


def needs(module: str) -> str | None:
    """The extra that a module is of."""
    return next((extra for extra, of in MODULES_OF.items() if f"{module}.".startswith(f"{of}.")), None)


@pytest.fixture(scope="module", params=["wheel with pip", "sdist with uv"])
def python(
    request: pytest.FixtureRequest, wheel: Path, sdist: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The Python of a clean environment that holds the package and its extras."""
    folder = tmp_path_factory.mktemp("installed")
    kind, _, installer = request.param.partition(" with ")
    archive = wheel if kind == "wheel" else sdist
    venv.create(folder, with_pip=installer == "pip")
    python = folder / BIN / "python"
    package = f"async-dynamo-store[{','.join(EXTRAS)}] @ {archive.as_uri()}"
    if installer == "pip":
        options = ("--quiet", "--disable-pip-version-check", "--no-compile")  # what is used is compiled then
        run(python, "-m", "pip", "install", *options, package, cwd=folder)
    else:
        run(UV, "pip", "install", "--quiet", "--python", python, package, cwd=folder)
    return python


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment whose extra each test changes: what is compiled once stays so."""
    folder = tmp_path_factory.mktemp("extras")
    venv.create(folder)
    return folder / BIN / "python"


def install(python: Path, wheel: Path, extra: str) -> None:
    """Exactly the wheel with this extra, and nothing of the extra before."""
    package = f"async-dynamo-store[{extra}] @ {wheel.as_uri()}"
    run(UV, "pip", "install", "--quiet", "--exact", "--python", python, package, cwd=python.parent)


def test_every_public_name_and_module_is_imported(python: Path) -> None:
    modules = importable(python)
    source = ROOT / "src" / "async_dynamo_store" / "integrations"
    expected = {f"async_dynamo_store.integrations.{path.stem}" for path in source.glob("[!_]*.py")}
    assert expected - modules == {MODULES_OF[extra] for extra in OF_AGENTS}
    assert {module for module in modules if needs(module) == "cli"} > {"async_dynamo_store.cli.commands"}


def test_the_demo_runs(python: Path) -> None:
    demo = run(python.with_name("async-dynamo-store"), "demo", cwd=python.parent)
    assert "7 requests, 17 calls to DynamoDB" in demo


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_an_extra_alone_brings_its_modules(changing: Path, wheel: Path, extra: str) -> None:
    install(changing, wheel, extra)
    missing = {
        module: package
        for module, package in json.loads(run(changing, MODULES, cwd=changing.parent)).items()
        if package
    }
    assert extra not in {needs(module) for module in missing}
    assert {module: package for module, package in missing.items() if not needs(module)} == {}


def test_embedded_alone_is_a_database(changing: Path, wheel: Path) -> None:
    install(changing, wheel, "embedded")
    assert run(changing, "-c", STORE_AND_READ, cwd=changing.parent) == "10\n"


def test_testing_alone_brings_the_fixtures(changing: Path, wheel: Path, tmp_path: Path) -> None:
    install(changing, wheel, "testing")
    tmp_path.joinpath("test_it.py").write_text(A_TEST)
    assert "1 passed" in run(changing, "-m", "pytest", "-q", tmp_path, cwd=tmp_path)


def test_the_command_without_its_extra_names_it(changing: Path, wheel: Path) -> None:
    install(changing, wheel, "")
    done = subprocess.run(
        [changing.with_name("async-dynamo-store")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "This command needs an extra: pip install 'async-dynamo-store[cli]'\n"


@pytest.mark.parametrize("extra", OF_AGENTS)
def test_an_agents_extra_resolves(wheel: Path, extra: str, tmp_path: Path) -> None:
    requirement = tmp_path / "requirements.in"
    requirement.write_text(f"async-dynamo-store[{extra}] @ {wheel.as_uri()}\n")
    resolved = run(UV, "pip", "compile", "--quiet", "--no-config", "--no-annotate", requirement, cwd=tmp_path)
    assert "\naioboto3==" in resolved


def test_every_extra_is_tried() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(project["optional-dependencies"]) == sorted([*EXTRAS, *OF_AGENTS])
