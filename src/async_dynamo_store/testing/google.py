"""Clients that send requests as Google's platforms do: Actions Builder, Dialogflow ES and Dialogflow CX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from async_dynamo_store.voice.app import VoiceApp

from .client import Answer, PlatformClient, iso_now, spoken, without_nulls


class ActionsBuilder(PlatformClient):
    """Google Assistant through Actions Builder: `session.params` are carried along."""

    def _launch(self) -> dict[str, Any]:
        return self._request("actions.intent.MAIN", {})

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        return self._request(name, entities)

    def _end(self) -> dict[str, Any]:
        return self._request("actions.intent.CANCEL", {})

    def _request(self, intent: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        params = {
            name: {"original": str(value), "resolved": value}
            for name, value in without_nulls(entities).items()
        }
        return {
            "handler": {"name": intent},
            "intent": {"name": intent, "params": params, "query": intent},
            "scene": {"name": "Main", "slotFillingStatus": "UNSPECIFIED", "slots": {}},
            "session": {
                "id": self.session_id,
                "params": self.attributes,
                "typeOverrides": [],
                "languageCode": "",
            },
            "user": {
                "locale": self.locale,
                "params": {"userId": self.user_id},
                "accountLinkingStatus": "ACCOUNT_LINKING_STATUS_UNSPECIFIED",
                "verificationStatus": "VERIFIED",
                "packageEntitlements": [],
                "lastSeenTime": iso_now(),
            },
            "home": {"params": {}},
            "device": {"capabilities": ["SPEECH"]},
        }

    def _answer(self, response: Any) -> Answer:
        self.attributes = without_nulls({**self.attributes, **response["session"]["params"]})
        simple = response.get("prompt", {}).get("firstSimple", {})
        next_scene = response.get("scene", {}).get("next", {}).get("name")
        return Answer(
            text=spoken(simple.get("speech", "")),
            ends_session=next_scene == "actions.scene.END_CONVERSATION",
            raw=response,
        )


class DialogflowEs(PlatformClient):
    """Dialogflow ES: output contexts are carried along for as many turns as the answer says.

    With `is_call`, the user is on the phone, where `tell` hangs up; `user_id` is the phone number.
    """

    def __init__(
        self,
        app: VoiceApp[Any],
        *,
        user_id: str | None = None,
        locale: str = "en-US",
        is_call: bool = False,
    ) -> None:
        self.is_call = is_call
        super().__init__(app, user_id=user_id, locale=locale)

    def begin_session(self) -> None:
        """Forget the session and its contexts."""
        super().begin_session()
        self._contexts: dict[str, dict[str, Any]] = {}

    def _launch(self) -> dict[str, Any]:
        return self._request("Default Welcome Intent", {}, "WELCOME")

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        return self._request(name, entities, name)

    def _request(self, intent: str, entities: Mapping[str, Any], query: str) -> dict[str, Any]:
        parameters = {name: "" if value is None else value for name, value in entities.items()}
        # Dialogflow writes the parameters of the request into every active context.
        heard = parameters | {f"{name}.original": str(value) for name, value in parameters.items()}
        contexts = [
            {**context, "parameters": context.get("parameters", {}) | heard}
            for context in self._contexts.values()
        ]
        payload: dict[str, Any] = (
            {"telephony": {"caller_id": self.user_id}} if self.is_call else {"userId": self.user_id}
        )
        return {
            "responseId": str(uuid4()),
            "queryResult": {
                "queryText": query,
                "parameters": parameters,
                "allRequiredParamsPresent": True,
                "outputContexts": contexts,
                "intent": {"name": f"projects/test/agent/intents/{intent}", "displayName": intent},
                "intentDetectionConfidence": 1,
                "languageCode": self.locale,
            },
            "originalDetectIntentRequest": {"payload": payload},
            "session": f"projects/test/agent/sessions/{self.session_id}",
        }

    def _answer(self, response: Any) -> Answer:
        for context in self._contexts.values():
            context["lifespanCount"] -= 1
        self._contexts |= {context["name"]: context for context in response.get("outputContexts", ())}
        self._contexts = {
            name: context for name, context in self._contexts.items() if context["lifespanCount"] > 0
        }
        return Answer(
            text=response.get("fulfillmentText", ""),
            ends_session=response.get("endInteraction", False),
            raw=response,
        )


class DialogflowCx(PlatformClient):
    """Dialogflow CX: `sessionInfo.parameters` are carried along.

    The webhook's tag is the intent's name, or `tag` if every webhook of the agent has the same tag.
    """

    _AGENT = "projects/test/locations/global/agents/test"

    def __init__(
        self,
        app: VoiceApp[Any],
        *,
        user_id: str | None = None,
        locale: str = "en-US",
        tag: str | None = None,
    ) -> None:
        self.tag = tag
        super().__init__(app, user_id=user_id, locale=locale)

    def _launch(self) -> dict[str, Any]:
        return self._request("Default Welcome Intent", {})

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        return self._request(name, entities)

    def _request(self, intent: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        parameters = {
            name: {"originalValue": str(value), "resolvedValue": value}
            for name, value in without_nulls(entities).items()
        }
        return {
            "detectIntentResponseId": str(uuid4()),
            "intentInfo": {
                "lastMatchedIntent": f"{self._AGENT}/intents/{intent}",
                "displayName": intent,
                "confidence": 1.0,
                "parameters": parameters,
            },
            "pageInfo": {
                "currentPage": f"{self._AGENT}/flows/00000000-0000-0000-0000-000000000000/pages/START_PAGE",
                "displayName": "Start Page",
                "formInfo": {},
            },
            "sessionInfo": {
                "session": f"{self._AGENT}/sessions/{self.session_id}",
                "parameters": self.attributes,
            },
            "fulfillmentInfo": {"tag": self.tag or intent},
            "payload": {"userId": self.user_id},
            "text": intent,
            "languageCode": self.locale,
        }

    def _answer(self, response: Any) -> Answer:
        self.attributes = without_nulls({**self.attributes, **response["sessionInfo"]["parameters"]})
        messages = response.get("fulfillmentResponse", {}).get("messages", ())
        return Answer(
            text="\n".join(text for message in messages for text in message.get("text", {}).get("text", ())),
            ends_session=response.get("targetPage", "").endswith("/END_SESSION"),
            raw=response,
        )
