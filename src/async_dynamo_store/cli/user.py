"""`user`: show, change, export and delete one user."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from async_dynamo_store.errors import UnreadableItemError
from async_dynamo_store.records.paths import DataPath, path_keys
from async_dynamo_store.store.keys import Keys, item_key
from async_dynamo_store.wire.bookkeeping import ATTRIBUTE
from async_dynamo_store.wire.changes import find
from async_dynamo_store.wire.codec import decode
from async_dynamo_store.wire.sizes import MAX_ITEM_BYTES, item_size

from .invocation import Invocation, YesOption, command, open_client
from .json_text import NotAnItemError, from_dynamodb, json_text, parse, plain, shown
from .mistakes import Exit, Failure

if TYPE_CHECKING:
    from async_dynamo_store.config import DynamoDbConfig
    from async_dynamo_store.records.record import UserRecord
    from async_dynamo_store.wire.values import Item

app = typer.Typer(no_args_is_help=True, help="One user: show, change, export, delete, forget.")

UserId = Annotated[str, typer.Argument(metavar="USER_ID", help="The user id, as the platform sends it.")]
PathArgument = Annotated[
    str,
    typer.Argument(metavar="PATH", help="A path in the user's data: phones.1.type, or a JSON list of keys."),
]
RawOption = Annotated[bool, typer.Option("--raw", help="Print the item in DynamoDB's JSON.")]


@command(app, "show")
async def show(invocation: Invocation, user_id: UserId, raw: RawOption = False) -> None:
    """Show what is stored for a user."""
    config = invocation.config()
    if raw:
        typer.echo(json_text(await _read_item(config, user_id)))
        return
    record = await _load(invocation, user_id)
    item = record.loaded.item if record.loaded else None
    invocation.answer(_summary(config, record, item or {}), _rows(config, record, item or {}))


@command(app, "set")
async def set_value(
    invocation: Invocation,
    user_id: UserId,
    path: PathArgument,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="JSON; anything else is taken as text.")],
    text: Annotated[bool, typer.Option("--text", help="Take VALUE as text, even if it is JSON.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help='VALUE is in DynamoDB\'s JSON: {"SS": ["a"]}.')] = False,
) -> None:
    """Write one value of the user's data, atomically. Missing parents, and a missing user, are created."""
    keys, read = _path(path), _value(value, as_text=text, raw=raw)
    async with invocation.store() as store:
        await store.set(user_id, keys, read)
    invocation.answer({"user_id": user_id, "path": path, "set": True}, f"{path} is set.")


@command(app, "unset")
async def unset_value(invocation: Invocation, user_id: UserId, path: PathArgument) -> None:
    """Remove one value of the user's data, atomically."""
    async with invocation.store() as store:
        if not await store.exists(user_id):
            raise Failure("Nothing is stored for this user.")
        await store.unset(user_id, _path(path))
    invocation.answer({"user_id": user_id, "path": path, "unset": True}, f"{path} is removed.")


@command(app, "delete")
async def delete(invocation: Invocation, user_id: UserId, yes: YesOption = False) -> None:
    """Delete the user's item. Conversations are kept; `forget` deletes them too."""
    async with invocation.store() as store:
        if not await store.exists(user_id):
            raise Failure("Nothing is stored for this user.")
        table = store.config.table_name
        invocation.confirm(f"Delete this user's item from the table {table}?", yes=yes)
        await store.delete(user_id)
    invocation.answer({"user_id": user_id, "deleted": True}, f"The user's item was deleted from {table}.")


@command(app, "export")
async def export(
    invocation: Invocation,
    user_id: UserId,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to a new file.")] = None,
    raw: RawOption = False,
) -> None:
    """Export everything stored for a user as JSON: the item and all conversations. For a privacy request."""
    config = invocation.config()
    item = await _find_item(config, user_id)
    conversations = await _conversations(invocation, user_id)
    if item is None and not conversations:
        raise Failure("Nothing is stored for this user.")
    kept = item if raw or item is None else {key: plain(value) for key, value in item.items()}
    text = json_text(
        {
            "user_id": user_id,
            "table": config.table_name,
            "exported_at": datetime.now(UTC),
            "item": kept,
            "conversations": conversations,
        }
    )
    if out is None:
        typer.echo(text)
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}.", Exit.USAGE) from error
    counts = {"item": item is not None, "conversations": len(conversations), "file": str(out)}
    words = (
        f"{'The user item' if item else 'No user item'} and {len(conversations)} conversations are in {out}."
    )
    invocation.answer(counts, words)


