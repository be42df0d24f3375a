"""The life of a loaded record: what was read, what has been counted since, and whether its user still exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple

from async_dynamo_store.wire.codec import sum_of

if TYPE_CHECKING:
    from async_dynamo_store.wire.changes import Change
    from async_dynamo_store.wire.snapshot import Snapshot
    from async_dynamo_store.wire.values import Item

    from .elements.meta_data import RequestNote
    from .record import UserRecord

Number = int | float | Decimal


class TurnScope:
    """One turn: the user that is loaded in it first is its own, whatever task loads, deletes or saves it."""

    __slots__ = ("key", "outer")

    def __init__(self, outer: TurnScope | None) -> None:
        self.key: str | None = None
        self.outer = outer

    def is_inside(self, turn: TurnScope) -> bool:
        """Whether this is the turn, or one that was begun in it."""
        return self is turn or (self.outer is not None and self.outer.is_inside(turn))


_turn: ContextVar[TurnScope | None] = ContextVar("turn", default=None)


@contextmanager
def turn_scope() -> Generator[TurnScope]:
    """Everything inside, and every task that is started inside, belongs to one turn."""
    before = _turn.get()
    scope = TurnScope(before)
    _turn.set(scope)
    try:
        yield scope
    finally:
        # reset() would not do: an async generator may be closed in another context.
        _turn.set(before)


def current_turn() -> TurnScope | None:
    """The turn that the running code belongs to."""
    return _turn.get()


class StoredTurn(NamedTuple):
    """What a user's item keeps of a turn: its entry in the history, and what Jovo v3 notes of its request."""

    history: dict[str, Any] | None = None
    note: RequestNote | None = None


class State(Enum):
    """Whether the user that was loaded still exists, as far as this process knows."""

    PRESENT = auto()
    """Nobody here has deleted the user since the load."""
    DELETED_BY_ITS_TURN = auto()
    """The turn deleted its own user: it ends without a save."""
    DELETED = auto()
    """The user was deleted outside of the turn: a save with changes is a conflict."""


@dataclass(slots=True, frozen=True)
class PendingSave:
    """What a save writes of a record; what comes later is for the next save.

    `is_refresh`: only times that are kept up to date, which is never worth an error. `baseline`, `increments`
    and `new_turns` are what the save has taken of the record.
    """

    changes: Sequence[Change]
    is_refresh: bool = False
    baseline: Any = None
    increments: dict[tuple[str, ...], Number] = field(default_factory=dict)
    new_turns: int = 0


@dataclass(slots=True, eq=False, weakref_slot=True)
class Loaded:
    """What the store remembers of a record between its load and its save.

    `snapshot` is the item as it was read, None where there was none; `baseline` is what the data model made
    of it; `increments` are what `increment` has added, by the keys under which it is stored; `appended` are the keys
    of the lists that `append` has made. `turn` is the turn
    whose own user this is. `new_turns`, `note` and `delivery_id` are of the turn that is to be
    saved.
    """

    key: str
    snapshot: Snapshot | None
    delete: Callable[[Loaded], Awaitable[None]]
    refresh: Callable[[UserRecord[Any]], Awaitable[None]]
    turn: TurnScope | None = None
    state: State = State.PRESENT
    baseline: Any = None
    increments: dict[tuple[str, ...], Number] = field(default_factory=dict)
    appended: set[tuple[str | int, ...]] = field(default_factory=set)
    new_turns: list[dict[str, Any]] = field(default_factory=list)
    note: RequestNote | None = None
    delivery_id: str | None = None

    def __post_init__(self) -> None:
        turn = _turn.get()
        if turn is not None:
            turn.key = turn.key or self.key
            self.turn = turn if turn.key == self.key else None

    @property
    def item(self) -> Item | None:
        """The item as it was read, in wire form."""
        return self.snapshot.item if self.snapshot else None

    def part(self, keys: Iterable[str]) -> Item:
        """The item, empty where there was none, with at least these members of the data."""
        return self.snapshot.part(keys) if self.snapshot else {}

    def count(self, keys: tuple[str, ...], by: Number, where: str) -> None:
        """Note that `by` was added to the number under these keys."""
        self.increments[keys] = sum_of(self.increments.get(keys, 0), by, where)

    def remember(self, stored: StoredTurn, delivery_id: str | None = None) -> None:
        """Note for the save what is stored of the turn itself, and the platform's id of its message."""
        self.note = stored.note
        self.delivery_id = delivery_id
        if stored.history is not None:
            self.new_turns.insert(0, stored.history)

    def is_of(self, turn: TurnScope | None) -> bool:
        """Whether this is the own user of a turn, or of one that it was begun in."""
        return self.turn is not None and turn is not None and turn.is_inside(self.turn)

    def was_deleted(self, by: TurnScope | None) -> None:
        """The user was deleted, in the turn `by` or outside of any."""
        self.state = State.DELETED_BY_ITS_TURN if self.is_of(by) else State.DELETED

    def settle(self, pending: PendingSave) -> None:
        """A save was made: leave what has come since it began."""
        if pending.is_refresh:
            return
        self.baseline = pending.baseline
        for keys, by in pending.increments.items():
            left = sum_of(self.increments.pop(keys, by), -by, ".".join(keys))
            if left:
                self.increments[keys] = left
        del self.new_turns[len(self.new_turns) - pending.new_turns :]
        self.note = self.delivery_id = None
