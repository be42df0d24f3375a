"""`VoiceApp`: dispatches requests to handlers; the store loads and saves their users."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from pydantic import BaseModel, ConfigDict, InstanceOf

from async_dynamo_store.config import Config, DynamoDbConfig
from async_dynamo_store.errors import StoreError, UnknownRequestError
from async_dynamo_store.records.data_model import ModelT
from async_dynamo_store.records.record import DataT
from async_dynamo_store.store.store import AsyncDynamoStore

from .pipeline import RequestPipeline
from .requests import TEXT_PLATFORMS, Request, join_responses, parse_request
from .turn import Turn
from .user_ids import FindUserId, found_user_id

if TYPE_CHECKING:
    from types import TracebackType

    from async_dynamo_store.config import AwsConfig
    from async_dynamo_store.dynamodb.observer import Observer

log = logging.getLogger(__name__)

Handler = Callable[[Turn[DataT]], Awaitable[None]]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[None]])
OtherT = TypeVar("OtherT", bound=Callable[[Mapping[str, Any]], Awaitable[Any]])


class AppConfig(BaseModel):
    """The configuration of a `VoiceApp`.

    `db` is the store's, as `DynamoDbConfig`, `DynamoDbSettings`, a dict, or a table's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    db: InstanceOf[DynamoDbConfig] | dict[str, Any] | str | None = None


