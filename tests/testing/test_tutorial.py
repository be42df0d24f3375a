"""docs/tutorial-skill.md: its files make a project that passes, prints what the page says, and is the one of the example."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testing.test_plugin import EXAMPLES, ROOT, passed, run_pytest

pytestmark = pytest.mark.server

PAGE = (ROOT / "docs" / "tutorial-skill.md").read_text(encoding="utf-8")
FIRST, SECOND = PAGE.split("## 4. Finish the skill")
NAMED = re.compile(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"try_it\.py\n```\n\n((?:    .*\n)+)")
FIRST_FILES = dict(NAMED.findall(FIRST))
FILES = FIRST_FILES | dict(NAMED.findall(SECOND))


def project(directory: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        (directory / name).write_text(source, encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    ("files", "part", "settings"),
    [
        (FIRST_FILES, FIRST, {}),
        (FILES, SECOND, {"VOICE_DB_TYPE": "embedded", "VOICE_DB_TABLE_NAME": "Users"}),
    ],
)
def test_the_skill_says_what_the_page_shows(
    files: dict[str, str], part: str, settings: dict[str, str], tmp_path: Path
) -> None:
    script = project(tmp_path, files) / "try_it.py"
    done = subprocess.run(
        [sys.executable, script], env=os.environ | settings, capture_output=True, text=True, check=False
    )
    (shown,) = PRINTED.findall(part)
    assert (done.returncode, done.stdout) == (0, shown.replace("    ", "")), done.stderr


def test_the_project_passes(tmp_path: Path) -> None:
    tests = FILES["test_skill.py"].count("async def test_")
    assert passed(run_pytest(project(tmp_path, FILES), "--rootdir", tmp_path)) == tests


def test_the_page_has_the_files_of_the_example() -> None:
    example = EXAMPLES / "lambda"
    assert FILES["template.yaml"] == (example / "template.yaml").read_text("utf-8")
    assert FILES["requirements.txt"] in (example / "requirements.txt").read_text("utf-8")
    (model,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert json.loads(model) == json.loads((example / "interaction-model.json").read_text("utf-8"))
    assert (
        FILES["skill.py"].partition("@app")[2]
        == ((example / "skill.py").read_text("utf-8").partition("@app")[2])
    )


def test_the_model_has_the_intents_of_the_skill() -> None:
    model = json.loads((EXAMPLES / "lambda" / "interaction-model.json").read_text("utf-8"))
    intents = {intent["name"] for intent in model["interactionModel"]["languageModel"]["intents"]}
    handled = set(re.findall(r'"(\w+(?:\.\w+)?Intent)"', FILES["skill.py"]))
    assert handled <= intents
