"""The items of a conversation: its root, its entries, and the parts of an entry that is too large for one item.

All items have the user's key as partition key. The sort key `entry` contains the quoted id of the conversation:

    #ID                              the root: the current generation of entries, and the conversation's creation time
    ID#GENERATION#0000000042         an entry: the messages of one append; entries are ordered by number
    ID#GENERATION~TOKEN#0001         a part of the messages of the entry with this token

An entry is written once, at a free number. `clear` sets a new generation in the root.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

from async_dynamo_store.dynamodb.definition import (
    PARTITION_KEY_OF_CONVERSATIONS,
    SORT_KEY_OF_CONVERSATIONS,
)
from async_dynamo_store.errors import InvalidConversationIdError, UnreadableItemError
from async_dynamo_store.records.reading import javascript_time
from async_dynamo_store.wire.expression import Alive

if TYPE_CHECKING:
    from async_dynamo_store.config import Ttl
    from async_dynamo_store.wire.values import AttributeValue, Item

_MAX_BYTES = 950
"""A sort key holds 1024 bytes (AWS, 'Quotas in Amazon DynamoDB'); the rest is for generation and number."""
_DIGITS = 10
ROOTS = "#"
"""The prefix of all roots' sort keys."""


def new_token() -> str:
    """A unique token for an entry, an edit or a generation."""
    return uuid4().hex


@dataclass(frozen=True, slots=True)
class Root:
    """A conversation: the caller's `id`, a `token` that changes if it is forgotten and created again, and its `generation`.

    `expires_at` is in epoch seconds; None if the conversation does not expire.
    """

    id: str
    token: str
    generation: str
    created_at: datetime
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: the tokens of its append and its last edit, and its messages or the number of their parts.

    `popped_at` (epoch seconds) is set if the messages were removed by `pop`.
    """

    sort_key: str
    token: str
    edit: str
    messages: AttributeValue | None
    parts: int
    popped_at: int | None
    expires_at: int | None
    created_at: datetime

    @property
    def number(self) -> int:
        """The entry's number in its generation."""
        return int(self.sort_key.rpartition("#")[2])


class Entries:
    """The keys and items of one user's conversation."""

    def __init__(self, user_key: str, conversation_id: str, ttl: Ttl | None) -> None:
        self._user_key = user_key
        self.id = conversation_id
        self._quoted = _quoted(conversation_id)
        self._ttl = ttl

    @property
    def root_key(self) -> Item:
        """The primary key of the root."""
        return self.key(f"{ROOTS}{self._quoted}")

    @property
    def all_of_it(self) -> str:
        """The sort key prefix of all entries and parts."""
        return f"{self._quoted}#"

    def generation(self, generation: str) -> str:
        """The sort key prefix of a generation's entries."""
        return f"{self._quoted}#{generation}#"

    def generation_parts(self, generation: str) -> str:
        """The sort key prefix of a generation's parts."""
        return f"{self._quoted}#{generation}~"

    def sort_key(self, generation: str, number: int) -> str:
        """The sort key of an entry."""
        return f"{self.generation(generation)}{number:0{_DIGITS}}"

    def key(self, sort_key: str) -> Item:
        """The primary key of an item."""
        return {
            PARTITION_KEY_OF_CONVERSATIONS: {"S": self._user_key},
            SORT_KEY_OF_CONVERSATIONS: {"S": sort_key},
        }

    def parts_prefix(self, entry: Entry) -> str:
        """The sort key prefix of an entry's parts."""
        return f"{entry.sort_key.rpartition('#')[0]}~{entry.edit}#"

    def part_keys(self, entry: Entry) -> list[Item]:
        """The primary keys of the parts of an entry."""
        return [self.key(f"{self.parts_prefix(entry)}{index:04}") for index in range(entry.parts)]

    def root_item(self, root: Root) -> Item:
        """The item of a root."""
        return {
            **self.root_key,
            "id": {"S": root.id},
            "token": {"S": root.token},
            "generation": {"S": root.generation},
            "createdAt": {"S": javascript_time(root.created_at)},
            **self._expiry(root.expires_at),
        }

    def entry_item(self, entry: Entry) -> Item:
        """The item of an entry."""
        item: Item = {**self.key(entry.sort_key), "token": {"S": entry.token}, "edit": {"S": entry.edit}}
        if entry.messages is not None:
            item["messages"] = entry.messages
        if entry.parts:
            item["parts"] = {"N": str(entry.parts)}
        if entry.popped_at is not None:
            item["poppedAt"] = {"N": str(entry.popped_at)}
        return item | {"createdAt": {"S": javascript_time(entry.created_at)}} | self._expiry(entry.expires_at)

    def part_item(self, key: Item, content: bytes, expires_at: int | None) -> Item:
        """The item of a part."""
        return {**key, "messages": {"B": content}, **self._expiry(expires_at)}

    def alive(self, now: datetime) -> Alive | None:
        """The condition that an item has not expired; None without a ttl."""
        return Alive((self._ttl.attribute,), int(now.timestamp())) if self._ttl else None

    def expires_at(self, now: datetime) -> int | None:
        """When an item written now expires, in epoch seconds; None without a ttl."""
        return int(now.timestamp()) + self._ttl.after_seconds if self._ttl else None

    def new_expiry(self, root: Root, now: datetime) -> tuple[str, int] | None:
        """The attribute and the value that extend a root's time to live; None while at least half of it is left."""
        if self._ttl is None or root.expires_at is None:
            return None
        half_over = root.expires_at - now.timestamp() < self._ttl.after_seconds / 2
        return (self._ttl.attribute, int(now.timestamp()) + self._ttl.after_seconds) if half_over else None

    def read_root(self, item: Item | None, now: datetime) -> Root | None:
        """The root; None if there is none or it has expired."""
        return read_root(item, self._ttl, now)

    def read_entry(self, item: Item) -> Entry:
        """The entry in an item. Raises `UnreadableItemError`."""
        try:
            return Entry(
                sort_key=item[SORT_KEY_OF_CONVERSATIONS]["S"],
                token=item["token"]["S"],
                edit=item["edit"]["S"],
                messages=item.get("messages"),
                parts=int(item["parts"]["N"]) if "parts" in item else 0,
                popped_at=int(item["poppedAt"]["N"]) if "poppedAt" in item else None,
                expires_at=_seconds(item, self._ttl),
                created_at=_read_time(item),
            )
        except (KeyError, ValueError) as error:
            raise _unreadable() from error

    def _expiry(self, expires_at: int | None) -> Item:
        return {self._ttl.attribute: {"N": str(expires_at)}} if self._ttl and expires_at is not None else {}


