from __future__ import annotations

from skill import app

from async_dynamo_store.testing import Alexa, VoiceDb


async def test_a_name_is_remembered_until_the_next_session(voice_db: VoiceDb) -> None:
    async with Alexa(app) as alexa:
        assert (await alexa.launch()).text == "Welcome! What is your name?"
        assert (await alexa.intent("MyNameIsIntent", name="Anna")).text == "Nice to meet you, Anna."
        assert (await alexa.launch()).text == "Welcome back, Anna! This is visit number 2."


async def test_two_users_are_two_people(voice_db: VoiceDb) -> None:
    async with Alexa(app, user_id="anna") as anna, Alexa(app, user_id="ben") as ben:
        await anna.intent("MyNameIsIntent", name="Anna")
        assert (await ben.launch()).text == "Welcome! What is your name?"


async def test_a_user_is_forgotten(voice_db: VoiceDb) -> None:
    async with Alexa(app) as alexa:
        await alexa.intent("MyNameIsIntent", name="Anna")
        assert (await alexa.intent("ForgetMeIntent")).text == "I have forgotten you."
        assert not await app.store.exists(alexa.user_id)


async def test_the_skill_apologizes_while_dynamodb_is_down(voice_db: VoiceDb) -> None:
    async with Alexa(app) as alexa:
        with voice_db.throttled():
            answer = await alexa.launch()
        assert answer.text == "Sorry, something went wrong. Please try again later."
        assert answer.ends_session
