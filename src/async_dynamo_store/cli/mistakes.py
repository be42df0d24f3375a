"""How a command ends: its exit code, and one message instead of a traceback."""

from __future__ import annotations

from enum import IntEnum

from async_dynamo_store.dynamodb.embedded import EmbeddedMissingError
from async_dynamo_store.errors import (
    AccessDeniedError,
    BackendError,
    CredentialsError,
    InvalidUserIdError,
    StoreError,
    UnsupportedValueError,
)


class Exit(IntEnum):
    """The exit codes of the commands.

    `NOT_SO`: the command ran with a negative result: nothing is stored, something differs, a check is red. `USAGE`: the
    command line or the settings are invalid; nothing was sent. `BACKEND`: DynamoDB failed or could not be reached.
    `NOT_ALLOWED`: credentials or a permission are missing. `INTERRUPTED`: Ctrl-C.
    """

    DONE = 0
    NOT_SO = 1
    USAGE = 2
    BACKEND = 3
    NOT_ALLOWED = 4
    INTERRUPTED = 130


class Failure(Exception):
    """Ends a command with this message and exit code."""

    def __init__(self, message: str, code: Exit = Exit.NOT_SO) -> None:
        super().__init__(message)
        self.code = code


EXPECTED = (Failure, StoreError, EmbeddedMissingError)
"""The errors that are shown as a message. Any other exception is a bug and keeps its traceback."""

_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (AccessDeniedError, Exit.NOT_ALLOWED),
    (CredentialsError, Exit.NOT_ALLOWED),
    (BackendError, Exit.BACKEND),
    (InvalidUserIdError, Exit.USAGE),
    (UnsupportedValueError, Exit.USAGE),
)


def code_of(error: Exception) -> Exit:
    """The exit code for an expected error."""
    if isinstance(error, Failure):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.NOT_SO)
