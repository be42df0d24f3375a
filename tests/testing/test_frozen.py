"""Time that stands still until the test moves it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import Turn, VoiceApp
from async_dynamo_store.testing import Alexa, Messenger, VoiceDb

if TYPE_CHECKING:
    import time_machine

pytestmark = pytest.mark.server


def make_app(**options: Any) -> VoiceApp[Any]:
    app: VoiceApp[Any] = VoiceApp({"db": {"table_name": "Users", "timeout_seconds": 60, **options}})

    @app.fallback
    async def count(turn: Turn) -> None:
        turn.session.data["round"] = turn.session.data.get("round", 0) + 1
        turn.tell(f"Visit {turn.user.increment('visits')}, round {turn.session.data['round']}.")

    return app


async def test_a_user_expires(voice_db: VoiceDb, frozen: time_machine.Traveller) -> None:
    app = make_app(ttl={"attribute": "expires", "after_seconds": 86400})
    async with app, Alexa(app) as alexa:
        await alexa.launch()
        frozen.shift(timedelta(hours=23))
        assert (await alexa.launch()).text == "Visit 2, round 1."
        frozen.shift(timedelta(hours=25))
        assert (await alexa.launch()).text == "Visit 1, round 1."


def test_frozen_names_what_it_needs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "time_machine", None)
    with pytest.raises(ImportError, match=r'the fixture frozen needs .*"async-dynamo-store\[testing\]"'):
        request.getfixturevalue("frozen")


async def test_a_stored_session_ends(voice_db: VoiceDb, frozen: time_machine.Traveller) -> None:
    app = make_app(stored_elements={"session": {"expires_after_seconds": 900}})
    async with app, Messenger(app) as messenger:
        await messenger.launch()
        frozen.shift(899)
        assert (await messenger.say("again")).text == "Visit 2, round 2."
        frozen.shift(901)
        assert (await messenger.say("again")).text == "Visit 3, round 1."


async def test_times_are_those_of_the_test(voice_db: VoiceDb, frozen: time_machine.Traveller) -> None:
    app = make_app()
    async with app, Alexa(app) as alexa:
        await alexa.launch()
        frozen.move_to(datetime(2031, 5, 1, tzinfo=UTC))
        await alexa.launch()
        user = await app.store.load(alexa.user_id)
    assert user.created_at == datetime(2030, 1, 1, tzinfo=UTC)
    assert user.updated_at == datetime(2031, 5, 1, tzinfo=UTC)
