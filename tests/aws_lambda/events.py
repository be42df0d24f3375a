"""Events as Lambda passes them to a function."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


def intent(intent_name: str, /, user_id: str = "anna", **slots: str) -> dict[str, Any]:
    """An Alexa request."""
    return {
        "version": "1.0",
        "session": {"new": False, "sessionId": "s-1", "user": {"userId": user_id}},
        "context": {"System": {"user": {"userId": user_id}}},
        "request": {
            "type": "IntentRequest",
            "requestId": "r-1",
            "locale": "en-GB",
            "timestamp": "2026-11-22T17:01:09Z",
            "intent": {
                "name": intent_name,
                "slots": {name: {"name": name, "value": value} for name, value in slots.items()},
            },
        },
    }


def spoken(answer: Mapping[str, Any]) -> str:
    """What an Alexa response says."""
    speech: str = answer["response"]["outputSpeech"]["ssml"]
    return speech.removeprefix("<speak>").removesuffix("</speak>")


def dialogflow(name: str) -> str:
    """The body of a Dialogflow ES webhook."""
    return json.dumps(
        {
            "session": "projects/p/agent/sessions/s-1",
            "queryResult": {"intent": {"displayName": name}, "languageCode": "en"},
            "originalDetectIntentRequest": {"payload": {"user": {"userId": "anna"}}},
        }
    )


def messenger(text: str) -> str:
    """The body of a Messenger webhook."""
    event = {"sender": {"id": "anna"}, "recipient": {"id": "page"}, "message": {"text": text}}
    return json.dumps({"object": "page", "entry": [{"id": "page", "time": 1, "messaging": [event]}]})


def twilio(**fields: str) -> str:
    """The body of a Twilio Voice webhook."""
    return urlencode({"CallSid": "CA1", "From": "+441234567890", "Direction": "inbound", **fields})


def as_base64(text: str) -> dict[str, Any]:
    return {"body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}


def rest_api(
    body: str | None, content_type: str = "application/json", method: str = "POST"
) -> dict[str, Any]:
    """API Gateway's REST APIs, payload format 1.0."""
    return {
        "resource": "/skill",
        "path": "/skill",
        "httpMethod": method,
        "headers": {"Content-Type": content_type, "Host": "id.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"Content-Type": [content_type]},
        "queryStringParameters": None,
        "requestContext": {"resourcePath": "/skill", "httpMethod": method, "stage": "prod"},
        "body": body,
        "isBase64Encoded": False,
    }


def http_api(
    body: str | None, content_type: str = "application/json", method: str = "POST"
) -> dict[str, Any]:
    """API Gateway's HTTP APIs and function URLs, payload format 2.0; no `body` when there is none."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/skill",
        "rawQueryString": "",
        "headers": {"content-type": content_type, "host": "id.lambda-url.eu-west-1.on.aws"},
        "requestContext": {"http": {"method": method, "path": "/skill", "protocol": "HTTP/1.1"}},
        "isBase64Encoded": False,
    }
    return event if body is None else {**event, "body": body}


def load_balancer(
    body: str | None, content_type: str = "application/json", method: str = "POST"
) -> dict[str, Any]:
    """An Application Load Balancer with multi-value headers on."""
    return {
        "requestContext": {
            "elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/t/1"}
        },
        "httpMethod": method,
        "path": "/skill",
        "multiValueQueryStringParameters": {},
        "multiValueHeaders": {"content-type": [content_type], "host": ["skill.example.com"]},
        "body": body or "",
        "isBase64Encoded": False,
    }
