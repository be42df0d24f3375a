"""The examples, as they are."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ANNA, App, Stored, alexa, spoken
from tests.unit.requests.sample import sample

pytestmark = pytest.mark.one_engine

EXAMPLES = Path(__file__).parents[2] / "examples"
SCORE_SKILL = EXAMPLES.parent / "src" / "async_dynamo_store" / "cli" / "score_skill.py"
TYPED_PROFILE = EXAMPLES / "typed_profile.py"


def load(example: Path) -> App:
    app: App = runpy.run_path(str(example))["app"]
    return app


def test_every_example_is_tried_here() -> None:
    assert sorted(EXAMPLES.glob("*.py")) == [TYPED_PROFILE]


@pytest.fixture
async def score_skill() -> Any:
    async with load(SCORE_SKILL) as app:
        yield app


CONVERSATION = [
    (alexa("LaunchRequest"), "Welcome! What is your name?"),
    (alexa("MyNameIsIntent", name="Anna"), "Nice to meet you, Anna. How many points did you make?"),
    (alexa("ScoreIntent", points="30"), "30 more: you have 30 points."),
    (alexa("ScoreIntent", points="12"), "12 more: you have 42 points."),
    (alexa("HowManyIntent"), "You have 42 points."),
    (alexa("LaunchRequest", user_id="ben"), "Welcome! What is your name?"),
    (alexa("LaunchRequest"), "Welcome back, Anna! You have 42 points."),
    (alexa("ScoreIntent", points="many"), "Sorry, something went wrong. Please try again later."),
    (alexa("AMAZON.HelpIntent"), "Tell me your name, or how many points you made."),
    (sample("alexa/end"), None),
    (alexa("ForgetMeIntent"), "I have forgotten you."),
    (alexa("HowManyIntent"), "You have 0 points."),
]


async def test_the_score_skill_keeps_scores(score_skill: App) -> None:
    said = [spoken(await score_skill.handle(request)) for request, _ in CONVERSATION]
    assert said == [answer for _, answer in CONVERSATION]


async def test_points_of_two_devices_both_count(score_skill: App) -> None:
    await score_skill.handle(alexa("LaunchRequest"))
    await asyncio.gather(*(score_skill.handle(alexa("ScoreIntent", points="10")) for _ in range(5)))
    assert await score_skill.store.get(ANNA, "score") == 50


async def test_the_score_skill_takes_its_table_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, table_name: str, aws_config: dict[str, str], stored: Stored
) -> None:
    monkeypatch.setenv("VOICE_DB_TABLE_NAME", table_name)
    for name, value in aws_config.items():
        monkeypatch.setenv(f"VOICE_DB_AWS_CONFIG__{name.upper()}", value)
    async with load(SCORE_SKILL) as app:
        await app.handle(alexa("MyNameIsIntent", name="Anna"))
    assert await stored.data() == {"name": "Anna"}


async def test_the_typed_profile_upgrades_what_an_older_release_stored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await runpy.run_path(str(TYPED_PROFILE))["main"]()
    assert capsys.readouterr().out == (
        "first_name='Ada' score=10 last_seen=datetime.date(2026, 11, 22) badges={'first'}\n"
    )


def test_the_typed_profile_is_upgraded_and_stays_typed(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(TYPED_PROFILE), run_name="__main__")
    said = capsys.readouterr().out
    assert said == "first_name='Ada' score=10 last_seen=datetime.date(2026, 11, 22) badges={'first'}\n"
