"""What a release brings beside its archives, made as a release makes it."""

from __future__ import annotations

import json
from os.path import relpath
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.packaging.conftest import ROOT, TOOLS, run

pytestmark = pytest.mark.packaging

PAGE = ROOT / "docs" / "licenses.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `make sbom licenses` has worked, with the tools of this environment."""
    folder = tmp_path_factory.mktemp("release")
    venv = Path(
        relpath(TOOLS.parent, ROOT)
    )  # make takes no target with a space in it, as the folder's name may have
    folder.joinpath("licenses.md").write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    places = {"VENV": venv, "DIST": folder, "SHIPPED": folder / "shipped", "LICENSES": folder / "licenses.md"}
    variables = [f"{name}={path}" for name, path in places.items()]
    variables.append("ARGS=--no-validate")  # against the schema, which takes most of a minute
    run("make", f"--old-file={venv / 'dev.stamp'}", *variables, "sbom", "licenses", cwd=ROOT)
    return folder


def test_the_sbom_names_what_the_package_needs(made: Path) -> None:
    bill = json.loads((made / "async-dynamo-store.cdx.json").read_text(encoding="utf-8"))
    assert bill["bomFormat"] == "CycloneDX"
    root = bill["metadata"]["component"]
    assert root["name"] == "async-dynamo-store"
    names = {canonicalize_name(component["name"]) for component in bill["components"]}
    assert {"aioboto3", "aiohttp", "botocore", "fastapi", "moto", "pydantic-core", "urllib3"} < names
    assert not names & {"async-dynamo-store", "hatchling", "mypy", "livekit-agents"}
    (needed,) = (each["dependsOn"] for each in bill["dependencies"] if each["ref"] == root["bom-ref"])
    assert {"aioboto3", "boto3", "orjson"} < {reference.partition("==")[0] for reference in needed}


def test_the_page_of_licenses_is_current(made: Path) -> None:
    """`make licenses` writes it again; it fails when a license is not one of `tool.pip-licenses`."""
    assert (made / "licenses.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
