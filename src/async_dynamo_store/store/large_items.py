"""A warning, once per item, about user items that approach DynamoDB's size limit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from async_dynamo_store.wire.sizes import MAX_ITEM_BYTES, item_size

if TYPE_CHECKING:
    from async_dynamo_store.wire.snapshot import Snapshot

log = logging.getLogger(__name__)

_WARN_BYTES = MAX_ITEM_BYTES * 8 // 10
_MOST_REMEMBERED = 1_000


class LargeItems:
    """Warns about the large items of one store."""

    def __init__(self) -> None:
        self._warned_of: dict[str, None] = {}

    def look_at(self, key: str, item: Snapshot) -> None:
        """Warn about an item that is being written, once, if it exceeds 80 % of DynamoDB's 400 KB.

        The last 1,000 warnings are remembered.
        """
        # The JSON text's size is already known, and never less than what DynamoDB counts.
        if item.size <= _WARN_BYTES or key in self._warned_of:
            return
        size = item_size(item.item)
        if size <= _WARN_BYTES:
            return
        self._warned_of[key] = None
        if len(self._warned_of) > _MOST_REMEMBERED:
            del self._warned_of[next(iter(self._warned_of))]
        log.warning(
            "A user item has %d bytes; DynamoDB allows %d. Store less in it, or keep transcripts in store.conversation().",
            size,
            MAX_ITEM_BYTES,
        )
