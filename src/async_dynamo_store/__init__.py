"""Users of asyncio voice backends, kept in DynamoDB."""

import typing

from .app import AppConfig, VoiceApp
from .config import AwsConfig, DynamoDbConfig
from .errors import (
    AccessDeniedError,
    BackendError,
    CodecError,
    ConflictError,
    CredentialsError,
    InvalidUserIdError,
    ItemTooLargeError,
    StoreClosedError,
    StoreError,
    TableMismatchError,
    TableNotFoundError,
    ThrottledError,
    UnavailableError,
    UnknownRequestError,
    UnreadableItemError,
    UnsupportedValueError,
    UserNotLoadedError,
)
from .pipeline import RequestPipeline, Turn
from .record import History, Session, UserRecord
from .requests import Request
from .store import AsyncDynamoStore
from .table import TableInfo

if typing.TYPE_CHECKING:
    from .settings import DynamoDbSettings

__all__ = [
    "AccessDeniedError",
    "AppConfig",
    "AsyncDynamoStore",
    "AwsConfig",
    "BackendError",
    "CodecError",
    "ConflictError",
    "CredentialsError",
    "DynamoDbConfig",
    "DynamoDbSettings",
    "History",
    "InvalidUserIdError",
    "ItemTooLargeError",
    "Request",
    "RequestPipeline",
    "Session",
    "StoreClosedError",
    "StoreError",
    "TableInfo",
    "TableMismatchError",
    "TableNotFoundError",
    "ThrottledError",
    "Turn",
    "UnavailableError",
    "UnknownRequestError",
    "UnreadableItemError",
    "UnsupportedValueError",
    "UserNotLoadedError",
    "UserRecord",
    "VoiceApp",
]


def __getattr__(name: str) -> object:
    # The only one that needs pydantic-settings, which takes long to import.
    if name == "DynamoDbSettings":
        from .settings import DynamoDbSettings

        return DynamoDbSettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