class VoiceApp(Generic[DataT]):
    """A voice backend: `handle` turns a platform's request JSON into its response JSON.

        app = VoiceApp({"db": {"type": "dynamodb", "tableName": "Users"}})

        @app.intent("ScoreIntent")
        async def score(turn: Turn) -> None:
            turn.user.data["score"] = turn.user.data.get("score", 0) + 1
            turn.tell(f"Your score is {turn.user.data['score']}.")

    `data_model` is the pydantic model of `turn.user.data`. `user_id` is a function, sync or async, from the
    raw request to the user's id (None if there is none), for account linking and for platforms that send no user id.

    `store` is an existing store instead of `db`, with its own data model, session and options. The app opens it;
    whoever created it closes it.
    """

    @overload
    def __init__(
        self,
        config: AppConfig | Mapping[str, Any] | None = None,
        *,
        store: AsyncDynamoStore[DataT],
        data_model: None = None,
        user_id: FindUserId | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: VoiceApp[dict[str, Any]],
        config: AppConfig | Mapping[str, Any] | None = None,
        *,
        store: None = None,
        data_model: None = None,
        user_id: FindUserId | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self: VoiceApp[ModelT],
        config: AppConfig | Mapping[str, Any] | None = None,
        *,
        store: None = None,
        data_model: type[ModelT],
        user_id: FindUserId | None = None,
    ) -> None: ...

    def __init__(
        self,
        config: AppConfig | Mapping[str, Any] | None = None,
        *,
        store: AsyncDynamoStore[Any] | None = None,
        data_model: type[BaseModel] | None = None,
        user_id: FindUserId | None = None,
    ) -> None:
        self.pipeline: RequestPipeline[DataT] = RequestPipeline()
        if user_id:
            self.pipeline.use("request", partial(_identify, user_id))
        self.pipeline.use("handler", self._dispatch)
        self._data_model: Any = data_model
        self._handlers: dict[str, Handler[DataT]] = {}
        self._intents: dict[str, Handler[DataT]] = {}
        self._events: dict[str, Handler[DataT]] = {}
        self._probes: dict[str, Handler[DataT]] = {}
        self._other: Callable[[Mapping[str, Any]], Awaitable[Any]] | None = None
        self._store: AsyncDynamoStore[DataT] | None = None
        self._owns_store = store is None
        if store is not None:
            if data_model is not None:
                raise TypeError("data_model belongs to the store: AsyncDynamoStore(…, data_model=…)")
            self._install(store)
        settings = config if isinstance(config, AppConfig) else AppConfig.model_validate(config or {})
        if settings.db is not None:
            self._use_store(settings.db)

    def set_dynamo_db(
        self, table_name: str, aws_config: AwsConfig | Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        """Store the users in the DynamoDB table `table_name`, like `{"db": …}` in the constructor.

        `options` are the other fields of `DynamoDbConfig`. Raises pydantic's `ValidationError`, and
        `StoreError` if the app already has a database.
        """
        if aws_config is not None:
            options["aws_config"] = aws_config
        self._use_store({"table_name": table_name, **options})

    @property
    def store(self) -> AsyncDynamoStore[DataT]:
        """The app's store; raises `StoreError` if it has none."""
        if self._store is None:
            raise StoreError(
                "This app has no database. Give it one in the constructor or with set_dynamo_db."
            )
        return self._store

    def launch(self, handler: HandlerT) -> HandlerT:
        """Decorator: the handler for a launch of the app, or the beginning of a call."""
        return self._add("launch", handler)

    def intent(self, *names: str) -> Callable[[HandlerT], HandlerT]:
        """Decorator: the handler for the intents with these names.

        On Messenger and Twilio an intent is the text, the payload or the digits. A Dialogflow CX webhook has
        a tag; a handler with the tag's name takes precedence over one with the intent's.
        """
        return self._add_named("intent", self._intents, names)

    def event(self, *names: str) -> Callable[[HandlerT], HandlerT]:
        """Decorator: the handler for events that a platform reports (`delivery`, `RecordingStatus`).

        Where intents are names and not the user's own words (all platforms but Messenger and Twilio),
        `intent` takes events too, such as `AudioPlayer.PlaybackStarted`.
        """
        return self._add_named("event", self._events, names)

    def can_fulfill(self, *names: str) -> Callable[[HandlerT], HandlerT]:
        """Decorator: the handler that tells Alexa whether the app can answer these intents, with `turn.can_fulfill("YES")`.

        Alexa asks while it looks for a skill (`CanFulfillIntentRequest`). No other handler runs, nothing is saved,
        and without this handler the answer is "NO".
        """
        return self._add_named("can_fulfill", self._probes, names)

    def end(self, handler: HandlerT) -> HandlerT:
        """Decorator: the handler for the end of a session. Most platforms ignore its answer."""
        return self._add("end", handler)

    def fallback(self, handler: HandlerT) -> HandlerT:
        """Decorator: the handler for launches and intents without their own handler."""
        return self._add("fallback", handler)

    def on_error(self, handler: HandlerT) -> HandlerT:
        """Decorator: the handler that answers after a stage raised: `async def oops(turn)` or `oops(turn, error)`.

        If the handler or an earlier stage raised, nothing of the turn is saved. `turn.error` is the exception;
        `turn.user` may not be loaded. Without this handler, `handle` raises.
        """
        self._add("on_error", handler)
        takes_error = len(inspect.signature(handler).parameters) > 1

        async def answer(turn: Turn[DataT]) -> None:
            await (handler(turn, turn.error) if takes_error else handler(turn))

        self.pipeline.use("fail", answer)
        return handler

    def other(self, handler: OtherT) -> OtherT:
        """Decorator: the function that answers JSON of no known platform; its result is the answer.

        It is `async def on_other(event)`, for AWS events that reach the same Lambda function, such as a schedule's. There is no turn and no
        user. HTTP integrations never call it, since nothing proves who sent such a request.
        """
        if self._other is not None:
            raise ValueError("the app has a handler for other events already")
        _check_async(handler)
        self._other = handler
        return handler

    async def handle(self, request_json: Mapping[str, Any]) -> Any:
        """Answer one request of a platform: takes and returns a dict (for Twilio, form fields and TwiML text).

        The response is returned after the save has succeeded. A Messenger request with several events returns a
        list of answers, one per turn; the tool calls of a Vapi request are answered together. Raises
        `UnknownRequestError` for JSON of no known platform if there is no `other` handler, and the turn's
        exception if there is no `on_error`.
        """
        try:
            requests = parse_request(request_json)
        except UnknownRequestError:
            if self._other is None:
                raise
            return await self._other(request_json)
        return await self.handle_requests(requests)

    async def handle_requests(self, requests: Sequence[Request]) -> Any:
        """Like `handle`, for requests that an integration has already parsed with `parse_request`."""
        if len(requests) == 1:
            return await self._turn(requests[0])
        return join_responses(requests, [await self._turn(request) for request in requests])

    def _turn(self, request: Request) -> Awaitable[Any]:
        run = self.pipeline.run(Turn(request, self._store))
        observer = self._store.observer if self._store else None
        return run if observer is None else _observed(observer, request, run)

    async def __aenter__(self) -> Self:
        if self._store:
            await (self._store.__aenter__() if self._owns_store else self._store.open())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._store and self._owns_store:
            await self._store.aclose()

    def _use_store(self, config: Config) -> None:
        if self._store is not None:
            raise StoreError(
                "This app already has a database: configure it only once, with store=, db or set_dynamo_db."
            )
        self._install(AsyncDynamoStore(config, data_model=self._data_model))

    def _install(self, store: AsyncDynamoStore[Any]) -> None:
        store.install(self.pipeline)
        self._store = store

    def _add(self, kind: str, handler: HandlerT) -> HandlerT:
        if kind in self._handlers:
            raise ValueError(f"the app has a handler for {kind} already")
        _check_async(handler)
        self._handlers[kind] = handler
        return handler

    def _add_named(
        self, kind: str, handlers: dict[str, Handler[DataT]], names: tuple[str, ...]
    ) -> Callable[[HandlerT], HandlerT]:
        if not names or not all(isinstance(name, str) for name in names):
            raise TypeError(f'name the {kind}s: @app.{kind}("…")')

        def add(handler: HandlerT) -> HandlerT:
            _check_async(handler)
            for name in names:
                if name in handlers:
                    raise ValueError(f"the {kind} {name!r} has a handler already")
                handlers[name] = handler
            return handler

        return add

    async def _dispatch(self, turn: Turn[DataT]) -> None:
        request = turn.request
        if handler := self._handler(request):
            returned: Any = await cast("Callable[[Turn[DataT]], Awaitable[Any]]", handler)(turn)
            if returned is not None and isinstance(returned, str | Mapping):
                raise TypeError(
                    f"{handler.__qualname__} returned a {type(returned).__name__}, but a handler returns None:"
                    " answer with turn.tell(…) or turn.ask(…)"
                )
        elif request.kind in ("launch", "intent"):
            log.warning(
                "No handler for a %s request: add @app.%s or @app.fallback", request.platform, request.kind
            )

    def _handler(self, request: Request) -> Handler[DataT] | None:
        named = self._intents.get(request.intent)
        match request.kind:
            case "intent" | "launch":
                tagged = self._intents.get(request.tag) if request.tag else None
                launch = self._handlers.get("launch") if request.kind == "launch" else None
                return tagged or launch or named or self._handlers.get("fallback")
            case "end":
                return named or self._handlers.get("end")
            case "event":
                unnamed = None if request.platform in TEXT_PLATFORMS else named
                return self._events.get(request.intent) or unnamed
            case _:  # a probe
                return self._probes.get(request.intent)


async def _observed(observer: Observer, request: Request, run: Coroutine[Any, Any, Any]) -> Any:
    with observer.operation("turn", request.user_id):
        return await run


async def _identify(find_user_id: FindUserId, turn: Turn[Any]) -> None:
    turn.request = replace(turn.request, user_id=await found_user_id(find_user_id, turn.request.raw))


def _check_async(handler: Callable[..., Any]) -> None:
    if not inspect.iscoroutinefunction(handler):
        raise TypeError(
            f"{getattr(handler, '__qualname__', 'the handler')} is not an async function: write `async def`"
        )
