"""A record's stored elements: how each is read from an item and which changes it writes. One module for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic

from async_dynamo_store.records import deliveries
from async_dynamo_store.records.loaded import Loaded, PendingSave
from async_dynamo_store.records.reading import read_map
from async_dynamo_store.records.record import DataT, History, UserRecord
from async_dynamo_store.wire.bookkeeping import ATTRIBUTE
from async_dynamo_store.wire.changes import Change, apply, find, put
from async_dynamo_store.wire.codec import decode
from async_dynamo_store.wire.snapshot import Snapshot

from .data import DataElement
from .history import HistoryElement
from .index_keys import IndexKeys
from .meta_data import meta_data_changes
from .session import SessionElement
from .times import Expiry, Times

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.records.data_model import DataModel
    from async_dynamo_store.wire.values import Item, ItemPath

_FEW_CHANGES = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a save: the item afterwards, and whether it contains only what this record knows."""

    after: Snapshot
    unchanged_by_others: bool


class Elements(Generic[DataT]):
    """Converts between the records of one store and its items."""

    def __init__(self, config: DynamoDbConfig, data_model: DataModel[DataT]) -> None:
        stored = config.stored_elements
        self.layout = layout = config.item_layout
        self.data: DataElement[DataT] = DataElement(
            layout.data,
            data_model,
            is_stored=stored.user,
            empty_strings_as_null=config.empty_strings == "null",
        )
        self.expiry = Expiry(config.ttl)
        self._session = SessionElement(layout, stored.session_element, self.data)
        history = stored.history_elements
        self._history = HistoryElement(layout, history.size if history else None, self.data)
        self._times = Times(layout, stored)
        self._index_keys = IndexKeys(config.global_secondary_indexes, layout.data)
        paths = (self._times.created_at, self._times.updated_at, self.expiry.path)
        self._of_the_item: list[ItemPath] = [
            (ATTRIBUTE,),
            *self._index_keys.paths,
            *(path for path in paths if path),
        ]

    def read(self, user_id: str, loaded: Loaded, now: datetime) -> UserRecord[DataT]:
        """The record of an item (`loaded.item`).

        Raises `UnreadableItemError` for an item of another layout.
        """
        item, layout = loaded.item or {}, self.layout
        layout.check(item)
        data, loaded.baseline = self.data.read(item)
        created_at, updated_at = self._times.read(item)
        return UserRecord(
            id=user_id,
            data=data,
            is_new=loaded.item is None,
            session=self._session.read(item, now),
            history=History(self._history.read(item)),
            created_at=created_at,
            updated_at=updated_at,
            meta_data=decode({"M": read_map(item, layout.meta_data)}) if layout.meta_data else {},
            loaded=loaded,
        )

    def check(self, item: Item) -> None:
        """Raise `UnreadableItemError` for an item of another layout, which must not be changed."""
        self.layout.check(item)
        self.data.check(item)

    def anonymous(self) -> UserRecord[DataT]:
        """An anonymous record: empty, neither loaded nor saved."""
        return UserRecord(id="", data=self.data.empty())

    def begin_save(self, record: UserRecord[DataT], loaded: Loaded, now: datetime) -> PendingSave | None:
        """The changes of the record to save; None if there are none."""
        baseline = self.data.baseline(record.data, loaded.baseline)
        changes = [
            *self.data.changes(record.data, loaded, baseline),
            *self._history.changes(loaded.new_turns),
        ]
        if loaded.note:
            changes += meta_data_changes(
                loaded.note, loaded.part(()), now, is_new_session=record.session.is_new
            )
        changes += self._session.changes(record.session, loaded, now)
        is_writing = bool(changes)
        changes += self._session.refresh(record.session, now, is_writing=is_writing)
        if is_writing:
            if loaded.delivery_id:
                changes.append(deliveries.note(loaded.delivery_id))
            return PendingSave(
                changes,
                baseline=baseline,
                increments=loaded.increments.copy(),
                new_turns=len(loaded.new_turns),
            )
        if not changes and loaded.snapshot and self.expiry.path:
            changes += self.expiry.changes(loaded.part(()), now)
        return PendingSave(changes, is_refresh=True) if changes else None

    def always_written(self, before: Item, now: datetime) -> Iterator[Change]:
        """The changes that accompany every write: its time and the expiry."""
        yield from self._times.always_written(now)
        yield from self.expiry.changes(before, now)

    def written_with(self, before: Item, after: Item, now: datetime) -> Iterator[Change]:
        """The changes that accompany a write of `before` to `after`: times, expiry, index keys."""
        yield from self._times.changes(before, now)
        yield from self.always_written(before, now)
        yield from self._index_keys.changes(before, after)

    def only_known(self, item: Item) -> Item:
        """The item without attributes that this store does not know."""
        layout = self.layout
        of_the_record = (
            layout.data,
            layout.session,
            layout.history,
            layout.created_at,
            layout.updated_at,
            layout.meta_data,
        )
        kept: Item = {}
        for path in (*of_the_record, *self._of_the_item):
            if path and (value := find(item, path)) is not None:
                kept = put(kept, path, value)
        return kept

    def snapshot(self, item: Item) -> Snapshot:
        """The item as a snapshot whose data can be unpacked in parts."""
        return Snapshot(item, self.layout.data)

    def needed_members(self, changes: Sequence[Change]) -> set[str] | None:
        """The members of the data that a write of these changes needs; None for all of them."""
        # Many changes may be combined into one write of the whole map.
        if len(changes) > _FEW_CHANGES:
            return None
        data = self.layout.data
        keys = {str(change.path[len(data)]) for change in changes if change.path[: len(data)] == data}
        return keys.union(self._index_keys.sources)

    def settle(
        self, record: UserRecord[DataT], loaded: Loaded, pending: PendingSave, outcome: Outcome, now: datetime
    ) -> None:
        """Update the record after a save, so that the next save writes only later changes."""
        moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if outcome.unchanged_by_others:
            loaded.snapshot = outcome.after
            if self._times.created_at and record.created_at is None:
                record.created_at = moment
            record.updated_at = moment if self._times.updated_at else None
        else:
            item = apply(loaded.item or {}, pending.changes)
            for path in self._of_the_item:
                item = put(item, path, find(outcome.after.item, path))
            loaded.snapshot = self.snapshot(item)
            record.created_at, record.updated_at = self._times.read(item)
        loaded.settle(pending)
        self._session.settle(record.session, pending.changes, moment)
