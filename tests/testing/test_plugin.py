"""The plugin as pytest finds it, in runs of their own: the examples, and a run that does not use it."""

from __future__ import annotations

import os
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import async_dynamo_store.testing
from tests.pytest_runs import passed, run_pytest

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TESTED = [EXAMPLES / name for name in ("lambda", "phone_agent", "tested_skill")]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
HEAVY = ("aioboto3", "boto3", "botocore", "moto", "pydantic", "async_dynamo_store.store")


def test_pytest_finds_the_plugin() -> None:
    (entry,) = entry_points(group="pytest11", name="async_dynamo_store")
    assert entry.value == "async_dynamo_store.testing.plugin"


def test_the_examples_pass_under_xdist() -> None:
    """In one run, since the start takes longer than the tests."""
    sources = [path.read_text("utf-8") for example in TESTED for path in example.glob("test_*.py")]
    tests = sum(source.count("\nasync def test_") for source in sources)
    run = run_pytest("-c", TESTED[0] / "pytest.ini", "--rootdir", EXAMPLES, "--numprocesses=2", *TESTED)
    assert passed(run) == tests + 1  # one is for two platforms


def test_a_run_that_does_not_use_it_loads_nothing(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(f"import sys\n\ndef test_it():\n    assert not {{*{HEAVY}}} & sys.modules.keys()\n")
    assert passed(run_pytest(test, "--rootdir", tmp_path, "-c", os.devnull)) == 1


def test_the_fixtures_are_described(tmp_path: Path) -> None:
    fixtures = run_pytest("--fixtures", tmp_path, "--rootdir", tmp_path, "-c", os.devnull)
    described = re.findall(r"^(\w+).* -- .*testing/plugin.py", fixtures, re.MULTILINE)
    assert described == ["voice_engine", "voice_db", "frozen"]


def test_all_is_sorted_and_whole() -> None:
    names = async_dynamo_store.testing.__all__
    assert names == sorted(names)
    for name in names:
        assert getattr(async_dynamo_store.testing, name).__doc__
        assert f"`{name}`" in PAGE or f"`{name}(" in PAGE, name
    with pytest.raises(AttributeError, match=r"'async_dynamo_store.testing' has no attribute 'Aleksa'"):
        getattr(async_dynamo_store.testing, "Aleksa")  # noqa: B009 - type checkers see the typo too
