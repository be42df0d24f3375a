"""Answers one HTTP request of a platform. All HTTP integrations share it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, get_args
from urllib.parse import parse_qsl

from async_dynamo_store.errors import (
    InvalidUserIdError,
    ThrottledError,
    UnavailableError,
    UnknownRequestError,
)
from async_dynamo_store.records.record import ConflictError
from async_dynamo_store.voice.requests import Platform, Request, parse_request

from .verification import HttpRequest, MessengerVerifier, VerificationError, Verifier

if TYPE_CHECKING:
    from async_dynamo_store.voice.app import VoiceApp

log = logging.getLogger(__name__)

_FORM = "application/x-www-form-urlencoded"
_FIELDS = 1000
_PARTS = 50_000
"""The limit of a body that is parsed before it is verified: far more than any platform sends, and parsed fast."""


class RefusedError(Exception):
    """Answer the request with this HTTP status, which is 400 or more, and with this sentence for the client."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An HTTP request. `url` is complete, `path` is relative to the app's mount, `headers` have lowercase names."""

    method: str
    url: str = field(repr=False)
    path: str = field(repr=False)
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    text: str = field(repr=False)


class HttpEndpoint:
    """Answers requests with an app's turns.

    With `verify`, each request is checked by the verifier of its platform; a request of a platform that has
    none is refused (403). Without `verify`, any caller can act as any user: this is logged once. GET and HEAD of
    `health_path` are answered with 200.
    """

    def __init__(
        self, app: VoiceApp[Any], verify: Iterable[Verifier] | None, health_path: str | None = None
    ) -> None:
        if health_path is not None and not health_path.startswith("/"):
            raise ValueError(f'health_path must begin with a slash, such as "/health"; got {health_path!r}')
        self._app = app
        self._health_path = health_path
        self._verifiers = None if verify is None else _by_platform(verify)
        self._has_warned = verify is not None

    async def answer(self, incoming: Incoming) -> Answer:
        """The answer to one request. Errors are logged, and their text is not sent."""
        if incoming.method in ("GET", "HEAD") and incoming.path == self._health_path:
            return _text("text/plain; charset=utf-8", "ok" if incoming.method == "GET" else "")
        if not self._has_warned:
            log.warning(
                "HTTP requests are not verified: unless a proxy or gateway verifies them, anyone can act as any user."
            )
            self._has_warned = True
        try:
            if incoming.method == "GET":
                return _text("text/plain; charset=utf-8", self._challenge(incoming))
            response = await self._turn(incoming)
            if isinstance(response, str):
                return _text("text/xml; charset=utf-8", response)
            return _text("application/json", json.dumps(response, allow_nan=False, default=float))
        except RefusedError as refused:
            return refusal(refused)
        except Exception as error:
            log.exception("A request could not be answered")
            return refusal(refused_for(error))

    def _challenge(self, incoming: Incoming) -> str:
        """The answer to the GET with which Messenger verifies a webhook."""
        verifier = (self._verifiers or {}).get("messenger")
        if not isinstance(verifier, MessengerVerifier):
            raise _not_allowed()
        try:
            return verifier.challenge(dict(parse_qsl(incoming.query)))
        except VerificationError as error:
            _refuse("messenger", error)

    async def _turn(self, incoming: Incoming) -> Any:
        if incoming.method != "POST":
            raise _not_allowed()
        form = _form(incoming.body) if _media_type(incoming.headers) == _FORM else None
        raw = _json(incoming.body) if form is None else dict(form)
        try:
            requests = parse_request(raw)
        except UnknownRequestError as error:
            raise RefusedError(400, "This is not a request of a supported voice platform.") from error
        http = HttpRequest(url=incoming.url, headers=incoming.headers, body=incoming.body, form=form)
        await self._verify(http, requests[0])
        return await self._app.handle_requests(requests)

    async def _verify(self, http: HttpRequest, request: Request) -> None:
        if self._verifiers is None:
            return
        try:
            verifier = self._verifiers.get(request.platform)
            if verifier is None:
                raise VerificationError("the platform has no verifier; add one to verify=[…] to serve it")
            await verifier.verify(http, request)
        except VerificationError as error:
            _refuse(request.platform, error)


def _by_platform(verifiers: Iterable[Verifier]) -> dict[str, Verifier]:
    by_platform: dict[str, Verifier] = {}
    if isinstance(verifiers, Verifier):
        raise TypeError("verify must be a list of verifiers: verify=[AlexaVerifier(…)]")
    verifiers = list(verifiers)
    if not verifiers:
        raise ValueError("verify is empty: add a verifier for each platform that you serve")
    for verifier in verifiers:
        if not isinstance(verifier, Verifier):
            raise TypeError(f"{verifier!r} is not a verifier: it needs `platforms` and `async def verify`")
        for platform in verifier.platforms:
            if platform not in get_args(Platform):
                raise ValueError(
                    f"there is no platform {platform!r}; the platforms are {', '.join(get_args(Platform))}"
                )
            if by_platform.setdefault(platform, verifier) is not verifier:
                raise ValueError(f"{platform} has two verifiers")
    return by_platform


def _refuse(platform: Platform, error: VerificationError) -> NoReturn:
    log.warning("Refused a request (%s): %s", platform, error)
    raise RefusedError(403, "This request could not be verified.") from error


def refused_for(error: Exception) -> RefusedError:
    """The response to an error. It tells the client only whether a retry may help."""
    if isinstance(error, InvalidUserIdError | UnknownRequestError):
        return RefusedError(400, str(error))
    if isinstance(error, ConflictError):
        return RefusedError(409, "Another request changed this user at the same time. Try again.")
    if isinstance(error, ThrottledError | UnavailableError):
        return RefusedError(503, "The database is unavailable. Try again later.")
    return RefusedError(500, "This request could not be answered.")


def _not_allowed() -> RefusedError:
    return RefusedError(405, "Send requests with POST.", allow="POST")


def _media_type(headers: Mapping[str, str]) -> str:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("application/json", _FORM):
        raise RefusedError(415, f"Send application/json, or {_FORM} as Twilio does.")
    return media_type


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS)
    except ValueError as error:
        raise RefusedError(400, "The body is not a form.") from error


def _json(body: bytes) -> Any:
    if body.count(b"[") + body.count(b"{") > _PARTS:  # a thousand times as fast as parsing
        raise RefusedError(400, f"The body has more than {_PARTS} objects and lists.")
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, "The body is not JSON.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON (RFC 8259)")


def _text(content_type: str, text: str) -> Answer:
    return Answer(status=200, headers={"content-type": content_type}, text=text)


def refusal(refused: RefusedError) -> Answer:
    """The answer to a refused request: JSON with one sentence."""
    headers = {"content-type": "application/json", **refused.headers}
    return Answer(status=refused.status, headers=headers, text=json.dumps({"error": str(refused)}))
