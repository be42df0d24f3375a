"""The stored elements `created_at` and `updated_at`, and DynamoDB's time to live."""

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
"""A time is written without other changes only if it moves by more than this fraction of its span."""


class Times:
    """The times when the item was created and last written."""

    def __init__(self, layout: Layout, stored: StoredElements) -> None:
        self.created_at: ItemPath | None = layout.created_at if stored.created_at else None
        self.updated_at: ItemPath | None = layout.updated_at if stored.updated_at else None

    def read(self, item: Item) -> tuple[datetime | None, datetime | None]:
        """The times when the item was created and last written."""
        return read_time(item, self.created_at), read_time(item, self.updated_at)

    def always_written(self, now: datetime) -> Iterator[Change]:
        """The changes that accompany every write, regardless of the item."""
        if self.updated_at:
            yield Put(self.updated_at, {"S": javascript_time(now)})

    def changes(self, before: Item, now: datetime) -> Iterator[Change]:
        """The changes that accompany a write of this item."""
        if self.created_at and find(before, self.created_at) is None:
            yield Put(self.created_at, {"S": javascript_time(now)})


class Expiry:
    """An item's time to live, if one is configured."""

    def __init__(self, ttl: Ttl | None) -> None:
        self.path: ItemPath | None = (ttl.attribute,) if ttl else None
        self._seconds = ttl.after_seconds if ttl else 0

    def is_over(self, item: Item, now: datetime) -> bool:
        """Whether the item has expired, so DynamoDB may already have removed it."""
        expires = find(item, self.path) if self.path else None
        if expires is None or "N" not in expires:
            return False
        epoch = int(now.timestamp())
        return epoch - FIVE_YEARS <= float(expires["N"]) <= epoch

    def alive(self, now: datetime) -> Alive | None:
        """The condition that the item has not expired; None without a time to live."""
        return Alive(self.path, int(now.timestamp())) if self.path else None

    def changes(self, before: Item, now: datetime) -> Iterator[Change]:
        """The new expiry, if it moves the stored one by more than a tenth of its span."""
        if self.path:
            expires = int(now.timestamp()) + self._seconds
            stored = find(before, self.path) or {}
            if abs(expires - float(stored.get("N", 0))) > WORTH_A_WRITE * self._seconds:
                yield Put(self.path, {"N": str(expires)})
