"""`AsyncDynamoStore`: users in a DynamoDB table."""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Self, overload

from async_dynamo_store.config import AwsConfig, Config, DynamoDbConfig, read_config
from async_dynamo_store.dynamodb import embedded
from async_dynamo_store.dynamodb.client import Client
from async_dynamo_store.dynamodb.definition import users_table
from async_dynamo_store.dynamodb.table import Table, TableInfo
from async_dynamo_store.records.data_model import DataModel, ModelT
from async_dynamo_store.records.elements import Elements
from async_dynamo_store.records.loaded import turn_scope
from async_dynamo_store.records.model_data import ModelData
from async_dynamo_store.records.paths import DataPath
from async_dynamo_store.records.plain_data import PlainData
from async_dynamo_store.records.record import ConflictError, DataT, UserRecord
from async_dynamo_store.wire.codec import encode

from .conversations import Conversation, Conversations, Forgotten
from .items import pause
from .keys import Keys
from .single_values import SingleValues
from .turns import PipelineLike, Turns
from .users import OnUnreadable, Users

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
    from decimal import Decimal

    import aioboto3
    from pydantic import BaseModel

    from .items import ReadPage

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
        self._model: DataModel[Any] = (
            ModelData(data_model, empty_strings_as_null=as_null) if data_model else PlainData()
        )
        self._client = Client(self.config, session, self._find_aws, accelerate=accelerate)
        self._table = Table(users_table(self.config), self._client)
        self._elements: Elements[DataT] = Elements[Any](self.config, self._model)
        self._users = Users(self.config, self._client, self._table, self._elements)
        self._values = SingleValues(self._users, self._elements, self._model)
        self._conversations = Conversations(self.config, self._client, self._users.under_way)
        self._keys = Keys(self.config)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.table_name!r})"

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self._client.disconnect()  # a source of credentials may still be at work
            await embedded.leave(self)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Make the client now, instead of on first use. It sends nothing."""
        await self._client.open()

    async def aclose(self) -> None:
        """Wait for the writes under way, within `timeout_seconds`, and close the client."""
        await self.settle()
        await self._client.aclose()
        await embedded.leave(self)

    async def disconnect(self) -> None:
        """Wait for the writes under way, and close the client; the next call makes a new one.

        For what a client does not outlive: a snapshot, a fork, other credentials in the environment.
        """
        await self.settle()
        await self._client.disconnect()
        self._users.items.writer.rename()

    async def settle(self) -> None:
        """Wait, within `timeout_seconds`, for the writes under way, as before the event loop stops."""
        await self._users.under_way.settle(self.config.timeout_seconds)

    async def ensure_table(self) -> TableInfo:
        """Create the table if it is missing, wait until it is active, check its keys; that of the conversations too, if set.

        Raises `TableNotFoundError` when it is missing and `create_table_on_init` is off, `TableMismatchError`
        when its keys are others.
        """
        found = await self._table.ensure()
        if self.config.conversations is None:
            return found
        return replace(found, conversations=await self._conversations.table.ensure())

    async def load(self, user_id: str) -> UserRecord[DataT]:
        """One user, read consistently; an unknown user is an empty record with `is_new` true.

        Raises `InvalidUserIdError`, and `UnreadableItemError` for an item that is not of this layout or does
        not fit the data model.
        """
        return await self._users.load(user_id, self._keys.of(user_id))

    async def load_many(
        self, user_ids: Iterable[str], *, on_unreadable: OnUnreadable | None = None
    ) -> list[UserRecord[DataT]]:
        """Many users with few requests (BatchGetItem), in the order asked for.

        An unknown user is an empty record, as in `load`. An id that is asked for twice has the same record
        twice. `on_unreadable` is called with the `UnreadableItemError` of each user that cannot be read, who is
        then left out; without it the first such error is raised. Needs the permission `dynamodb:BatchGetItem`.
        """
        ids = list(user_ids)
        keys = {user_id: self._keys.of(user_id) for user_id in ids}
        records = await self._users.load_many(keys, on_unreadable)
        return [records[user_id] for user_id in ids if user_id in records]

    async def save(self, record: UserRecord[DataT]) -> None:
        """Write what changed in the record since its load, or nothing.

        A save that has begun is finished even when its caller is cancelled. Raises `ConflictError` as
        `on_conflict` says, and for a user who was deleted after the load; `UnsupportedValueError` or
        `ItemTooLargeError` before anything is sent.
        """
        await self._users.save(record, self.config.on_conflict)

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncGenerator[UserRecord[DataT]]:
        """Load, your code, save; nothing is saved when your code raises, or has deleted the user."""
        with turn_scope():
            record = await self.load(user_id)
            yield record
            await self.save(record)

    async def get(self, user_id: str, path: DataPath, default: Any = None) -> Any:
        """One value of the user's data, `default` where nothing is stored at the path."""
        return await self._values.get(self._keys.of(user_id), path, default)

    async def set(self, user_id: str, path: DataPath, value: Any) -> None:
        """Write one value of the user's data, atomically; parents are made as needed, an unknown user too.

        Raises `UnsupportedValueError` for a path through what holds no members, for an index that is not there,
        and for a value that DynamoDB cannot hold.
        """
        await self._values.set(self._keys.of(user_id), path, value)

    async def unset(self, user_id: str, path: DataPath) -> None:
        """Remove one value of the user's data, atomically. The members of a list behind it move up by one.

        Raises `UnsupportedValueError` as `set` does.
        """
        await self._values.unset(self._keys.of(user_id), path)

    async def increment(self, user_id: str, path: DataPath, by: float | Decimal = 1) -> Any:
        """Add to a number of the user's data, atomically, and return the new value.

        A missing number counts as its default in the `data_model`, else as 0.

        Raises `UnsupportedValueError` as `set` does, when `by` or what is stored is no number, and for a sum
        that DynamoDB cannot hold.
        """
        return await self._values.increment(self._keys.of(user_id), path, by)

    async def append(self, user_id: str, path: DataPath, *values: Any) -> None:
        """Put values at the end of a list of the user's data, atomically.

        A missing list is made, of its default in the `data_model` where it has one. Raises
        `UnsupportedValueError` as `set` does, when something else than a list is stored, and for values that
        DynamoDB cannot hold.
        """
        await self._values.append(self._keys.of(user_id), path, values)

    async def update(
        self, user_id: str, fn: Callable[[UserRecord[DataT]], Awaitable[object] | object]
    ) -> UserRecord[DataT]:
        """Apply `fn`, sync or async, to the latest record and save it; apply it again when another writer came first.

        Raises `ConflictError` when others came first on every one of 50 tries.
        """
        key = self._keys.of(user_id)
        with turn_scope():
            return await self._update(user_id, key, fn)

    async def _update(
        self, user_id: str, key: str, fn: Callable[[UserRecord[DataT]], Awaitable[object] | object]
    ) -> UserRecord[DataT]:
        record = await self._users.load(user_id, key)
        attempt = 0
        while True:
            outcome = fn(record)
            if inspect.isawaitable(outcome):
                await outcome
            try:
                await self._users.save(record, "raise")
            except ConflictError as conflict:
                attempt += 1
                if attempt == _UPDATE_TRIES:
                    raise
                record = conflict.stored or self._users.record(user_id, key, None)
                await pause(attempt)
            else:
                return record

    async def delete(self, user_id: str) -> None:
        """Delete the user's item; no turn that loaded it earlier brings it back.

        A turn of this user that awaits it ends without a save.
        """
        await self._users.delete(self._keys.of(user_id))

    def conversation(self, user_id: str, conversation_id: str) -> Conversation:
        """A transcript of the user, in the table of the conversations; nothing is sent.

        Raises `InvalidUserIdError` and `InvalidConversationIdError`. Needs the permission `dynamodb:Query` on that table,
        besides those that a user item needs.
        """
        return self._conversations.conversation(user_id, self._keys.of(user_id), conversation_id)

    async def conversations(self, user_id: str) -> AsyncIterator[Conversation]:
        """The user's transcripts, the one that began last first."""
        for conversation in await self._conversations.of_user(user_id, self._keys.of(user_id)):
            yield conversation

    async def forget(self, user_id: str) -> Forgotten:
        """Delete the user's item and all conversations, and say how much that was.

        No turn, and no `Conversation` of this store, that was begun before brings them back. What stops it halfway, it
        takes up again when it is called again. Needs the permission `dynamodb:Query` on the conversations' table.
        """
        key = self._keys.of(user_id)
        had_item = await self._users.delete(key)
        return Forgotten(had_item, *await self._users.under_way.finish(self._conversations.forget(key)))

    async def exists(self, user_id: str) -> bool:
        """Whether anything is stored of the user."""
        return await self._users.read(self._keys.of(user_id)) is not None

    async def scan(self, *, on_unreadable: OnUnreadable | None = None) -> AsyncIterator[UserRecord[DataT]]:
        """Every user of the table, in no order, page by page; it reads the whole table.

        `on_unreadable` is called with the `UnreadableItemError` of each user that cannot be read (its `user_id`
        says who), and the scan goes on; without it the first such error is raised. Needs the permission
        `dynamodb:Scan`.
        """
        async for record in self._users.pages(self._users.items.scan, self._keys.user_id, on_unreadable):
            yield record

    async def query(
        self, index: str, value: Any, *, on_unreadable: OnUnreadable | None = None
    ) -> AsyncIterator[UserRecord[DataT]]:
        """The users that have `value` at the partition key of a global secondary index, page by page.

        An index follows the table a moment later (AWS, 'Using Global Secondary Indexes in DynamoDB'). Raises
        ValueError for an index that is not in `global_secondary_indexes`. `on_unreadable` as for `scan`.

        Of an index that holds only a part of the attributes (KEYS_ONLY, INCLUDE) the users' whole items are
        read from the table, since a part is never taken for the whole. Needs the permissions `dynamodb:Query` on
        the index and `dynamodb:DescribeTable`, which says what the index holds, or else `dynamodb:BatchGetItem`.
        """
        names = [each.index_name for each in self.config.global_secondary_indexes]
        if index not in names:
            raise ValueError(
                f"there is no index {index!r} in global_secondary_indexes: {', '.join(names) or 'it is empty'}"
            )
        read_page: ReadPage = partial(self._users.items.query, index, encode(value))
        holds_all = await self._table.operate(lambda: self._table.holds_all(index))
        if not holds_all:
            read_page = partial(self._users.items.whole_items, read_page)
        async for record in self._users.pages(read_page, self._keys.user_id, on_unreadable):
            yield record

    def install(self, pipeline: PipelineLike) -> None:
        """Load each turn's user at the stage `user.load`, and save it at `user.save`."""
        if self.config.implicit_save:
            turns = Turns(
                self.config, self._load_turn, self.save, self._elements.anonymous, self._conversation_of_turn
            )
            pipeline.use("user.load", turns.load)
            pipeline.use("user.save", turns.save)

    async def _load_turn(self, user_id: str, prefix: str) -> UserRecord[DataT]:
        return await self._users.load(user_id, self._keys.of(user_id, prefix))

    def _conversation_of_turn(self, user_id: str, prefix: str, conversation_id: str) -> Conversation:
        return self._conversations.conversation(user_id, self._keys.of(user_id, prefix), conversation_id)

    async def _find_aws(self) -> AwsConfig | None:
        if self.config.type == "dynamodb":
            return self.config.aws_config
        return await embedded.aws_config(self)
