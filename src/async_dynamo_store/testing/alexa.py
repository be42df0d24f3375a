"""A client that sends requests as Amazon Alexa does ('Request and Response JSON Reference', Alexa Skills Kit)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from .client import Answer, PlatformClient, as_text, iso_now, spoken

APPLICATION_ID = "amzn1.ask.skill.00000000-0000-0000-0000-000000000000"


class Alexa(PlatformClient):
    """Alexa: launch, intents with slots, the end of a session; session attributes are carried along."""

    USER_ID = "amzn1.ask.account.TESTUSER"

    async def can_fulfill(self, name: str, /, **slots: Any) -> str:
        """Ask whether the app can answer this intent, as Alexa does while it looks for a skill.

        The answer is "YES", "NO" or "MAYBE".
        """
        request = self.request("CanFulfillIntentRequest", intent=_intent(name, slots))
        del request["session"]
        response = await self.app.handle(request)
        answer: str = response["response"]["canFulfillIntent"]["canFulfill"]
        return answer

    def _launch(self) -> dict[str, Any]:
        return self.request("LaunchRequest")

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        return self.request("IntentRequest", intent=_intent(name, entities))

    def _end(self) -> dict[str, Any]:
        return self.request("SessionEndedRequest", reason="USER_INITIATED")

    def request(self, kind: str, **more: Any) -> dict[str, Any]:
        """A request of any type in this session, to change and to `send`; `more` are the fields of `request`."""
        application, user = {"applicationId": APPLICATION_ID}, {"userId": self.user_id}
        return {
            "version": "1.0",
            "session": {
                "new": self.is_new_session,
                "sessionId": f"amzn1.echo-api.session.{self.session_id}",
                "application": application,
                "attributes": self.attributes,
                "user": user,
            },
            "context": {
                "System": {
                    "application": application,
                    "user": user,
                    "device": {"deviceId": "amzn1.ask.device.TEST", "supportedInterfaces": {}},
                    "apiEndpoint": "https://api.amazonalexa.com",
                    "apiAccessToken": "none",
                }
            },
            "request": {
                "type": kind,
                "requestId": f"amzn1.echo-api.request.{uuid4()}",
                "timestamp": iso_now(),
                "locale": self.locale,
                **more,
            },
        }

    def _answer(self, response: Any) -> Answer:
        body = response["response"]
        self.attributes = response.get("sessionAttributes") or {}
        return Answer(
            text=_text(body),
            reprompt=_text(body.get("reprompt", {})),
            ends_session=bool(body.get("shouldEndSession")),
            raw=response,
        )


def _intent(name: str, slots: Mapping[str, Any]) -> dict[str, Any]:
    filled = {slot: _slot(slot, as_text(value)) for slot, value in slots.items()}
    return {"name": name, "confirmationStatus": "NONE", "slots": filled}


def _slot(name: str, value: str | None) -> dict[str, Any]:
    slot = {"name": name, "confirmationStatus": "NONE"}
    return slot if value is None else slot | {"value": value, "source": "USER"}


def _text(holder: Mapping[str, Any]) -> str:
    speech = holder.get("outputSpeech", {})
    return spoken(speech["ssml"]) if "ssml" in speech else speech.get("text", "")
