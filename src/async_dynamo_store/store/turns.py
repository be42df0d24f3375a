"""The users of a pipeline's turns: each is loaded before the handler and saved after it.

Protocols describe the pipeline and the turn, so that the store imports nothing from `voice`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol
from uuid import uuid4

from async_dynamo_store.errors import BackendError
from async_dynamo_store.records.deliveries import is_noted
from async_dynamo_store.records.loaded import State, StoredTurn
from async_dynamo_store.records.record import DataT, Session, UserRecord

from .conversations.of_turn import TurnConversation

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig, HistoryElement
    from async_dynamo_store.layouts import LayoutName

    from .conversations import Conversation

log = logging.getLogger(__name__)


class RequestLike(Protocol):
    """A request: its user and its session."""

    @property
    def kind(self) -> str:
        """The kind of the request in the dialogue; a `probe` saves nothing."""
        ...

    @property
    def platform(self) -> str:
        """The platform's name for messages."""
        ...

    @property
    def jovo_type(self) -> str:
        """Jovo v3's name for the platform."""
        ...

    @property
    def user_id(self) -> str | None:
        """None if the request has no user id."""
        ...

    @property
    def session_id(self) -> str | None:
        """None if the platform sent no session."""
        ...

    @property
    def is_new_session(self) -> bool | None:
        """None if the platform does not say."""
        ...

    @property
    def delivery_id(self) -> str | None:
        """The platform's id of a message that it may deliver more than once."""
        ...

    @property
    def session_data(self) -> Mapping[str, Any] | None:
        """The platform's own session attributes; None if it has none."""
        ...


class TurnLike(Protocol[DataT]):
    """One request, its user and its session."""

    session: Session
    is_repeated: bool

    @property
    def request(self) -> RequestLike:
        """The platform's request."""
        ...

    @property
    def user(self) -> UserRecord[DataT]:
        """The user of the turn."""
        ...

    @user.setter
    def user(self, record: UserRecord[DataT]) -> None: ...

    def begin_conversation(self, conversation: TurnConversation) -> None:
        """Give the turn the conversation of its session."""
        ...

    async def save_conversation(self) -> None:
        """Store what was appended to the conversation."""
        ...

    async def stored_turn(self, layout: LayoutName, elements: Mapping[str, HistoryElement]) -> StoredTurn:
        """The parts of this turn stored in the user's item, in the form of the layout."""
        ...


class PipelineLike(Protocol):
    """A pipeline that runs steps before and after a handler."""

    def use(self, stage: Literal["user.load", "user.save"], step: Callable[[Any], Awaitable[None]]) -> None:
        """Run `step` at `stage`."""
        ...


class Turns(Generic[DataT]):
    """Loads and saves the user of a pipeline's turn.

    `load` receives the user's id and the platform's key prefix. `anonymous` creates an anonymous record.
    `conversation` receives the user's id, the prefix and the session's id.
    """

    def __init__(
        self,
        config: DynamoDbConfig,
        load: Callable[[str, str], Awaitable[UserRecord[DataT]]],
        save: Callable[[UserRecord[DataT]], Awaitable[None]],
        anonymous: Callable[[], UserRecord[DataT]],
        conversation: Callable[[str, str, str], Conversation],
    ) -> None:
        self._has_platform_prefix = config.prefix_primary_key_with_platform
        self._stores_session = config.stored_elements.session_element is not None
        history = config.stored_elements.history_elements
        self._history_elements = history.elements if history else {}
        self._layout: LayoutName = config.layout
        self._load = partial(self._load_or_do_without, load) if config.on_load_error == "anonymous" else load
        self._save = save
        self._anonymous = anonymous
        self._conversation = conversation
        self._warned_of = set[str]()

    async def load(self, turn: TurnLike[DataT]) -> None:
        """Load the turn's user, and set the sessions of the turn and the user to the same object."""
        request = turn.request
        prefix = f"{request.jovo_type}::" if self._has_platform_prefix else ""
        if request.user_id is None:
            user = self._anonymous()
        else:
            user = await self._load(request.user_id, prefix)
        turn.user, loaded = user, user.loaded
        if request.user_id is None or loaded is None:
            turn.begin_conversation(TurnConversation(None))
        else:
            session = request.session_id or request.platform
            conversation = partial(self._conversation, request.user_id, prefix, session)
            turn.begin_conversation(TurnConversation(conversation))
        turn.is_repeated = bool(
            loaded and request.delivery_id and is_noted(request.delivery_id, loaded.part(()))
        )
        self._join_session(turn, user)

    async def save(self, turn: TurnLike[DataT]) -> None:
        """Save the turn's user and the stored parts of the turn itself."""
        if turn.is_repeated or turn.request.kind == "probe":
            return
        user = turn.user
        loaded = user.loaded
        if loaded is None:
            self._warn_of_what_nobody_keeps(turn)
            return
        stored = await turn.stored_turn(self._layout, self._history_elements)
        loaded.remember(stored, turn.request.delivery_id)
        await self._save(user)
        if loaded.state is not State.DELETED_BY_ITS_TURN:
            await turn.save_conversation()

    def _warn_of_what_nobody_keeps(self, turn: TurnLike[DataT]) -> None:
        """Warn, once per platform, that a handler changed the data of an anonymous user."""
        request = turn.request
        if request.user_id is not None or request.platform in self._warned_of:
            return
        if turn.user.data != self._anonymous().data:
            self._warned_of.add(request.platform)
            log.warning(
                "A handler changed the data of an anonymous user, which is not saved: this request (%s) has no user id."
                " Give the app a function that finds the user, VoiceApp(…, user_id=…), or use account linking.",
                request.platform,
            )

    async def _load_or_do_without(
        self, load: Callable[[str, str], Awaitable[UserRecord[DataT]]], user_id: str, prefix: str
    ) -> UserRecord[DataT]:
        try:
            return await load(user_id, prefix)
        except BackendError as error:
            log.warning("A user could not be loaded; the turn continues with an anonymous user: %s", error)
            return self._anonymous()

    def _join_session(self, turn: TurnLike[DataT], user: UserRecord[DataT]) -> None:
        """Use the platform's own session if it has one, otherwise the stored one.

        If the platform does not say whether its session is new, the stored session decides.
        """
        request, stored = turn.request, user.session
        another = request.session_id is not None and stored.id not in (None, request.session_id)
        is_new = stored.is_new or another or bool(request.is_new_session)
        if request.session_data is None and self._stores_session:
            user.session = Session(id=request.session_id or uuid4().hex) if is_new else stored
            turn.session = user.session
            return
        user.session = turn.session
        if request.is_new_session is None and request.session_id is not None and not user.is_anonymous:
            turn.session.is_remembered = self._stores_session
            turn.session.is_new = is_new if self._stores_session else user.is_new
            if not turn.session.is_new:
                turn.session.created_at, turn.session.updated_at = stored.created_at, stored.updated_at
