"""HTTP requests in the event formats of AWS Lambda, and the responses to them.

AWS, 'Create AWS Lambda proxy integrations for HTTP APIs' (payload formats 1.0 and 2.0), 'Lambda function URLs',
'Use Lambda functions as targets of an Application Load Balancer'.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from .http_endpoint import Answer, Incoming


def is_http(event: Any) -> bool:
    """Whether the event is an HTTP request: no platform has a `requestContext`."""
    return isinstance(event, Mapping) and isinstance(event.get("requestContext"), Mapping)


def incoming(event: Mapping[str, Any]) -> Incoming:
    """The request in an envelope."""
    context = event["requestContext"]
    headers = _headers(event)
    path = event.get("rawPath") or context.get("path") or event.get("path", "/")
    query = _query(event)
    scheme = headers.get("x-forwarded-proto", "https")
    return Incoming(
        method=event.get("httpMethod") or context.get("http", {}).get("method", ""),
        url=f"{scheme}://{headers.get('host', '')}{path}{'?' if query else ''}{query}",
        path=event.get("path") or event.get("rawPath", "/"),
        query=query,
        headers=headers,
        body=_body(event),
    )


def enveloped(event: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    """The answer in the envelope of `event`."""
    # A load balancer with multi-value headers turned on rejects single-value headers.
    if "headers" not in event and "multiValueHeaders" in event:
        headers: dict[str, Any] = {
            "multiValueHeaders": {name: [value] for name, value in answer.headers.items()}
        }
    else:
        headers = {"headers": dict(answer.headers)}
    return {"statusCode": answer.status, **headers, "body": answer.text, "isBase64Encoded": False}


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    """The headers, with lowercase names. The single-value form has only the last value of a repeated header."""
    several = {
        name.lower(): ", ".join(values) for name, values in (event.get("multiValueHeaders") or {}).items()
    }
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()} | several


def _query(event: Mapping[str, Any]) -> str:
    """The query as the client sent it, as far as the envelope preserves it.

    A load balancer passes names and values on unchanged; a REST API decodes them.
    """
    raw: str | None = event.get("rawQueryString")
    if raw is not None:
        return raw
    if "elb" in event["requestContext"]:
        return "&".join(f"{name}={value}" for name, value in _parameters(event))
    return urlencode(list(_parameters(event)), quote_via=quote)


def _parameters(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    several = event.get("multiValueQueryStringParameters")
    if several:
        yield from ((name, value) for name, values in several.items() for value in values)
    else:
        yield from (event.get("queryStringParameters") or {}).items()


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    try:
        return base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError:
        return b""
