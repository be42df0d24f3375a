"""A phone agent for Twilio Voice that remembers its callers between calls. Its tests are in the same folder."""

import os
from typing import Any

from async_dynamo_store import Turn, VoiceApp

DAY = 24 * 60 * 60

app = VoiceApp(
    {
        "db": {
            "type": os.environ.get("VOICE_DB_TYPE", "dynamodb"),
            "tableName": "Callers",
            "ttl": {"attribute": "expires", "afterSeconds": 365 * DAY},
            "conversations": {"ttl": {"attribute": "expires", "afterSeconds": 30 * DAY}},
        }
    }
)


async def reply_to(messages: list[dict[str, Any]]) -> str:
    """Return the next reply to the messages. Call your language model here."""
    questions = [message["content"] for message in messages if message["role"] == "user"]
    if len(questions) > 1:
        return f"I am on it. Before that you asked: {questions[-2]}"
    return "I am on it."


@app.launch
async def greet(turn: Turn) -> None:
    calls = turn.user.increment("calls")
    turn.ask("Hello! How can I help?" if calls == 1 else "Welcome back! How can I help?")


@app.intent("9")
async def forget(turn: Turn) -> None:
    if not turn.user.is_anonymous:
        await turn.store.forget(turn.user.id)
    turn.tell("Everything about you is deleted. Goodbye!")


@app.fallback
async def talk(turn: Turn) -> None:
    question = turn.request.intent
    if not question:
        turn.ask("Sorry, I did not hear you.")
        return
    await turn.conversation.append([{"role": "user", "content": question}])
    messages = [*await last_call(turn), *await turn.conversation.last_turns(10)]
    answer = await reply_to(messages)
    await turn.conversation.append([{"role": "assistant", "content": answer}])
    turn.ask(answer)


async def last_call(turn: Turn) -> list[dict[str, Any]]:
    """Return the last messages of the caller's previous call."""
    if not turn.user.is_anonymous:
        async for conversation in turn.store.conversations(turn.user.id):
            if conversation.id != turn.request.session_id:
                return await conversation.last_turns(5)
    return []


@app.on_error
async def apologize(turn: Turn) -> None:
    turn.tell("Sorry, something went wrong. Please call again later.")
