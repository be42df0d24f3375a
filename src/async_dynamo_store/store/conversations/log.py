"""The requests behind conversations: reads, conditional writes and deletes of items in their table."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from async_dynamo_store.dynamodb.answers import ConditionFailed
from async_dynamo_store.dynamodb.definition import PARTITION_KEY_OF_CONVERSATIONS, SORT_KEY_OF_CONVERSATIONS
from async_dynamo_store.wire.expression import Expression

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.wire.expression import Alive
    from async_dynamo_store.wire.values import AttributeValue, Item

    class Operate(Protocol):
        """Runs an operation within a time budget."""

        async def __call__(self, operation: Callable[[], Awaitable[ResultT]]) -> ResultT:
            """The operation's result."""
            ...


ResultT = TypeVar("ResultT")

_AT_ONCE = 25


class Log:
    """One user's items in the conversations' table; `operate` runs an operation within its time limit."""

    def __init__(self, client: Client, operate: Operate, table_name: str, user_key: str) -> None:
        self.operate = operate
        self._client = client
        self._table_name = table_name
        self._user_key = user_key

    async def get(self, key: Item) -> Item | None:
        """The current item, or None."""
        answer = await self._call("get_item", Key=key, ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    async def put(self, item: Item) -> None:
        """Write an item unconditionally."""
        await self._call("put_item", Item=item)

    async def put_new(self, item: Item, token: str, expired: Alive | None = None) -> Item | None:
        """Write an item if its key is free and return None; otherwise return the stored item.

        Also returns None if the stored item has the same token, because then an earlier attempt was stored. With
        `expired`, an expired item is replaced.
        """
        expression = Expression()
        free = f"attribute_not_exists({expression.path((PARTITION_KEY_OF_CONVERSATIONS,))})"
        if expired:
            free += f" OR {expression.text(expired.expired)}"
        return await self._put_if(item, expression, free, ("token", token))

    async def replace(self, item: Item, attribute: str, was: str) -> Item | None:
        """Replace an item whose `attribute` still has the value `was` and return None; otherwise return the stored item.

        Returns `{}` if there is no item. Also returns None if the stored `attribute` equals the new one, because then an
        earlier attempt was stored.
        """
        expression = Expression()
        same = f"{expression.path((attribute,))} = {expression.value({'S': was})}"
        return await self._put_if(item, expression, same, (attribute, item[attribute]["S"]), gone={})

    async def set_if(self, key: Item, attribute: str, value: AttributeValue, token: str) -> None:
        """Set one attribute of the item if it has this token; otherwise do nothing."""
        expression = Expression()
        update = f"SET {expression.path((attribute,))} = {expression.value(value)}"
        same = f"{expression.path(('token',))} = {expression.value({'S': token})}"
        try:
            await self._call("update_item", Key=key, UpdateExpression=update, **expression.parameters(same))
        except ConditionFailed:
            return

    async def remove(self, key: Item, token: str) -> None:
        """Delete the item if it has this token; otherwise do nothing."""
        expression = Expression()
        same = f"{expression.path(('token',))} = {expression.value({'S': token})}"
        try:
            await self._call("delete_item", Key=key, **expression.parameters(same))
        except ConditionFailed:
            return

    async def remove_all(self, keys: Iterable[Item]) -> int:
        """Delete items, several concurrently, and return their number."""
        left = list(keys)
        count = len(left)
        while left:
            batch, left = left[:_AT_ONCE], left[_AT_ONCE:]
            deletions = [self._call("delete_item", Key=key) for key in batch]
            for outcome in await asyncio.gather(*deletions, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        return count

    async def pages(
        self, prefix: str, *, newest_first: bool = False, limit: int | None = None, keys_only: bool = False
    ) -> AsyncIterator[list[Item]]:
        """Iterate over pages of the user's items whose sort keys begin with `prefix`. Each page has its own time limit."""
        start: Item | None = None
        while True:
            page = await self.operate(lambda: self._page(prefix, start, newest_first, limit, keys_only))  # noqa: B023 - awaited here
            yield page["Items"]
            start = page.get("LastEvaluatedKey")
            if start is None:
                return

    async def newest(self, prefix: str) -> Item | None:
        """The last item whose sort key begins with `prefix`, or None."""
        page = await self._page(prefix, None, newest_first=True, limit=1)
        items: list[Item] = page["Items"]
        return items[0] if items else None

    async def _page(
        self, prefix: str, start: Item | None, newest_first: bool, limit: int | None, keys_only: bool = False
    ) -> dict[str, Any]:
        expression = Expression()
        user, entry = (
            expression.path((name,)) for name in (PARTITION_KEY_OF_CONVERSATIONS, SORT_KEY_OF_CONVERSATIONS)
        )
        condition = f"{user} = {expression.value({'S': self._user_key})}"
        if prefix:
            condition += f" AND begins_with({entry}, {expression.value({'S': prefix})})"
        parameters: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {alias: name for name, alias in expression.names.items()},
            "ExpressionAttributeValues": expression.values,
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if start:
            parameters["ExclusiveStartKey"] = start
        if limit:
            parameters["Limit"] = limit
        if keys_only:
            parameters["ProjectionExpression"] = f"{user}, {entry}"
        return await self._call("query", **parameters)

    async def _put_if(
        self,
        item: Item,
        expression: Expression,
        condition: str,
        own: tuple[str, str],
        gone: Item | None = None,
    ) -> Item | None:
        try:
            await self._call(
                "put_item",
                Item=item,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **expression.parameters(condition),
            )
        except ConditionFailed as failed:
            attribute, token = own
            if failed.item is None:
                return gone
            return None if failed.item.get(attribute) == {"S": token} else failed.item
        return None

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return await self._client.call(operation, {"TableName": self._table_name, **parameters})
