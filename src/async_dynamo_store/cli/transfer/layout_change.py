"""Converts the items of one configuration to those of another: other keys, another layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from async_dynamo_store.cli.mistakes import Exit, Failure
from async_dynamo_store.cli.settings import settings_failure
from async_dynamo_store.config import DynamoDbConfig
from async_dynamo_store.errors import UnreadableItemError
from async_dynamo_store.records.elements.index_keys import IndexKeys
from async_dynamo_store.records.elements.times import Expiry
from async_dynamo_store.records.reading import read_map, unreadable
from async_dynamo_store.store.keys import MAX_KEY_BYTES, item_key
from async_dynamo_store.wire.changes import apply, find, put
from async_dynamo_store.wire.sizes import check_item_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from async_dynamo_store.layouts import LayoutName
    from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath


def with_layout(config: DynamoDbConfig, layout: LayoutName | None, **fields: Any) -> DynamoDbConfig:
    """The configuration with another layout and other fields. Raises `Failure` if that is invalid."""
    values = config.model_dump(exclude_unset=True, exclude={"stored_elements"}) | fields
    if layout and layout != config.layout:
        values["layout"] = layout
        values.pop("attributes_column", None)
    try:
        return DynamoDbConfig.model_validate(values)
    except ValidationError as error:
        raise settings_failure(error) from error


class LayoutChange:
    """Converts the items of one configuration to those of another.

    With the same layout, only the key changes. With another layout, the user's data and times move, attributes that the
    source's layout does not use stay at the item's root, and the rest (session, history, Jovo v3's metaData) is left
    out and reported.
    """

    def __init__(self, source: DynamoDbConfig, target: DynamoDbConfig) -> None:
        if target.prefix_primary_key_with_platform and not source.prefix_primary_key_with_platform:
            raise Failure(
                "The target's keys contain the platform, but the source's keys do not name it. Turn off"
                " prefix_primary_key_with_platform.",
                Exit.USAGE,
            )
        self._source, self._target = source, target
        self._from, self._to = source.item_layout, target.item_layout
        self._is_same_layout = self._from == self._to
        self._strips_platform = (
            source.prefix_primary_key_with_platform and not target.prefix_primary_key_with_platform
        )
        self._index_keys = IndexKeys(target.global_secondary_indexes, self._to.data)
        self._expiry = Expiry(source.ttl)
        self._sort_key = {
            name: value for name, value in item_key(source, "").items() if name != source.primary_key
        }

    def is_user(self, item: Item, now: datetime) -> bool:
        """Whether an item is a user's: it has this sort key and prefix, and is not expired."""
        key = item.get(self._source.primary_key, {}).get("S", self._source.primary_key_prefix)
        return (
            all(item.get(name, value) == value for name, value in self._sort_key.items())
            and key.startswith(self._source.primary_key_prefix)
            and not self._expiry.is_over(item, now)
        )

    def name_of(self, item: Item) -> str:
        """The key of an item in the source, for messages to the operator."""
        return str(item.get(self._source.primary_key, {}).get("S", "an item without a key"))

    def changed(self, item: Item) -> tuple[Item, list[str]]:
        """The item in the form of the target, and the paths that were left out.

        Raises `CodecError` for an item that cannot be read or would be too large.
        """
        key = self._new_key(item)
        old_key = {name for name, _, _ in self._source.key_schema}
        rest = {name: value for name, value in item.items() if name not in old_key}
        left_out: list[str] = []
        if not self._is_same_layout:
            rest, left_out = self._moved(rest)
        for name in key:
            if name in rest:
                raise UnreadableItemError(
                    f"the item has an attribute {name!r}, which is the target's key", name
                )
        made = key | rest
        made = apply(made, self._index_keys.changes(made, made))
        check_item_size(made)
        return made, left_out

    def _new_key(self, item: Item) -> Item:
        name, prefix = self._source.primary_key, self._source.primary_key_prefix
        key = item.get(name, {}).get("S")
        if not key:
            raise UnreadableItemError(f"the item has no string in its key {name!r}", name)
        user = key.removeprefix(prefix)
        if self._strips_platform:
            user = user.partition("::")[2] or user
        made = f"{self._target.primary_key_prefix}{user}"
        if len(made.encode()) > MAX_KEY_BYTES:
            raise UnreadableItemError(f"its key would exceed DynamoDB's limit of {MAX_KEY_BYTES} bytes", name)
        return item_key(self._target, made)

    def _moved(self, item: Item) -> tuple[Item, list[str]]:
        self._from.check(item)
        data = read_map(item, self._from.data)
        made = {name: value for name, value in item.items() if name not in self._from.attributes}
        for name in sorted(made.keys() & self._to.attributes):
            raise unreadable(item, (name,), f"free for the layout {self._target.layout!r}")
        moves: list[tuple[ItemPath | None, ItemPath | None, AttributeValue | None]] = [
            (self._from.data, self._to.data, {"M": data}),
            *(
                (old, new, find(item, old) if old else None)
                for old, new in (
                    (self._from.created_at, self._to.created_at),
                    (self._from.updated_at, self._to.updated_at),
                )
            ),
        ]
        rest = {name: value for name, value in item.items() if name in self._from.attributes}
        for old, new, value in moves:
            if old and new and value is not None:
                made = put(made, new, value)
                rest = put(rest, old, None)
        return made, list(_paths(rest))


def _paths(item: Item) -> Iterator[str]:
    for name, value in item.items():
        if "M" in value:
            yield from (f"{name}.{key}" for key, member in value["M"].items() if member != {"M": {}})
        else:
            yield name
