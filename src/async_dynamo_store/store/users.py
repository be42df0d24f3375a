"""The users of one table as records: loaded, saved, deleted, each within the time budget of an operation."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from async_dynamo_store.dynamodb.answers import ConditionFailed
from async_dynamo_store.errors import BackendError, UnreadableItemError
from async_dynamo_store.records.loaded import Loaded, PendingSave, State, current_turn
from async_dynamo_store.records.record import ConflictError, DataT, UserRecord
from async_dynamo_store.records.writing import Save, Write

from .items import Items
from .under_way import UnderWay

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig, OnConflict
    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.dynamodb.table import Table
    from async_dynamo_store.records.elements import Elements
    from async_dynamo_store.wire.changes import Change
    from async_dynamo_store.wire.values import Item

    from .items import Page

log = logging.getLogger(__name__)

ResultT = TypeVar("ResultT")

OnUnreadable = Callable[[UnreadableItemError], object]
"""What is told of a user who cannot be read, when the others are to be read on."""


class Users(Generic[DataT]):
    """The records of one table, by the value of their partition key."""

    def __init__(
        self, config: DynamoDbConfig, client: Client, table: Table, elements: Elements[DataT]
    ) -> None:
        self._config = config
        self._client = client
        self._table = table
        self._elements = elements
        self.items = Items(config, client, elements)
        self.under_way = UnderWay()
        self._live: weakref.WeakSet[Loaded] = weakref.WeakSet()
        self._live_lock = threading.Lock()

    async def read(self, key: str) -> Item | None:
        """What is stored under a key."""
        return await self._table.operate(lambda: self.items.read(key, _now()))

    async def load(self, user_id: str, key: str) -> UserRecord[DataT]:
        """The record of a user."""
        return self.record(user_id, key, await self.read(key))

    async def load_many(
        self, keys: dict[str, str], on_unreadable: OnUnreadable | None
    ) -> dict[str, UserRecord[DataT]]:
        """The records of users whose keys are given."""
        found = await self._table.operate(lambda: self.items.read_many(keys.values(), _now()))
        records = (
            (user_id, self._readable(user_id, key, found.get(key), on_unreadable))
            for user_id, key in keys.items()
        )
        return {user_id: record for user_id, record in records if record is not None}

    def _readable(
        self, user_id: str, key: str, item: Item | None, on_unreadable: OnUnreadable | None
    ) -> UserRecord[DataT] | None:
        """The record of an item; None for one that cannot be read and that `on_unreadable` was told of."""
        try:
            return self.record(user_id, key, item)
        except UnreadableItemError as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
            return None

    async def pages(
        self,
        read_page: Callable[[Item | None, datetime], Awaitable[Page]],
        user_id_of: Callable[[str], str | None],
        on_unreadable: OnUnreadable | None,
    ) -> AsyncIterator[UserRecord[DataT]]:
        """The records of all pages; `user_id_of` is None for a key that is no user's."""
        start: Item | None = None
        while True:
            page, start = await self._table.operate(partial(read_page, start, _now()))
            for key, item in page.items():
                user_id = user_id_of(key)
                if user_id is not None and (record := self._readable(user_id, key, item, on_unreadable)):
                    yield record
            if start is None:
                return

    def record(self, user_id: str, key: str, item: Item | None) -> UserRecord[DataT]:
        """The record of an item."""
        snapshot = None if item is None else self._elements.snapshot(item)
        loaded = Loaded(key, snapshot, self._delete_loaded, self._refresh)
        try:
            record = self._elements.read(user_id, loaded, _now())
        except UnreadableItemError as error:
            error.user_id = user_id
            raise
        if snapshot:
            snapshot.pack()
        with self._live_lock:
            self._live.add(loaded)
        return record

    async def save(self, record: UserRecord[DataT], mode: OnConflict) -> None:
        """Write what changed in the record since its load, or nothing."""
        loaded = record.loaded
        if loaded is None:
            return
        await self.under_way.until_saved(loaded)
        if loaded.state is State.DELETED_BY_ITS_TURN:
            return
        now = _now()
        pending = self._elements.begin_save(record, loaded, now)
        if pending is None:
            return
        if loaded.state is State.DELETED:
            if pending.is_refresh:
                return
            raise _conflict(None)
        try:
            await self._save(record, loaded, pending, now, mode)
        except (ConflictError, BackendError) as error:
            if not pending.is_refresh:
                raise
            log.info("A time that was to be kept up to date was not: %s", type(error).__name__)

    async def _save(
        self,
        record: UserRecord[DataT],
        loaded: Loaded,
        pending: PendingSave,
        now: datetime,
        mode: OnConflict,
    ) -> None:
        save = Save(self.items.key(loaded.key), pending.changes, mode, now)
        mark = self.items.writer.begin(loaded.key)
        is_under_way = False
        try:
            write = self.items.plan(save, loaded.snapshot, mark)
            if loaded.snapshot:
                loaded.snapshot.pack()
            if write is None:
                loaded.settle(pending)
                return
            is_under_way = True
        finally:
            if not is_under_way:
                self.items.writer.end(loaded.key, mark)
        sending = partial(self._send, record, loaded, pending, save, write)
        await self.under_way.save(loaded, sending, partial(self.items.writer.end, loaded.key, mark))

    async def _send(
        self, record: UserRecord[DataT], loaded: Loaded, pending: PendingSave, save: Save, write: Write
    ) -> None:
        try:
            outcome = await self._table.operate(lambda: self.items.send(save, write))
        except ConditionFailed as failed:
            stored = None if failed.item is None else self.record(record.id, loaded.key, failed.item)
            raise _conflict(stored) from failed
        self._elements.settle(record, loaded, pending, outcome, save.now)
        log.debug("Saved a user: %d changes", len(save.changes))

    async def change(self, key: str, change_of: Callable[[Item], Change], blind: Change | None) -> Item:
        """Make one change of a user's item at once; returns the item as it is then."""
        now = _now()
        item = await self.under_way.finish(
            self._table.operate(lambda: self.items.change(key, change_of, blind, now))
        )
        if self.items.has_many_stale(item, now):
            _ = self.under_way.begin(self._table.operate(lambda: self.items.remove_stale(key, item, now)))
        return item

    async def delete(self, key: str) -> bool:
        """Delete the item under a key, if there is one; no record that was loaded from it is saved any more."""
        deleted = await self.under_way.finish(self._table.operate(lambda: self.items.remove(key)))
        self._mark_deleted(key, None)
        return deleted

    async def _delete_loaded(self, loaded: Loaded) -> None:
        base = loaded.item
        await self.under_way.finish(self._table.operate(lambda: self.items.remove(loaded.key, base)))
        self._mark_deleted(loaded.key, loaded)

    def _mark_deleted(self, key: str, own: Loaded | None) -> None:
        turn = current_turn()
        with self._live_lock:
            for loaded in self._live:
                # A turn that loaded nobody has not loaded the one who was deleted.
                if loaded.key == key and (loaded.snapshot or loaded is own or loaded.is_of(turn)):
                    loaded.was_deleted(turn)

    async def _refresh(self, record: UserRecord[DataT]) -> None:
        loaded = cast("Loaded", record.loaded)  # which is what calls this
        await self.under_way.until_saved(loaded)
        record.become(self.record(record.id, loaded.key, await self.read(loaded.key)))


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
