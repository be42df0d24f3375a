"""`table`: create, show and delete the configured tables."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Rows
from rich.text import Text

from async_dynamo_store.dynamodb.answers import TableInUse
from async_dynamo_store.dynamodb.table import Table
from async_dynamo_store.errors import BackendError, TableNotFoundError

from .invocation import Invocation, YesOption, command, open_client
from .json_text import json_text
from .mistakes import Exit, Failure
from .templates import TableOptions, cloudformation, tables_of, terraform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.dynamodb.definition import TableDefinition

app = typer.Typer(no_args_is_help=True, help="The table, and the conversations table if it is configured.")

_POLL_SECONDS = 0.5
_DELETION_SECONDS = 300.0


class TextForm(StrEnum):
    """The template formats, which are printed instead of creating the table."""

    CLOUDFORMATION = "cloudformation"
    TERRAFORM = "terraform"


class TableClass(StrEnum):
    """DynamoDB's table classes."""

    STANDARD = "STANDARD"
    INFREQUENT_ACCESS = "STANDARD_INFREQUENT_ACCESS"


@command(app, "create")
async def create(
    invocation: Invocation,
    point_in_time_recovery: Annotated[
        bool,
        typer.Option("--point-in-time-recovery", help="Allow restoring any second of the last 35 days."),
    ] = False,
    deletion_protection: Annotated[
        bool, typer.Option("--deletion-protection", help="Protect the table from deletion.")
    ] = False,
    kms_key: Annotated[
        str | None,
        typer.Option(
            "--kms-key", metavar="KEY", help="Encrypt with this KMS key; `aws` for the AWS managed key."
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="May be repeated.")
    ] = None,
    table_class: Annotated[TableClass | None, typer.Option("--table-class")] = None,
    as_text: Annotated[
        TextForm | None,
        typer.Option("--as", help="Create nothing; print a template of the table and its role."),
    ] = None,
) -> None:
    """Create the table with all configured settings, and wait until it is active."""
    config = invocation.config()
    options = TableOptions(
        point_in_time_recovery,
        deletion_protection,
        kms_key,
        _tags(tag or []),
        table_class and table_class.value,
    )
    if as_text:
        typer.echo((terraform if as_text is TextForm.TERRAFORM else cloudformation)(config, options))
        return
    found: list[dict[str, Any]] = []
    async with open_client(config) as client:
        for _, definition in tables_of(config):
            with Console(stderr=True).status(f"Creating {definition.name}"):
                found.append(await _create(client, definition, options))
    lines = [
        f"{each['table']}: {'created' if each['created'] else 'already exists'}, {each['status']}"
        for each in found
    ]
    differing = [line for each in found for line in each["differences"]]
    invocation.answer(found, "\n".join([*lines, *differing]))
    if differing:
        raise typer.Exit(Exit.NOT_SO)


@command(app, "show")
async def show(invocation: Invocation) -> None:
    """Show the table as DynamoDB describes it."""
    config = invocation.config()
    async with open_client(config) as client:
        found = [await read_table(client, definition.name) for _, definition in tables_of(config)]
    rows = Rows.grid(padding=(0, 2))
    for table in found:
        for name, value in table.items():
            text = value if isinstance(value, str) else json_text(value, indent=False)
            rows.add_row(Text(name.replace("_", " "), "dim"), Text(text))
    invocation.answer(found, rows)


@command(app, "delete")
async def delete(invocation: Invocation, yes: YesOption = False) -> None:
    """Delete the table with all users, and the conversations table if it is configured."""
    config = invocation.config()
    async with open_client(config) as client:
        tables = [await read_table(client, definition.name) for _, definition in tables_of(config)]
        for table in tables:
            if table["deletion_protection"]:
                raise Failure(
                    f"The table {table['table']} is protected from deletion. To turn the protection off: aws dynamodb update-table"
                    f" --table-name {table['table']} --no-deletion-protection-enabled. Nothing was done."
                )
        names = " and ".join(f"{table['table']} (about {table['items']} items)" for table in tables)
        invocation.confirm(f"Delete {names}? This cannot be undone.", yes=yes)
        for table in tables:
            with Console(stderr=True).status(f"Deleting {table['table']}"):
                await _delete(client, table["table"])
    gone = [table["table"] for table in tables]
    invocation.answer({"deleted": gone}, f"Deleted: {', '.join(gone)}.")


