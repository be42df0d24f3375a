"""`export`, `import` and `copy`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from async_dynamo_store.cli.invocation import Invocation, command, open_client
from async_dynamo_store.cli.mistakes import Exit, Failure
from async_dynamo_store.cli.settings import read_file_alone
from async_dynamo_store.config import DynamoDbConfig
from async_dynamo_store.dynamodb.definition import users_table
from async_dynamo_store.dynamodb.table import Table

from .checkpoint import Checkpoint
from .files import FileSource, FileTarget
from .layout_change import LayoutChange, with_layout
from .lines import Form
from .pages import Problem, Totals
from .rates import Rate
from .report import tell_outcome, tell_rehearsal
from .run import Transfer
from .tables import TableSource, TableTarget

if TYPE_CHECKING:
    from async_dynamo_store.layouts import LayoutName

    from .pages import Source

_CALLS = {"timeout_seconds": 60.0, "max_attempts": 10}
"""Longer limits than for voice apps, because no user waits for an answer."""


class LayoutChoice(StrEnum):
    """The layouts."""

    JOVO4 = "jovo4"
    JOVO3 = "jovo3"
    JOVO1 = "jovo1"
    ASK_SDK = "ask-sdk"


LayoutOption = Annotated[
    LayoutChoice | None, typer.Option("--layout", help="The source's layout (default: as configured).")
]
ToLayoutOption = Annotated[
    LayoutChoice | None, typer.Option("--to-layout", help="The target's layout (default: as configured).")
]
SegmentsOption = Annotated[
    int, typer.Option("--segments", min=1, max=1000, help="How many parts are read concurrently.")
]
MaxRcuOption = Annotated[
    float | None, typer.Option("--max-rcu", min=1, help="Maximum read units per second and table.")
]
MaxWcuOption = Annotated[
    float | None, typer.Option("--max-wcu", min=1, help="Maximum write units per second.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Overwrite users that exist in the target (default: keep them).")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Write nothing; report what would change.")]
CheckpointOption = Annotated[
    Path | None, typer.Option("--checkpoint", metavar="FILE", help="The file that records the progress.")
]


@dataclass(frozen=True, slots=True)
class _Job:
    """One transfer and its options."""

    invocation: Invocation
    source: DynamoDbConfig
    target: DynamoDbConfig
    segments: int
    checkpoint: Path
    names: dict[str, Any]

    @property
    def fingerprint(self) -> dict[str, Any]:
        """What must be the same to resume the transfer."""
        return self.names | {"source_items": _fields(self.source), "target_items": _fields(self.target)}


def register(app: typer.Typer) -> None:
    """Add the three commands to `app`."""
    command(app, "export")(export)
    command(app, "import")(import_users)
    command(app, "copy")(copy)


async def export(
    invocation: Invocation,
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file; compressed if its name ends in .gz.")
    ],
    form: Annotated[Form, typer.Option("--format", help="Plain values, or DynamoDB's JSON.")] = Form.PLAIN,
    layout: LayoutOption = None,
    to_layout: ToLayoutOption = None,
    segments: SegmentsOption = 4,
    max_rcu: MaxRcuOption = None,
    checkpoint: CheckpointOption = None,
) -> None:
    """Export all users of the table to a file of JSON lines. Run it again to resume after a crash."""
    if out.exists():
        raise Failure(f"{out} already exists. Remove it, or choose another file.", Exit.USAGE)
    source = with_layout(invocation.config(), _layout(layout), **_CALLS)
    target = with_layout(source, _layout(to_layout))
    job = _Job(
        invocation,
        source,
        target,
        segments,
        checkpoint or out.with_name(f"{out.name}.checkpoint"),
        {"command": "export", "from": _place(source), "to": str(out.absolute()), "format": form.value},
    )
    async with (
        open_client(source) as client,
        _transfer(job, TableSource(source, client, Rate(max_rcu))) as transfer,
    ):
        kept = Checkpoint(job.checkpoint)
        state, goes_on = kept.load(job.fingerprint, segments)
        _tell_resumed(job, goes_on, state.totals)
        file = FileTarget(out, form, state.size)
        try:
            await transfer.run(file, state, kept)
        finally:
            file.close()
        found = await _read_back(file, target, segments)
        kept.remove()
        file.finish()
    tell_outcome(job.invocation, job.names, state.totals, found)


async def import_users(
    invocation: Invocation,
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A file of JSON lines, or a directory with an export to S3."),
    ],
    layout: LayoutOption = None,
    to_layout: ToLayoutOption = None,
    segments: SegmentsOption = 4,
    max_rcu: MaxRcuOption = None,
    max_wcu: MaxWcuOption = None,
    overwrite: OverwriteOption = False,
    dry_run: DryRunOption = False,
    checkpoint: CheckpointOption = None,
) -> None:
    """Import users from JSON lines into the table: plain values, DynamoDB's JSON, or DynamoDB's export to S3."""
    target = with_layout(invocation.config(), _layout(to_layout), **_CALLS)
    source = with_layout(target, _layout(layout))
    path = path.absolute()
    files = FileSource(path)
    names = {
        "command": "import",
        "from": str(path),
        "bytes": await asyncio.to_thread(files.size),
        "to": _place(target),
        "overwrite": overwrite,
    }
    place = checkpoint or path.with_name(f"{path.name}.checkpoint")
    job = _Job(invocation, source, target, segments, place, names)
    await _into_table(job, lambda _: files, max_rcu, max_wcu, overwrites=overwrite, dry_run=dry_run)


async def copy(
    invocation: Invocation,
    to: Annotated[str | None, typer.Option("--to", metavar="TABLE", help="The target table.")] = None,
    to_config: Annotated[
        Path | None,
        typer.Option("--to-config", metavar="FILE", help="Settings of the target, if they differ."),
    ] = None,
    layout: LayoutOption = None,
    to_layout: ToLayoutOption = None,
    segments: SegmentsOption = 4,
    max_rcu: MaxRcuOption = None,
    max_wcu: MaxWcuOption = None,
    overwrite: OverwriteOption = False,
    dry_run: DryRunOption = False,
    checkpoint: CheckpointOption = None,
) -> None:
    """Copy all users of the table to another table, optionally with other keys and another layout."""
    source = with_layout(invocation.config(), _layout(layout), **_CALLS)
    if to is None and to_config is None:
        raise Failure("The target is missing: pass --to TABLE, or --to-config FILE.", Exit.USAGE)
    named = {"table_name": to} if to else {}
    target = with_layout(
        read_file_alone(to_config) if to_config else source, _layout(to_layout), **named, **_CALLS
    )
    if _place(source) == _place(target):
        raise Failure("Source and target are the same table.", Exit.USAGE)
    names = {"command": "copy", "from": _place(source), "to": _place(target), "overwrite": overwrite}
    place = checkpoint or Path(f"{source.table_name}-to-{target.table_name}.checkpoint")
    job = _Job(invocation, source, target, segments, place, names)
    async with open_client(source) as client:
        await _into_table(
            job,
            lambda rate: TableSource(source, client, rate),
            max_rcu,
            max_wcu,
            overwrites=overwrite,
            dry_run=dry_run,
        )


async def _into_table(
    job: _Job,
    source_of: Callable[[Rate], Source],
    max_rcu: float | None,
    max_wcu: float | None,
    *,
    overwrites: bool,
    dry_run: bool,
) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(job.target))
        source = source_of(Rate(max_rcu))
        transfer = await stack.enter_async_context(_transfer(job, source))
        table = TableTarget(job.target, client, Rate(max_rcu), Rate(max_wcu), overwrites=overwrites)
        if dry_run:
            with table.rehearsal():
                found = await transfer.compare(table.compare, job.segments, aloud=True)
            tell_rehearsal(job.invocation, job.names, found, overwrites=overwrites)
            return
        kept = Checkpoint(job.checkpoint)
        state, goes_on = kept.load(job.fingerprint, job.segments)
        await Table(users_table(job.target), client).ensure()
        _tell_resumed(job, goes_on, state.totals)
        await transfer.run(table, state, kept)
        found = await transfer.compare(table.compare, job.segments)
        kept.remove()
    tell_outcome(job.invocation, job.names, state.totals, found)


@asynccontextmanager
async def _transfer(job: _Job, source: Source) -> AsyncGenerator[Transfer]:
    """A transfer, with a progress bar if stderr is a terminal."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(job.names["command"], total=None)

        def tell(problem: Problem) -> None:
            job.invocation.note(f"{problem.where}: {problem.reason}")

        change = LayoutChange(job.source, job.target)
        try:
            yield Transfer(source, change, tell, lambda users: progress.advance(task, users))
        except OSError as error:
            raise Failure(f"{error.filename or 'The file'} cannot be written: {error.strerror}.") from error
        finally:
            if job.checkpoint.exists():
                job.invocation.note(
                    f"The transfer is incomplete. To resume from {job.checkpoint}, run the command again."
                )


async def _read_back(file: FileTarget, config: DynamoDbConfig, segments: int) -> Totals:
    """Count the users in the written file."""
    found = Totals()
    source = file.written()
    for part in await source.parts(segments):
        async for page in source.pages(part, None):
            found.read += len(page.items)
            found.same += len(page.items)
            for item in page.items:
                found.have(item)
    return found


def _tell_resumed(job: _Job, goes_on: bool, totals: Totals) -> None:
    if goes_on:
        job.invocation.note(f"Resuming from {job.checkpoint}: {totals.read} users were read before.")


def _layout(choice: LayoutChoice | None) -> LayoutName | None:
    return choice.value if choice else None


def _place(config: DynamoDbConfig) -> str:
    aws = config.aws_config
    where = (aws.endpoint_url or aws.region) if aws else None
    return f"{where}/{config.table_name}" if where else config.table_name


def _fields(config: DynamoDbConfig) -> dict[str, Any]:
    fields = ("layout", "primary_key", "sort_key_column", "sort_key", "primary_key_prefix")
    return {name: getattr(config, name) for name in fields}
