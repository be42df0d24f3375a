"""What the measured functions are sent and answer, and imports next to nothing."""

from __future__ import annotations

from typing import Any

from benchmarks.users import user_id


def event() -> dict[str, Any]:
    """An Alexa request."""
    user = {"userId": user_id(0)}
    return {
        "version": "1.0",
        "session": {"new": False, "sessionId": "s-1", "user": user},
        "context": {"System": {"user": user}},
        "request": {
            "type": "IntentRequest",
            "requestId": "r-1",
            "locale": "en-GB",
            "timestamp": "2026-11-22T17:01:09Z",
            "intent": {"name": "Score"},
        },
    }


def who(request: dict[str, Any]) -> str:
    """The user of an Alexa request."""
    user: str = request["context"]["System"]["user"]["userId"]
    return user


def answer(score: object) -> dict[str, Any]:
    """An Alexa response."""
    speech = {"type": "SSML", "ssml": f"<speak>{score} points</speak>"}
    return {"version": "1.0", "response": {"outputSpeech": speech, "shouldEndSession": True}}