async def read_table(client: Client, name: str) -> dict[str, Any]:
    """DynamoDB's description of a table, in the configuration's terms. Raises `TableNotFoundError`."""
    described = (await client.call("describe_table", {"TableName": name}))["Table"]
    types = {each["AttributeName"]: each["AttributeType"] for each in described["AttributeDefinitions"]}
    capacity = described.get("ProvisionedThroughput", {})
    on_demand = described.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    return {
        "table": name,
        "status": described["TableStatus"],
        "keys": _words(described["KeySchema"], types),
        "billing": "PAY_PER_REQUEST"
        if on_demand
        else f"PROVISIONED, {capacity.get('ReadCapacityUnits')} read and {capacity.get('WriteCapacityUnits')} write units",
        "indexes": {
            each["IndexName"]: f"{_words(each['KeySchema'], types)}, {each['Projection']['ProjectionType']}"
            for each in described.get("GlobalSecondaryIndexes", ())
        },
        "expires_by": await _of(client, "describe_time_to_live", name, _ttl),
        "point_in_time_recovery": await _of(client, "describe_continuous_backups", name, _recovery),
        "deletion_protection": bool(described.get("DeletionProtectionEnabled")),
        "encryption": described.get("SSEDescription", {}).get("KMSMasterKeyArn", "AWS owned key"),
        "table_class": described.get("TableClassSummary", {}).get("TableClass", TableClass.STANDARD.value),
        "items": described.get("ItemCount", 0),
        "bytes": described.get("TableSizeBytes", 0),
        "arn": described.get("TableArn", ""),
    }


def _words(schema: list[dict[str, str]], types: Mapping[str, str]) -> str:
    return " + ".join(
        f"{key['AttributeName']} ({types[key['AttributeName']]}, {key['KeyType']})" for key in schema
    )


async def _of(client: Client, operation: str, name: str, read: Any) -> str:
    """A detail of a table. An error, such as a missing permission, replaces only this detail."""
    try:
        return str(read(await client.call(operation, {"TableName": name})))
    except BackendError as error:
        return f"not known: {error}"


def _ttl(answer: dict[str, Any]) -> str:
    described = answer["TimeToLiveDescription"]
    return str(described["AttributeName"]) if described["TimeToLiveStatus"].startswith("ENABL") else "nothing"


def _recovery(answer: dict[str, Any]) -> str:
    described = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    return str(described.get("PointInTimeRecoveryStatus", "DISABLED"))


async def _create(client: Client, definition: TableDefinition, options: TableOptions) -> dict[str, Any]:
    created = False
    try:
        await client.call("describe_table", {"TableName": definition.name})
    except TableNotFoundError:
        with suppress(TableInUse):  # another process is creating it
            await client.call("create_table", definition.create_table() | options.parameters())
            created = True
    info = await Table(definition, client).ensure()
    if options.point_in_time_recovery:
        await client.call(
            "update_continuous_backups",
            {
                "TableName": definition.name,
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            },
        )
    found = await read_table(client, definition.name)
    differences = [] if created else list(_differences(definition.name, found, options))
    return {"table": definition.name, "created": created, "status": info.status, "differences": differences}


def _differences(name: str, found: dict[str, Any], options: TableOptions) -> list[str]:
    """The requested options that an existing table does not have. They are reported, and not changed."""
    asked = {
        "deletion_protection": options.deletion_protection or None,
        "table_class": options.table_class,
        "encryption": options.kms_key,
    }
    told = []
    for part, wanted in asked.items():
        if (
            wanted is None
            or found[part] == wanted
            or (part == "encryption" and str(found[part]).startswith("arn:"))
        ):
            continue
        told.append(
            f"{name} already exists with {part.replace('_', ' ')} {found[part]}, not {wanted}, and was not changed."
            " Change it with `aws dynamodb update-table`."
        )
    return told


async def _delete(client: Client, name: str) -> None:
    await client.call("delete_table", {"TableName": name})
    try:
        async with asyncio.timeout(_DELETION_SECONDS):
            while True:
                await client.call("describe_table", {"TableName": name})
                await asyncio.sleep(_POLL_SECONDS)
    except TableNotFoundError:
        return
    except TimeoutError as error:
        raise Failure(f"The table {name} is still being deleted. Check it with `table show`.") from error


def _tags(tags: list[str]) -> dict[str, str]:
    read: dict[str, str] = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not key or not equals:
            raise Failure(f"--tag {tag!r} is not KEY=VALUE.", Exit.USAGE)
        read[key] = value
    return read
