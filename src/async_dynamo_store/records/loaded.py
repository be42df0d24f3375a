"""The state of a loaded record: the item as it was read, the increments since, and whether the user still exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from async_dynamo_store.wire.codec import sum_of

if TYPE_CHECKING:
    from async_dynamo_store.wire.changes import Change
    from async_dynamo_store.wire.snapshot import Snapshot
    from async_dynamo_store.wire.values import Item

    from .elements.meta_data import RequestNote
    from .record import UserRecord

Number = int | float | Decimal


class TurnScope:
    """One turn: the code in its context, and each task started there, belongs to it.

    The first user loaded in it is the turn's own user, in whichever task that happens.
    """

    __slots__ = ("key", "outer")

    def __init__(self) -> None:
        self.key: str | None = None
        self.outer: TurnScope | None = None

    def __enter__(self) -> Self:
        self.outer = _turn.get()
        _turn.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        # Not reset(): an async generator may be closed in another context, where reset() raises ValueError.
        _turn.set(self.outer)

    def is_inside(self, turn: TurnScope) -> bool:
        """Whether this is the given turn, or a turn nested in it."""
        return self is turn or (self.outer is not None and self.outer.is_inside(turn))


_turn: ContextVar[TurnScope | None] = ContextVar("turn", default=None)


def current_turn() -> TurnScope | None:
    """The turn that the running code belongs to."""
    return _turn.get()


class StoredTurn(NamedTuple):
    """The parts of a turn stored in the user's item: its history entry, and Jovo v3's request metadata."""

    history: dict[str, Any] | None = None
    note: RequestNote | None = None


class State(Enum):
    """Whether the user that was loaded still exists, as far as this process knows."""

    PRESENT = auto()
    """This process has not deleted the user since the load."""
    DELETED_BY_ITS_TURN = auto()
    """The turn deleted its own user, so it ends without a save."""
    DELETED = auto()
    """The user was deleted outside the turn, so a save with changes is a conflict."""


@dataclass(slots=True, frozen=True)
class PendingSave:
    """The changes that one save writes; changes made after it began are left for the next save.

    `is_refresh`: the save only updates times, so its failure is not an error. `baseline`, `increments` and
    `new_turns` are the parts of the record that the save includes.
    """

    changes: Sequence[Change]
    is_refresh: bool = False
    baseline: Any = None
    increments: dict[tuple[str, ...], Number] = field(default_factory=dict)
    new_turns: int = 0


@dataclass(slots=True, eq=False, weakref_slot=True)
class Loaded:
    """What the store remembers of a record between its load and its save.

    `snapshot` is the item as it was read, None if there was none. `baseline` is the data model's state after the
    load. `increments` are the sums added by `increment`, by stored keys. `appended` are the keys of the lists
    created by `append`. `turn` is the turn whose own user this is. `new_turns`, `note` and `delivery_id` belong
    to the turn that will be saved.
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
        """The item with at least these members of the data; empty if there was none."""
        return self.snapshot.part(keys) if self.snapshot else {}

    def count(self, keys: tuple[str, ...], by: Number, where: str) -> None:
        """Record that `by` was added to the number under these keys."""
        self.increments[keys] = sum_of(self.increments.get(keys, 0), by, where)

    def remember(self, stored: StoredTurn, delivery_id: str | None = None) -> None:
        """Record the parts of the turn that the save stores, and the platform's id of its message."""
        self.note = stored.note
        self.delivery_id = delivery_id
        if stored.history is not None:
            self.new_turns.insert(0, stored.history)

    def is_of(self, turn: TurnScope | None) -> bool:
        """Whether this is the own user of a turn, or of a turn that it is nested in."""
        return self.turn is not None and turn is not None and turn.is_inside(self.turn)

    def was_deleted(self, by: TurnScope | None) -> None:
        """Record that the user was deleted: in the turn `by`, or outside any turn (None)."""
        self.state = State.DELETED_BY_ITS_TURN if self.is_of(by) else State.DELETED

    def settle(self, pending: PendingSave) -> None:
        """Remove what a successful save has written; changes made since it began remain."""
        if pending.is_refresh:
            return
        self.baseline = pending.baseline
        for keys, by in pending.increments.items():
            left = sum_of(self.increments.pop(keys, by), -by, ".".join(keys))
            if left:
                self.increments[keys] = left
        del self.new_turns[len(self.new_turns) - pending.new_turns :]
        self.note = self.delivery_id = None
