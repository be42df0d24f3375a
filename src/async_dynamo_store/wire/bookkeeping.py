"""This library's own attribute in an item: the item's identity, and the last write of each writer.

    "_store": {"id": "8c1f0a5be2d94377", "writers": {"q3Zk1A.0": 1795369269123}}

Each new item gets a new `id`. It distinguishes a user who was deleted and created again from the one who was loaded.

`writers` holds one slot per lane of each writer, with the number of the last write made in that slot. A writer is
one store in one process. Concurrent writes of one writer to the same item use different lanes, and each write gets
a number higher than all before it. A write carries the condition that its slot holds a lower number or none. A
write that is sent twice is therefore refused the second time, however late it arrives, and the item in the refusal
shows whether the first attempt was made.

A number is the writer's clock in milliseconds, or the last number plus one if the clock did not advance. A slot
whose number is more than an hour old is removed, and the highest removed number becomes `floor`. A write without a
slot needs a number above `floor`, so an old write is still refused after its slot was removed. AWS rejects requests
whose timestamp is more than minutes off, so no write in flight has a slot of that age.

Frameworks that put whole items drop the attribute; our next save creates it again. Version 0.1 kept a token for each
write of the last minute in `saves`; older tokens are removed.
"""

from __future__ import annotations

import os
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import NamedTuple

from .changes import Change, Put, Remove, Replace, find
from .expression import Guard, Unmade
from .values import AttributeValue, Item, ItemPath

ATTRIBUTE = "_store"
ID: ItemPath = (ATTRIBUTE, "id")
"""The path of an item's identity."""

_WRITERS: ItemPath = (ATTRIBUTE, "writers")
_FLOOR: ItemPath = (ATTRIBUTE, "floor")
_SILENT_SECONDS = 3600
_TOKENS: ItemPath = (ATTRIBUTE, "saves")
_TOKEN_SECONDS = 60


class WriteMark(NamedTuple):
    """The mark that a write leaves in the item: its number, in its slot."""

    slot: str
    number: int

    @property
    def _path(self) -> ItemPath:
        return (*_WRITERS, self.slot)

    def change(self) -> Put:
        """The change that writes the mark."""
        return Put(self._path, {"N": str(self.number)})

    def unmade(self, base: Item | None = None) -> Unmade:
        """The condition that neither this write nor a later one was made in its slot.

        `base` is the item as it was read, None if it was not read. The condition is shorter when `base` is given.
        """
        is_known = base is not None
        has_slot = base is not None and find(base, self._path) is not None
        return Unmade(
            self._path,
            {"N": str(self.number)},
            _FLOOR,
            may_have_slot=has_slot or not is_known,
            may_lack_slot=not has_slot,
        )

    def is_in(self, item: Item) -> bool:
        """Whether this item contains the write."""
        return find(item, self._path) == {"N": str(self.number)}

    def is_overtaken(self, item: Item) -> bool:
        """Whether the item refuses this number, although the write was not made."""
        slot, floor = find(item, self._path), find(item, _FLOOR)
        latest = slot or floor
        return latest is not None and int(latest["N"]) >= self.number and not self.is_in(item)


class Writer:
    """Assigns slots and numbers to the writes of one store."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, set[int]] = {}
        self._last = 0
        self._name = ""
        self._process = 0

    def begin(self, key: str) -> WriteMark:
        """A mark for one write to the item with this key; call `end` when the write is finished."""
        with self._lock:
            if self._process != os.getpid():  # a forked process needs its own name
                self._process, self._name, self._lanes = os.getpid(), _new_name(), {}
            taken = self._lanes.setdefault(key, set())
            lane = 0
            while lane in taken:
                lane += 1
            taken.add(lane)
            self._last = max(self._last + 1, int(time.time() * 1000))
            return WriteMark(f"{self._name}.{lane}", self._last)

    def renumbered(self, mark: WriteMark, item: Item) -> WriteMark:
        """The mark with a higher number, which the item accepts."""
        floor = find(item, _FLOOR) or {"N": "0"}
        slot = find(item, (*_WRITERS, mark.slot)) or floor
        with self._lock:
            self._last = max(self._last, int(floor["N"]), int(slot["N"])) + 1
            return WriteMark(mark.slot, self._last)

    def end(self, key: str, mark: WriteMark) -> None:
        """Free the lane of a write that succeeded or failed."""
        name, _, lane = mark.slot.rpartition(".")
        with self._lock:
            if name == self._name and (taken := self._lanes.get(key)):
                taken.discard(int(lane))
                if not taken:
                    del self._lanes[key]

    def rename(self) -> None:
        """Use a new writer name from now on, because a snapshot of this process may be restored more than once."""
        with self._lock:
            self._process = 0


def _new_name() -> str:
    return urlsafe_b64encode(os.urandom(6)).decode()


def new_identity() -> AttributeValue:
    """A new, unique identity."""
    return {"S": os.urandom(8).hex()}


def identity_of(item: Item) -> AttributeValue | None:
    """The identity of this item; None if another framework wrote it."""
    return find(item, ID)


def changes(epoch: float, base: Item, changed: Item, own: WriteMark) -> Iterator[Change]:
    """The changes to the attribute that accompany a write: its mark, a missing identity, no outdated entries.

    `changed` is the base with the save's own changes, which may have created the attribute.
    """
    if ATTRIBUTE not in changed:
        writers = {own.slot: {"N": str(own.number)}}
        yield Replace((ATTRIBUTE,), None, {"M": {"id": new_identity(), "writers": {"M": writers}}})
        return
    if identity_of(base) is None:
        yield Replace(ID, None, new_identity())
    yield from stale(epoch, base, own)
    yield own.change()


def stale(epoch: float, base: Item, own: WriteMark) -> Iterator[Change]:
    """The changes that remove outdated entries: slots of inactive writers except `own`, and tokens of version 0.1."""
    silent_since = int((epoch - _SILENT_SECONDS) * 1000)
    entries: Item = base.get(ATTRIBUTE, {}).get("M", {})
    floor = entries.get("floor")
    highest = int(floor["N"]) if floor else 0
    for slot, number in entries.get("writers", {}).get("M", {}).items():
        if int(number["N"]) < silent_since and slot != own.slot:
            yield Replace((*_WRITERS, slot), number, None)
            highest = max(highest, int(number["N"]))
    if highest > (int(floor["N"]) if floor else 0):
        yield Replace(_FLOOR, floor, {"N": str(highest)})
    tokens = entries.get("saves", {}).get("M")
    if tokens is None:
        return
    old = [token for token, when in tokens.items() if epoch - float(when.get("N", 0)) > _TOKEN_SECONDS]
    if len(old) == len(tokens):
        yield Replace(_TOKENS, {"M": tokens}, None)
    else:
        yield from (Remove((*_TOKENS, token)) for token in old)


def same_item(base: Item, key: Item, created_at: ItemPath | None) -> list[Guard]:
    """The condition that this is still the item that was read, even if it was changed since.

    If `base` has no identity, the condition compares the key and, if the layout stores one, the creation time.
    """
    if known := identity_of(base):
        return [Guard(ID, known)]
    created = find(base, created_at) if created_at else None
    return [Guard((name,), value) for name, value in key.items()] + (
        [Guard(created_at, created)] if created_at and created else []
    )


def is_other_item(item: Item, base: Item, created_at: ItemPath | None) -> bool:
    """Whether the user was deleted after `base` was read, and `item` was created since.

    False if neither identities nor creation times are available on both.
    """
    for path in (ID, created_at):
        one, other = (find(item, path), find(base, path)) if path else (None, None)
        if one is not None and other is not None:
            return one != other
    return False
