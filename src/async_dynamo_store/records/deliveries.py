"""The ids of the messages already stored in a user's item, so that a redelivered message is not processed twice.

    "_store": {"seen": ["5f0c9a1be2d94377", ...]}

The list holds the last messages whose turns were stored, newest first. The update that stores a turn also writes
its message id, so either both are stored or neither.
"""

from __future__ import annotations

from hashlib import blake2b

from async_dynamo_store.wire.bookkeeping import ATTRIBUTE
from async_dynamo_store.wire.changes import Prepend, find
from async_dynamo_store.wire.values import Item, ItemPath

_SEEN: ItemPath = (ATTRIBUTE, "seen")
_REMEMBERED = 20
"""The number of remembered ids. A platform redelivers an unanswered message soon, rarely after many other messages."""


def note(delivery_id: str) -> Prepend:
    """The change that records a message in the item."""
    return Prepend(_SEEN, [{"S": _short(delivery_id)}], _REMEMBERED)


def is_noted(delivery_id: str, item: Item) -> bool:
    """Whether the item contains the turn of this message."""
    seen = find(item, _SEEN) or {}
    return {"S": _short(delivery_id)} in seen.get("L", [])


def _short(delivery_id: str) -> str:
    return blake2b(delivery_id.encode(errors="surrogatepass"), digest_size=8).hexdigest()
