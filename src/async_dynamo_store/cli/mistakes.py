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
    """What the exit code of a command says.

    `NOT_SO`: it ran, and the answer is no: nothing is stored, something differs, a check is red. `USAGE`: the command
    line or the settings do not fit; nothing was sent. `BACKEND`: DynamoDB, or the way to it, did not do it.
    `NOT_ALLOWED`: credentials or a permission are missing. `INTERRUPTED`: Ctrl-C.
    """

    DONE = 0
    NOT_SO = 1
    USAGE = 2
    BACKEND = 3
    NOT_ALLOWED = 4
    INTERRUPTED = 130


class Failure(Exception):
    """A command ends with this message and exit code."""

    def __init__(self, message: str, code: Exit = Exit.NOT_SO) -> None:
        super().__init__(message)
        self.code = code


EXPECTED = (Failure, StoreError, EmbeddedMissingError)
"""What is shown as a message; anything else is a defect of this program, and keeps its traceback."""

_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (AccessDeniedError, Exit.NOT_ALLOWED),
    (CredentialsError, Exit.NOT_ALLOWED),
    (BackendError, Exit.BACKEND),
    (InvalidUserIdError, Exit.USAGE),
    (UnsupportedValueError, Exit.USAGE),
)


def code_of(error: Exception) -> Exit:
    """The exit code for an error that is expected."""
    if isinstance(error, Failure):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.NOT_SO)
