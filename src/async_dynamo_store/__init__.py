"""Users of asyncio voice backends, kept in DynamoDB."""

from .app import AppConfig, VoiceApp
from .config import AwsConfig, DynamoDbConfig, DynamoDbSettings
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
