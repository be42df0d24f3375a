"""The user record that a handler receives: data, session and history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic

from pydantic import BaseModel
from typing_extensions import TypeVar

from async_dynamo_store.errors import StoreError, UnsupportedValueError
from async_dynamo_store.wire.codec import sum_of

from .data_model import key_as_held, member_names
from .paths import DataKeys, DataPath, as_index, path_keys

if TYPE_CHECKING:
    from .loaded import Loaded

DataT = TypeVar("DataT", default=dict[str, Any])
"""What `user.data` is: a plain dict, or the store's `data_model`."""


@dataclass(slots=True)
class Session:
    """One conversation of the user with the platform.

    `data` is a dict of JSON values. It is kept in the platform's session attributes (`is_of_platform`), or
    stored with the user. `is_remembered`: the id and the times of a platform's session are stored, because the
    platform does not say when a new session begins.
    """

    id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    is_new: bool = True
    is_of_platform: bool = False
    is_remembered: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(slots=True)
class History:
    """The user's last turns that `stored_elements.history` keeps, newest first."""

    items: list[dict[str, Any]] = field(default_factory=list)

    @property
    def prev(self) -> dict[str, Any] | None:
        """The previous turn, if it was stored."""
        return self.items[0] if self.items else None


@dataclass(slots=True, eq=False)
class UserRecord(Generic[DataT]):
    """One user: change `data`, and the save at the end of the turn writes the changes.

    `created_at` and `updated_at` are aware datetimes, None while nothing is stored. `is_new`: nothing was
    stored when the user was loaded. `is_anonymous`: the request had no user id, or the load failed and
    `on_load_error` allows that; `id` is empty and nothing is saved. `meta_data` is Jovo v3's, read-only, and
    empty in other layouts. `loaded` is internal to the store.
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
        """Whether this record belongs to no stored user, so nothing is saved."""
        return self.loaded is None

    async def delete(self) -> None:
        """Delete the user's item now; a turn of this user then ends without a save."""
        loaded = self._stored()
        await loaded.delete(loaded)

    async def refresh(self) -> None:
        """Load the stored data into this record again, keeping existing objects where possible.

        Unsaved changes are lost.
        """
        await self._stored().refresh(self)

    def become(self, other: UserRecord[DataT]) -> None:
        """Copy another record into this one, keeping the identity of the record and of its `data` object."""
        if isinstance(self.data, dict) and isinstance(other.data, dict):
            self.data.clear()
            self.data.update(other.data)
        elif isinstance(self.data, BaseModel) and isinstance(other.data, BaseModel):
            self.data.__setstate__(other.data.__getstate__())
        for each in fields(other):
            if each.name != "data":
                setattr(self, each.name, getattr(other, each.name))

    def increment(self, path: DataPath, by: float | Decimal = 1) -> Any:
        """Add to a number of `data`; concurrent turns all count.

        Returns the sum as this turn sees it; the save adds `by` to the number that is stored by then. A missing
        number starts from its default in the `data_model`, or from 0, and missing parents are created. Raises
        `UnsupportedValueError` if the value or `by` is not a number, and for a path that leads through a scalar.
        """
        keys = path_keys(path)
        where = _where(keys)
        step = sum_of(0, by, where)
        parent, name, stored = _walked(self.data, keys, where)
        old = _member(parent, name, 0)
        if old is None and isinstance(parent, BaseModel) and name not in parent.model_fields_set:
            old = 0
        total = sum_of(old, step, where)
        if isinstance(old, Decimal):
            total = Decimal(str(total))
        _set_member(parent, name, total)
        if self.loaded and all(isinstance(key, str) for key in stored):
            self.loaded.count(tuple(map(str, stored)), step, where)
        return total

    def append(self, path: DataPath, *values: Any) -> None:
        """Append values to a list of `data`; a missing list is created.

        Values of concurrent turns are all kept. Raises `UnsupportedValueError` if the value is not a list, and for
        a path that leads through a scalar.
        """
        keys = path_keys(path)
        where = _where(keys)
        parent, name, stored = _walked(self.data, keys, where)
        members = _member(parent, name, None)
        if members is None:
            _set_member(parent, name, list(values))
            if self.loaded:
                self.loaded.appended.add(stored)
        elif isinstance(members, list):
            members.extend(values)
        else:
            raise UnsupportedValueError(
                f"{where} is {type(members).__qualname__}; append needs a list", where
            )

    def _stored(self) -> Loaded:
        if self.loaded is None:
            raise StoreError(
                "This user is anonymous: the request had no user id, or the user could not be loaded. Nothing is stored"
                " for an anonymous user."
            )
        return self.loaded


class ConflictError(StoreError):
    """Another writer came first, and nothing of this save was written.

    `stored` is the record that won, from the answer to the failed write; None if the user was deleted.
    """

    def __init__(self, message: str, stored: UserRecord[Any] | None = None) -> None:
        super().__init__(message)
        self.stored = stored


def _where(keys: DataKeys) -> str:
    return ".".join(map(str, keys))


def _walked(data: Any, keys: DataKeys, where: str) -> tuple[Any, Any, DataKeys]:
    """The parent of the value, the key in that parent, and the stored keys of the path. Missing parents are created."""
    parent = data
    stored: DataKeys = ()
    for key in keys[:-1]:
        name, alias = _names(parent, key, where)
        name = key_as_held(data, stored, parent, name)
        stored = (*stored, alias)
        parent = _member(parent, name, {})
    name, alias = _names(parent, keys[-1], where)
    name = key_as_held(data, stored, parent, name)
    return parent, name, (*stored, alias)


def _names(parent: Any, key: str | int, where: str) -> tuple[Any, str | int]:
    """The key or index of a member in its parent, and the key or index under which it is stored."""
    if not isinstance(parent, list):
        return member_names(parent, str(key), where)
    index = as_index(key)
    if index is None or index >= len(parent):
        raise UnsupportedValueError(f"{where}: a list of {len(parent)} members has no {key!r}", where)
    return index, index


def _member(parent: Any, name: Any, default: Any) -> Any:
    if isinstance(parent, list):
        return parent[name]
    if isinstance(parent, dict):
        return parent.get(name) if default is None else parent.setdefault(name, default)
    if not hasattr(parent, name) and default is not None:
        setattr(parent, name, default)
    return getattr(parent, name, None)


def _set_member(parent: Any, name: Any, value: Any) -> None:
    if isinstance(parent, dict | list):
        parent[name] = value
    else:
        setattr(parent, name, value)
