"""A record's stored elements: what is read of an item, and what is to change in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.layouts import LAYOUTS
from async_dynamo_store.wire.bookkeeping import ATTRIBUTE
from async_dynamo_store.wire.changes import (
    ZERO,
    Change,
    Increment,
    Prepend,
    Put,
    Replace,
    apply,
    diff,
    find,
    put,
)
from async_dynamo_store.wire.codec import decode, encode, sum_of
from async_dynamo_store.wire.sizes import size_of
from async_dynamo_store.wire.snapshot import Snapshot
from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath, path_text, same

from .meta_data import meta_data_changes
from .reading import javascript_time, read_map, read_text, read_time, unreadable
from .record import DataT, History, Loaded, Session, Taken, UserRecord
from .storable import storable

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig, IndexKey

    from .data_model import DataModel
    from .paths import DataKeys

_WORTH_A_WRITE = 0.1
"""An expiry is refreshed by a write of its own when it would move by more than this part of itself."""
_FEW_CHANGES = 8
_MAX_INDEX_KEY_BYTES = {"HASH": 2048, "RANGE": 1024}
"""AWS, 'Quotas in Amazon DynamoDB', 'Partition keys and sort keys'."""


class Elements(Generic[DataT]):
    """How the records of one store stand in its items."""

    def __init__(self, config: DynamoDbConfig, data_model: DataModel[DataT]) -> None:
        self.layout = LAYOUTS[config.layout]
        self._data_name = path_text(self.layout.data)
        self._data_model = data_model
        self._empty_strings_as_null = config.empty_strings == "null"
        self._stores_data = config.stored_elements.user
        self._created_at = self.layout.created_at if config.stored_elements.created_at else None
        self._updated_at = self.layout.updated_at if config.stored_elements.updated_at else None
        self._session = config.stored_elements.session_element
        self._history = config.stored_elements.history_elements
        self._ttl = config.ttl
        index_keys = [key for index in config.global_secondary_indexes for key in index.keys]
        # Of two uses of one attribute the RANGE key has the lower limit.
        index_keys.sort(key=lambda key: key.key_type)
        self._index_keys = {key.attribute_name: key for key in index_keys}.values()
        self._index_sources = {key.path.partition(".")[0] for key in index_keys}
        self._kept_up: list[ItemPath] = [(ATTRIBUTE,), *((key.attribute_name,) for key in self._index_keys)]
        self._kept_up += [path for path in (self._created_at, self._updated_at) if path]
        self._kept_up += [(self._ttl.attribute,)] if self._ttl else []

    def read(self, user_id: str, loaded: Loaded, now: datetime) -> UserRecord[DataT]:
        """The record of an item (`loaded.item`).

        Raises `UnreadableItemError` for one that is not of this layout.
        """
        item = loaded.item or {}
        self.check(item)
        members = read_map(item, self.layout.data) if self._stores_data else {}
        data, loaded.baseline = self._data_model.read(decode({"M": members}), self._data_name)
        return UserRecord(
            id=user_id,
            data=data,
            is_new=loaded.item is None,
            session=self._read_session(item, now),
            history=History(self._read_history(item)),
            created_at=read_time(item, self._created_at),
            updated_at=read_time(item, self._updated_at),
            meta_data=decode({"M": read_map(item, self.layout.meta_data)}) if self.layout.meta_data else {},
            loaded=loaded,
        )

    def check(self, item: Item) -> None:
        """Raises `UnreadableItemError` for an item of another layout, which no write may touch either."""
        self.layout.check(item)
        if self._stores_data:
            read_map(item, self.layout.data)

    def is_expired(self, item: Item, now: datetime) -> bool:
        """Whether the item's time to live is over, though DynamoDB has not removed it yet."""
        expires = find(item, (self._ttl.attribute,)) if self._ttl else None
        return expires is not None and "N" in expires and float(expires["N"]) <= int(now.timestamp())

    def anonymous(self) -> UserRecord[DataT]:
        """The record of nobody: empty, neither loaded nor saved."""
        return UserRecord(id="", data=self._data_model.read({}, self._data_name)[0])

    def changes(self, record: UserRecord[DataT], loaded: Loaded, now: datetime) -> list[Change]:
        """What the turn has changed in the record; empty when nothing has to be written."""
        model = self._data_model
        baseline = model.baseline(record.data) if self._stores_data else None
        changes = [*self._data_changes(record, loaded, baseline), *self._history_changes(loaded)]
        if loaded.note:
            changes += meta_data_changes(
                loaded.note, loaded.part(()), now, is_new_session=record.session.is_new
            )
        changes += self._session_changes(record.session, loaded, now, is_writing=bool(changes))
        if not changes:
            loaded.taken = None
            return [*self._expiry(loaded.part(()), now)] if self._ttl and loaded.snapshot else []
        loaded.taken = Taken(baseline, loaded.increments.copy(), len(loaded.new_turns))
        return changes

    def touches(self, before: Item, now: datetime) -> Iterator[Change]:
        """The changes that go with every write, whatever the item holds: the time of it, and the expiry."""
        if self._updated_at:
            yield Put(self._updated_at, {"S": javascript_time(now)})
        yield from self._expiry(before, now)

    def stamps(self, before: Item, after: Item, now: datetime) -> Iterator[Change]:
        """The changes that go with the write that makes `before` into `after`: times, expiry, index keys."""
        if self._created_at and find(before, self._created_at) is None:
            yield Put(self._created_at, {"S": javascript_time(now)})
        yield from self.touches(before, now)
        for key in self._index_keys:
            stored = find(before, (key.attribute_name,))
            value = self._index_value(key, after)
            if not same(value, stored):
                yield Replace((key.attribute_name,), stored, value)

    def _index_value(self, key: IndexKey, after: Item) -> AttributeValue | None:
        """What the index is to hold: nothing where the data has another type, or an empty text, which is no key."""
        source: ItemPath = (*self.layout.data, *key.path.split("."))
        value = find(after, source)
        if value is None or not value.get(key.attribute_type):
            return None
        size, most = size_of(value), _MAX_INDEX_KEY_BYTES[key.key_type]
        if size > most:
            raise UnsupportedValueError(
                f"{path_text(source)} has {size:,} bytes; as the {key.key_type} key of an index DynamoDB holds"
                f" {most:,}. Shorten it",
                path_text(source),
            )
        return value

    def known(self, item: Item) -> Item:
        """The item without what no record of this store knows."""
        layout = self.layout
        paths = [
            layout.data,
            layout.session,
            layout.history,
            layout.created_at,
            layout.updated_at,
            layout.meta_data,
            *self._kept_up,
        ]
        kept: Item = {}
        for path in paths:
            if path and (value := find(item, path)) is not None:
                kept = put(kept, path, value)
        return kept

    def snapshot(self, item: Item) -> Snapshot:
        """The item as a snapshot whose data can be looked at in parts."""
        return Snapshot(item, self.layout.data)

    def written(self, changes: Sequence[Change]) -> set[str] | None:
        """The members of the data that a write of these changes has to know; None for all of them."""
        # Many changes may become a single one of the whole map.
        if len(changes) > _FEW_CHANGES:
            return None
        data = self.layout.data
        keys = {str(change.path[len(data)]) for change in changes if change.path[: len(data)] == data}
        return keys.union(self._index_sources)

    def saved(
        self,
        record: UserRecord[DataT],
        loaded: Loaded,
        changes: Sequence[Change],
        after: Snapshot,
        now: datetime,
        *,
        alone: bool = False,
    ) -> None:
        """Note in the record what has been written: a second save of it writes what changes from here on.

        `alone`: nobody else has written anything that is in `after`.
        """
        moment = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if alone:
            loaded.snapshot = after
            record.created_at = record.created_at or (moment if self._created_at else None)
            record.updated_at = moment if self._updated_at else None
        else:
            item = apply(loaded.item or {}, changes)
            for path in self._kept_up:
                item = put(item, path, find(after.item, path))
            loaded.snapshot = self.snapshot(item)
            record.created_at = read_time(item, self._created_at)
            record.updated_at = read_time(item, self._updated_at)
        self._give_back(loaded)
        root = self.layout.session
        if self._session and root and any(change.path[: len(root)] == root for change in changes):
            record.session.updated_at = moment

    def _give_back(self, loaded: Loaded) -> None:
        """Leave in `loaded` what has come since the save took its changes."""
        if loaded.taken is None:
            return
        loaded.baseline = loaded.taken.baseline
        for keys, by in loaded.taken.increments.items():
            left = sum_of(loaded.increments.pop(keys), -by, ".".join(keys))
            if left:
                loaded.increments[keys] = left
        del loaded.new_turns[len(loaded.new_turns) - loaded.taken.new_turns :]
        loaded.taken = loaded.note = None

    def _data_changes(self, record: UserRecord[DataT], loaded: Loaded, now: Any) -> Iterator[Change]:
        if not self._stores_data:
            return
        changed = self._data_model.changed(record.data, loaded.baseline, now)
        if changed is not None:
            changed = changed | {keys[0] for keys in loaded.increments}
            if not changed:
                return
        path = self.layout.data
        members = read_map((loaded.item or {}) if changed is None else loaded.part(changed), path)
        written = self._data_model.write(record.data, lambda: decode({"M": members}), loaded.baseline, now)
        if changed is not None:
            members = {key: value for key, value in members.items() if key in changed}
            written = {key: value for key, value in written.items() if key in changed}
        after = self.encode(written, path, like={"M": members})["M"]
        counts, after = self._increments(loaded, members, after)
        yield from self._diff(members, after, path)
        yield from counts

    def _increments(self, loaded: Loaded, before: Item, after: Item) -> tuple[list[Increment], Item]:
        """An Increment for each counter that nobody set otherwise after counting, and `after` without them."""
        counts: list[Increment] = []
        for keys, by in loaded.increments.items():
            path = (*self.layout.data, *keys)
            old = find(before, keys)
            # A default that is made anew each time is the one that this turn has counted from.
            start = (
                self.start(keys) if old else as_start(self._data_model.loaded_value(loaded.baseline, keys))
            )
            value, old = find(after, keys) or {}, old or start
            if "N" in old and same(value, {"N": str(sum_of(decode(old), by, path_text(path)))}):
                counts.append(Increment(path, encode(by, path), otherwise=value, start=start))
                after = put(after, keys, find(before, keys))
        return counts, after

    def _diff(self, before: Item, after: Item, path: ItemPath) -> list[Change]:
        if self._empty_strings_as_null:
            before = self.encode(decode({"M": before}), path)["M"]
        return diff(before, after, path)

    def _read_session(self, item: Item, now: datetime) -> Session:
        root = self.layout.session
        if self._session is None or root is None or not read_map(item, root):
            return Session()
        updated_at = read_time(item, (*root, self.layout.session_updated_at))
        lifetime = timedelta(seconds=self._session.expires_after_seconds)
        if now - updated_at > lifetime if updated_at else self.layout.untimed_session_is_over:
            return Session()
        return Session(
            id=read_text(item, (*root, "id")),
            data=decode({"M": read_map(item, (*root, self.layout.session_data))}),
            is_new=False,
            created_at=read_time(item, (*root, self.layout.session_created_at))
            if self.layout.session_created_at
            else None,
            updated_at=updated_at,
        )

    def _session_changes(
        self, session: Session, loaded: Loaded, now: datetime, *, is_writing: bool
    ) -> Iterator[Change]:
        root = self.layout.session
        is_empty = session.is_new and session.id is None and not session.data
        if self._session is None or root is None or session.is_of_platform or is_empty:
            return
        path = (*root, self.layout.session_data)
        data = self.encode(session.data, path)
        if "M" not in data:
            kind = type(session.data).__qualname__
            raise UnsupportedValueError(f"session.data is {kind}; set it to a dict", "session.data")
        written = {"S": javascript_time(now)}
        if session.is_new and session.updated_at is None:
            whole = {self.layout.session_data: data, self.layout.session_updated_at: written}
            if self.layout.session_created_at:
                whole[self.layout.session_created_at] = written
            if session.id is not None:
                whole["id"] = {"S": session.id}
            yield Put(root, {"M": whole})
            return
        changed = self._diff(read_map(loaded.part(()), path), data["M"], path)
        yield from changed
        refresh_after = _WORTH_A_WRITE * timedelta(seconds=self._session.expires_after_seconds)
        age = now - session.updated_at if session.updated_at else None
        if is_writing or changed or age is None or age > refresh_after:
            yield Put((*root, self.layout.session_updated_at), written)

    def _read_history(self, item: Item) -> list[dict[str, Any]]:
        path = self.layout.history
        if self._history is None or path is None:
            return []
        turns = decode(read_map(item, path[:-1]).get(str(path[-1]), {"L": []}))
        if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
            raise unreadable(item, path, "a list of maps")
        return turns

    def _history_changes(self, loaded: Loaded) -> Iterator[Change]:
        path = self.layout.history
        if self._history and path and loaded.new_turns:
            turns = [self.encode(turn, (*path, 0)) for turn in loaded.new_turns]
            yield Prepend(path, turns, self._history.size)

    def _expiry(self, before: Item, now: datetime) -> Iterator[Change]:
        if self._ttl:
            expires = int(now.timestamp()) + self._ttl.after_seconds
            stored = find(before, (self._ttl.attribute,)) or {}
            if abs(expires - float(stored.get("N", 0))) > _WORTH_A_WRITE * self._ttl.after_seconds:
                yield Put((self._ttl.attribute,), {"N": str(expires)})

    def start(self, keys: DataKeys) -> AttributeValue:
        """What a number of the data counts from where nothing is stored at these keys: its default."""
        return as_start(self._data_model.default(keys))

    def encode(self, value: Any, path: ItemPath, like: AttributeValue | None = None) -> AttributeValue:
        """The attribute value of `value` at `path`, as this store is set to write it."""
        return encode(value, path, like=like, empty_strings_as_null=self._empty_strings_as_null)


def as_start(default: Any) -> AttributeValue:
    """The number that a default is, 0 for any other one."""
    is_number = isinstance(default, int | float | Decimal) and not isinstance(default, bool)
    return encode(storable(default)) if is_number else ZERO
