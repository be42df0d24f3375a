"""Users of asyncio voice backends, kept in DynamoDB."""

from importlib import import_module
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
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
    from .settings import DynamoDbSettings
    from .store import AsyncDynamoStore
    from .table import TableInfo
else:
    # A name's module is loaded when the name is first used: whoever only wants the store does not wait for the rest.
    _MODULES = {
        "app": ("AppConfig", "VoiceApp"),
        "config": ("AwsConfig", "DynamoDbConfig"),
        "errors": (
            "AccessDeniedError",
            "BackendError",
            "CodecError",
            "ConflictError",
            "CredentialsError",
            "InvalidUserIdError",
            "ItemTooLargeError",
            "StoreClosedError",
            "StoreError",
            "TableMismatchError",
            "TableNotFoundError",
            "ThrottledError",
            "UnavailableError",
            "UnknownRequestError",
            "UnreadableItemError",
            "UnsupportedValueError",
            "UserNotLoadedError",
        ),
        "pipeline": ("RequestPipeline", "Turn"),
        "record": ("History", "Session", "UserRecord"),
        "requests": ("Request",),
        "settings": ("DynamoDbSettings",),
        "store": ("AsyncDynamoStore",),
        "table": ("TableInfo",),
    }
    _MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
