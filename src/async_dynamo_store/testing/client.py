"""`PlatformClient`: sends requests to a `VoiceApp` as a platform does, for one user."""

from __future__ import annotations

import html
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from uuid import uuid4

from async_dynamo_store.errors import StoreError
from async_dynamo_store.voice.app import VoiceApp
from async_dynamo_store.voice.requests import parse_request


@dataclass(frozen=True, slots=True)
class Answer:
    """The app's answer, as a user of the platform perceives it.

    - `text`: what is said, as plain text; `""` if nothing.
    - `reprompt`: what is said if the user does not answer, on platforms that support it.
    - `ends_session`: the platform ends the session, or hangs up; for Lex the intent is closed.
    - `raw`: the whole response; None if the platform sent nothing that could be answered.
    """

    text: str = ""
    reprompt: str = ""
    ends_session: bool = False
    raw: Any = field(default=None, repr=False)


class PlatformClient(ABC):
    """One user of a platform who talks to `app`: the base of all platform clients.

        async with Alexa(app) as alexa:
            answer = await alexa.launch()
            assert answer.text == "Welcome!"

    The first request begins a session. After an answer that ended the session, or after `end()`, the next request
    begins a new one. Session attributes that the app sets are sent with the next request, as on the platform.
    Entering the `async with` opens the app's connection to the database. Leaving it closes the connection, but not the
    store, so that the next test can use the same app.

    `user_id` is the platform's user id, `""` for none; `locale` is the user's language, on platforms that send it.
    """

    USER_ID: ClassVar[str] = "test-user"
    """The default `user_id`."""

    ENDS_SESSIONS: ClassVar[bool] = True
    """Whether an answer with `ends_session` ends the platform's session."""

    def __init__(self, app: VoiceApp[Any], *, user_id: str | None = None, locale: str = "en-US") -> None:
        self.app = app
        self.user_id = self.USER_ID if user_id is None else user_id
        self.locale = locale
        self.begin_session()

    def begin_session(self) -> None:
        """End the session silently, as a platform does after a timeout: the next request begins a new one."""
        self.session_id = uuid4().hex
        self.attributes: Mapping[str, Any] = {}
        self.is_new_session = True

    async def __aenter__(self) -> Self:
        # On a busy machine, creating a client and starting an embedded database may take longer than a turn may take.
        with suppress(StoreError):  # the first turn raises the same error
            await self.app.store.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(StoreError):  # an app without a database
            await self.app.store.disconnect()

    @property
    def session_data(self) -> Mapping[str, Any] | None:
        """The initial `turn.session.data` of the next turn; None if the platform has no session attributes."""
        (request,) = parse_request(self._intent("Any", {}))
        return request.session_data

    async def launch(self) -> Answer:
        """Open the app, or call it."""
        return await self.send(self._launch())

    async def intent(self, name: str, /, **entities: Any) -> Answer:
        """Send a request that the platform resolved to this intent, with these slots or parameters.

        If the platform's slots are strings (Alexa, Lex), other values are converted: `points=30` becomes `"30"`. None is an
        empty slot.
        """
        return await self.send(self._intent(name, entities))

    async def end(self) -> Answer:
        """End the session as the user does.

        On platforms that do not report the end, nothing is sent and the answer is empty.
        """
        request = self._end()
        answer = Answer() if request is None else await self.send(request)
        self.begin_session()
        return answer

    async def send(self, request: Mapping[str, Any]) -> Answer:
        """Send a request in the platform's JSON, for example one without its own method, and process the answer.

        Raises what `app.handle` raises.
        """
        response = await self.app.handle(json.loads(json.dumps(request)))
        # A server sends JSON too, with a Decimal as a number.
        response = json.loads(json.dumps(response, allow_nan=False, default=float))
        self.is_new_session = False
        answer = self._answer(response)
        if answer.ends_session and self.ENDS_SESSIONS:
            self.begin_session()
        return answer

    @abstractmethod
    def _launch(self) -> dict[str, Any]: ...

    @abstractmethod
    def _intent(self, name: str, entities: Mapping[str, Any]) -> dict[str, Any]: ...

    def _end(self) -> dict[str, Any] | None:
        return None

    @abstractmethod
    def _answer(self, response: Any) -> Answer: ...


def iso_now() -> str:
    """The current time in the format of Alexa and Jovo."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds_now() -> int:
    """The current time in the format of Messenger and of phone agents."""
    return int(datetime.now(UTC).timestamp() * 1000)


def as_text(value: Any) -> str | None:
    """A slot's value, for platforms whose slots are strings."""
    return value if value is None or isinstance(value, str) else str(value)


def spoken(markup: str) -> str:
    """The text of an SSML document."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).strip()


def without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """Session parameters without nulls, which stand for removed parameters."""
    return {name: value for name, value in values.items() if value is not None}
