"""The checks of a table, which compare it with the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_dynamo_store.cli.table import read_table
from async_dynamo_store.errors import AccessDeniedError, TableNotFoundError

from .checks import Check, green, red, yellow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from async_dynamo_store.dynamodb.client import Client
    from async_dynamo_store.dynamodb.definition import TableDefinition

_MISMATCH = "The store rejects this table."


async def table(asked: Client, definition: TableDefinition) -> AsyncIterator[Check]:
    """Compare the table with the configuration."""
    name = f"table {definition.name}"
    try:
        found = await read_table(asked, definition.name)
    except TableNotFoundError:
        if definition.may_create:
            yield yellow(
                name, "it is missing", "The store creates it on first use; `table create` does it now."
            )
        else:
            yield red(name, "it is missing", "Run `table create`, or turn on create_table_on_init.")
        return
    except AccessDeniedError as error:
        yield yellow(name, "could not be checked", str(error))
        return
    if found["status"] in ("ACTIVE", "UPDATING"):
        yield green(name, f"{found['status']}, about {found['items']:,} items, {found['bytes']:,} bytes")
    else:
        yield red(name, found["status"], "Wait until it is ACTIVE, or check it in the AWS console.")
    keys = " + ".join(f"{key} ({kind}, {role})" for key, kind, role in definition.key_schema)
    yield _compared(f"keys of {definition.name}", found["keys"], keys, f"{_MISMATCH} {definition.key_advice}")
    for check in _indexes(definition, found["indexes"]):
        yield check
    billing = _billing(definition)
    if found["billing"] == billing:
        yield green(f"billing of {definition.name}", billing)
    else:
        yield yellow(
            f"billing of {definition.name}",
            f"{found['billing']}; configured: {billing}",
            "billing_mode applies when the store creates the table; set it to the table's billing mode.",
        )
    yield _expiry(definition, found["expires_by"])


def _compared(name: str, found: str, wanted: str, remedy: str) -> Check:
    if found == wanted:
        return green(name, found)
    return red(name, f"{found}; configured: {wanted}", remedy)


def _indexes(definition: TableDefinition, found: dict[str, str]) -> Iterator[Check]:
    for index in definition.indexes:
        wanted = " + ".join(
            f"{key.attribute_name} ({key.attribute_type}, {key.key_type})" for key in index.keys
        )
        name = f"index {index.index_name}"
        has = found.get(index.index_name)
        if has is None:
            yield red(
                name,
                "the table has no index with this name",
                "Create it, or remove it from global_secondary_indexes.",
            )
            continue
        keys, _, projection = has.rpartition(", ")
        if keys != wanted:
            yield _compared(name, keys, wanted, "Set global_secondary_indexes to the index's keys.")
        elif projection == "ALL":
            yield green(name, has)
        else:
            yield yellow(
                name, has, "It has only part of each item, so a query also reads each user from the table."
            )


def _billing(definition: TableDefinition) -> str:
    if definition.billing_mode == "PAY_PER_REQUEST":
        return definition.billing_mode
    return f"PROVISIONED, {definition.read_capacity_units} read and {definition.write_capacity_units} write units"


def _expiry(definition: TableDefinition, found: str) -> Check:
    name = f"expiry of {definition.name}"
    wanted = definition.ttl_attribute or "nothing"
    if found == wanted:
        return green(name, f"by {found}")
    if found.startswith("not known") and definition.ttl_attribute is None:
        return green(name, found)
    if found.startswith("not known"):
        return yellow(name, found, "Allow dynamodb:DescribeTimeToLive to see it.")
    if definition.ttl_attribute is None:
        return yellow(
            name, f"by {found}; configured: nothing", f"Items expire by {found}: set ttl.attribute to it."
        )
    return red(
        name,
        f"by {found}; configured: {wanted}",
        "Set ttl.attribute to the table's attribute, or run `ensure-table`.",
    )