@command(app, "forget")
async def forget(invocation: Invocation, user_id: UserId, yes: YesOption = False) -> None:
    """Delete the user's item and all conversations, for an erasure request. It is safe to run again."""
    async with invocation.store() as store:
        table = store.config.table_name
        invocation.confirm(f"Delete everything stored for this user from the table {table}?", yes=yes)
        gone = await store.forget(user_id)
    counts = {"user_item": gone.user_item, "conversations": gone.conversations, "items": gone.items}
    invocation.answer(
        {"user_id": user_id, **counts},
        f"Deleted: {'the user item' if gone.user_item else 'no user item (there was none)'},"
        f" {gone.conversations} conversations ({gone.items} items).",
    )


async def _load(invocation: Invocation, user_id: str) -> UserRecord[dict[str, Any]]:
    async with invocation.store() as store:
        try:
            record = await store.load(user_id)
        except UnreadableItemError as error:
            raise Failure(f"{error}. `user show --raw` shows the stored item.") from error
    if record.is_new:
        raise Failure("Nothing is stored for this user.")
    return record


async def _find_item(config: DynamoDbConfig, user_id: str) -> Item | None:
    key = item_key(config, Keys(config).of(user_id))
    async with open_client(config) as client:
        parameters = {"TableName": config.table_name, "Key": key, "ConsistentRead": True}
        answer = await client.within_timeout(lambda: client.call("get_item", parameters))
    return answer.get("Item")


async def _read_item(config: DynamoDbConfig, user_id: str) -> Item:
    item = await _find_item(config, user_id)
    if item is None:
        raise Failure("Nothing is stored for this user.")
    return item


async def _conversations(invocation: Invocation, user_id: str) -> list[dict[str, Any]]:
    store = invocation.store()
    if store.config.conversations is None:
        return []
    async with store:
        return [
            {"id": each.id, "created_at": each.created_at, "messages": await each.messages()}
            async for each in store.conversations(user_id)
        ]


def _path(path: str) -> DataPath:
    try:
        keys = tuple(json.loads(path)) if path.startswith("[") else path
        path_keys(keys)
    except (ValueError, TypeError) as error:
        raise Failure(
            'PATH must be keys joined by dots, such as phones.1.type, or a JSON list of keys, such as ["a.b", 1].',
            Exit.USAGE,
        ) from error
    return keys


def _value(value: str, *, as_text: bool, raw: bool) -> Any:
    if as_text:
        return value
    if raw:
        try:
            return decode(from_dynamodb(parse(value)))
        except NotAnItemError as error:
            raise Failure(f"VALUE is not in DynamoDB's JSON: {error}.", Exit.USAGE) from error
    try:
        return json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError):
        return value


def _summary(config: DynamoDbConfig, record: UserRecord[dict[str, Any]], item: Item) -> dict[str, Any]:
    layout = config.item_layout
    history = find(item, layout.history) if layout.history else None
    session = find(item, layout.session) if layout.session else None
    return {
        "user_id": record.id,
        "data": shown(find(item, layout.data) or {"M": {}}),
        "session": shown(session) if session else None,
        "history": shown(history) if history else [],
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "size_bytes": item_size(item),
    }


def _rows(config: DynamoDbConfig, record: UserRecord[dict[str, Any]], item: Item) -> Table:
    rows = Table.grid(padding=(0, 2))
    summary = _summary(config, record, item)
    rows.add_row(Text("user id", "dim"), "", Text(record.id))
    for name, moment in (("created", record.created_at), ("updated", record.updated_at)):
        if moment:
            rows.add_row(Text(name, "dim"), "", f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
    size = summary["size_bytes"]
    rows.add_row(
        Text("size", "dim"), "", f"{size:,} bytes, {size / MAX_ITEM_BYTES:.1%} of the limit of an item"
    )
    for part in ("data", "session"):
        for number, (key, value) in enumerate((summary[part] or {}).items()):
            label = Text("" if number else part, "dim")
            rows.add_row(label, Text(key, "cyan"), Text(json_text(value, indent=False)))
    for number, turn in enumerate(summary["history"]):
        rows.add_row(
            Text("" if number else "history", "dim"), str(number), Text(json_text(turn, indent=False))
        )
    known = {
        config.item_layout.data[0],
        *config.item_layout.attributes,
        *(key for key, _, _ in config.key_schema),
    }
    others = sorted(item.keys() - known - {ATTRIBUTE})
    for number, name in enumerate(others):
        value = json_text(shown(item[name]), indent=False)
        rows.add_row(Text("" if number else "others", "dim"), Text(name, "cyan"), Text(value))
    return rows