def is_over(expires_at: int | None, now: datetime) -> bool:
    """Whether an item has expired, so DynamoDB may remove it at any time."""
    return expires_at is not None and expires_at <= now.timestamp()


def read_root(item: Item | None, ttl: Ttl | None, now: datetime) -> Root | None:
    """The root in an item; None if there is no item or it has expired."""
    if item is None:
        return None
    try:
        root = Root(
            id=item["id"]["S"],
            token=item["token"]["S"],
            generation=item["generation"]["S"],
            created_at=_read_time(item),
            expires_at=_seconds(item, ttl),
        )
    except (KeyError, ValueError) as error:
        raise _unreadable() from error
    return None if is_over(root.expires_at, now) else root


def is_root(item: Item) -> bool:
    """Whether an item of the table is a conversation's root."""
    return str(item[SORT_KEY_OF_CONVERSATIONS]["S"]).startswith(ROOTS)


def _seconds(item: Item, ttl: Ttl | None) -> int | None:
    value = item.get(ttl.attribute, {}).get("N") if ttl else None
    return None if value is None else int(float(value))


def _read_time(item: Item) -> datetime:
    return datetime.fromisoformat(item["createdAt"]["S"]).astimezone(UTC)


def _unreadable() -> UnreadableItemError:
    return UnreadableItemError(
        "An item of the conversations' table does not have the form that this library writes. It is left unchanged.",
        "entry",
    )


def _quoted(conversation_id: str) -> str:
    if not conversation_id or not isinstance(conversation_id, str):
        raise InvalidConversationIdError(
            "A conversation's id is a non-empty str. Check where it is taken from."
        )
    try:
        quoted = quote(conversation_id, safe="@:+=,/ ")
    except UnicodeEncodeError:
        raise InvalidConversationIdError(
            "The conversation's id is not valid Unicode (a lone surrogate)."
        ) from None
    if len(quoted) > _MAX_BYTES:
        raise InvalidConversationIdError(
            f"The conversation's id has {len(quoted)} bytes in a sort key; at most {_MAX_BYTES} are allowed. Use a shorter id."
        )
    return quoted
