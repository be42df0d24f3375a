"""What a user may set, validated before anything is built.

Every field is read in snake_case and in Jovo's camelCase; unknown keys are errors. Pydantic's messages never
show the input here, since it may hold a secret.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AllowInfNan, Field, PositiveFloat, PositiveInt, model_validator

from async_dynamo_store.layouts import LAYOUTS, Layout, LayoutName

from .checked_text import AttributeName, TableName, is_endpoint
from .parts import (
    AwsConfig,
    Conversations,
    GlobalSecondaryIndex,
    HistoryElement,
    HistoryElements,
    IndexKey,
    Model,
    SessionElement,
    StoredElements,
    Ttl,
)

__all__ = [
    "AttributeName",
    "AwsConfig",
    "Config",
    "Conversations",
    "DynamoDbConfig",
    "GlobalSecondaryIndex",
    "HistoryElement",
    "HistoryElements",
    "IndexKey",
    "OnConflict",
    "SessionElement",
    "StoredElements",
    "TableName",
    "Ttl",
    "is_endpoint",
    "read_config",
]

OnConflict = Literal["merge", "raise", "overwrite"]


class DynamoDbConfig(Model):
    """The configuration of an `AsyncDynamoStore`; docs/configuration.md says what each field means.

    `timeout_seconds`, at most 900, limits one store operation with all its retries (creating a missing table has its own
    limit, since AWS takes seconds for it); `max_attempts` limits the attempts of one call.
    `on_load_error="anonymous"` lets a voice app answer while DynamoDB is down: after a load that raised
    `BackendError`, the handler runs with an anonymous, empty user, and nothing is saved.
    """

    type: Literal["dynamodb", "embedded"] = "dynamodb"
    table_name: TableName
    aws_config: AwsConfig | None = None
    create_table_on_init: bool = True
    primary_key_column: AttributeName | None = None
    sort_key_column: AttributeName | None = None
    sort_key: str | None = Field(default=None, min_length=1)
    primary_key_prefix: str = ""
    prefix_primary_key_with_platform: bool = False
    billing_mode: Literal["PAY_PER_REQUEST", "PROVISIONED"] = "PAY_PER_REQUEST"
    read_capacity_units: PositiveInt | None = None
    write_capacity_units: PositiveInt | None = None
    global_secondary_indexes: tuple[GlobalSecondaryIndex, ...] = ()
    layout: LayoutName = "jovo4"
    attributes_column: AttributeName | None = None
    stored_elements: StoredElements = Field(default_factory=StoredElements.model_construct)
    on_conflict: OnConflict = "merge"
    on_load_error: Literal["raise", "anonymous"] = "raise"
    empty_strings: Literal["keep", "null"] = "keep"
    consistent_read: bool = True
    implicit_save: bool = True
    ttl: Ttl | None = None
    conversations: Conversations | None = None
    timeout_seconds: Annotated[PositiveFloat, AllowInfNan(False), Field(le=900)] = 4.0
    max_attempts: PositiveInt = 3

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if (self.sort_key_column is None) != (self.sort_key is None):
            raise ValueError("sort_key_column and sort_key go together: set both or neither")
        if self.sort_key is not None and len(self.sort_key.encode()) > 1024:
            raise ValueError("a sort key has at most 1024 bytes")
        capacity = (self.read_capacity_units, self.write_capacity_units)
        if self.billing_mode == "PROVISIONED" and None in capacity:
            raise ValueError("billing_mode PROVISIONED needs read_capacity_units and write_capacity_units")
        if self.billing_mode == "PAY_PER_REQUEST" and capacity != (None, None):
            raise ValueError("read_capacity_units and write_capacity_units need billing_mode PROVISIONED")
        if self.attributes_column is not None and self.layout != "ask-sdk":
            raise ValueError(
                "attributes_column applies only to the layout 'ask-sdk': remove it, or set layout='ask-sdk'"
            )
        elements, layout = self.stored_elements, self.item_layout
        if (elements.session_element and layout.session is None) or (
            elements.history_elements and layout.history is None
        ):
            raise ValueError(
                f"the layout {self.layout!r} cannot store this session or history: remove them from"
                " stored_elements, or choose another layout"
            )
        if self.type == "embedded" and self.aws_config is not None:
            raise ValueError("type 'embedded' runs the database in this process: remove aws_config")
        if self.conversations is not None and self.conversations_table_name == self.table_name:
            raise ValueError(
                "conversations need a separate table: set conversations.table_name to another name"
            )
        if self.conversations is not None and len(self.conversations_table_name) > 255:
            raise ValueError(
                "table_name plus '-conversations' exceeds 255 characters: set conversations.table_name"
            )
        return self

    @model_validator(mode="after")
    def _attributes_differ(self) -> Self:
        keys = [name for name, _, _ in self.key_schema]
        index_keys = {
            (key.attribute_name, key.attribute_type, key.path)
            for index in self.global_secondary_indexes
            for key in index.keys
        }
        taken = [*keys, *sorted(name for name, _, _ in index_keys)]
        taken += [self.ttl.attribute] if self.ttl else []
        for name in taken:
            if name in self.item_layout.attributes:
                raise ValueError(f"the attribute {name!r} is reserved by the layout {self.layout!r}")
            if taken.count(name) > 1:
                raise ValueError(f"the attribute {name!r} is used twice among keys, index keys and ttl")
        index_names = [index.index_name for index in self.global_secondary_indexes]
        if len(set(index_names)) < len(index_names):
            raise ValueError("two global_secondary_indexes have the same index_name")
        return self

    @property
    def item_layout(self) -> Layout:
        """Where the parts of a record are in the items."""
        return LAYOUTS[self.layout].with_attributes_column(self.attributes_column)

    @property
    def conversations_table_name(self) -> str:
        """The table of the transcripts."""
        named = self.conversations and self.conversations.table_name
        return named or f"{self.table_name}-conversations"

    @property
    def primary_key(self) -> str:
        """The table's partition key attribute: `primary_key_column`, else the layout's own."""
        return self.primary_key_column or LAYOUTS[self.layout].partition_key

    @property
    def key_schema(self) -> tuple[tuple[str, str, str], ...]:
        """The table's keys as (attribute, type, `HASH` or `RANGE`)."""
        keys: tuple[tuple[str, str, str], ...] = ((self.primary_key, "S", "HASH"),)
        return (*keys, (self.sort_key_column, "S", "RANGE")) if self.sort_key_column else keys


Config = DynamoDbConfig | Mapping[str, Any] | str
"""A configuration: the model (or the settings), a dict of its fields, or the table's name."""


def read_config(config: Config) -> DynamoDbConfig:
    """Validate `config` and return it; raises pydantic's `ValidationError`."""
    if isinstance(config, DynamoDbConfig):
        return config
    return DynamoDbConfig.model_validate({"table_name": config} if isinstance(config, str) else config)
