"""Per-user state for asyncio voice apps, stored in DynamoDB."""

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
    "Conversation",
    "CredentialsError",
    "DynamoDbConfig",
    "DynamoDbSettings",
    "Forgotten",
    "History",
    "InvalidConversationIdError",
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

__version__: str
"""The version of the installed package, read from its metadata when it is first asked for."""

if TYPE_CHECKING:
    from .config import AwsConfig, DynamoDbConfig
    from .dynamodb.table import TableInfo
    from .errors import (
        AccessDeniedError,
        BackendError,
        CodecError,
        CredentialsError,
        InvalidConversationIdError,
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
    from .records.record import ConflictError, History, Session, UserRecord
    from .settings import DynamoDbSettings
    from .store.conversations import Conversation, Forgotten
    from .store.store import AsyncDynamoStore
    from .voice.app import AppConfig, VoiceApp
    from .voice.pipeline import RequestPipeline
    from .voice.requests import Request
    from .voice.turn import Turn
else:
    # A name's module is loaded when the name is first used: whoever only wants the store does not wait for the rest.
    _MODULES = {
        "voice.app": ("AppConfig", "VoiceApp"),
        "config": ("AwsConfig", "DynamoDbConfig"),
        "errors": (
            "AccessDeniedError",
            "BackendError",
            "CodecError",
            "CredentialsError",
            "InvalidConversationIdError",
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
        "voice.pipeline": ("RequestPipeline",),
        "records.record": ("ConflictError", "History", "Session", "UserRecord"),
        "voice.requests": ("Request",),
        "voice.turn": ("Turn",),
        "settings": ("DynamoDbSettings",),
        "store.conversations": ("Conversation", "Forgotten"),
        "store.store": ("AsyncDynamoStore",),
        "dynamodb.table": ("TableInfo",),
    }
    _MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("async-dynamo-store")
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
