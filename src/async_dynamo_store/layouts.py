"""The published layouts: where each framework keeps the parts of a user's record in an item.

| part | `jovo4` | `jovo3` | `jovo1` | `ask-sdk` |
|---|---|---|---|---|
| partition key | `userId` | `userId` | `userId` | `id` |
| data | `user.data` | `userData.data` | `data` | `attributes` |
| session | `session` | `userData.session` | | |
| history | `history.items` | `userData.context.prev` | | |
| created | `createdAt` | `userData.metaData.createdAt` | | |
| updated | `updatedAt` | `updatedAt` | | |
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from .errors import UnreadableItemError

LayoutName = Literal["jovo4", "jovo3", "jovo1", "ask-sdk"]

ItemPath = tuple[str, ...]
"""The path of a part of the record in an item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the parts of a record are in an item; a part without a path is not stored in this layout.

    - `partition_key`: the default partition key attribute.
    - `attributes`: all attributes at the item's root that the layout uses.
    - `session_data`, `session_updated_at`, `session_created_at`: the members of the map at `session`.
    - `untimed_session_is_over`: whether a stored session without a time has ended.
    """

    partition_key: str = "userId"
    attributes: frozenset[str]
    data: ItemPath
    session: ItemPath | None = None
    session_data: str = "data"
    session_updated_at: str = "updatedAt"
    session_created_at: str | None = "createdAt"
    untimed_session_is_over: bool = False
    history: ItemPath | None = None
    created_at: ItemPath | None = None
    updated_at: ItemPath | None = None
    meta_data: ItemPath | None = None

    def check(self, item: Container[str]) -> None:
        """Raise `UnreadableItemError` if `item` was written with another layout."""
        if self.data[0] in item:
            return
        for name, attribute in _DATA_ATTRIBUTES:
            if attribute in item:
                column = f" and attributes_column={attribute!r}" if name == "ask-sdk" else ""
                raise UnreadableItemError(
                    f"the stored item has the attribute {attribute!r} of the layout {name!r}, and not"
                    f" {self.data[0]!r} of the configured layout. The item is unchanged: set layout={name!r}{column}",
                    attribute,
                )

    def with_attributes_column(self, name: str | None) -> Layout:
        """The layout with the user's data in the attribute `name`, which each ASK SDK lets its user choose."""
        return replace(self, data=(name,), attributes=frozenset({name})) if name else self


LAYOUTS: Mapping[LayoutName, Layout] = {
    # The items of `@jovotech/db-dynamodb`.
    "jovo4": Layout(
        attributes=frozenset({"user", "session", "history", "createdAt", "updatedAt"}),
        data=("user", "data"),
        session=("session",),
        history=("history", "items"),
        created_at=("createdAt",),
        updated_at=("updatedAt",),
    ),
    # The items of `jovo-db-dynamodb` up to version 3.
    "jovo3": Layout(
        attributes=frozenset({"userData", "updatedAt"}),
        data=("userData", "data"),
        session=("userData", "session"),
        session_data="$data",
        session_updated_at="lastUpdatedAt",
        session_created_at=None,
        untimed_session_is_over=True,  # Jovo v3 removes the time on a `tell`
        history=("userData", "context", "prev"),
        meta_data=("userData", "metaData"),
        created_at=("userData", "metaData", "createdAt"),
        updated_at=("updatedAt",),
    ),
    # The items of Jovo version 1.
    "jovo1": Layout(attributes=frozenset({"data"}), data=("data",)),
    # The items of the ASK SDK's DynamoDB persistence adapter.
    "ask-sdk": Layout(
        partition_key="id",
        attributes=frozenset({"attributes"}),
        data=("attributes",),
    ),
}

_DATA_ATTRIBUTES: tuple[tuple[LayoutName, str], ...] = (
    *((name, layout.data[0]) for name, layout in LAYOUTS.items()),
    ("ask-sdk", "mapAttr"),
)
"""The attribute of a user's data in each layout. Version 1 of the ASK SDK for Node uses `mapAttr`."""
