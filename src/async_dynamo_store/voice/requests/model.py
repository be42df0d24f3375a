"""What a platform asked, and what it is answered, in one shape for all platforms."""

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
"""The platforms by name; `google-assistant` is Actions Builder, `jovo-core` all of Jovo Core but its Web."""

Kind = Literal["launch", "intent", "end", "event", "probe"]
"""What a request is to the dialogue.

- `launch`: the user opened the app, or called.
- `intent`: the user said, typed or tapped something.
- `end`: the conversation is over; most platforms play no answer.
- `event`: the platform reports what nobody said (`AudioPlayer.PlaybackStarted`, a delivery receipt). It is
  for a handler of that very name, not for a fallback that asks the user to say it again.
- `probe`: the platform asks whether the app could answer (`CanFulfillIntentRequest`). No user has said
  anything, and nothing is saved.
"""

ONCE_PLATFORMS: tuple[Platform, ...] = ("vapi", "retell")
"""Where the session's data, a call's variables, is taken with the answer to its launch and not later."""

TEXT_PLATFORMS: tuple[Platform, ...] = ("messenger", "twilio-voice")
"""Where an intent is what the user typed or said, so that it may be spelled like an event's name."""


CanFulfill = Literal["YES", "NO", "MAYBE"]
"""What a platform is told that asks whether the app could answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of one user. Its repr holds nothing of the user's.

    - `jovo_type`: Jovo v3's name for the platform (`AlexaSkill`), as in its `prefixPrimaryKeyWithPlatform`.
    - `user_id`: None when the request names nobody.
    - `session_id`: None when the platform has no sessions or did not name this one.
    - `is_new_session`: None where the request does not show it. Alexa and Jovo say it; elsewhere a greeting, a
      call's first request, or what an earlier answer left in the session shows it. `turn.session.is_new` knows more
      when `stored_elements.session` is on.
    - `intent`: the platform's own name for what was asked, for Messenger and Twilio the text; `""` for none.
    - `tag`: by which the agent's owner chose this webhook (Dialogflow CX); None on other platforms.
    - `entities`: one value per slot or parameter, as the platform resolved it; None for an empty slot.
      `entities.details(name)` knows what was heard, whether it matched, and its id.
    - `timestamp`: aware; None where the platform sends none.
    - `session_data`: what the platform's own session attributes carried; `turn.session.data` is a copy of it. None
      where the platform has none (Messenger, Twilio).
    - `delivery_id`: the platform's id of what it may deliver more than once; None where it does not.
    - `raw`: the platform's JSON; for Messenger its entry with just the one event.
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
    """What a handler answered, as plain text; each platform's escaping is done when it is rendered.

    - `reprompt`: spoken when no answer comes, on platforms that can.
    - `listen`: an answer is awaited (`ask`), or not (`tell`).
    - `session_data`: goes back into the platform's own session attributes, whole: a key that is gone from it
      is removed there. Platforms without session attributes ignore it.
    - `can_fulfill`: the answer to a `probe`.
    - `is_failure`: the turn has failed, and this is what `on_error` says.
    - `native`: parts of this platform's own response, which are merged into ours; None for none.
    """

    speech: str | None = field(default=None, repr=False)
    reprompt: str | None = field(default=None, repr=False)
    listen: bool = False
    session_data: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    can_fulfill: CanFulfill = field(default="NO", repr=False)
    is_failure: bool = field(default=False, repr=False)
    native: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def ends_session(self) -> bool:
        """Whether something was said and no answer is awaited.

        A handler that says nothing leaves the dialogue to the platform.
        """
        return self.speech is not None and not self.listen
