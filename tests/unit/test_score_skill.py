"""The demo's skill: what it says where the demo does not lead."""

from __future__ import annotations

from typing import Any

from async_dynamo_store import Turn
from async_dynamo_store.cli import score_skill
from tests.unit.requests.sample import parsed


async def test_it_says_what_it_can_do_and_that_something_went_wrong() -> None:
    turn: Turn[dict[str, Any]] = Turn(parsed("alexa/intent"))
    await score_skill.help_user(turn)
    assert [turn.reply.listen] == [True]
    assert "points" in (turn.reply.speech or "")
    await score_skill.apologize(turn)
    assert [turn.reply.listen] == [False]
    assert "Sorry" in (turn.reply.speech or "")
