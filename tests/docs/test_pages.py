"""Every block of code on every page: Python runs, commands are there, data is what it says it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from async_dynamo_store import DynamoDbConfig, Turn, VoiceApp
from async_dynamo_store.testing import Alexa
from tests.conftest import Engine
from tests.pages import (
    PAGES,
    blocks,
    entities,
    handlers,
    needs_agents,
    page_id,
    project,
    running,
    write_project,
)
from tests.pytest_runs import passed, run_pytest

pytestmark = [pytest.mark.one_engine, pytest.mark.unmeasured]

SHOWN = {"", "text", "typescript"}
"""What is shown and not run. A block without a language is looked at for commands."""
CHECKED = {"python", "bash", "console", "json", "toml", "yaml"}
WITH_PYTHON = [page for page in PAGES if blocks(page, "python") and not needs_agents(page)]
WITH_TESTS = [page for page in PAGES if any(Path(name).name.startswith("test_") for name in project(page))]
SECRETS = re.compile(r"os\.environ\[\"(\w+)\"\]")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_block_has_a_language_that_is_checked(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= SHOWN | CHECKED


@pytest.mark.parametrize("page", WITH_PYTHON, ids=page_id)
def test_the_python_of_a_page_runs_and_its_handlers_answer(
    page: Path, tmp_path: Path, default_chain: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS.findall(page.read_text(encoding="utf-8")):
        monkeypatch.setenv(name, "secret")
    with running(page, tmp_path, default_chain.endpoint_url) as (names, runner):
        for app, intent in handlers(page):
            if isinstance(names.get(app), VoiceApp):  # and not what a function or a test makes
                runner.run(ask(names[app], intent, entities(page)))


async def ask(app: VoiceApp[Any], intent: str, entities: dict[str, str]) -> None:
    """Have the handler answer. Raises what it raised, even where the app has an answer for that."""
    errors: list[Exception | None] = []

    async def remember(turn: Turn[Any]) -> None:
        errors.append(turn.error)

    app.pipeline.use("fail", remember)
    alexa = Alexa(app)
    await (alexa.intent(intent, **entities) if intent else alexa.launch())
    assert errors == []


BROKEN = """
```python
from async_dynamo_store import Turn, VoiceApp

app = VoiceApp({"db": "Users"})


@app.intent("ScoreIntent")
async def score(turn: Turn) -> None:
    turn.tell(turn.user.data["score"])


@app.on_error
async def apologize(turn: Turn, error: Exception) -> None:
    turn.tell("Sorry.")
```

```python
await app.store.set("ada", "score", 30)
```
"""


def test_a_handler_that_raises_is_found(tmp_path: Path, default_chain: Engine) -> None:
    page = tmp_path / "page.md"
    page.write_text(BROKEN, encoding="utf-8")
    with running(page, tmp_path, default_chain.endpoint_url) as (names, runner):
        assert runner.run(names["app"].store.get("ada", "score")) == 30
        with pytest.raises(AssertionError, match="KeyError"):
            runner.run(ask(names["app"], "ScoreIntent", entities(page)))


@pytest.mark.server
@pytest.mark.parametrize("page", WITH_TESTS, ids=page_id)
def test_the_tests_of_a_page_pass(page: Path, tmp_path: Path, default_chain: Engine) -> None:
    files = write_project(page, tmp_path, default_chain.endpoint_url)
    tests = sum(len(re.findall(r"^(?:async )?def test_", source, re.MULTILINE)) for source in files.values())
    assert passed(run_pytest("--rootdir", tmp_path, tmp_path)) == tests


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_settings_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(r"\bVOICE_DB_([A-Z]\w*)", page.read_text(encoding="utf-8"))
    assert {name.lower().partition("__")[0] for name in named} <= DynamoDbConfig.model_fields.keys()
