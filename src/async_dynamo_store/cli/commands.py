"""What can be asked of a table on the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from pydantic_core import to_json
from rich.console import Console

from async_dynamo_store.config import DynamoDbConfig
from async_dynamo_store.dynamodb.embedded import EmbeddedMissingError
from async_dynamo_store.dynamodb.policy import iam_policy
from async_dynamo_store.errors import StoreError
from async_dynamo_store.settings import DynamoDbSettings
from async_dynamo_store.store.store import AsyncDynamoStore

from . import demo as _demo

ResultT = TypeVar("ResultT")
TableOption = Annotated[
    str | None, typer.Option("--table", help="The table's name; else VOICE_DB_TABLE_NAME.", metavar="NAME")
]

commands = typer.Typer(
    name="async-dynamo-store",
    help="Users of voice backends in DynamoDB. VOICE_DB_ variables or .env say in which table, and where.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@commands.command()
def demo() -> None:
    """Show a skill that remembers its users, on a DynamoDB inside this process."""
    try:
        asyncio.run(_demo.run(Console(highlight=False)))
    except EmbeddedMissingError as error:
        raise _failure(str(error)) from error


@commands.command()
def show(user_id: str, table: TableOption = None) -> None:
    """Print a user's stored data as JSON (bytes as base64)."""
    record = _ask(_config(table), lambda store: store.load(user_id))
    if record.is_new:
        raise _failure("Nothing is stored of this user.")
    typer.echo(to_json(record.data, indent=2, bytes_mode="base64"))


@commands.command()
def ensure_table(table: TableOption = None) -> None:
    """Create the table if it is missing, wait until it is active, check its keys."""
    info = _ask(_config(table), lambda store: store.ensure_table())
    keys = ", ".join(f"{name} ({kind}, {role})" for name, kind, role in info.key_schema)
    typer.echo(f"{info.name}: {'created, ' if info.created else ''}{info.status}, key {keys}")


@commands.command()
def policy(table: TableOption = None) -> None:
    """Print the IAM policy that this configuration needs."""
    typer.echo(to_json(iam_policy(_config(table)), indent=2))


def _config(table: str | None) -> DynamoDbConfig:
    given: dict[str, Any] = {"table_name": table} if table else {}
    try:
        return DynamoDbSettings(**given)
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise _failure(
            f"The settings do not fit (VOICE_DB_… in the environment or .env):\n{problems}"
        ) from error


def _ask(
    config: DynamoDbConfig,
    question: Callable[[AsyncDynamoStore[dict[str, Any]]], Coroutine[Any, Any, ResultT]],
) -> ResultT:
    async def ask() -> ResultT:
        async with AsyncDynamoStore(config) as store:
            return await question(store)

    try:
        return asyncio.run(ask())
    except StoreError as error:
        raise _failure(str(error)) from error


def _failure(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)
