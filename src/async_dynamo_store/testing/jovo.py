"""Clients that send requests as the clients of Jovo v4's own platforms do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

from .client import Answer, PlatformClient, iso_now


class JovoCore(PlatformClient):
    """Jovo's Core platform: the client keeps the session's data and sends it again."""

    PLATFORM: ClassVar[str] = "core"

    def _launch(self) -> dict[str, Any]:
        return self._request({"type": "LAUNCH"})

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        values = {entity: {"value": value} for entity, value in entities.items()}
        return self._request({"type": "INTENT", "intent": name, "entities": values})

    def _end(self) -> dict[str, Any]:
        return self._request({"type": "END"})

    def _request(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "version": "4.0",
            "platform": self.PLATFORM,
            "id": str(uuid4()),
            "timestamp": iso_now(),
            "timeZone": "Etc/UTC",
            "locale": self.locale,
            "data": {},
            "input": given,
            "context": {
                "device": {"capabilities": ["AUDIO", "TEXT"]},
                "session": {
                    "id": self.session_id,
                    "data": self.attributes,
                    "isNew": self.is_new_session,
                    "updatedAt": iso_now(),
                },
                "user": {"id": self.user_id, "data": {}},
            },
        }

    def _answer(self, response: Any) -> Answer:
        session = response["context"]["session"]
        self.attributes = session["data"]
        output = response["output"]
        return Answer(
            text="\n".join(_text(each.get("message", "")) for each in output),
            reprompt="\n".join(_text(each["reprompt"]) for each in output if "reprompt" in each),
            ends_session=session["end"],
            raw=response,
        )


class JovoWeb(JovoCore):
    """Jovo's Web platform."""

    PLATFORM = "web"


def _text(message: Any) -> str:
    """The text of a message. Native output may have an object instead of a string."""
    return message if isinstance(message, str) else message.get("text") or message.get("speech", "")
