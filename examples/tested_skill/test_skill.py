from __future__ import annotations

from datetime import timedelta

import pytest
from time_machine import Traveller

from async_dynamo_store.testing import Alexa, DialogflowCx, JovoWeb, PlatformClient, VoiceDb

from .skill import app


async def test_points_are_kept_until_the_next_session(alexa: Alexa) -> None:
    assert (await alexa.launch()).text == "Welcome to the quiz!"
    answer = await alexa.intent("ScoreIntent", points=30)
    assert answer.text == "You have 30 points. Next question!"
    assert answer.reprompt == "Are you still there?"
    await alexa.end()
    assert (await alexa.launch()).text == "Welcome back, you have 30 points."


async def test_the_third_answer_is_the_last(alexa: Alexa) -> None:
    await alexa.launch()
    answers = [await alexa.intent("ScoreIntent", points=1) for _ in range(3)]
    assert [answer.ends_session for answer in answers] == [False, False, True]
    assert await app.store.get(alexa.user_id, "score") == 3


async def test_two_players_do_not_share_points(alexa: Alexa) -> None:
    ben = Alexa(app, user_id="ben")
    await alexa.intent("ScoreIntent", points=30)
    assert (await ben.intent("ScoreIntent", points=1)).text == "You have 1 points. Next question!"


@pytest.mark.parametrize("platform", [DialogflowCx, JovoWeb])
async def test_other_platforms_play_too(voice_db: VoiceDb, platform: type[PlatformClient]) -> None:
    async with platform(app) as player:
        await player.launch()
        assert (await player.intent("ScoreIntent", points=30)).text == "You have 30 points. Next question!"
        assert player.session_data == {"answers": 1}


async def test_a_player_is_forgotten_after_a_year(alexa: Alexa, frozen: Traveller) -> None:
    await alexa.intent("ScoreIntent", points=30)
    frozen.shift(timedelta(days=366))
    assert (await alexa.launch()).text == "Welcome to the quiz!"


async def test_a_table_without_capacity_is_said(alexa: Alexa, voice_db: VoiceDb) -> None:
    await alexa.intent("ScoreIntent", points=30)
    with voice_db.throttled("UpdateItem"):
        answer = await alexa.intent("ScoreIntent", points=5)
    assert answer.text == "So many people are playing. Please try again in a minute."
    assert await app.store.get(alexa.user_id, "score") == 30


async def test_a_lost_answer_counts_once(alexa: Alexa, voice_db: VoiceDb) -> None:
    await alexa.intent("ScoreIntent", points=30)
    with voice_db.answers_lost("UpdateItem", times=1):
        assert (await alexa.intent("ScoreIntent", points=5)).text == "You have 35 points. Next question!"


async def test_points_from_another_device_are_kept(alexa: Alexa, voice_db: VoiceDb) -> None:
    await alexa.intent("ScoreIntent", points=30)
    with voice_db.conflict(app.store, alexa.user_id, {"score": 50}):
        await alexa.intent("ScoreIntent", points=5)
    assert await app.store.get(alexa.user_id, "score") == 55


async def test_what_is_no_number_is_no_point(alexa: Alexa) -> None:
    assert (await alexa.intent("ScoreIntent", points="many")).text == "Sorry, something went wrong."
