"""Clients that send requests as Messenger and the phone platforms do: Twilio, Vapi, Retell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

from .client import Answer, PlatformClient, milliseconds_now

OWN_NUMBER = "+15005550006"


class Messenger(PlatformClient):
    """Facebook Messenger: a text, or a button's payload as an intent. It has no session and no attributes.

    `launch()` taps the Get Started button.
    """

    USER_ID = "3135154219859294"
    _PAGE = "113159190077727"

    async def say(self, text: str) -> Answer:
        """Send a text."""
        return await self.send(self._event(message={"mid": _mid(), "text": text}))

    def _launch(self) -> dict[str, Any]:
        return self._intent("GET_STARTED", {})

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        _check_none("Messenger", entities)
        return self._event(postback={"mid": _mid(), "title": name, "payload": name})

    def _event(self, **event: Any) -> dict[str, Any]:
        now = milliseconds_now()
        about = {"sender": {"id": self.user_id}, "recipient": {"id": self._PAGE}, "timestamp": now}
        return {"object": "page", "entry": [{"id": self._PAGE, "time": now, "messaging": [about | event]}]}

    def _answer(self, response: Any) -> Answer:
        return Answer(text=response.get("message", {}).get("text", ""), raw=response)


class TwilioVoice(PlatformClient):
    """A call through Twilio: what the caller says or types is the intent. There are no session attributes."""

    USER_ID = "+14155550100"

    async def press(self, digits: str) -> Answer:
        """Type digits on the phone."""
        return await self.send(self._form("in-progress", Digits=digits))

    def _launch(self) -> dict[str, Any]:
        return self._form("ringing")

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        _check_none("Twilio", entities)
        return self._form("in-progress", SpeechResult=name, Confidence="0.9")

    def _end(self) -> dict[str, Any]:
        return self._form("completed", CallDuration="30", CallbackSource="call-progress-events")

    def _form(self, status: str, **more: str) -> dict[str, Any]:
        return {
            "CallSid": f"CA{self.session_id}",
            "AccountSid": "AC00000000000000000000000000000000",
            "ApiVersion": "2010-04-01",
            "From": self.user_id,
            "Caller": self.user_id,
            "To": OWN_NUMBER,
            "Called": OWN_NUMBER,
            "Direction": "inbound",
            "CallStatus": status,
            **more,
        }

    def _answer(self, response: Any) -> Answer:
        verbs = ET.fromstring(response)  # noqa: S314 - the app's own answer
        said = ["".join(say.itertext()) for say in verbs.iter("Say")]
        return Answer(
            text="".join(said[:1]),
            reprompt="\n".join(said[1:]),
            ends_session=verbs.find("Hangup") is not None,
            raw=response,
        )


class Vapi(PlatformClient):
    """A phone call through Vapi: `launch()` is the assistant request, an intent is a tool call.

    The variables of the launch's answer are the session's data for the whole call.
    """

    USER_ID = "+14155550100"

    def _launch(self) -> dict[str, Any]:
        return self._message("assistant-request", phoneNumber={"number": OWN_NUMBER})

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        call = {"id": f"call_{uuid4().hex}", "name": name, "parameters": dict(entities)}
        return self._message("tool-calls", toolCallList=[call], toolWithToolCallList=[])

    def _end(self) -> dict[str, Any]:
        return self._message("end-of-call-report", endedReason="customer-ended-call", artifact={})

    def _message(self, kind: str, **more: Any) -> dict[str, Any]:
        call: dict[str, Any] = {
            "id": self.session_id,
            "type": "inboundPhoneCall",
            "status": "in-progress",
            "customer": {"number": self.user_id},
            "assistantOverrides": {"variableValues": self.attributes},
        }
        return {"message": {"type": kind, "timestamp": milliseconds_now(), "call": call, **more}}

    def _answer(self, response: Any) -> Answer:
        if "results" in response:
            (result,) = response["results"]
            return Answer(text=result.get("result") or result.get("error", ""), raw=response)
        overrides = response.get("assistantOverrides", {})
        self.attributes = overrides.get("variableValues", self.attributes)
        return Answer(text=response.get("error") or overrides.get("firstMessage", ""), raw=response)


class Retell(PlatformClient):
    """A phone call through Retell: `launch()` is the inbound webhook, an intent is a custom function.

    The dynamic variables of the launch's answer, which are strings, are the session's data for the whole call.
    """

    USER_ID = "+14155550100"
    _AGENT = "agent_test"

    def _launch(self) -> dict[str, Any]:
        inbound = {"agent_id": self._AGENT, "from_number": self.user_id, "to_number": OWN_NUMBER}
        return {
            "event": "call_inbound",
            "event_timestamp": milliseconds_now(),
            "call_inbound": inbound,
        }

    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": name, "args": dict(entities), "call": self._call("ongoing")}

    def _end(self) -> dict[str, Any]:
        call = self._call("ended") | {"disconnection_reason": "user_hangup"}
        return {"event": "call_ended", "event_timestamp": milliseconds_now(), "call": call}

    def _call(self, status: str) -> dict[str, Any]:
        return {
            "call_id": self.session_id,
            "call_type": "phone_call",
            "agent_id": self._AGENT,
            "call_status": status,
            "from_number": self.user_id,
            "to_number": OWN_NUMBER,
            "direction": "inbound",
            "retell_llm_dynamic_variables": self.attributes,
        }

    def _answer(self, response: Any) -> Answer:
        inbound = response.get("call_inbound", {})
        self.attributes = inbound.get("dynamic_variables", self.attributes)
        return Answer(text=response.get("result", ""), raw=response)


def _mid() -> str:
    return f"m_{uuid4().hex}"


def _check_none(platform: str, entities: Mapping[str, Any]) -> None:
    if entities:
        raise TypeError(f"{platform} has no slots, and the intent is the text: remove {', '.join(entities)}")
