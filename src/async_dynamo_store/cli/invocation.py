"""Shared by all commands: the options `--table`, `--config` and `--json`, output, errors, and confirmation."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from async_dynamo_store.config import AwsConfig, DynamoDbConfig
from async_dynamo_store.dynamodb import embedded
from async_dynamo_store.dynamodb.client import Client
from async_dynamo_store.store.store import AsyncDynamoStore

from .json_text import json_text
from .mistakes import EXPECTED, Exit, Failure, code_of
from .settings import read_settings

if TYPE_CHECKING:
    from rich.console import RenderableType

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Command = Callable[..., Coroutine[Any, Any, None]]

_SHARED = (
    (
        "table",
        Annotated[
            str | None,
            typer.Option("--table", metavar="NAME", help="The table (default: VOICE_DB_TABLE_NAME)."),
        ],
        None,
    ),
    (
        "config_file",
        Annotated[
            Path | None,
            typer.Option(
                "--config", metavar="FILE", help="Settings in TOML, or in JSON if the name ends in .json."
            ),
        ],
        None,
    ),
    ("as_json", Annotated[bool, typer.Option("--json", help="Print JSON for scripts, errors too.")], False),
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a command: its settings and its output format."""

    table: str | None
    config_file: Path | None
    as_json: bool

    @property
    def given(self) -> dict[str, Any]:
        """The settings of the command line."""
        return {"table_name": self.table} if self.table else {}

    def config(self, **given: Any) -> DynamoDbConfig:
        """The configuration, with the other settings of the command line. Raises `Failure` for invalid settings."""
        return read_settings(self.given | given, self.config_file)

    def store(self) -> AsyncDynamoStore[dict[str, Any]]:
        """A store with this configuration."""
        return AsyncDynamoStore(self.config())

    def answer(self, value: Any, shown: RenderableType) -> None:
        """Print the answer: `value` as JSON, or `shown` for a person."""
        if self.as_json:
            typer.echo(json_text(value))
        else:
            Console(highlight=False, soft_wrap=isinstance(shown, str)).print(shown)

    def note(self, text: str) -> None:
        """Print a note to stderr."""
        typer.echo(json.dumps({"note": text}) if self.as_json else text, err=True)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before an action that cannot be undone. Raises `Failure` for a no, and if stdin is not a terminal."""
        if yes:
            return
        if self.as_json or not is_interactive():
            raise Failure("Confirmation needs a terminal: pass --yes. Nothing was done.", Exit.USAGE)
        if not typer.confirm(question):
            raise Failure("Nothing was done.")


def is_interactive() -> bool:
    """Whether stdin is a terminal."""
    return sys.stdin.isatty()


def command(app: typer.Typer, name: str, **options: Any) -> Callable[[Command], Command]:
    """Make a coroutine function a command of `app`; its first parameter is the `Invocation`."""

    def register(function: Command) -> Command:
        @functools.wraps(function)
        def run(**arguments: Any) -> None:
            invocation = Invocation(*(arguments.pop(shared) for shared, _, _ in _SHARED))
            run_command(functools.partial(function, invocation, **arguments), as_json=invocation.as_json)

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, annotation, default in _SHARED
        ]
        keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
        run.__signature__ = inspect.Signature([*keywords, *shared])  # type: ignore[attr-defined]  # Typer reads it
        app.command(name, **options)(run)
        return function

    return register


def run_command(function: Callable[[], Coroutine[Any, Any, None]], *, as_json: bool = False) -> None:
    """Run a command. An expected error is printed as a message and becomes `typer.Exit`."""
    try:
        asyncio.run(function())
    except EXPECTED as error:
        _tell(str(error), type(error).__name__, as_json=as_json)
        raise typer.Exit(code_of(error)) from error
    except KeyboardInterrupt as error:
        _tell("Interrupted.", "KeyboardInterrupt", as_json=as_json)
        raise typer.Exit(Exit.INTERRUPTED) from error


def _tell(message: str, kind: str, *, as_json: bool) -> None:
    typer.echo(json.dumps({"error": kind, "message": message}) if as_json else message, err=True)


@asynccontextmanager
async def open_client(config: DynamoDbConfig) -> AsyncGenerator[Client]:
    """A client for operations that the store does not offer."""

    async def find_aws() -> AwsConfig | None:
        return config.aws_config if config.type == "dynamodb" else await embedded.aws_config(config)

    client = Client(config, None, find_aws, accelerate=True)
    try:
        yield client
    finally:
        await client.aclose()
        await embedded.leave(config)
