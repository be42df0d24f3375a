"""The pages that go from a source to a target, and the counts of a transfer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import orjson

from async_dynamo_store.wire.numbers import EXACT
from async_dynamo_store.wire.values import AttributeValue, Item

ResultT = TypeVar("ResultT")

_CHECKSUMS = 1 << 256


@dataclass(frozen=True, slots=True)
class Problem:
    """A user that was not transferred: its location, and the reason."""

    where: str
    reason: str


@dataclass(slots=True)
class Page:
    """Some users of a part of the source. `position` is the start of the next page, or None after the last one.

    `others` counts items that are not users: other items of a shared table, and expired ones.
    """

    items: list[Item]
    position: Any
    problems: list[Problem] = field(default_factory=list)
    others: int = 0


@dataclass(slots=True)
class Totals:
    """The counts of a transfer so far. `checksum` covers all items in the target, in any order."""

    read: int = 0
    written: int = 0
    same: int = 0
    kept: int = 0
    missing: int = 0
    unreadable: int = 0
    others: int = 0
    checksum: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, other: Totals) -> None:
        """Add the counts of `other`."""
        for name in ("read", "written", "same", "kept", "missing", "unreadable", "others"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.checksum = (self.checksum + other.checksum) % _CHECKSUMS
        self.left_out.update(other.left_out)

    def have(self, item: Item) -> None:
        """Add an item of the target to the checksum."""
        self.checksum = (self.checksum + checksum(item)) % _CHECKSUMS

    @property
    def in_target(self) -> int:
        """How many of the users that were read are in the target unchanged."""
        return self.written + self.same

    def as_json(self) -> dict[str, Any]:
        """The counts as JSON, for a checkpoint and for scripts."""
        counts = {
            name: getattr(self, name)
            for name in ("read", "written", "same", "kept", "missing", "unreadable", "others")
        }
        return counts | {"checksum": f"{self.checksum:064x}", "left_out": dict(self.left_out)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Totals:
        """The counts from the result of `as_json`."""
        read = dict(values)
        return cls(checksum=int(read.pop("checksum"), 16), left_out=Counter(read.pop("left_out")), **read)


class Source(Protocol):
    """A source of users, in parts that can be read concurrently."""

    async def parts(self, segments: int) -> Sequence[str]:
        """The names of the parts, which are the same in each call."""
        ...

    def pages(self, part: str, position: Any) -> AsyncIterator[Page]:
        """The pages of a part, starting at `position`; None for the beginning."""
        ...


class Target(Protocol):
    """A target for users."""

    def in_order(self) -> AbstractAsyncContextManager[Any]:
        """Held from a write until it is recorded in the state. It does nothing if the target allows concurrent writes."""
        ...

    async def write(self, items: Sequence[Item], totals: Totals) -> list[Problem]:
        """Write these users and count them; returns the problems of those that could not be written."""
        ...

    def size(self) -> int:
        """How many bytes of the target are written."""
        ...

    async def sync(self) -> None:
        """Make what was written durable, even if this machine loses power."""
        ...


def checksum(item: Item) -> int:
    """A number that is the same for two items only if their values are equal."""
    encoded = orjson.dumps({"M": _canonical_map(item)}, option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.sha256(encoded).digest())


def _canonical_map(members: Item) -> dict[str, Any]:
    return {key: _canonical(member) for key, member in members.items()}


def _canonical(value: AttributeValue) -> dict[str, Any]:
    ((tag, content),) = value.items()
    match tag:
        case "M":
            return {tag: _canonical_map(content)}
        case "L":
            return {tag: [_canonical(member) for member in content]}
        case "N":
            return {tag: _number(content)}
        case "B":
            return {tag: _text(content)}
        case "SS":
            return {tag: sorted(content)}
        case "NS":
            return {tag: sorted(map(_number, content))}
        case "BS":
            return {tag: sorted(map(_text, content))}
        case _:
            return value


def _number(text: str) -> str:
    return str(Decimal(text).normalize(EXACT))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def all_of(work: Iterable[Coroutine[Any, Any, ResultT]]) -> list[ResultT]:
    """Run coroutines concurrently and return their results. The first error cancels the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
