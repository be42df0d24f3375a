"""Loads, saves and deletes the users of one table as records, each within `timeout_seconds`."""

from __future__ import annotations

import inspect
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
from async_dynamo_store.wire.sizes import item_size

from .items import Items, pause
from .large_items import LargeItems
from .under_way import UnderWay

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig, OnConflict
    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.dynamodb.observer import Observer
    from async_dynamo_store.dynamodb.table import Table
    from async_dynamo_store.records.elements import Elements
    from async_dynamo_store.wire.changes import Change
    from async_dynamo_store.wire.values import Item

    from .items import Page

log = logging.getLogger(__name__)

_UPDATE_TRIES = 50
_FEW_RECORDS = 8
"""Records in use up to which packing their snapshots costs more than the garbage collector's passes over them."""

ResultT = TypeVar("ResultT")

OnUnreadable = Callable[[UnreadableItemError], object]
"""A callback for a user who cannot be read; reading continues with the other users."""


class Users(Generic[DataT]):
    """The records of one table, by partition key value."""

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
        self._large_items = LargeItems()

    async def read(self, key: str) -> Item | None:
        """The item stored under a key, or None."""
        return await self._table.operate(lambda: self.items.read(key, _now()))

    async def load(self, user_id: str, key: str) -> UserRecord[DataT]:
        """The record of a user."""
        observer = self._client.observer
        if observer is None:
            return self.record(user_id, key, await self.read(key))
        with observer.operation("load", key) as report:
            record = self.record(user_id, key, await self.read(key))
            report.item_size = _stored_size(record.loaded)
            return record

    async def load_many(
        self, keys: dict[str, str], on_unreadable: OnUnreadable | None
    ) -> dict[str, UserRecord[DataT]]:
        """The records of the users with these keys."""
        found = await self._table.operate(lambda: self.items.read_many(keys.values(), _now()))
        records = (
            (user_id, self._readable(user_id, key, found.get(key), on_unreadable))
            for user_id, key in keys.items()
        )
        return {user_id: record for user_id, record in records if record is not None}

    def _readable(
        self, user_id: str, key: str, item: Item | None, on_unreadable: OnUnreadable | None
    ) -> UserRecord[DataT] | None:
        """The record of an item; None if it cannot be read and was reported to `on_unreadable`."""
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
        """The records of all pages; `user_id_of` returns None for a key that belongs to no user."""
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
        with self._live_lock:
            self._live.add(loaded)
            are_many = len(self._live) > _FEW_RECORDS
        if snapshot and are_many:
            snapshot.pack()
        return record

    async def save(self, record: UserRecord[DataT], mode: OnConflict, *, is_observed: bool = False) -> None:
        """Write what changed in the record since its load, or nothing."""
        loaded = record.loaded
        if loaded is None:
            return
        if self._client.observer is not None and not is_observed:
            await self._observed_save(self._client.observer, record, loaded, mode)
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
            log.info("The times of a user could not be updated: %s", type(error).__name__)

    async def _observed_save(
        self, observer: Observer, record: UserRecord[DataT], loaded: Loaded, mode: OnConflict
    ) -> None:
        before = loaded.snapshot
        with observer.operation("save", loaded.key) as report:
            try:
                await self.save(record, mode, is_observed=True)
            except ConflictError:
                report.outcome = "conflict"
                raise
            report.outcome = "unchanged" if loaded.snapshot is before else "written"
            report.item_size = _stored_size(loaded)

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
                loaded.snapshot.repack()
            if write is None:
                loaded.settle(pending)
                return
            self._large_items.look_at(loaded.key, write.after)
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

    async def update(
        self, user_id: str, key: str, fn: Callable[[UserRecord[DataT]], Awaitable[object] | object]
    ) -> UserRecord[DataT]:
        """Apply `fn` to the latest record and save it; repeat both if another writer came first."""
        record = await self.load(user_id, key)
        attempt = 0
        while True:
            outcome = fn(record)
            if inspect.isawaitable(outcome):
                await outcome
            try:
                await self.save(record, "raise")
            except ConflictError as conflict:
                attempt += 1
                if attempt == _UPDATE_TRIES:
                    raise
                record = conflict.stored or self.record(user_id, key, None)
                await pause(attempt)
            else:
                return record

    async def change(self, key: str, change_of: Callable[[Item], Change], blind: Change | None) -> Item:
        """Make one change to a user's item immediately; return the item after the change."""
        now = _now()
        item = await self.under_way.finish(
            self._table.operate(lambda: self.items.change(key, change_of, blind, now))
        )
        if self.items.has_many_stale(item, now):
            _ = self.under_way.begin(self._table.operate(lambda: self.items.remove_stale(key, item, now)))
        return item

    async def delete(self, key: str) -> bool:
        """Delete the item under a key, if there is one; records loaded from it are no longer saved."""
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
                # A record without a stored item is affected only if it belongs to the deleting turn.
                if loaded.key == key and (loaded.snapshot or loaded is own or loaded.is_of(turn)):
                    loaded.was_deleted(turn)

    async def _refresh(self, record: UserRecord[DataT]) -> None:
        loaded = cast("Loaded", record.loaded)  # only `Loaded` calls this
        await self.under_way.until_saved(loaded)
        record.become(self.record(record.id, loaded.key, await self.read(loaded.key)))


def _stored_size(loaded: Loaded | None) -> int | None:
    return item_size(loaded.snapshot.item) if loaded and loaded.snapshot else None


def _now() -> datetime:
    return datetime.now(UTC)


def _conflict(stored: UserRecord[Any] | None) -> ConflictError:
    if stored is None:
        return ConflictError("This user was deleted after the turn had loaded it. Nothing was saved.")
    return ConflictError(
        "Another writer changed this user after the turn had loaded it. Nothing was saved. `stored` is the other writer's record;"
        " load again and repeat, or use store.update() or on_conflict='merge'.",
        stored,
    )
