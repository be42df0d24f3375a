"""This library's own attribute in an item: which item it is, and the last write of each of its writers.

    "_store": {"id": "8c1f0a5be2d94377", "writers": {"q3Zk1A.0": 1795369269123}}

`id` is new with each new item, so a user who was deleted and came back is told from the one who was loaded.

`writers` has one slot for each lane of each writer, with the number of the last write that was made in it. A writer
is a store in a process. Each of its writes under way on one item has a lane of its own, and a number higher than
all before. A write is made on the condition that its slot holds a lower number or none, so a write that is sent
again, however late, is refused, and the item in the refusal tells whether the first try was made.

Numbers are milliseconds of the writer's clock, as far as these grow. A slot whose number is an hour old is removed,
and the highest removed number becomes `floor`: a write without a slot needs a number above it, so removing a slot
does not let an old write in. AWS refuses requests whose time is more than minutes off, so a write that is still
under way has no slot of that age.

Frameworks that put whole items drop the attribute; the next save of ours makes it again. Version 0.1 kept a token
for each write of the last minute in `saves`; those that are older are removed.
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
"""Where the identity of an item is."""

_WRITERS: ItemPath = (ATTRIBUTE, "writers")
_FLOOR: ItemPath = (ATTRIBUTE, "floor")
_SILENT_SECONDS = 3600
_TOKENS: ItemPath = (ATTRIBUTE, "saves")
_TOKEN_SECONDS = 60


class WriteMark(NamedTuple):
    """What a write leaves in the item: its number, in its slot."""

    slot: str
    number: int

    @property
    def _path(self) -> ItemPath:
        return (*_WRITERS, self.slot)

    def change(self) -> Put:
        """The change that leaves the mark."""
        return Put(self._path, {"N": str(self.number)})

    def unmade(self, base: Item | None = None) -> Unmade:
        """The condition that neither this write nor a later one was made in its slot.

        `base` is the item as it was read, None for one that was not. With it the condition is shorter.
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
        """Whether the write was made in this item."""
        return find(item, self._path) == {"N": str(self.number)}

    def is_overtaken(self, item: Item) -> bool:
        """Whether the item takes no write with this number any more, though this one was not made."""
        slot, floor = find(item, self._path), find(item, _FLOOR)
        latest = slot or floor
        return latest is not None and int(latest["N"]) >= self.number and not self.is_in(item)


class Writer:
    """Gives the writes of one store their slots and numbers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, set[int]] = {}
        self._last = 0
        self._name = ""
        self._process = 0

    def begin(self, key: str) -> WriteMark:
        """A mark for a write of the item with this key, which `end` has to give back."""
        with self._lock:
            if self._process != os.getpid():  # a fork writes under a name of its own
                self._process, self._name, self._lanes = os.getpid(), _new_name(), {}
            taken = self._lanes.setdefault(key, set())
            lane = next(number for number in range(len(taken) + 1) if number not in taken)
            taken.add(lane)
            self._last = max(self._last + 1, int(time.time() * 1000))
            return WriteMark(f"{self._name}.{lane}", self._last)

    def renumbered(self, mark: WriteMark, item: Item) -> WriteMark:
        """The mark with a number that the item takes."""
        floor = find(item, _FLOOR) or {"N": "0"}
        slot = find(item, (*_WRITERS, mark.slot)) or floor
        with self._lock:
            self._last = max(self._last, int(floor["N"]), int(slot["N"])) + 1
            return WriteMark(mark.slot, self._last)

    def end(self, key: str, mark: WriteMark) -> None:
        """The write is over, whatever became of it: its lane is free."""
        name, _, lane = mark.slot.rpartition(".")
        with self._lock:
            if name == self._name and (taken := self._lanes.get(key)):
                taken.discard(int(lane))
                if not taken:
                    del self._lanes[key]

    def rename(self) -> None:
        """Write under another name from now on: a snapshot of this process may be restored more than once."""
        with self._lock:
            self._process = 0


def _new_name() -> str:
    return urlsafe_b64encode(os.urandom(6)).decode()


def new_identity() -> AttributeValue:
    """An identity that no other item has."""
    return {"S": os.urandom(8).hex()}


def identity_of(item: Item) -> AttributeValue | None:
    """What tells this item from a later one of the same user; None when another framework wrote it."""
    return find(item, ID)


def upkeep(epoch: float, base: Item, own: WriteMark) -> Iterator[Change]:
    """The changes that keep the attribute in order: an identity where it is missing, nothing that is out of date."""
    if identity_of(base) is None:
        yield Replace(ID, None, new_identity())
    yield from stale(epoch, base, own)


def stale(epoch: float, base: Item, own: WriteMark) -> Iterator[Change]:
    """The changes that remove what is out of date: slots of silent writers but for the own one, tokens of version 0.1."""
    if ATTRIBUTE not in base:
        return
    silent_since = int((epoch - _SILENT_SECONDS) * 1000)
    floor = find(base, _FLOOR)
    highest = int(floor["N"]) if floor else 0
    slots = find(base, _WRITERS) or {}
    for slot, number in slots.get("M", {}).items():
        if int(number["N"]) < silent_since and slot != own.slot:
            yield Replace((*_WRITERS, slot), number, None)
            highest = max(highest, int(number["N"]))
    if highest > (int(floor["N"]) if floor else 0):
        yield Replace(_FLOOR, floor, {"N": str(highest)})
    tokens = (find(base, _TOKENS) or {}).get("M")
    if tokens is None:
        return
    old = [token for token, when in tokens.items() if epoch - float(when.get("N", 0)) > _TOKEN_SECONDS]
    if len(old) == len(tokens):
        yield Replace(_TOKENS, {"M": tokens}, None)
    else:
        yield from (Remove((*_TOKENS, token)) for token in old)


def same_item(base: Item, key: Item, created_at: ItemPath | None) -> list[Guard]:
    """The condition that the item is still the one that was read, changed or not.

    For one without identity it is that there is an item, created when this one was, where the layout says so.
    """
    if known := identity_of(base):
        return [Guard(ID, known)]
    created = find(base, created_at) if created_at else None
    return [Guard((name,), value) for name, value in key.items()] + (
        [Guard(created_at, created)] if created_at and created else []
    )


def is_other_item(item: Item, base: Item, created_at: ItemPath | None) -> bool:
    """Whether the user was deleted after `base` was read and has come back as `item`, if the two can tell."""
    for path in (ID, created_at):
        one, other = (find(item, path), find(base, path)) if path else (None, None)
        if one is not None and other is not None:
            return one != other
    return False
