"""Verifies who sent a request, with each platform's own proof, before a turn begins.

Without it, anyone who knows a public URL can act as any user. Alexa's verifier is in `alexa`, which needs the
extra `asgi`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from async_dynamo_store.voice.requests import Platform, Request

__all__ = [
    "HttpRequest",
    "MessengerVerifier",
    "RetellVerifier",
    "SharedSecret",
    "TwilioVerifier",
    "VerificationError",
    "Verifier",
]

_RETELL_SIGNATURE = re.compile(r"v=(\d{1,15}),d=([0-9a-f]+)")
_RETELL_SECONDS = 300


class VerificationError(Exception):
    """The request could not be verified. The message says why; it is only for the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A raw HTTP request, as verifiers need it.

    `url` is the complete URL that the client requested. `headers` has lowercase names. `form` has the fields of a
    form in order, or None for JSON.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    form: Sequence[tuple[str, str]] | None = field(repr=False)


@runtime_checkable
class Verifier(Protocol):
    """Decides whether a request of `platforms` is authentic."""

    @property
    def platforms(self) -> Collection[str]:
        """The platforms whose requests it verifies, by their names in `Platform`."""
        ...

    async def verify(self, http: HttpRequest, request: Request) -> None:
        """Raise `VerificationError` if the request cannot be verified."""
        ...


class MessengerVerifier:
    """Facebook Messenger: the body is signed with the app's secret (Meta, 'Webhooks', 'Validate Payloads').

    `verify_token` is the token from the app's dashboard: Meta sends it once, when the webhook is set up.
    """

    platforms: tuple[Platform, ...] = ("messenger",)

    def __init__(self, app_secret: str, *, verify_token: str) -> None:
        self._secret = _required("app_secret", app_secret)
        self._verify_token = _required("verify_token", verify_token)

    async def verify(self, http: HttpRequest, request: Request) -> None:
        """Compare X-Hub-Signature-256 with the signature of the body."""
        expected = "sha256=" + hmac.new(self._secret, http.body, hashlib.sha256).hexdigest()
        if not _is_same(http.headers.get("x-hub-signature-256"), expected.encode()):
            raise VerificationError("X-Hub-Signature-256 is missing or wrong")

    def challenge(self, query: Mapping[str, str]) -> str:
        """The answer to Meta's verification request; raises `VerificationError` for a wrong token."""
        if query.get("hub.mode") != "subscribe" or not _is_same(
            query.get("hub.verify_token"), self._verify_token
        ):
            raise VerificationError("hub.verify_token is missing or wrong")
        return query.get("hub.challenge", "")


class TwilioVerifier:
    """Twilio: the URL and the form are signed with the account's auth token (Twilio, 'Security').

    `url` is the webhook's URL exactly as configured in Twilio. Pass it if a proxy changes the URL; without it, the
    request's URL is used.
    """

    platforms: tuple[Platform, ...] = ("twilio-voice",)

    def __init__(self, auth_token: str, *, url: str | None = None) -> None:
        self._token = _required("auth_token", auth_token)
        self._url = url

    async def verify(self, http: HttpRequest, request: Request) -> None:
        """Compare X-Twilio-Signature with the signature of the URL and the form."""
        if http.form is None:
            raise VerificationError("the body is not a form, but Twilio sends forms")
        # Sorted by name and value, without duplicates, as in Twilio's own libraries.
        fields = "".join(name + value for name, value in sorted(set(http.form)))
        given = http.headers.get("x-twilio-signature")
        for url in _with_and_without_port(self._url or http.url):
            signature = hmac.new(self._token, (url + fields).encode(), hashlib.sha1).digest()
            if _is_same(given, base64.b64encode(signature)):
                return
        raise VerificationError(
            "X-Twilio-Signature is missing or wrong; behind a proxy, pass TwilioVerifier the url configured in Twilio"
        )


class RetellVerifier:
    """Retell: the body and a time are signed with an API key (Retell, 'Secure the webhook').

    The key is the one with a webhook badge in Retell's dashboard.
    """

    platforms: tuple[Platform, ...] = ("retell",)

    def __init__(self, api_key: str) -> None:
        self._key = _required("api_key", api_key)

    async def verify(self, http: HttpRequest, request: Request) -> None:
        """Compare X-Retell-Signature with the signature of the body and the time, which must be at most five minutes off."""
        found = _RETELL_SIGNATURE.fullmatch(http.headers.get("x-retell-signature", ""))
        if found is None:
            raise VerificationError("X-Retell-Signature is missing or malformed")
        signed_at, digest = found.groups()
        if abs(time.time() - int(signed_at) / 1000) > _RETELL_SECONDS:
            raise VerificationError(
                "X-Retell-Signature is too old or too new; check this machine's clock too"
            )
        expected = hmac.new(self._key, http.body + signed_at.encode(), hashlib.sha256).hexdigest()
        if not _is_same(digest, expected.encode()):
            raise VerificationError("X-Retell-Signature is wrong")


class SharedSecret:
    """Platforms that do not sign but send a header that you configure, such as Dialogflow and Vapi.

    SharedSecret("dialogflow-es", header="x-skill-secret", secret="…")
    SharedSecret("vapi", header="x-vapi-secret", secret="…")
    """

    def __init__(self, *platforms: Platform, header: str, secret: str) -> None:
        if not platforms:
            raise ValueError('name the platforms: SharedSecret("dialogflow-es", header=…, secret=…)')
        self.platforms = platforms
        self._header = header.lower()
        self._secret = _required("secret", secret)

    async def verify(self, http: HttpRequest, request: Request) -> None:
        """Compare the header with the secret."""
        if not _is_same(http.headers.get(self._header), self._secret):
            raise VerificationError(f"the header {self._header} is missing or wrong")


def _required(name: str, secret: str) -> bytes:
    """The secret's bytes. Raises ValueError for an empty secret, which everybody would know."""
    if not secret:
        raise ValueError(f"{name} is empty")
    return secret.encode()


def _is_same(given: str | None, expected: bytes) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), expected)


def _with_and_without_port(url: str) -> tuple[str, str]:
    """Both forms of a URL. Twilio signs some URLs with the scheme's default port and some without it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise VerificationError("the request's URL is invalid") from error
    bare = parts.netloc if port is None else parts.netloc.removesuffix(f":{port}")
    rest = url.removeprefix(f"{parts.scheme}://{parts.netloc}")
    full = f"{bare}:{port or (443 if parts.scheme == 'https' else 80)}"
    return f"{parts.scheme}://{bare}{rest}", f"{parts.scheme}://{full}{rest}"
