"""Plans a save: turns the item as it was read and the changes into one conditional request. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from async_dynamo_store.wire import bookkeeping
from async_dynamo_store.wire.changes import Change, Increment, apply, find
from async_dynamo_store.wire.expression import Condition, Expression, Guard
from async_dynamo_store.wire.sizes import MAX_ITEM_BYTES, check_item_size
from async_dynamo_store.wire.update import plan

if TYPE_CHECKING:
    from async_dynamo_store.config import OnConflict
    from async_dynamo_store.wire.bookkeeping import WriteMark
    from async_dynamo_store.wire.snapshot import Snapshot
    from async_dynamo_store.wire.values import Item

    from .elements import Elements


@dataclass(frozen=True, slots=True)
class Save:
    """A save of one item: its key, the changes, and how to treat the changes of other writers (`mode`)."""

    key: Item
    changes: Sequence[Change]
    mode: OnConflict
    now: datetime


@dataclass(frozen=True, slots=True)
class Write:
    """One request that performs a save: planned for the item `before`, and the item after it."""

    operation: str
    mark: WriteMark
    before: Snapshot | None
    after: Snapshot
    parameters: dict[str, Any] = field(repr=False)


def plan_save(elements: Elements[Any], save: Save, base: Snapshot | None, mark: WriteMark) -> Write | None:
    """The request that makes the changes on `base`, the item as it was read; None if it contains them already.

    Raises `UnreadableItemError` for an item of another layout, and `ItemTooLargeError`.
    """
    # The write needs only these members of the data; its conditions make DynamoDB check the rest of the item.
    keys = elements.needed_members(save.changes) if save.mode == "merge" else None
    stored = None if base is None else base.item if keys is None else base.part(keys)
    before = stored or {}
    elements.check(before)
    changed = apply(before, save.changes)
    if changed == before:
        return None
    with_write = _written_with(elements, save, before, changed, mark)
    after = save.key | apply(changed, with_write)
    if save.mode == "overwrite":
        after = save.key | elements.only_known(after)
    whole = elements.snapshot(after) if base is None or keys is None else base.replaced(after, keys)
    if whole.size > MAX_ITEM_BYTES:
        check_item_size(whole.item)
    if stored is None or save.mode == "overwrite":
        operation, parameters = "put_item", _put_request(elements, save, stored, after, mark)
    else:
        operation, parameters = (
            "update_item",
            _update_request(elements, save, stored, with_write, after, mark),
        )
    return Write(operation, mark, base, whole, parameters)


def _written_with(
    elements: Elements[Any], save: Save, before: Item, changed: Item, mark: WriteMark
) -> list[Change]:
    """The changes that accompany this write: times, expiry, index keys, and this library's own attribute."""
    return [
        *elements.written_with(before, changed, save.now),
        *bookkeeping.changes(save.now.timestamp(), before, changed, mark),
    ]


def _update_request(
    elements: Elements[Any],
    save: Save,
    stored: Item,
    with_write: Sequence[Change],
    after: Item,
    mark: WriteMark,
) -> dict[str, Any]:
    conditions: list[Condition] = [*bookkeeping.same_item(stored, save.key, elements.layout.created_at)]
    if save.mode == "raise":
        conditions += [Guard((name,), value) for name, value in stored.items() if name not in save.key]
        if bookkeeping.ATTRIBUTE not in stored:
            conditions.append(Guard((bookkeeping.ATTRIBUTE,), None))
    # If the item has no bookkeeping yet, the write creates it, on the condition that it is still absent.
    unmade = [mark.unmade(stored)] if bookkeeping.ATTRIBUTE in stored else []
    counts = any(isinstance(change, Increment) for change in save.changes)
    return {
        "Key": save.key,
        "ReturnValues": "ALL_NEW" if counts else "NONE",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **plan([*save.changes, *with_write], stored, [*conditions, *unmade], after),
    }


def _put_request(
    elements: Elements[Any], save: Save, stored: Item | None, after: Item, mark: WriteMark
) -> dict[str, Any]:
    expression = Expression()
    if stored is None and save.mode != "overwrite":
        condition = _nobody_is_there(elements, save, expression)
    else:
        condition = expression.condition(mark.unmade())
        if stored is not None:
            condition += f" AND ({_same_user(elements, save, stored, expression)})"
    return {
        "Item": after,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        **expression.parameters(condition),
    }


def _nobody_is_there(elements: Elements[Any], save: Save, expression: Expression) -> str:
    """The condition that there is no item, or only an expired one."""
    condition = f"attribute_not_exists({expression.path((next(iter(save.key)),))})"
    if alive := elements.expiry.alive(save.now):
        condition += f" OR {expression.text(alive.expired)}"
    return condition


def _same_user(elements: Elements[Any], save: Save, stored: Item, expression: Expression) -> str:
    """The condition that the item belongs to the same user.

    It is the same item, or another framework has put an item in its place whose creation time is equal or missing.
    """
    created_at = elements.layout.created_at
    same = " AND ".join(map(expression.condition, bookkeeping.same_item(stored, save.key, created_at)))
    put_by_others = [
        f"attribute_exists({expression.path((next(iter(save.key)),))})",
        expression.condition(Guard(bookkeeping.ID, None)),
    ]
    if created_at and (created := find(stored, created_at)):
        one_of = [expression.condition(Guard(created_at, value)) for value in (None, created)]
        put_by_others.append(f"({' OR '.join(one_of)})")
    return f"{same} OR {' AND '.join(put_by_others)}"
