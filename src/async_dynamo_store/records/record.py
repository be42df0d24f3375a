"""What a handler holds of a user: the data, the session, the history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple

from pydantic import BaseModel
from typing_extensions import TypeVar

from async_dynamo_store.errors import StoreError
from async_dynamo_store.wire.codec import sum_of

from .data_model import key_as_held, member_names

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from async_dynamo_store.wire.snapshot import Snapshot

    from .meta_data import RequestNote

DataT = TypeVar("DataT", default=dict[str, Any])
"""What `user.data` is: a plain dict, or the store's `data_model`."""

Path = str | tuple[str, ...]
"""The place of a value in the user's data: keys with dots between them, or a tuple where a key holds a dot."""


def path_keys(path: Path) -> tuple[str, ...]:
    """The keys of a path; raises ValueError when one is empty or not valid Unicode."""
    keys = tuple(path.split(".")) if isinstance(path, str) else tuple(path)
    if not keys or not all(keys):
        raise ValueError('a path is keys with dots between them, such as "address.city", or a tuple of keys')
    try:
        "".join(keys).encode()
    except UnicodeEncodeError:
        raise ValueError("a key of the path is not valid Unicode (a lone surrogate)") from None
    return keys


@dataclass(slots=True)
class Session:
    """One conversation of the user with the platform.

    `data` is a dict of JSON values. It rides in the platform's own session attributes (`is_of_platform`), or
    is stored with the user.
    """

    id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    is_new: bool = True
    is_of_platform: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(slots=True)
class History:
    """The user's last turns, newest first, as far as `stored_elements.history` keeps them."""

    items: list[dict[str, Any]] = field(default_factory=list)

    @property
    def prev(self) -> dict[str, Any] | None:
        """The turn before this one, if it was kept."""
        return self.items[0] if self.items else None


class StoredTurn(NamedTuple):
    """What a user's item keeps of a turn: its entry in the history, and what Jovo v3 notes of its request."""

    history: dict[str, Any] | None = None
    note: RequestNote | None = None


class Taken(NamedTuple):
    """What a save under way has taken of a record; what comes after that is for the next save."""

    baseline: Any
    increments: dict[tuple[str, ...], int | float | Decimal]
    new_turns: int


@dataclass(slots=True, eq=False, weakref_slot=True)
class Loaded:
    """What the store remembers of a record between its load and its save.

    `snapshot` is the item as it was read, None where there was none; `baseline` is what the data model made
    of it; `increments` are what `increment` has added, by the keys under which it is stored.
    `deleted` says whether the user has been deleted since then, by the turn itself or by another. `new_turns`
    and `note` are of the turn that is to be saved.
    """

    key: str
    snapshot: Snapshot | None
    delete: Callable[[Loaded], Awaitable[None]]
    task: asyncio.Task[Any] | None
    baseline: Any = None
    increments: dict[tuple[str, ...], int | float | Decimal] = field(default_factory=dict)
    new_turns: list[dict[str, Any]] = field(default_factory=list)
    taken: Taken | None = None
    saving: asyncio.Future[None] | None = None
    note: RequestNote | None = None
    deleted: Literal["", "here", "elsewhere"] = ""

    @property
    def item(self) -> dict[str, Any] | None:
        """The item as it was read, in wire form."""
        return self.snapshot.item if self.snapshot else None

    def part(self, keys: Iterable[str]) -> dict[str, Any]:
        """The item, empty where there was none, with at least these members of the data."""
        return self.snapshot.part(keys) if self.snapshot else {}


@dataclass(slots=True, eq=False)
class UserRecord(Generic[DataT]):
    """One user as loaded: change `data`, and the save at the end of the turn writes what changed.

    `created_at` and `updated_at` are aware datetimes, None while nothing is stored. `is_new`: nothing was
    stored when the user was loaded. `is_anonymous`: the request named nobody, or the load failed and
    `on_load_error` allows that (`id` is empty); nothing of it is saved. `meta_data` is Jovo v3's, to be read;
    it is empty in other layouts. `loaded` is the store's.
    """

    id: str
    data: DataT
    is_new: bool = True
    session: Session = field(default_factory=Session)
    history: History = field(default_factory=History)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    meta_data: Mapping[str, Any] = field(default_factory=dict)
    loaded: Loaded | None = field(default=None, repr=False)

    @property
    def is_anonymous(self) -> bool:
        """Whether this stands for no stored user, so that nothing is saved."""
        return self.loaded is None

    async def delete(self) -> None:
        """Delete the user's item now; the turn then ends without a save."""
        if self.loaded is None:
            raise StoreError(
                "This user is anonymous: the request named nobody, or the user could not be loaded. There is"
                " nothing to delete here."
            )
        await self.loaded.delete(self.loaded)

    def increment(self, path: Path, by: float | Decimal = 1) -> Any:
        """Add to a number of `data` in such a way that turns at the same time all count.

        Returns this turn's view of the sum at once; the save adds `by` to whatever is stored by then. A
        missing number counts as its default in the `data_model`, else as 0, and missing parents are made. Raises
        `UnsupportedValueError` when what is there, or `by`, is no number.
        """
        keys = path_keys(path)
        where = ".".join(keys)
        step = sum_of(0, by, where)
        parent: Any = self.data
        stored: list[str] = []
        for key in keys[:-1]:
            name, alias = member_names(parent, key, where)
            name = key_as_held(self.data, tuple(stored), parent, name)
            stored.append(alias)
            parent = _child(parent, name, {})
        name, alias = member_names(parent, keys[-1], where)
        name = key_as_held(self.data, tuple(stored), parent, name)
        old = _child(parent, name, 0)
        if old is None and isinstance(parent, BaseModel) and name not in parent.model_fields_set:
            old = 0
        total = sum_of(old, step, where)
        if isinstance(old, Decimal):
            total = Decimal(str(total))
        _set_child(parent, name, total)
        if self.loaded:
            counter = (*stored, alias)
            self.loaded.increments[counter] = sum_of(self.loaded.increments.get(counter, 0), step, where)
        return total


class ConflictError(StoreError):
    """Another writer came first, and nothing of this save was written.

    `stored` is the record that won, as the failed write's own answer showed it; None when the user has been
    deleted.
    """

    def __init__(self, message: str, stored: UserRecord[Any] | None = None) -> None:
        super().__init__(message)
        self.stored = stored


def _child(parent: Any, name: Any, default: Any) -> Any:
    if isinstance(parent, dict):
        return parent.setdefault(name, default)
    if not hasattr(parent, name):
        setattr(parent, name, default)
    return getattr(parent, name)


def _set_child(parent: Any, name: Any, value: Any) -> None:
    if isinstance(parent, dict):
        parent[name] = value
    else:
        setattr(parent, name, value)
