"""Record ↔ item: where each published layout keeps the parts of a user's record.

| part | `jovo4` | `jovo3` | `jovo1` | `ask-sdk` |
|---|---|---|---|---|
| data | `user.data` | `userData.data` | `data` | `attributes` |
| session | `session` | `userData.session` | | |
| history | `history.items` | `userData.context.prev` | | |
| created | `createdAt` | `userData.metaData.createdAt` | | |
| updated | `updatedAt` | `updatedAt` | | |
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from .changes import find
from .codec import Item, Path, path_text
from .errors import UnreadableItemError

if TYPE_CHECKING:
    from .config import Layout as LayoutName


class Layout:
    """Where the parts of a record stand in an item; a part with no path has no place in this layout."""

    data: ClassVar[Path]
    session: ClassVar[Path | None] = None
    session_data: ClassVar[str] = "data"
    session_updated_at: ClassVar[str] = "updatedAt"
    session_created_at: ClassVar[str | None] = "createdAt"
    untimed_session_is_over: ClassVar[bool] = False
    history: ClassVar[Path | None] = None
    created_at: ClassVar[Path | None] = None
    updated_at: ClassVar[Path | None] = None
    meta_data: ClassVar[Path | None] = None

    def check(self, item: Item) -> None:
        """Raises `UnreadableItemError` for an item that another layout has written."""
        if self.data[0] in item:
            return
        for name, other in LAYOUTS.items():
            if other.data[0] in item:
                raise UnreadableItemError(
                    f"the stored item has the attribute {other.data[0]!r}, as the layout {name!r} writes it, and"
                    f" none of this layout's ({self.data[0]!r}). The item is left as it is: set layout={name!r}",
                    other.data[0],
                )


class Jovo4(Layout):
    """The items of `@jovotech/db-dynamodb`."""

    data = ("user", "data")
    session = ("session",)
    history = ("history", "items")
    created_at = ("createdAt",)
    updated_at = ("updatedAt",)


class Jovo3(Layout):
    """The items of `jovo-db-dynamodb` up to version 3."""

    data = ("userData", "data")
    session = ("userData", "session")
    session_data = "$data"
    session_updated_at = "lastUpdatedAt"
    session_created_at = None
    untimed_session_is_over = True  # at a `tell`, Jovo v3 takes the time away
    history = ("userData", "context", "prev")
    meta_data: ClassVar[Path] = ("userData", "metaData")  # pyright: ignore[reportIncompatibleVariableOverride]
    created_at = (*meta_data, "createdAt")
    updated_at = ("updatedAt",)


class Jovo1(Layout):
    """The items of Jovo version 1."""

    data = ("data",)


class AskSdk(Layout):
    """The items of the ASK SDK's DynamoDB persistence adapter."""

    data = ("attributes",)


LAYOUTS: dict[LayoutName, Layout] = {
    "jovo4": Jovo4(),
    "jovo3": Jovo3(),
    "jovo1": Jovo1(),
    "ask-sdk": AskSdk(),
}


def javascript_time(moment: datetime) -> str:
    """The moment as JavaScript's `toISOString` writes it: UTC, milliseconds, `Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def read_map(item: Item, path: Path) -> Item:
    """The map at `path` of an item, empty where nothing is.

    Raises `UnreadableItemError` when something else is on the way.
    """
    members = item
    for length, key in enumerate(path, 1):
        value = members.get(str(key))
        if value is None:
            return {}
        if "M" not in value:
            raise unreadable(item, path[:length], "a map")
        members = value["M"]
    return members


def read_time(item: Item, path: Path | None) -> datetime | None:
    """The time at `path` as an aware datetime, None where nothing is."""
    text = read_text(item, path) if path else None
    if path is None or text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise unreadable(item, path, "a time such as 2026-11-22T17:01:09.316Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_text(item: Item, path: Path) -> str | None:
    """The text at `path`, None where nothing is."""
    value = read_map(item, path[:-1]).get(str(path[-1]))
    if value is None or "NULL" in value:
        return None
    if "S" not in value:
        raise unreadable(item, path, "text")
    return str(value["S"])


def unreadable(item: Item, path: Path, expected: str) -> UnreadableItemError:
    """The error for an attribute that is not what the layout expects there."""
    where = path_text(path)
    return UnreadableItemError(
        f"the attribute {where} of the stored item is not {expected} (its type is"
        f" {', '.join(find(item, path) or {})}). The item is left as it is: check that `layout` names the"
        " framework that wrote this table, or mend the item",
        where,
    )
