"""What a user may set, validated before anything is built.

Every field is read in snake_case and in Jovo's camelCase; unknown keys are errors. Pydantic's messages never
show the input here, since it may hold a secret.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)
from pydantic.alias_generators import to_camel

from .layouts import LAYOUTS, Layout, LayoutName

OnConflict = Literal["merge", "raise", "overwrite"]
HistoryElement = bool | Callable[[Any], Any | Awaitable[Any]]

_OWN_ATTRIBUTE = "_store"
_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def _table_name(value: str) -> str:
    if not _TABLE_NAME.fullmatch(value):
        raise ValueError(
            "a DynamoDB table name has 3 to 255 characters out of a-z, A-Z, 0-9, '_', '-' and '.'"
            " (AWS, 'Supported data types and naming rules in Amazon DynamoDB')"
        )
    return value


def _attribute_name(value: str) -> str:
    if not 1 <= len(value.encode()) <= 255:
        raise ValueError("the name of a key attribute has 1 to 255 bytes")
    if value == _OWN_ATTRIBUTE:
        raise ValueError(
            f"{_OWN_ATTRIBUTE!r} is the attribute in which this library keeps its own bookkeeping"
        )
    return value


def _on_the_wire(value: str) -> str:
    if not value.strip():
        raise ValueError("it is blank: leave it out, or unset its variable in the environment")
    if value != value.strip() or not value.isprintable():
        raise ValueError("it has spaces around it, or control characters such as a line break in it")
    return value


def _secret_on_the_wire(value: SecretStr) -> SecretStr:
    _on_the_wire(value.get_secret_value())
    return value


def _endpoint(value: str) -> str:
    if not is_endpoint(value):
        raise ValueError(
            "it is not the URL of an endpoint: give scheme and host, such as http://localhost:8000 (a port is 1 to 65535)"
        )
    return value


def is_endpoint(value: str) -> bool:
    """Whether it is the URL of an endpoint: http or https, a host, perhaps a port and a path, and nothing else."""
    try:
        url = urlsplit(value)
        whole = bool(url.scheme in ("http", "https") and url.hostname and url.port != 0)
    except ValueError:
        return False
    return whole and not (url.username or url.query or url.fragment or " " in value)


TableName = Annotated[str, AfterValidator(_table_name)]
AttributeName = Annotated[str, AfterValidator(_attribute_name)]
_Text = Annotated[str, AfterValidator(_on_the_wire)]
_Secret = Annotated[SecretStr, AfterValidator(_secret_on_the_wire)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)
    _jovo_names: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _snake_case(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        fields = {to_camel(name): name for name in cls.model_fields} | dict(cls._jovo_names)
        named: dict[Any, Any] = {}
        for key, value in values.items():
            name = fields.get(key, key)
            if name in named:
                raise ValueError(f"{name} is given twice")
            named[name] = value
        return named


class AwsConfig(_Model):
    """Where DynamoDB is and who asks.

    Whatever is left out comes from the AWS default chain (role, environment, profile).
    """

    _jovo_names = {"endpoint": "endpoint_url"}

    access_key_id: _Text | None = None
    secret_access_key: _Secret | None = None
    session_token: _Secret | None = None
    region: _Text | None = None
    profile: _Text | None = None
    endpoint_url: Annotated[_Text, AfterValidator(_endpoint)] | None = None

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together: set both or neither")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        return self


class SessionElement(_Model):
    """The stored session. It ends `expires_after_seconds` after its last request."""

    enabled: bool = True
    expires_after_seconds: PositiveInt = 900


class HistoryElements(_Model):
    """The stored history: the last `size` turns, and what is kept of each.

    Any other key is an own element: a function of the turn, sync or async, whose result is stored under that
    key.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, HistoryElement] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    enabled: bool = True
    size: PositiveInt = 3
    output: HistoryElement = True
    nlu: HistoryElement = True
    input: HistoryElement = False
    state: HistoryElement = False
    entities: HistoryElement = False
    request: HistoryElement = False
    response: HistoryElement = False

    @model_validator(mode="after")
    def _own_elements_are_functions(self) -> Self:
        for name, element in (self.model_extra or {}).items():
            if isinstance(element, bool):
                raise ValueError(f"history has no element {name!r} of its own: give a function of the turn")
        return self

    @property
    def elements(self) -> dict[str, HistoryElement]:
        """What is kept of a turn: name → True for a built-in element, or the function that makes it."""
        every = {
            name: getattr(self, name) for name in type(self).model_fields if name not in ("enabled", "size")
        }
        return {name: element for name, element in (every | (self.model_extra or {})).items() if element}


