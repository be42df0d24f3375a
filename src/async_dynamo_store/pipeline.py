"""The stages that a request goes through, and the turn that goes through them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, Literal, get_args

from .errors import StoreError, UserNotLoadedError
from .history import last_said
from .record import DataT, History, Session, UserRecord
from .requests import Reply, Request, render_reply

if TYPE_CHECKING:
    from .store import AsyncDynamoStore

log = logging.getLogger(__name__)

Stage = Literal["request", "user.load", "handler", "user.save", "response", "fail"]
"""The steps of a turn, in their order; `fail` is taken when one of the others raises."""

Step = Callable[["Turn[DataT]"], Awaitable[None]]
"""What runs at a stage: an async function of the turn."""


class Turn(Generic[DataT]):
    """One request of one user, from request JSON to response JSON.

    `reply` is what the handler answered so far, `response` the platform's JSON once it is made, `error` what
    a stage raised.
    """

    def __init__(self, request: Request, store: AsyncDynamoStore[DataT] | None = None) -> None:
        self.request = request
        self.reply = Reply()
        self.response: Any = None
        self.error: Exception | None = None
        self.session = _platform_session(request)
        self._user: UserRecord[DataT] | None = None
        self._store = store

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.request!r})"

    @property
    def user(self) -> UserRecord[DataT]:
        """The user.

        Raises `UserNotLoadedError` where none was loaded: no database, `implicit_save` off, or a load that
        failed.
        """
        if self._user is None:
            raise UserNotLoadedError(
                "This turn's user was not loaded. Give the app a database (set_dynamo_db), or, with"
                " implicit_save off, use turn.store."
            )
        return self._user

    @user.setter
    def user(self, record: UserRecord[DataT]) -> None:
        self._user = record

    @property
    def history(self) -> History:
        """The user's last turns, as far as they are stored."""
        return self.user.history

    @property
    def store(self) -> AsyncDynamoStore[DataT]:
        """The app's store; raises `StoreError` when it has none."""
        if self._store is None:
            raise StoreError(
                "This app has no database. Give it one in the constructor or with set_dynamo_db."
            )
        return self._store

    def tell(self, text: str) -> None:
        """Say `text`, as plain text (it is escaped for the platform's markup), and end the conversation."""
        self.reply = Reply(speech=text)

    def ask(self, text: str, reprompt: str | None = None) -> None:
        """Say `text` and listen; `reprompt` is said when no answer comes, on platforms that can."""
        self.reply = Reply(speech=text, reprompt=reprompt, listen=True)

    def repeat(self) -> None:
        """Say again what was said last; raises `StoreError` when `stored_elements.history` kept nothing."""
        said = last_said(self.history.items)
        if said is None:
            raise StoreError(
                "There is nothing to repeat: switch stored_elements.history on, with its element `output`."
            )
        speech, reprompt, listen = said
        self.reply = Reply(speech, reprompt, listen)

    def render(self) -> Any:
        """The reply in the platform's own shape, with the session's data."""
        self.reply.session_data = self.session.data
        return render_reply(self.request, self.reply)

    def fail(self, error: Exception) -> None:
        """Take back what the handler said and put in the session: the error is what this turn comes to."""
        self.error = error
        self.reply = Reply()
        self.session = _platform_session(self.request)


def _platform_session(request: Request) -> Session:
    return Session(
        id=request.session_id,
        data=deepcopy(request.session_data or {}),
        is_new=bool(request.is_new_session),
        is_of_platform=request.session_data is not None,
    )


class RequestPipeline(Generic[DataT]):
    """The stages of a turn, and what runs at each."""

    def __init__(self) -> None:
        self._steps: dict[str, list[Step[DataT]]] = {stage: [] for stage in get_args(Stage)}

    def use(self, stage: Stage, step: Step[DataT]) -> None:
        """Run `step` at `stage`, after those that were added before it.

        Raises ValueError for a stage that there is not.
        """
        if stage not in self._steps:
            raise ValueError(f"there is no stage {stage!r}; the stages are {', '.join(self._steps)}")
        self._steps[stage].append(step)

    async def run(self, turn: Turn[DataT]) -> Any:
        """Take a turn through the stages and return its response.

        What a stage raises goes to the steps of `fail`, whose reply is then the response; without any it is
        raised.
        """
        try:
            for stage in ("request", "user.load", "handler", "user.save"):
                await self._take(stage, turn)
            turn.response = turn.render()
            await self._take("response", turn)
        except Exception as error:
            if not self._steps["fail"]:
                raise
            log.warning("A %s turn failed: %s", turn.request.platform, type(error).__name__)
            turn.fail(error)
            await self._take("fail", turn)
            turn.response = turn.render()
        return turn.response

    async def _take(self, stage: str, turn: Turn[DataT]) -> None:
        for step in self._steps[stage]:
            await step(turn)
