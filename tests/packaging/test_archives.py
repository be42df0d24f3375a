"""What is in the wheel and in the sdist."""

from __future__ import annotations

import re
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from tests.packaging.conftest import ROOT, TOOLS, run

pytestmark = pytest.mark.packaging

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def dist_info(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (path for path in archive.namelist() if path.endswith(f".dist-info/{name}"))
        return archive.read(path).decode()


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Metadata:
    return Metadata.from_email(dist_info(wheel, "METADATA"), validate=True)


def test_the_index_would_accept_both(wheel: Path, sdist: Path) -> None:
    run(TOOLS / "twine", "check", "--strict", wheel, sdist, cwd=ROOT)


def test_the_wheel_has_no_common_mistake(wheel: Path) -> None:
    run(TOOLS / "check-wheel-contents", "--no-config", wheel, cwd=ROOT)


def test_the_wheel_has_the_package_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert packed == source
    assert "async_dynamo_store/py.typed" in packed
    assert not [name for name in packed if re.search(r"(^|/)(tests|test_\w*|conftest)(/|\.py$)", name)]


def test_the_wheel_is_for_every_python_and_system(wheel: Path) -> None:
    assert wheel.name == f"async_dynamo_store-{PROJECT['version']}-py3-none-any.whl"
    assert "Root-Is-Purelib: true" in dist_info(wheel, "WHEEL").splitlines()


def test_the_wheel_brings_the_license(wheel: Path) -> None:
    assert dist_info(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_entry_points_are_the_command_and_the_pytest_plugin(wheel: Path) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(dist_info(wheel, "entry_points.txt"))
    assert {section: dict(entry_points[section]) for section in entry_points.sections()} == {
        "console_scripts": {"async-dynamo-store": "async_dynamo_store.cli:main"},
        "pytest11": {"async_dynamo_store": "async_dynamo_store.testing.plugin"},
    }


def test_the_metadata_is_that_of_the_project(metadata: Metadata) -> None:
    assert str(metadata.version) == PROJECT["version"]
    assert str(metadata.requires_python) == PROJECT["requires-python"]
    assert metadata.license_expression == PROJECT["license"]
    assert metadata.description_content_type == "text/markdown"
    assert sorted(metadata.provides_extra or []) == sorted(PROJECT["optional-dependencies"])
    assert sorted(metadata.project_urls or {}) == ["Changelog", "Documentation", "Issues", "Source"]


def test_only_extras_and_the_aws_packages_bring_more(metadata: Metadata) -> None:
    """docs/install.md says why those three are bounded from above."""
    requirements = metadata.requires_dist or []
    assert len([one for one in requirements if one.marker is None]) == len(PROJECT["dependencies"])
    bounded = {
        one.name
        for one in requirements
        if any("<" in each.operator or each.operator[0] == "=" for each in one.specifier)
    }
    assert bounded == {"aiobotocore", "boto3", "botocore"}


def test_the_links_of_the_description_are_absolute(metadata: Metadata) -> None:
    description = metadata.description or ""
    links = re.findall(r"\]\(([^)#][^)]*)\)", description)
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", description)
    assert [link for link in pictures if not link.startswith("https://raw.githubusercontent.com/")] == []


def test_the_sdist_has_what_its_own_tests_read(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    tracked = set(run("git", "ls-files", cwd=ROOT).splitlines())
    left_out = {name for name in tracked - packed if not name.startswith(".")}
    assert left_out == set()
