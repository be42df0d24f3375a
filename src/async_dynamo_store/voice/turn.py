"""`Turn`: one request of one user, as handlers see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, get_args

from async_dynamo_store.errors import (
    StoreError,
    UnknownRequestError,
    UnsupportedValueError,
    UserNotLoadedError,
)
from async_dynamo_store.records.loaded import StoredTurn
from async_dynamo_store.records.record import DataT, History, Session, UserRecord
from async_dynamo_store.wire.json_values import check_json

from .history import history_item, last_said
from .requests import (
    NESTED_TOO_DEEPLY,
    ONCE_PLATFORMS,
    CanFulfill,
    Native,
    Reply,
    Request,
    fields,
    native_of,
    render_reply,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_dynamo_store.config import HistoryElement
    from async_dynamo_store.layouts import LayoutName
    from async_dynamo_store.store.conversations.of_turn import TurnConversation
    from async_dynamo_store.store.store import AsyncDynamoStore


_NOT_LOADED = "This turn's user was not loaded. Give the app a database (set_dynamo_db), or, with implicit_save off, use turn.store."


class Turn(Generic[DataT]):
    """One request of one user, from request JSON to response JSON.

    `reply` is the handler's answer so far, `response` the platform's JSON once it exists, `error` the exception
    of a stage. `is_repeated`: the platform delivered a message again, and its turn is already stored; no handler
    runs, and there is no second answer.
    """

    def __init__(self, request: Request, store: AsyncDynamoStore[DataT] | None = None) -> None:
        self.request = request
        self.reply = Reply()
        self.response: Any = None
        self.error: Exception | None = None
        self.is_repeated = False
        self.session = _platform_session(request)
        self._user: UserRecord[DataT] | None = None
        self._conversation: TurnConversation | None = None
        self._store = store

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.request!r})"

    @property
    def user(self) -> UserRecord[DataT]:
        """The user.

        Raises `UserNotLoadedError` if none was loaded: no database, `implicit_save` off, or a failed load.
        """
        if self._user is None:
            raise UserNotLoadedError(_NOT_LOADED)
        return self._user

    @user.setter
    def user(self, record: UserRecord[DataT]) -> None:
        self._user = record

    @property
    def history(self) -> History:
        """The user's last turns, if `stored_elements.history` is on."""
        return self.user.history

    @property
    def conversation(self) -> TurnConversation:
        """The transcript of the turn's session (on a platform without sessions: one transcript per user).

        Raises `UserNotLoadedError` if no user was loaded.
        """
        if self._conversation is None:
            raise UserNotLoadedError(_NOT_LOADED)
        return self._conversation

    def begin_conversation(self, conversation: TurnConversation) -> None:
        """Give the turn the conversation of its session."""
        self._conversation = conversation

    async def save_conversation(self) -> None:
        """Store the messages that were appended to the conversation."""
        if self._conversation:
            await self._conversation.save()

    @property
    def store(self) -> AsyncDynamoStore[DataT]:
        """The app's store; raises `StoreError` if it has none."""
        if self._store is None:
            raise StoreError(
                "This app has no database. Give it one in the constructor or with set_dynamo_db."
            )
        return self._store

    def tell(self, text: str, *, native: Native | None = None) -> None:
        """Say `text`, as plain text (it is escaped for the platform's markup), and end the conversation.

        `native` has parts of the platforms' own responses, such as a card: `{"alexa": {"response": {"card": …}}}`.
        The part of the request's platform is merged into the response: objects key by key, lists concatenated;
        None removes a part. Raises ValueError for an unknown platform and for parts that contradict the rest of
        the response, `UnsupportedValueError` for values that are not JSON.
        """
        self._answer(Reply(speech=text), native)

    def ask(self, text: str, reprompt: str | None = None, *, native: Native | None = None) -> None:
        """Say `text` and listen; platforms that support it say `reprompt` if no answer comes.

        `native` is as in `tell`.
        """
        self._answer(Reply(speech=text, reprompt=reprompt, listen=True), native)

    def send(self, native: Native) -> None:
        """Answer with native output only, without speech, for example to let the platform continue a dialogue.

        `native` is as in `tell`.
        """
        self._answer(Reply(), native)

    def can_fulfill(self, answer: CanFulfill) -> None:
        """Tell the platform whether the app can answer; without this call the answer is "NO".

        Raises ValueError for any other word.
        """
        if answer not in get_args(CanFulfill):
            raise ValueError(f"can_fulfill takes one of {', '.join(get_args(CanFulfill))}, not {answer!r}")
        self.reply = Reply(can_fulfill=answer)

    def _answer(self, reply: Reply, native: Native | None) -> None:
        if native is not None:
            reply.native = native_of(native, self.request.platform)
            # Invalid output has to raise in the handler, before anything is saved.
            check_json(reply.native, f"native.{self.request.platform}")
            render_reply(self.request, reply)
        self.reply = reply

    def repeat(self) -> None:
        """Repeat the last output; raises `StoreError` if `stored_elements.history` has none."""
        said = last_said(self.history.items)
        if said is None:
            raise StoreError(
                "There is nothing to repeat: turn on stored_elements.history with its element `output`."
            )
        speech, reprompt, listen = said
        self.reply = Reply(speech, reprompt, listen)

    async def stored_turn(self, layout: LayoutName, elements: Mapping[str, HistoryElement]) -> StoredTurn:
        """What the user's item stores of this turn, in the format of `layout`; `elements` are the history's."""
        if layout == "jovo3":
            from .jovo3 import context_item, request_note

            history = await context_item(self, elements) if elements else None
            return StoredTurn(history, request_note(self.request))
        return StoredTurn(await history_item(self, elements) if elements else None)

    def check_session(self) -> None:
        """Raise `UnsupportedValueError` if the platform's session attributes cannot hold `session.data`."""
        request, data = self.request, self.session.data
        if self.session.is_of_platform and data:
            check_json(data, "session.data")
        if request.platform in ONCE_PLATFORMS and request.kind != "launch" and data != request.session_data:
            raise UnsupportedValueError(
                f"{request.platform} accepts session data only in the answer to the launch:"
                " store later changes in user.data",
                "session.data",
            )

    def render(self) -> Any:
        """The reply in the platform's format, with the session data."""
        self.reply.session_data = self.session.data
        self.reply.is_failure = self.error is not None
        return render_reply(self.request, self.reply)

    def fail(self, error: Exception) -> None:
        """Discard the reply and the session changes, because the turn failed."""
        self.error = error
        self.reply = Reply()
        self.session = _platform_session(self.request)


def _platform_session(request: Request) -> Session:
    return Session(
        id=request.session_id,
        data=_copied(request.session_data or {}),
        is_new=bool(request.is_new_session),
        is_of_platform=request.session_data is not None,
    )


def _copied(session_data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(fields.copied(session_data))
    except RecursionError as error:
        raise UnknownRequestError(NESTED_TOO_DEEPLY) from error
