"""The commands of `async-dynamo-store`."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.console import Console

from async_dynamo_store.dynamodb.policy import iam_policy
from async_dynamo_store.dynamodb.table import TableInfo

from . import demo as _demo
from . import table, user
from .doctor import command as doctor
from .invocation import Invocation, command, run_command
from .json_text import json_text
from .mistakes import Failure
from .transfer import commands as transfer

commands = typer.Typer(
    name="async-dynamo-store",
    help="Manage the users of voice apps in DynamoDB. Settings come from --table, VOICE_DB_ variables, .env and"
    " --config FILE; earlier ones take precedence. Exit codes: 0 success, 1 negative result, 2 invalid command line or"
    " settings, 3 DynamoDB failed, 4 missing credentials or permission, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
commands.add_typer(table.app, name="table")
commands.add_typer(user.app, name="user")
transfer.register(commands)
doctor.register(commands)


@commands.command()
def demo() -> None:
    """Run an example skill that remembers its users, on an in-process DynamoDB."""
    run_command(lambda: _demo.run(Console(highlight=False)))


@command(commands, "show")
async def show(invocation: Invocation, user_id: user.UserId) -> None:
    """Print a user's stored data as JSON (bytes as base64). `user show` shows the whole record."""
    async with invocation.store() as store:
        record = await store.load(user_id)
    if record.is_new:
        raise Failure("Nothing is stored for this user.")
    typer.echo(json_text(record.data))


@command(commands, "ensure-table")
async def ensure_table(invocation: Invocation) -> None:
    """Create the table if it is missing, wait until it is active, check its keys."""
    async with invocation.store() as store:
        info = await store.ensure_table()
    found = filter(None, (info, info.conversations))
    invocation.answer(asdict(info), "\n".join(map(_in_words, found)))


@command(commands, "policy")
async def policy(invocation: Invocation) -> None:
    """Print the IAM policy that this configuration needs."""
    typer.echo(json_text(iam_policy(invocation.config())))


def _in_words(info: TableInfo) -> str:
    keys = ", ".join(f"{name} ({kind}, {role})" for name, kind, role in info.key_schema)
    return f"{info.name}: {'created, ' if info.created else ''}{info.status}, key {keys}"
