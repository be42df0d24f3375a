"""The command `doctor`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from async_dynamo_store.cli.invocation import Invocation, command, open_client
from async_dynamo_store.cli.mistakes import Exit
from async_dynamo_store.cli.settings import settings_in_use
from async_dynamo_store.cli.templates import tables_of
from async_dynamo_store.dynamodb import embedded
from async_dynamo_store.errors import BackendError, TableNotFoundError
from async_dynamo_store.store.keys import item_key

from . import surroundings
from .checks import Check, Level, green, red
from .permissions import permissions
from .table_checks import table

if TYPE_CHECKING:
    from async_dynamo_store.cli.settings import Setting
    from async_dynamo_store.config import DynamoDbConfig


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "doctor")(doctor)


async def doctor(invocation: Invocation) -> None:
    """Check settings, credentials, table, permissions, clock and versions; suggest a fix for each problem."""
    config = invocation.config()
    settings = list(settings_in_use(config, invocation.given, invocation.config_file))
    checks: list[Check] = []
    with Console(stderr=True).status("Checking") as status:
        async for check in _checks(config):
            checks.append(check)
            status.update(f"Checked: {check.name}")
    worst = max((check.level for check in checks), key=list(Level).index)
    invocation.answer(
        {
            "level": worst,
            "settings": [asdict(setting) for setting in settings],
            "checks": [asdict(check) for check in checks],
        },
        Group(_settings(settings), Text(), _report(checks)),
    )
    if worst is Level.RED:
        raise typer.Exit(Exit.NOT_SO)


async def _checks(config: DynamoDbConfig) -> AsyncIterator[Check]:
    yield surroundings.versions()
    key = item_key(config, "doctor")
    async with open_client(config) as asked:
        try:
            # First, because this has a time limit: a source of credentials may hang.
            await asked.open()
            aws = config.aws_config if config.type == "dynamodb" else await embedded.aws_config(config)
            async for check in surroundings.client(config, aws, key):
                yield check
            tables = {definition.name: definition for _, definition in tables_of(config)}
            for definition in tables.values():
                async for check in table(asked, definition):
                    yield check
            async for check in permissions(config, asked, tables):
                yield check
            for name, look in (
                ("clock", surroundings.clock(config, asked)),
                ("round trip", surroundings.round_trip(config, asked, key)),
            ):
                yield await _looked(name, look)
        except BackendError as error:
            yield red("connection", type(error).__name__, str(error))


async def _looked(name: str, look: Awaitable[Check]) -> Check:
    try:
        return await look
    except TableNotFoundError:
        return green(name, "not checked: the table is missing")
    except BackendError as error:
        return red(name, "could not be checked", str(error))


def _settings(settings: list[Setting]) -> Table:
    rows = Table(title="Settings", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading in ("setting", "value", "from"):
        rows.add_column(heading, overflow="fold")
    for setting in settings:
        rows.add_row(Text(setting.name, "cyan"), Text(setting.value), Text(setting.source, "dim"))
    return rows


def _report(checks: list[Check]) -> Table:
    rows = Table(title="Checks", title_justify="left", box=None, show_header=False, padding=(0, 2, 0, 0))
    for check in checks:
        found = Text(check.found)
        if check.remedy:
            found.append(f"\n{check.remedy}", "italic")
        rows.add_row(Text(f"● {check.level}", check.level.value), Text(check.name, "cyan"), found)
    return rows
