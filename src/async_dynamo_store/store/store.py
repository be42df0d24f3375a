"""`AsyncDynamoStore`: users in a DynamoDB table."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
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
from async_dynamo_store.records.loaded import TurnScope
from async_dynamo_store.records.model_data import ModelData
from async_dynamo_store.records.paths import DataPath
from async_dynamo_store.records.plain_data import PlainData
from async_dynamo_store.records.record import DataT, UserRecord
from async_dynamo_store.wire.codec import encode

from .conversations import Conversation, Conversations, Forgotten
from .keys import Keys
from .single_values import SingleValues
from .turns import PipelineLike, Turns
from .users import OnUnreadable, Users

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
    from decimal import Decimal

    import aioboto3
    from pydantic import BaseModel

    from async_dynamo_store.dynamodb.observer import Observer

    from .items import ReadPage


class AsyncDynamoStore(Generic[DataT]):
    """Users in a DynamoDB table: load one, change its data, save what changed.

    `config` is a `DynamoDbConfig`, a `DynamoDbSettings`, a dict of its fields, or the table's name.
    `data_model` is the pydantic model of `user.data`; without one it is a plain dict. `session` is an
    `aioboto3.Session` of your own. `accelerate=False` makes every call with aioboto3 alone (docs: Request fast
    path).

    The store opens on first use. Many tasks can use it at once, and it survives a change of event loop. Close it
    with `async with store:` or `aclose()`. Every call takes at most `timeout_seconds`. It raises `BackendError`
    if DynamoDB cannot be used, and `StoreClosedError` after the store was closed.
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
            await self._client.disconnect()  # a source of credentials may still be running
            await embedded.leave(self)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Create the client now instead of on first use. Nothing is sent."""
        await self._client.open()

    async def aclose(self) -> None:
        """Wait for pending writes, within `timeout_seconds`, and close the client."""
        await self.settle()
        await self._client.aclose()
        await embedded.leave(self)

    async def disconnect(self) -> None:
        """Wait for pending writes and close the client; the next call creates a new one.

        Call it before something that a client does not survive: a snapshot, a fork, new credentials in the
        environment.
        """
        await self.settle()
        await self._client.disconnect()
        self._users.items.writer.rename()

    async def settle(self) -> None:
        """Wait for pending writes, within `timeout_seconds`; call it before the event loop stops."""
        await self._users.under_way.settle(self.config.timeout_seconds)

    async def ensure_table(self) -> TableInfo:
        """Create the table if it is missing, wait until it is active, and check its keys; likewise the conversations' table, if configured.

        Raises `TableNotFoundError` if it is missing and `create_table_on_init` is off, and `TableMismatchError`
        if its keys differ from the configuration.
        """
        found = await self._table.ensure()
        if self.config.conversations is None:
            return found
        return replace(found, conversations=await self._conversations.table.ensure())

    async def load(self, user_id: str) -> UserRecord[DataT]:
        """Read one user; an unknown user is an empty record with `is_new` true.

        Raises `InvalidUserIdError`, and `UnreadableItemError` if the item has another layout or does not fit the
        data model.
        """
        return await self._users.load(user_id, self._keys.of(user_id))

    async def load_many(
        self, user_ids: Iterable[str], *, on_unreadable: OnUnreadable | None = None
    ) -> list[UserRecord[DataT]]:
        """Read many users with few requests (BatchGetItem), in the given order.

        An unknown user is an empty record, as in `load`. An id that is given twice returns the same record
        twice. `on_unreadable` is called with the `UnreadableItemError` of each user that cannot be read, and the
        user is left out; without it, the first such error is raised. Needs the permission `dynamodb:BatchGetItem`.
        """
        ids = list(user_ids)
        keys = {user_id: self._keys.of(user_id) for user_id in ids}
        records = await self._users.load_many(keys, on_unreadable)
        return [records[user_id] for user_id in ids if user_id in records]

    async def save(self, record: UserRecord[DataT]) -> None:
        """Write what changed in the record since its load; if nothing changed, write nothing.

        A save that has begun is finished even if its caller is cancelled. Raises `ConflictError` depending on
        `on_conflict`, and for a user who was deleted after the load. Raises `UnsupportedValueError` or
        `ItemTooLargeError` before anything is sent.
        """
        await self._users.save(record, self.config.on_conflict)

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncGenerator[UserRecord[DataT]]:
        """Load the user, run the block, save the user. Nothing is saved if the block raises or deletes the user."""
        observer = self._client.observer
        around = observer.operation("turn", self._keys.of(user_id)) if observer else nullcontext()
        with TurnScope(), around:
            record = await self.load(user_id)
            yield record
            await self.save(record)

    async def get(self, user_id: str, path: DataPath, default: Any = None) -> Any:
        """Read one value of the user's data; return `default` if nothing is stored at the path."""
        return await self._values.get(self._keys.of(user_id), path, default)

    async def set(self, user_id: str, path: DataPath, value: Any) -> None:
        """Write one value of the user's data, atomically; missing parents and users are created.

        Raises `UnsupportedValueError` for a path that leads through a scalar, for an index that does not exist,
        and for a value that DynamoDB cannot store.
        """
        await self._values.set(self._keys.of(user_id), path, value)

    async def unset(self, user_id: str, path: DataPath) -> None:
        """Remove one value of the user's data, atomically. Later elements of a list move up by one.

        Raises `UnsupportedValueError` as `set` does.
        """
        await self._values.unset(self._keys.of(user_id), path)

    async def increment(self, user_id: str, path: DataPath, by: float | Decimal = 1) -> Any:
        """Add to a number of the user's data, atomically, and return the new value.

        A missing number starts from its default in the `data_model`, or from 0.

        Raises `UnsupportedValueError` as `set` does, if `by` or the stored value is not a number, and for a sum
        that DynamoDB cannot store.
        """
        return await self._values.increment(self._keys.of(user_id), path, by)

    async def append(self, user_id: str, path: DataPath, *values: Any) -> None:
        """Put values at the end of a list of the user's data, atomically.

        A missing list is created, from its default in the `data_model` if it has one. Raises
        `UnsupportedValueError` as `set` does, if the stored value is not a list, and for values that DynamoDB
        cannot store.
        """
        await self._values.append(self._keys.of(user_id), path, values)

    async def update(
        self, user_id: str, fn: Callable[[UserRecord[DataT]], Awaitable[object] | object]
    ) -> UserRecord[DataT]:
        """Apply `fn`, sync or async, to the latest record and save it; apply it again if another writer came first.

        Raises `ConflictError` if other writers came first on each of 50 attempts.
        """
        key = self._keys.of(user_id)
        with TurnScope():
            return await self._users.update(user_id, key, fn)

    async def delete(self, user_id: str) -> None:
        """Delete the user's item; a turn that loaded it earlier does not bring it back.

        A turn of this user that awaits this call ends without a save.
        """
        await self._users.delete(self._keys.of(user_id))

    def conversation(self, user_id: str, conversation_id: str) -> Conversation:
        """Return a transcript of the user, in the conversations' table; nothing is sent.

        Raises `InvalidUserIdError` and `InvalidConversationIdError`. Needs the permission `dynamodb:Query` on that table
        in addition to those for user items.
        """
        return self._conversations.conversation(user_id, self._keys.of(user_id), conversation_id)

    async def conversations(self, user_id: str) -> AsyncIterator[Conversation]:
        """Iterate over the user's transcripts, newest first."""
        for conversation in await self._conversations.of_user(user_id, self._keys.of(user_id)):
            yield conversation

    async def forget(self, user_id: str) -> Forgotten:
        """Delete the user's item and all conversations; return how much was deleted.

        Turns and `Conversation` objects of this store that began earlier do not bring them back. If it is
        interrupted, call it again to continue. Needs the permission `dynamodb:Query` on the conversations' table.
        """
        key = self._keys.of(user_id)
        had_item = await self._users.delete(key)
        return Forgotten(had_item, *await self._users.under_way.finish(self._conversations.forget(key)))

    async def exists(self, user_id: str) -> bool:
        """Return whether anything is stored for the user."""
        return await self._users.read(self._keys.of(user_id)) is not None

    async def scan(self, *, on_unreadable: OnUnreadable | None = None) -> AsyncIterator[UserRecord[DataT]]:
        """Iterate over all users of the table, in no particular order. This reads the whole table.

        `on_unreadable` is called with the `UnreadableItemError` of each user that cannot be read (its `user_id`
        names the user), and the scan continues; without it, the first such error is raised. Needs the permission
        `dynamodb:Scan`.
        """
        async for record in self._users.pages(self._users.items.scan, self._keys.user_id, on_unreadable):
            yield record

    async def query(
        self, index: str, value: Any, *, on_unreadable: OnUnreadable | None = None
    ) -> AsyncIterator[UserRecord[DataT]]:
        """Iterate over the users with `value` as the partition key of a global secondary index.

        An index is updated a moment after the table (AWS, 'Using Global Secondary Indexes in DynamoDB'). Raises
        ValueError for an index that is not in `global_secondary_indexes`. `on_unreadable` as for `scan`.

        If an index holds only some attributes (KEYS_ONLY, INCLUDE), the complete items are read from the table.
        Needs the permissions `dynamodb:Query` on the index and `dynamodb:DescribeTable`, to see which attributes the
        index holds. Needs `dynamodb:BatchGetItem` for such an index, and if DescribeTable is not allowed.
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

    def observe(self, observer: Observer) -> None:
        """Report all turns, loads, saves and calls from now on to an observer, such as `integrations.otel`'s."""
        self._client.observer = observer

    @property
    def observer(self) -> Observer | None:
        """The observer that the store reports to."""
        return self._client.observer

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
