"""`Request` and `Reply`: a platform's request and its answer, in one format for all platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .entities import Entities

Platform = Literal[
    "alexa",
    "google-assistant",
    "dialogflow-es",
    "dialogflow-cx",
    "lex-v1",
    "lex-v2",
    "messenger",
    "twilio-voice",
    "jovo-core",
    "jovo-web",
    "vapi",
    "retell",
]
"""The platforms by name; `google-assistant` is Actions Builder, `jovo-core` every Jovo Core client but Jovo Web."""

Kind = Literal["launch", "intent", "end", "event", "probe"]
"""The part of a request in the dialogue.

- `launch`: the user opened the app, or called.
- `intent`: the user said, typed or tapped something.
- `end`: the conversation is over; most platforms play no answer.
- `event`: the platform reports something that the user did not say (`AudioPlayer.PlaybackStarted`, a delivery
  receipt). Only a handler with its name runs, never a fallback that asks the user to repeat.
- `probe`: the platform asks whether the app can answer (`CanFulfillIntentRequest`). The user has not said
  anything, and nothing is saved.
"""

ONCE_PLATFORMS: tuple[Platform, ...] = ("vapi", "retell")
"""Platforms that accept session data (the variables of a call) only in the answer to the launch."""

TEXT_PLATFORMS: tuple[Platform, ...] = ("messenger", "twilio-voice")
"""Platforms whose intents are the user's own text, which may equal the name of an event."""


CanFulfill = Literal["YES", "NO", "MAYBE"]
"""The answer to a platform that asks whether the app can answer a request."""


@dataclass(slots=True, kw_only=True)  # not frozen: that makes each field slow to set
class Request:
    """One request of one user. Its repr shows no user data.

    - `jovo_type`: Jovo v3's name for the platform (`AlexaSkill`), as in its `prefixPrimaryKeyWithPlatform`.
    - `user_id`: None if the request carries no user id.
    - `session_id`: None if the platform has no sessions or did not send the id.
    - `is_new_session`: None if the request does not show it. Alexa and Jovo send it; elsewhere a greeting, a
      call's first request, or session data of an earlier answer shows it. `turn.session.is_new` is more reliable
      if `stored_elements.session` is on.
    - `intent`: the platform's name of the intent, for Messenger and Twilio the user's text; `""` for none.
    - `tag`: the tag that the agent gives this webhook (Dialogflow CX); None on other platforms.
    - `entities`: one value per slot or parameter, as the platform resolved it; None for an empty slot.
      `entities.details(name)` returns what was heard, whether it matched, and its id.
    - `timestamp`: timezone-aware; None if the platform sends none.
    - `session_data`: the platform's session attributes; `turn.session.data` is a copy. None if the platform has
      none (Messenger, Twilio).
    - `delivery_id`: the platform's id of a message that it may deliver more than once; else None.
    - `raw`: the platform's JSON; for Messenger the entry with only this event.
    """

    platform: Platform
    jovo_type: str
    kind: Kind
    user_id: str | None = field(repr=False)
    session_id: str | None = field(repr=False)
    is_new_session: bool | None
    intent: str = field(repr=False)
    tag: str | None = field(default=None, repr=False)
    entities: Entities = field(repr=False)
    locale: str | None
    timestamp: datetime | None
    session_data: Mapping[str, Any] | None = field(repr=False)
    delivery_id: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(repr=False)


@dataclass(slots=True)
class Reply:
    """A handler's answer, as plain text; rendering escapes it for the platform.

    - `reprompt`: spoken if the user does not answer, on platforms that support it.
    - `listen`: whether the app waits for an answer (`ask`) or not (`tell`).
    - `session_data`: replaces the platform's session attributes; keys that it lacks are removed there. Platforms
      without session attributes ignore it.
    - `can_fulfill`: the answer to a `probe`.
    - `is_failure`: whether the turn failed and `on_error` gave this answer.
    - `native`: parts of this platform's own response, to be merged into ours; None for none.
    """

    speech: str | None = field(default=None, repr=False)
    reprompt: str | None = field(default=None, repr=False)
    listen: bool = False
    session_data: dict[str, Any] = field(default_factory=dict, repr=False)
    can_fulfill: CanFulfill = field(default="NO", repr=False)
    is_failure: bool = field(default=False, repr=False)
    native: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def ends_session(self) -> bool:
        """Whether the reply has speech and does not wait for an answer.

        Without speech, the platform continues the dialogue.
        """
        return self.speech is not None and not self.listen
