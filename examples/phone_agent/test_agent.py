from datetime import timedelta

from agent import app
from time_machine import Traveller

from async_dynamo_store.testing import TwilioVoice, VoiceDb


async def test_the_next_call_knows_the_last_one(voice_db: VoiceDb) -> None:
    async with TwilioVoice(app) as phone:
        assert (await phone.launch()).text == "Hello! How can I help?"
        assert (await phone.intent("Where is my parcel?")).text == "I am on it."
        await phone.end()
        assert (await phone.launch()).text == "Welcome back! How can I help?"
        answer = await phone.intent("Any news?")
        assert answer.text == "I am on it. Before that you asked: Where is my parcel?"


async def test_the_transcript_is_kept(voice_db: VoiceDb) -> None:
    async with TwilioVoice(app) as phone:
        await phone.launch()
        await phone.intent("Where is my parcel?")
        [call] = [conversation async for conversation in app.store.conversations(phone.user_id)]
        assert await call.messages() == [
            {"role": "user", "content": "Where is my parcel?"},
            {"role": "assistant", "content": "I am on it."},
        ]


async def test_a_caller_is_forgotten(voice_db: VoiceDb) -> None:
    async with TwilioVoice(app) as phone:
        await phone.launch()
        await phone.intent("Where is my parcel?")
        assert (await phone.press("9")).ends_session
        assert not await app.store.exists(phone.user_id)
        assert [conversation async for conversation in app.store.conversations(phone.user_id)] == []


async def test_a_transcript_is_gone_after_a_month(voice_db: VoiceDb, frozen: Traveller) -> None:
    async with TwilioVoice(app) as phone:
        await phone.launch()
        await phone.intent("Where is my parcel?")
        frozen.shift(timedelta(days=31))
        assert (await phone.launch()).text == "Welcome back! How can I help?"
        assert (await phone.intent("Any news?")).text == "I am on it."


async def test_a_caller_who_hides_the_number_is_nobody(voice_db: VoiceDb) -> None:
    async with TwilioVoice(app, user_id="anonymous") as phone:
        await phone.launch()
        assert (await phone.intent("Where is my parcel?")).text == "I am on it."
        assert (await phone.launch()).text == "Hello! How can I help?"
