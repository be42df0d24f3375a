"""`AsyncDynamoStore`: users in a DynamoDB table."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import weakref
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from pydantic import SecretStr

from async_dynamo_store.config import AwsConfig, Config, DynamoDbConfig, read_config
from async_dynamo_store.dynamodb.answers import ConditionFailed, InvalidRequest
from async_dynamo_store.dynamodb.client import Client
from async_dynamo_store.dynamodb.table import Table, TableInfo
from async_dynamo_store.errors import (
    InvalidUserIdError,
    TableNotFoundError,
    UnsupportedValueError,
)
from async_dynamo_store.records.data_model import DataModel, ModelT
from async_dynamo_store.records.elements import Elements
from async_dynamo_store.records.model_data import ModelData
from async_dynamo_store.records.plain_data import PlainData
from async_dynamo_store.records.record import ConflictError, DataT, Loaded, Path, UserRecord, path_keys
from async_dynamo_store.wire.changes import Change, Increment, Put, Remove, find
from async_dynamo_store.wire.codec import decode, encode

from .items import Items, pause
from .turns import PipelineLike, Turns

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Coroutine,
        Iterable,
        Sequence,
    )
    from decimal import Decimal
    from types import TracebackType

    import aioboto3
    from pydantic import BaseModel

    from async_dynamo_store.config import OnConflict
    from async_dynamo_store.wire.values import Item, ItemPath

    from .items import Page, Write

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

_MAX_KEY_BYTES = 2048
_UPDATE_TRIES = 50


class AsyncDynamoStore(Generic[DataT]):
    """Users in a DynamoDB table: load one, change its data, save what changed.

    `config` is a `DynamoDbConfig`, a `DynamoDbSettings`, a dict of its fields, or just the table's name.
    `data_model` is the pydantic model of `user.data`, a plain dict without one. `session` is an
    `aioboto3.Session` of your own. `accelerate=False` leaves every call to aioboto3 as it is (docs: the fast
    way).

    The store opens by itself on first use, is for use from many tasks at once, and survives a change of event
    loop. Close it with `async with store:` or `aclose()`. Any call may raise the `BackendError` that says
    what is wrong with the way to DynamoDB, and `StoreClosedError` after the store was closed. Each is bounded
    by `timeout_seconds`.
    """

    @overload
    def __init__(
        self: AsyncDynamoStore[dict[str, Any]],
        config: Config,
        *,
        data_model: None = None,
        session: aioboto3.Session | None = None,
        accelerate: bool = True,
    ) -> None: ...

    @overload
    def __init__(
        self: AsyncDynamoStore[ModelT],
        config: Config,
        *,
        data_model: type[ModelT],
        session: aioboto3.Session | None = None,
        accelerate: bool = True,
    ) -> None: ...

    def __init__(
        self,
        config: Config,
        *,
        data_model: type[BaseModel] | None = None,
        session: aioboto3.Session | None = None,
        accelerate: bool = True,
    ) -> None:
        self.config: DynamoDbConfig = read_config(config)
        as_null = self.config.empty_strings == "null"
        data: DataModel[Any] = (
            ModelData(data_model, empty_strings_as_null=as_null) if data_model else PlainData()
        )
        self._client = Client(self.config, session, self._find_aws, accelerate=accelerate)
        self._table = Table(self.config, self._client)
        self._elements: Elements[DataT] = Elements[Any](self.config, data)
        self._items = Items(self.config, self._client, self._elements)
        self._live: weakref.WeakSet[Loaded] = weakref.WeakSet()
        self._live_lock = threading.Lock()
        self._writes: set[asyncio.Future[Any]] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.table_name!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Make the client now, instead of on first use. It sends nothing."""
        await self._client.open()

    async def aclose(self) -> None:
        """Wait for the writes under way, within `timeout_seconds`, and close the client."""
        await self.settle()
        await self._client.aclose()
        if self.config.type == "embedded":
            from async_dynamo_store.dynamodb import embedded

            await asyncio.to_thread(embedded.stop, self)

    async def disconnect(self) -> None:
        """Wait for the writes under way, and close the client; the next call makes a new one.

        For what a client does not outlive: a snapshot, a fork, other credentials in the environment.
        """
        await self.settle()
        await self._client.disconnect()

    async def settle(self) -> None:
        """Wait, within `timeout_seconds`, for the writes under way, as before the event loop stops."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_seconds):
                while under_way := [write for write in list(self._writes) if write.get_loop() is loop]:
                    await asyncio.wait(under_way)

    async def ensure_table(self) -> TableInfo:
        """Create the table if it is missing, wait until it is active, check its keys.

        Raises `TableNotFoundError` when it is missing and `create_table_on_init` is off, `TableMismatchError`
        when its keys are others.
        """
        return await self._table.ensure()

    async def load(self, user_id: str) -> UserRecord[DataT]:
        """One user, read consistently; an unknown user is an empty record with `is_new` true.

        Raises `InvalidUserIdError`, and `UnreadableItemError` for an item that is not of this layout or does
        not fit the data model.
        """
        return await self._load(user_id, self._key(user_id))

    async def load_many(self, user_ids: Iterable[str]) -> list[UserRecord[DataT]]:
        """Many users with few requests (BatchGetItem), in the order asked for.

        An unknown user is an empty record, as in `load`.

        An id that is asked for twice has the same record twice.
        """
        ids = list(user_ids)
        keys = {user_id: self._key(user_id) for user_id in ids}
        found = await self._operate(lambda: self._items.read_many(keys.values(), _now()))
        records = {user_id: self._record(user_id, key, found.get(key)) for user_id, key in keys.items()}
        return [records[user_id] for user_id in ids]

    async def save(self, record: UserRecord[DataT]) -> None:
        """Write what changed in the record since its load, or nothing.

        A save that has begun is finished even when its caller is cancelled. Raises `ConflictError` as
        `on_conflict` says, and `UnsupportedValueError` or `ItemTooLargeError` before anything is sent.
        """
        loaded = record.loaded
        while loaded and loaded.saving and not loaded.saving.done():
            await asyncio.wait([loaded.saving])
        if loaded is None or loaded.deleted == "here":
            return
        now = _now()
        changes = self._elements.changes(record, loaded, now)
        if not changes:
            return
        if loaded.deleted:
            raise _conflict(None)
        await self._save(record, loaded, changes, now, self.config.on_conflict)

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncGenerator[UserRecord[DataT]]:
        """Load, your code, save; nothing is saved when your code raises."""
        record = await self.load(user_id)
        yield record
        await self.save(record)

    async def get(self, user_id: str, path: Path, default: Any = None) -> Any:
        """One value of the user's data, `default` where nothing is stored at the path."""
        key, here = self._key(user_id), self._data_path(path)
        item = await self._operate(lambda: self._items.read(key, _now())) or {}
        self._elements.check(item)
        value = find(item, here)
        return default if value is None else decode(value)

    async def set(self, user_id: str, path: Path, value: Any) -> None:
        """Write one value of the user's data, atomically; parents are made as needed, an unknown user too."""
        here = self._data_path(path)
        await self._change(user_id, Put(here, self._elements.encode(value, here)))

    async def unset(self, user_id: str, path: Path) -> None:
        """Remove one value of the user's data, atomically."""
        await self._change(user_id, Remove(self._data_path(path)))

    async def increment(self, user_id: str, path: Path, by: float | Decimal = 1) -> Any:
        """Add to a number of the user's data, atomically, and return the new value.

        A missing number counts as its default in the `data_model`, else as 0.
        Raises `UnsupportedValueError` when `by` or what is stored is no number.
        """
        here = self._data_path(path)
        amount = encode(by, here)
        if "N" not in amount:
            raise UnsupportedValueError(f"increment: by is {type(by).__qualname__}; give a number", "by")
        stored = await self._change(
            user_id, Increment(here, amount, amount, self._elements.start(path_keys(path)))
        )
        return decode(find(stored, here) or amount)

    async def update(
        self, user_id: str, fn: Callable[[UserRecord[DataT]], Awaitable[object] | object]
    ) -> UserRecord[DataT]:
        """Apply `fn`, sync or async, to the latest record and save it; apply it again when another writer came first.

        Raises `ConflictError` when others came first on every one of 50 tries.
        """
        key = self._key(user_id)
        record = await self._load(user_id, key)
        attempt = 0
        while True:
            outcome = fn(record)
            if inspect.isawaitable(outcome):
                await outcome
            try:
                await self._save_if_unchanged(record)
            except ConflictError as conflict:
                attempt += 1
                if attempt == _UPDATE_TRIES:
                    raise
                record = conflict.stored or self._record(user_id, key, None)
                await pause(attempt)
            else:
                return record

    async def delete(self, user_id: str) -> None:
        """Delete the user's item; no turn that loaded it earlier brings it back."""
        key = self._key(user_id)
        await self._finish(self._begin(self._operate(lambda: self._items.remove(key))))
        self._mark_deleted(key, None)

    async def exists(self, user_id: str) -> bool:
        """Whether anything is stored of the user."""
        key = self._key(user_id)
        return await self._operate(lambda: self._items.read(key, _now())) is not None

    async def scan(self) -> AsyncIterator[UserRecord[DataT]]:
        """Every user of the table, in no order, page by page; it reads the whole table.

        Needs the permission `dynamodb:Scan`.
        """
        async for record in self._pages(self._items.scan):
            yield record

    async def query(self, index: str, value: Any) -> AsyncIterator[UserRecord[DataT]]:
        """The users that have `value` at the partition key of a global secondary index, page by page.

        An index follows the table a moment later (AWS, 'Using Global Secondary Indexes in DynamoDB'). Raises
        ValueError for an index that is not in `global_secondary_indexes`. Needs the permission
        `dynamodb:Query` on the index.
        """
        names = [each.index_name for each in self.config.global_secondary_indexes]
        if index not in names:
            raise ValueError(
                f"there is no index {index!r} in global_secondary_indexes: {', '.join(names) or 'it is empty'}"
            )
        async for record in self._pages(partial(self._items.query, index, encode(value))):
            yield record

    def install(self, pipeline: PipelineLike) -> None:
        """Load each turn's user at the stage `user.load`, and save it at `user.save`."""
        if self.config.implicit_save:
            turns = Turns(self.config, self._load_turn, self.save, self._elements.anonymous)
            pipeline.use("user.load", turns.load)
            pipeline.use("user.save", turns.save)

    async def _load_turn(self, user_id: str, prefix: str) -> UserRecord[DataT]:
        return await self._load(user_id, self._key(user_id, prefix))

    async def _pages(
        self, read_page: Callable[[Item | None, datetime], Awaitable[Page]]
    ) -> AsyncIterator[UserRecord[DataT]]:
        start: Item | None = None
        while True:
            page, start = await self._operate(partial(read_page, start, _now()))
            for key, item in page.items():
                if (user_id := self._user_id(key)) is not None:
                    yield self._record(user_id, key, item)
            if start is None:
                return

    async def _load(self, user_id: str, key: str) -> UserRecord[DataT]:
        item = await self._operate(lambda: self._items.read(key, _now()))
        return self._record(user_id, key, item)

    def _record(self, user_id: str, key: str, item: Item | None) -> UserRecord[DataT]:
        snapshot = None if item is None else self._elements.snapshot(item)
        loaded = Loaded(key, snapshot, self._delete_loaded, asyncio.current_task())
        record = self._elements.read(user_id, loaded, _now())
        if snapshot:
            snapshot.pack()
        with self._live_lock:
            self._live.add(loaded)
        return record

    async def _save(
        self,
        record: UserRecord[DataT],
        loaded: Loaded,
        changes: Sequence[Change],
        now: datetime,
        mode: OnConflict,
    ) -> None:
        write = self._items.plan_write(loaded.key, loaded.snapshot, changes, mode, now)
        if loaded.snapshot:
            loaded.snapshot.pack()
        saving = loaded.saving = asyncio.get_running_loop().create_future()
        self._writes.add(saving)
        try:
            await self._write(record, loaded, write)
        except asyncio.CancelledError:
            # It may have landed or not, and its token makes it safe to be sent again: by a task that nobody cancels.
            loaded.saving = self._begin(self._write(record, loaded, write))
            loaded.saving.add_done_callback(_tell_of_failure)
            raise
        finally:
            self._writes.discard(saving)
            saving.set_result(None)

    async def _write(self, record: UserRecord[DataT], loaded: Loaded, write: Write) -> None:
        try:
            after, alone = await self._operate(lambda: self._items.write(write))
        except ConditionFailed as failed:
            stored = None if failed.item is None else self._record(record.id, loaded.key, failed.item)
            raise _conflict(stored) from failed
        self._elements.saved(record, loaded, write.changes, after, write.now, alone=alone)
        log.debug("Saved a user: %d changes", len(write.changes))

    async def _save_if_unchanged(self, record: UserRecord[DataT]) -> None:
        loaded, now = record.loaded, _now()
        changes = self._elements.changes(record, loaded, now) if loaded else []
        if not loaded or not changes or loaded.deleted == "here":
            return
        if loaded.deleted:
            raise _conflict(None)
        await self._save(record, loaded, changes, now, "raise")

    async def _change(self, user_id: str, change: Change) -> Item:
        key = self._key(user_id)
        return await self._finish(self._begin(self._operate(lambda: self._items.change(key, change, _now()))))

    async def _delete_loaded(self, loaded: Loaded) -> None:
        await self._finish(self._begin(self._operate(lambda: self._items.remove(loaded.key, loaded.item))))
        self._mark_deleted(loaded.key, loaded)

    def _mark_deleted(self, key: str, own: Loaded | None) -> None:
        task = asyncio.current_task()
        with self._live_lock:
            for loaded in self._live:
                if loaded.key == key:
                    loaded.deleted = "here" if loaded is own or loaded.task is task else "elsewhere"

    def _begin(self, write: Coroutine[Any, Any, ResultT]) -> asyncio.Task[ResultT]:
        task = asyncio.create_task(write)
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return task

    async def _finish(self, write: asyncio.Task[ResultT]) -> ResultT:
        """A write is finished even when its caller is cancelled, and `aclose` waits for it."""
        try:
            return await asyncio.shield(write)
        except asyncio.CancelledError:
            write.add_done_callback(_tell_of_failure)
            raise

    async def _operate(self, operation: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """One store operation within its budget; one that finds no table makes it first."""
        try:
            return await self._client.in_time(operation)
        except TableNotFoundError:
            if not self.config.create_table_on_init:
                raise
            await self._table.ensure()
        except InvalidRequest as error:
            await self._table.check_keys(error)
            raise
        return await self._client.in_time(operation)

    def _key(self, user_id: str, platform: str = "") -> str:
        if not user_id or not isinstance(user_id, str):
            raise InvalidUserIdError("A user id is a str that is not empty.")
        key = f"{self.config.primary_key_prefix}{platform}{user_id}"
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise InvalidUserIdError("The user id is not valid Unicode (a lone surrogate).") from None
        if size > _MAX_KEY_BYTES:
            raise InvalidUserIdError(
                f"The user id has {size} bytes with its prefix; DynamoDB's keys hold {_MAX_KEY_BYTES}."
            )
        return key

    def _user_id(self, key: str) -> str | None:
        """The user's id in a key; None for an item with another prefix."""
        user_id = key.removeprefix(self.config.primary_key_prefix)
        if self.config.prefix_primary_key_with_platform:
            user_id = user_id.partition("::")[2]
        return user_id if user_id and key.startswith(self.config.primary_key_prefix) else None

    def _data_path(self, path: Path) -> ItemPath:
        return (*self._elements.layout.data, *path_keys(path))

    async def _find_aws(self) -> AwsConfig | None:
        if self.config.type == "dynamodb":
            return self.config.aws_config
        from async_dynamo_store.dynamodb import embedded

        url = await asyncio.to_thread(embedded.start, self)
        return AwsConfig(
            endpoint_url=url,
            region="us-east-1",
            access_key_id="embedded",
            secret_access_key=SecretStr("embedded"),
        )


def _tell_of_failure(write: asyncio.Future[Any]) -> None:
    if not write.cancelled() and (error := write.exception()):
        log.warning("A write whose caller was cancelled has failed: %s", error)


def _now() -> datetime:
    return datetime.now(UTC)


def _conflict(stored: UserRecord[Any] | None) -> ConflictError:
    if stored is None:
        return ConflictError("This user was deleted after the turn had loaded it. Nothing was saved.")
    return ConflictError(
        "Another writer changed this user after the turn had loaded it. Nothing was saved: what won is in `stored`; load again and repeat,"
        " or use store.update() or on_conflict='merge'.",
        stored,
    )
