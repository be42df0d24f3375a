"""The parts of a configuration: access to DynamoDB, stored elements, indexes, expiry, transcripts."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator
from pydantic.alias_generators import to_camel

from .checked_text import AttributeName, Endpoint, Secret, TableName, Text

HistoryElement = bool | Callable[[Any], Any | Awaitable[Any]]


class Model(BaseModel):
    """Frozen, strict about its keys, and read in snake_case and in camelCase."""

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


class AwsConfig(Model):
    """How to reach DynamoDB, and with which credentials.

    Omitted fields come from the AWS default chain (role, environment, profile).
    """

    _jovo_names = {"endpoint": "endpoint_url"}

    access_key_id: Text | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    region: Text | None = None
    profile: Text | None = None
    endpoint_url: Endpoint | None = None

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together: set both or neither")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        return self


class SessionElement(Model):
    """The stored session. It ends `expires_after_seconds` after its last request."""

    enabled: bool = True
    expires_after_seconds: PositiveInt = 900


class HistoryElements(Model):
    """The stored history: the last `size` turns, and what is kept of each.

    Any other key is a custom element: a function of the turn, sync or async, whose result is stored under that key.
    """

    model_config = ConfigDict(extra="allow")
    # pydantic's documented way to type extra keys, where BaseModel declares `dict[str, Any] | None`.
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
                raise ValueError(f"{name!r} is not a built-in history element: give a function of the turn")
        return self

    @property
    def elements(self) -> dict[str, HistoryElement]:
        """The enabled history elements: name → True for a built-in element, or the function that computes it."""
        every = {
            name: getattr(self, name) for name in type(self).model_fields if name not in ("enabled", "size")
        }
        return {name: element for name, element in (every | (self.model_extra or {})).items() if element}


class StoredElements(Model):
    """Which parts of a user's record are stored, in Jovo v4's words and with its defaults."""

    user: bool = True
    session: bool | SessionElement = False
    history: bool | HistoryElements = False
    created_at: bool = True
    updated_at: bool = True

    @property
    def session_element(self) -> SessionElement | None:
        """The session's settings; None if sessions are not stored."""
        if isinstance(self.session, bool):
            return SessionElement() if self.session else None
        return self.session if self.session.enabled else None

    @property
    def history_elements(self) -> HistoryElements | None:
        """The history's settings; None if no history is stored."""
        if isinstance(self.history, bool):
            return HistoryElements() if self.history else None
        return self.history if self.history.enabled else None


class Ttl(Model):
    """DynamoDB's time to live: each save sets `attribute` (epoch seconds) to `after_seconds` from now."""

    attribute: AttributeName
    after_seconds: PositiveInt


class IndexKey(Model):
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


class GlobalSecondaryIndex(Model):
    """A global secondary index, created with the table; all attributes are projected into it."""

    _jovo_names = {"keySchema": "keys", "IndexName": "index_name", "KeySchema": "keys"}

    index_name: TableName
    keys: tuple[IndexKey, ...] = Field(min_length=1, max_length=2)

    @model_validator(mode="after")
    def _hash_then_range(self) -> Self:
        if [key.key_type for key in self.keys] not in (["HASH"], ["HASH", "RANGE"]):
            raise ValueError("an index has one HASH key, and at most one RANGE key after it")
        return self


_OF_CONVERSATIONS = {
    *("userId", "entry", "token", "createdAt"),
    *("id", "generation"),
    *("edit", "messages", "parts", "poppedAt"),
}


class Conversations(Model):
    """The table of the transcripts.

    `table_name` defaults to `<table>-conversations`. With `ttl`, DynamoDB removes each entry `after_seconds` after it
    was written.
    """

    table_name: TableName | None = None
    ttl: Ttl | None = None

    @model_validator(mode="after")
    def _expiry_has_its_own_attribute(self) -> Self:
        if self.ttl and self.ttl.attribute in _OF_CONVERSATIONS:
            raise ValueError(f"the attribute {self.ttl.attribute!r} is reserved in the conversations table")
        return self
