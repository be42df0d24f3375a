"""The messages that a user's item has seen, so that one which the platform delivers again is not counted twice.

    "_store": {"seen": ["5f0c9a1be2d94377", ...]}

The last messages whose turns were stored, newest first. They are written by the very update that stores the
turn: what is noted here is stored, and what is stored is noted.
"""

from __future__ import annotations

from hashlib import blake2b

from async_dynamo_store.wire.bookkeeping import ATTRIBUTE
from async_dynamo_store.wire.changes import Prepend, find
from async_dynamo_store.wire.values import Item, ItemPath

_SEEN: ItemPath = (ATTRIBUTE, "seen")
_REMEMBERED = 20
"""A platform delivers again what it has had no answer to, while the user goes on: more than a few messages lie seldom between."""


def note(delivery_id: str) -> Prepend:
    """The change that notes a message in the item."""
    return Prepend(_SEEN, [{"S": _short(delivery_id)}], _REMEMBERED)


def is_noted(delivery_id: str, item: Item) -> bool:
    """Whether the turn of this message is in the item."""
    seen = find(item, _SEEN) or {}
    return {"S": _short(delivery_id)} in seen.get("L", [])


def _short(delivery_id: str) -> str:
    return blake2b(delivery_id.encode(errors="surrogatepass"), digest_size=8).hexdigest()
