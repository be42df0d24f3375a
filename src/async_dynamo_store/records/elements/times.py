"""The stored elements `created_at` and `updated_at`, and DynamoDB's own expiry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from async_dynamo_store.records.reading import javascript_time, read_time
from async_dynamo_store.wire.changes import Change, Put, find
from async_dynamo_store.wire.expression import FIVE_YEARS, Alive

if TYPE_CHECKING:
    from async_dynamo_store.config import StoredElements, Ttl
    from async_dynamo_store.layouts import Layout
    from async_dynamo_store.wire.values import Item, ItemPath

WORTH_A_WRITE = 0.1
"""If only a time needs an update, it is written when it would move by more than this fraction of its span."""


class Times:
    """When the item was made and last written."""

    def __init__(self, layout: Layout, stored: StoredElements) -> None:
        self.created_at: ItemPath | None = layout.created_at if stored.created_at else None
        self.updated_at: ItemPath | None = layout.updated_at if stored.updated_at else None

    def read(self, item: Item) -> tuple[datetime | None, datetime | None]:
        """When the item was made, and when it was written last."""
        return read_time(item, self.created_at), read_time(item, self.updated_at)

    def always_written(self, now: datetime) -> Iterator[Change]:
        """The changes that go with every write, whatever the item holds."""
        if self.updated_at:
            yield Put(self.updated_at, {"S": javascript_time(now)})

    def changes(self, before: Item, now: datetime) -> Iterator[Change]:
        """The changes that go with a write of this item."""
        if self.created_at and find(before, self.created_at) is None:
            yield Put(self.created_at, {"S": javascript_time(now)})


class Expiry:
    """DynamoDB's time to live of an item, where the configuration has one."""

    def __init__(self, ttl: Ttl | None) -> None:
        self.path: ItemPath | None = (ttl.attribute,) if ttl else None
        self._seconds = ttl.after_seconds if ttl else 0

    def is_over(self, item: Item, now: datetime) -> bool:
        """Whether DynamoDB will remove the item, or has to be expected to have done so."""
        expires = find(item, self.path) if self.path else None
        if expires is None or "N" not in expires:
            return False
        epoch = int(now.timestamp())
        return epoch - FIVE_YEARS <= float(expires["N"]) <= epoch

    def alive(self, now: datetime) -> Alive | None:
        """The same as a condition; None without a time to live."""
        return Alive(self.path, int(now.timestamp())) if self.path else None

    def changes(self, before: Item, now: datetime) -> Iterator[Change]:
        """The new expiry, when it moves the stored one by more than a tenth of its span."""
        if self.path:
            expires = int(now.timestamp()) + self._seconds
            stored = find(before, self.path) or {}
            if abs(expires - float(stored.get("N", 0))) > WORTH_A_WRITE * self._seconds:
                yield Put(self.path, {"N": str(expires)})
