"""The partition keys of users: their ids with the configured prefixes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_dynamo_store.errors import InvalidUserIdError

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.wire.values import Item

MAX_KEY_BYTES = 2048
"""AWS, 'Quotas in Amazon DynamoDB', 'Partition keys and sort keys'."""


class Keys:
    """The keys of one table's users."""

    def __init__(self, config: DynamoDbConfig) -> None:
        self._prefix = config.primary_key_prefix
        self._has_platform = config.prefix_primary_key_with_platform

    def of(self, user_id: str, platform: str = "") -> str:
        """The key of a user; `platform` is the platform's prefix.

        Raises `InvalidUserIdError`.
        """
        if not user_id or not isinstance(user_id, str):
            got = type(user_id).__name__.removesuffix("Type").replace("str", "an empty str")
            raise InvalidUserIdError(
                f"A user id is a non-empty str; this one is {got}. Check where it is taken from (VoiceApp: user_id=)."
            )
        key = f"{self._prefix}{platform}{user_id}"
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise InvalidUserIdError("The user id is not valid Unicode (a lone surrogate).") from None
        if size > MAX_KEY_BYTES:
            raise InvalidUserIdError(
                f"The user id has {size} bytes with its prefix; DynamoDB's keys hold {MAX_KEY_BYTES}."
            )
        return key

    def user_id(self, key: str) -> str | None:
        """The user id in a key; None for a key with another prefix."""
        if not key.startswith(self._prefix):
            return None
        user_id = key.removeprefix(self._prefix)
        return (user_id.partition("::")[2] if self._has_platform else user_id) or None


def item_key(config: DynamoDbConfig, key: str) -> Item:
    """The primary key of the item with this partition key."""
    sort_key: Item = {config.sort_key_column: {"S": config.sort_key}} if config.sort_key_column else {}
    return {config.primary_key: {"S": key}, **sort_key}
