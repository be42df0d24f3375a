"""The tables that a configuration describes: keys, indexes, billing, expiry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from async_dynamo_store.config import DynamoDbConfig, GlobalSecondaryIndex

KeySchema = tuple[tuple[str, str, str], ...]
"""(attribute, type, `HASH` or `RANGE`) for each key of a table."""

PARTITION_KEY_OF_CONVERSATIONS = "userId"
SORT_KEY_OF_CONVERSATIONS = "entry"


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One table as configured.

    `ttl_attribute` is the attribute for DynamoDB's time to live. `key_advice` tells users which settings name the keys.
    """

    name: str
    key_schema: KeySchema
    billing_mode: str
    read_capacity_units: int | None
    write_capacity_units: int | None
    may_create: bool
    key_advice: str
    indexes: tuple[GlobalSecondaryIndex, ...] = ()
    ttl_attribute: str | None = None

    def create_table(self) -> dict[str, Any]:
        """The parameters of the CreateTable request."""
        types = {name: kind for name, kind, _ in self.key_schema}
        types |= {key.attribute_name: key.attribute_type for index in self.indexes for key in index.keys}
        capacity: dict[str, Any] = {}
        if self.billing_mode == "PROVISIONED":
            capacity["ProvisionedThroughput"] = {
                "ReadCapacityUnits": self.read_capacity_units,
                "WriteCapacityUnits": self.write_capacity_units,
            }
        table: dict[str, Any] = {
            "TableName": self.name,
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
            ],
            "KeySchema": _key_elements((name, role) for name, _, role in self.key_schema),
            "BillingMode": self.billing_mode,
            **capacity,
        }
        if self.indexes:
            table["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index.index_name,
                    "KeySchema": _key_elements((key.attribute_name, key.key_type) for key in index.keys),
                    "Projection": {"ProjectionType": "ALL"},
                    **capacity,
                }
                for index in self.indexes
            ]
        return table


def users_table(config: DynamoDbConfig) -> TableDefinition:
    """The table of the user items."""
    return TableDefinition(
        name=config.table_name,
        key_schema=config.key_schema,
        billing_mode=config.billing_mode,
        read_capacity_units=config.read_capacity_units,
        write_capacity_units=config.write_capacity_units,
        may_create=config.create_table_on_init,
        key_advice="Set primary_key_column, sort_key_column and layout to match the table, or name another table.",
        indexes=config.global_secondary_indexes,
        ttl_attribute=config.ttl.attribute if config.ttl else None,
    )


def conversations_table(config: DynamoDbConfig) -> TableDefinition:
    """The table of the transcripts; it is billed like the users' table."""
    ttl = config.conversations.ttl if config.conversations else None
    return TableDefinition(
        name=config.conversations_table_name,
        key_schema=((PARTITION_KEY_OF_CONVERSATIONS, "S", "HASH"), (SORT_KEY_OF_CONVERSATIONS, "S", "RANGE")),
        billing_mode=config.billing_mode,
        read_capacity_units=config.read_capacity_units,
        write_capacity_units=config.write_capacity_units,
        may_create=config.create_table_on_init,
        key_advice="Name another table in conversations.table_name.",
        ttl_attribute=ttl.attribute if ttl else None,
    )


def _key_elements(keys: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": role} for name, role in keys]
