"""The stored element `session`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.records.reading import javascript_time, read_map, read_text, read_time
from async_dynamo_store.records.record import Session
from async_dynamo_store.wire.changes import Change, Put
from async_dynamo_store.wire.codec import decode

from .times import WORTH_A_WRITE

if TYPE_CHECKING:
    from typing import Any

    from async_dynamo_store.config import SessionElement as SessionSettings
    from async_dynamo_store.layouts import Layout
    from async_dynamo_store.records.loaded import Loaded
    from async_dynamo_store.wire.values import Item

    from .data import DataElement


class SessionElement:
    """The stored session, if sessions are stored and the layout supports them."""

    def __init__(self, layout: Layout, settings: SessionSettings | None, data: DataElement[Any]) -> None:
        self._layout = layout
        self._root = layout.session if settings else None
        self._lifetime = timedelta(seconds=settings.expires_after_seconds if settings else 0)
        self._data = data

    def read(self, item: Item, now: datetime) -> Session:
        """The stored session if it has not ended; otherwise a new one."""
        root, layout = self._root, self._layout
        if root is None or not read_map(item, root):
            return Session()
        updated_at = read_time(item, (*root, layout.session_updated_at))
        if now - updated_at > self._lifetime if updated_at else layout.untimed_session_is_over:
            return Session()
        created = layout.session_created_at
        return Session(
            id=read_text(item, (*root, "id")),
            data=decode({"M": read_map(item, (*root, layout.session_data))}),
            is_new=False,
            created_at=read_time(item, (*root, created)) if created else None,
            updated_at=updated_at,
        )

    def changes(self, session: Session, loaded: Loaded, now: datetime) -> Iterator[Change]:
        """The changes that the turn made to the session, without the time of its last request (see `refresh`)."""
        root, layout = self._root, self._layout
        if root is None or self._is_not_stored(session):
            return
        path = (*root, layout.session_data)
        data = self._data.encode({} if session.is_of_platform else session.data, path)
        if "M" not in data:
            kind = type(session.data).__qualname__
            raise UnsupportedValueError(f"session.data is {kind}; set it to a dict", "session.data")
        if not _is_unsaved(session):
            yield from self._data.difference(read_map(loaded.part(()), path), data["M"], path)
            return
        written = {"S": javascript_time(now)}
        whole = {layout.session_data: data, layout.session_updated_at: written}
        if layout.session_created_at:
            whole[layout.session_created_at] = written
        if session.id is not None:
            whole["id"] = {"S": session.id}
        yield Put(root, {"M": whole})

    def refresh(self, session: Session, now: datetime, *, is_writing: bool) -> Iterator[Change]:
        """The time of the session's last request: with every write, or alone after a tenth of the lifetime."""
        if self._root is None or self._is_not_stored(session) or _is_unsaved(session):
            return
        age = now - session.updated_at if session.updated_at else None
        if is_writing or age is None or age > WORTH_A_WRITE * self._lifetime:
            yield Put((*self._root, self._layout.session_updated_at), {"S": javascript_time(now)})

    def settle(self, session: Session, changes: Iterable[Change], moment: datetime) -> None:
        """Update the session after a save with these changes."""
        root = self._root
        if root and any(change.path[: len(root)] == root for change in changes):
            session.updated_at = moment

    def _is_not_stored(self, session: Session) -> bool:
        if session.is_of_platform:
            return not session.is_remembered
        return session.is_new and session.id is None and not session.data


def _is_unsaved(session: Session) -> bool:
    return session.is_new and session.updated_at is None