class StoredElements(_Model):
    """Which parts of a user's record are stored, in Jovo v4's words and with its defaults."""

    user: bool = True
    session: bool | SessionElement = False
    history: bool | HistoryElements = False
    created_at: bool = True
    updated_at: bool = True

    @property
    def session_element(self) -> SessionElement | None:
        """The session's settings; None when sessions are not stored."""
        if isinstance(self.session, bool):
            return SessionElement() if self.session else None
        return self.session if self.session.enabled else None

    @property
    def history_elements(self) -> HistoryElements | None:
        """The history's settings; None when no history is stored."""
        if isinstance(self.history, bool):
            return HistoryElements() if self.history else None
        return self.history if self.history.enabled else None


class Ttl(_Model):
    """DynamoDB's own expiry: `attribute` (epoch seconds) is set `after_seconds` ahead by saves."""

    attribute: AttributeName
    after_seconds: PositiveInt


class IndexKey(_Model):
    """One key attribute of a global secondary index, filled on save from the dotted `path` in the user's data."""

    _jovo_names = {
        "AttributeName": "attribute_name",
        "AttributeType": "attribute_type",
        "KeyType": "key_type",
        "Path": "path",
    }

    attribute_name: AttributeName
    attribute_type: Literal["S", "N", "B"] = "S"
    key_type: Literal["HASH", "RANGE"] = "HASH"
    path: Annotated[str, Field(min_length=1)]


class GlobalSecondaryIndex(_Model):
    """A global secondary index, created with the table; all attributes are projected into it."""

    _jovo_names = {"keySchema": "keys", "IndexName": "index_name", "KeySchema": "keys"}

    index_name: TableName
    keys: tuple[IndexKey, ...] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _hash_then_range(self) -> Self:
        if [key.key_type for key in self.keys] not in (["HASH"], ["HASH", "RANGE"]):
            raise ValueError("an index has one HASH key, and at most one RANGE key after it")
        return self


class DynamoDbConfig(_Model):
    """The configuration of an `AsyncDynamoStore`; the README's table says what each field means.

    `timeout_seconds`, at most 900, bounds one store operation with all its retries (making a missing table has its own
    bound, since AWS takes seconds for it); `max_attempts` bounds the tries of one call.
    `on_load_error="anonymous"` lets a voice app answer while DynamoDB is down: in a turn whose load ended in
    a `BackendError` the handler has an anonymous, empty user, and nothing is saved.
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
                "attributes_column is for the layout 'ask-sdk', whose SDKs let their user name it"
            )
        elements, layout = self.stored_elements, self.item_layout
        if (elements.session_element and layout.session is None) or (
            elements.history_elements and layout.history is None
        ):
            raise ValueError(
                f"the layout {self.layout!r} has no place for session and history: leave them out of"
                " stored_elements, or set another layout"
            )
        if self.type == "embedded" and self.aws_config is not None:
            raise ValueError("type 'embedded' is a database inside this process: leave aws_config out")
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
                raise ValueError(f"the attribute {name!r} has its own use in the layout {self.layout!r}")
            if taken.count(name) > 1:
                raise ValueError(f"the attribute {name!r} is given two uses among keys, index keys and ttl")
        index_names = [index.index_name for index in self.global_secondary_indexes]
        if len(set(index_names)) < len(index_names):
            raise ValueError("two global_secondary_indexes have the same index_name")
        return self

    @property
    def item_layout(self) -> Layout:
        """Where the parts of a record are in the items."""
        return LAYOUTS[self.layout].with_attributes_column(self.attributes_column)

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
"""What stands for a configuration: the model (or the settings), a dict of its fields, or the table's name."""


def read_config(config: Config) -> DynamoDbConfig:
    """The validated configuration that `config` stands for; raises pydantic's `ValidationError`."""
    if isinstance(config, DynamoDbConfig):
        return config
    return DynamoDbConfig.model_validate({"table_name": config} if isinstance(config, str) else config)
