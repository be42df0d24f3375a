"""The tutorials: their files print what the pages say, and are those of the examples."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from async_dynamo_store import DynamoDbConfig
from tests.pages import FILE, ROOT, Block, blocks

pytestmark = [pytest.mark.server, pytest.mark.unmeasured]

EXAMPLES = ROOT / "examples"
PRINTED = re.compile(r"try_it\.py\n```\n\n((?:    .*\n)+)")
SETTINGS = {"VOICE_DB_TYPE": "embedded", "VOICE_DB_TABLE_NAME": "Users"}


def page(name: str) -> tuple[str, list[Block]]:
    path = ROOT / "docs" / f"{name}.md"
    return path.read_text(encoding="utf-8"), blocks(path)


def files(found: Iterable[Block]) -> dict[str, str]:
    """The files that blocks of a page are, each as the last block with its name has it."""
    named = [(FILE.match(block.source), block.source) for block in found]
    return {name[1]: source[name.end() :] for name, source in named if name}


(SKILL, OF_SKILL), (PHONE, OF_PHONE) = page("tutorial-skill"), page("tutorial-phone-agent")
FIRST, SECOND = SKILL.split("## 4. Finish the skill")
OF_FIRST = [block for block in OF_SKILL if block.line < FIRST.count("\n")]


def project(directory: Path, sources: dict[str, str]) -> Path:
    for name, source in sources.items():
        (directory / name).write_text(source, encoding="utf-8")
    return directory


def run(script: Path, settings: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, script], env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("sources", "part", "settings"),
    [
        pytest.param(files(OF_FIRST), FIRST, {}, id="ten lines"),
        pytest.param(files(OF_SKILL), SECOND, SETTINGS, id="skill"),
        pytest.param(files(OF_PHONE), PHONE, SETTINGS, id="phone"),
    ],
)
def test_it_says_what_the_page_shows(
    sources: dict[str, str], part: str, settings: dict[str, str], tmp_path: Path
) -> None:
    (shown,) = PRINTED.findall(part)
    assert run(project(tmp_path, sources) / "try_it.py", settings) == shown.replace("    ", "")


def test_the_line_behind_vapi_runs(tmp_path: Path) -> None:
    run(project(tmp_path, files(OF_PHONE)) / "vapi.py", {})


def test_the_settings_of_the_phone_line_are_those_of_the_agent(tmp_path: Path) -> None:
    sources = files(OF_PHONE)
    show = "from agent import app; print(app.store.config.model_dump_json())"
    agents = run(project(tmp_path, sources | {"show.py": show}) / "show.py", {})
    assert (
        DynamoDbConfig.model_validate(tomllib.loads(sources["settings.toml"])).model_dump_json()
        == agents.strip()
    )


def test_the_page_has_the_files_of_the_example() -> None:
    example = EXAMPLES / "lambda"
    sources = files(OF_SKILL)
    assert sources["template.yaml"] == (example / "template.yaml").read_text("utf-8")
    assert sources["requirements.txt"] in (example / "requirements.txt").read_text("utf-8")
    (model,) = re.findall(r"^```json\n(.*?)^```$", SKILL, re.MULTILINE | re.DOTALL)
    assert json.loads(model) == json.loads((example / "interaction-model.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("found", "name", "path"),
    [(OF_SKILL, "skill.py", "lambda/skill.py"), (OF_PHONE, "agent.py", "phone_agent/agent.py")],
)
def test_the_page_has_the_code_of_the_example(found: list[Block], name: str, path: str) -> None:
    handlers = (EXAMPLES / path).read_text("utf-8").partition("@app")[2]
    assert files(found)[name].partition("@app")[2] == handlers.replace("list[dict[str, Any]]", "list[dict]")


@pytest.mark.parametrize(
    ("found", "name", "path"),
    [(OF_SKILL, "test_skill.py", "lambda"), (OF_PHONE, "test_agent.py", "phone_agent")],
)
def test_the_page_has_tests_of_the_example(found: list[Block], name: str, path: str) -> None:
    example = (EXAMPLES / path / name).read_text("utf-8")
    untyped = re.sub(
        r": (VoiceDb|Traveller)\b|\) -> None(?=:)", lambda typed: ")" * typed[0].startswith(")"), example
    )
    tests = re.findall(r"^async def test_.*?(?=\n\n\n|\Z)", files(found)[name], re.MULTILINE | re.DOTALL)
    assert tests
    assert [test for test in tests if test.strip() not in untyped] == []


def test_the_model_has_the_intents_of_the_skill() -> None:
    model = json.loads((EXAMPLES / "lambda" / "interaction-model.json").read_text("utf-8"))
    intents = {intent["name"] for intent in model["interactionModel"]["languageModel"]["intents"]}
    handled = set(re.findall(r'"(\w+(?:\.\w+)?Intent)"', files(OF_SKILL)["skill.py"]))
    assert handled <= intents
