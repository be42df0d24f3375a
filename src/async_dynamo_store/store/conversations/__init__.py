"""The conversations of a store: access to one, a list of a user's, and deletion of all of them."""

from __future__ import annotations

import weakref
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from async_dynamo_store.dynamodb.definition import conversations_table
from async_dynamo_store.dynamodb.table import Table
from async_dynamo_store.errors import TableNotFoundError

from .conversation import Conversation
from .entries import ROOTS, Entries, is_root, read_root
from .log import Log
from .reading import Reader
from .writing import Writer

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.store.under_way import UnderWay

__all__ = ["Conversation", "Conversations", "Forgotten"]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` deleted: whether a user item existed, the number of conversations, and the number of their items."""

    user_item: bool
    conversations: int
    items: int


class Conversations:
    """The conversations in one table, by the keys of their users."""

    def __init__(self, config: DynamoDbConfig, client: Client, under_way: UnderWay) -> None:
        definition = conversations_table(config)
        self.table = Table(definition, client)
        self._table_name = definition.name
        self._ttl = config.conversations.ttl if config.conversations else None
        self._client = client
        self._under_way = under_way
        self._writers: weakref.WeakValueDictionary[tuple[str, str], Writer] = weakref.WeakValueDictionary()

    def conversation(self, user_id: str, user_key: str, conversation_id: str) -> Conversation:
        """A conversation of a user; nothing is sent."""
        entries, log = Entries(user_key, conversation_id, self._ttl), self._log(user_key)
        writer = self._writers.get((user_key, conversation_id))
        if writer is None or writer.forgotten:
            writer = self._writers[user_key, conversation_id] = Writer(entries, log, Reader(entries, log))
        return Conversation(user_id, entries, log, writer, self._under_way)

    async def of_user(self, user_id: str, user_key: str) -> list[Conversation]:
        """The conversations of a user, newest first."""
        found: list[Conversation] = []
        async for page in self._log(user_key).pages(ROOTS):
            for item in page:
                root = read_root(item, self._ttl, datetime.now(UTC))
                if root:
                    conversation = self.conversation(user_id, user_key, root.id)
                    conversation.created_at = root.created_at
                    found.append(conversation)
        return sorted(found, key=_began, reverse=True)

    async def forget(self, user_key: str) -> tuple[int, int]:
        """Delete all items of a user; return the number of conversations and of items.

        Reading is repeated until nothing is left, because a concurrent append may still arrive. Such an append finds no
        root and removes its own entry. A missing table is not created.
        """
        for key in list(self._writers):
            if key[0] == user_key and (writer := self._writers.pop(key, None)):
                writer.forgotten = True
        with suppress(TableNotFoundError):
            return await self._remove_all(user_key)
        return 0, 0

    async def _remove_all(self, user_key: str) -> tuple[int, int]:
        roots = items = 0
        log = Log(self._client, self._client.within_timeout, self._table_name, user_key)
        found = 1
        while found:
            found = 0
            async for page in log.pages("", keys_only=True):
                roots += sum(map(is_root, page))
                found += await log.operate(partial(log.remove_all, page))
            items += found
        return roots, items

    def _log(self, user_key: str) -> Log:
        return Log(self._client, self.table.operate, self._table_name, user_key)


def _began(conversation: Conversation) -> Any:
    return conversation.created_at
