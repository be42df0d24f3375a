"""Clients that send requests as Amazon Lex V1 and V2 do at the fulfillment of an intent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .client import Answer, PlatformClient, as_text


class LexV1(PlatformClient):
    """Lex V1: `sessionAttributes` are carried along. An intent that is closed does not end the session.

    Lex has no launch: `launch()` sends the intent `LaunchIntent`.
    """

    ENDS_SESSIONS = False

    def _launch(self) -> dict[str, Any]:
        return self._intent("LaunchIntent", {})

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        slots = {slot: as_text(value) for slot, value in entities.items()}
        summary = {"intentName": name, "slots": slots, "confirmationStatus": "None"}
        return {
            "messageVersion": "1.0",
            "invocationSource": "FulfillmentCodeHook",
            "userId": self.user_id,
            "sessionAttributes": self.attributes,
            "requestAttributes": None,
            "bot": {"name": "test", "alias": "$LATEST", "version": "$LATEST"},
            "outputDialogMode": "Voice",
            "currentIntent": {
                "name": name,
                "slots": slots,
                "slotDetails": {slot: _details_of_v1(value) for slot, value in slots.items()},
                "confirmationStatus": "None",
                "nluIntentConfidenceScore": 1,
            },
            "alternativeIntents": [],
            "inputTranscript": name,
            "recentIntentSummaryView": [] if self.is_new_session else [summary],
            "sentimentResponse": None,
            "kendraResponse": None,
        }

    def _answer(self, response: Any) -> Answer:
        self.attributes = response["sessionAttributes"]
        action = response["dialogAction"]
        return Answer(
            text=action.get("message", {}).get("content", ""),
            ends_session=action["type"] == "Close",
            raw=response,
        )


def _details_of_v1(value: str | None) -> dict[str, Any]:
    return {"resolutions": [] if value is None else [{"value": value}], "originalValue": value}


class LexV2(PlatformClient):
    """Lex V2: `sessionAttributes` are carried along. An intent that is closed does not end the session.

    Lex has no launch: `launch()` sends the intent `LaunchIntent`. The session's id is the user's.
    """

    ENDS_SESSIONS = False

    def _launch(self) -> dict[str, Any]:
        return self._intent("LaunchIntent", {})

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        intent = {
            "name": name,
            "slots": {slot: _slot_of_v2(as_text(value)) for slot, value in entities.items()},
            "state": "ReadyForFulfillment",
            "confirmationState": "None",
        }
        return {
            "messageVersion": "1.0",
            "invocationSource": "FulfillmentCodeHook",
            "inputMode": "Speech",
            "responseContentType": "text/plain; charset=utf-8",
            "sessionId": self.user_id,
            "inputTranscript": name,
            "invocationLabel": "test",
            "bot": {
                "id": "TEST",
                "name": "test",
                "aliasId": "TSTALIASID",
                "aliasName": "TestBotAlias",
                "localeId": self.locale.replace("-", "_"),
                "version": "DRAFT",
            },
            "interpretations": [{"interpretationSource": "Lex", "nluConfidence": 1.0, "intent": intent}],
            "requestAttributes": None,
            "sessionState": {
                "activeContexts": [],
                "sessionAttributes": self.attributes,
                "originatingRequestId": self.session_id,
                "intent": intent,
            },
            "transcriptions": [{"transcription": name, "transcriptionConfidence": 1.0}],
        }

    def _answer(self, response: Any) -> Answer:
        state = response["sessionState"]
        self.attributes = state["sessionAttributes"]
        return Answer(
            text="\n".join(message["content"] for message in response.get("messages", ())),
            ends_session=state["dialogAction"]["type"] == "Close",
            raw=response,
        )


def _slot_of_v2(value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {
        "shape": "Scalar",
        "value": {"originalValue": value, "interpretedValue": value, "resolvedValues": [value]},
    }
