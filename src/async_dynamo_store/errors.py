"""The exceptions of this library.

    StoreError
     ├── InvalidUserIdError
     ├── InvalidConversationIdError
     ├── UnknownRequestError
     ├── UserNotLoadedError
     ├── CodecError
     │    ├── UnsupportedValueError
     │    ├── ItemTooLargeError
     │    └── UnreadableItemError
     ├── ConflictError
     ├── StoreClosedError
     └── BackendError
          ├── TableNotFoundError
          ├── TableMismatchError
          ├── AccessDeniedError
          ├── CredentialsError
          ├── ThrottledError
          └── UnavailableError

`ConflictError` is defined in `records.record`, because it carries the record that won.

Each message says what to do next. Messages never contain user data or secrets. They give sizes instead of values, and
shorten paths: `user.data.phones[3]` is shown, but deeper keys are cut (`user.data.contacts.…`), because a key may be a
name or a phone number. The attributes `path`, `attribute` and `largest` hold the full path. The underlying error is
chained as `__cause__`. Invalid configuration raises pydantic's `ValidationError`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


_PARTS_OF_THE_LAYOUTS = re.compile(
    r"(?:user\.data|userData\.data|data|attributes|session\.data|userData\.session\.\$data"
    r"|(?:history\.items|userData\.context\.prev)(?:\[\d+\])?)(?=[.\[]|$)"
)
_FIELD = re.compile(r"\.?(?:[A-Za-z_]\w{0,39}(?=[.\[]|$))?(?:\[\d+\])*", re.ASCII)


def shown_path(path: str) -> str:
    """The path for a message: the layout's part, the first key below it if that looks like a field, and indexes."""
    part = _PARTS_OF_THE_LAYOUTS.match(path)
    field = _FIELD.match(path, part.end() if part else 0)
    end = field.end() if field else 0
    return path if end == len(path) else f"{path[:end].rstrip('.')}.…".removeprefix(".")


def _with_shown_paths(message: str, *paths: str) -> str:
    for path in sorted(paths, key=len, reverse=True):
        if path:
            message = message.replace(path, shown_path(path))
    return message


class StoreError(Exception):
    """Base class of the errors that this library raises."""


class InvalidUserIdError(StoreError):
    """The user id cannot be a DynamoDB key: it is empty, not a string, or over 2048 bytes of UTF-8 with its prefix."""


class InvalidConversationIdError(StoreError):
    """The conversation id cannot be part of a DynamoDB sort key: empty, not a string, or over 950 bytes percent-encoded."""


class UnknownRequestError(StoreError):
    """The request JSON does not match any supported voice platform."""


class UserNotLoadedError(StoreError):
    """`turn.user` was read before the user was loaded."""


class CodecError(StoreError):
    """A value could not be turned into an item, or an item into values."""


class UnsupportedValueError(CodecError):
    """DynamoDB cannot store this value; nothing was sent.

    `path` locates the value, such as `data.scores[3]`; its keys may be user data.
    """

    def __init__(self, message: str, path: str) -> None:
        super().__init__(_with_shown_paths(message, path))
        self.path = path


class ItemTooLargeError(CodecError):
    """The user item would exceed DynamoDB's limit of 400 KB (409,600 bytes); nothing was saved.

    `size` is in bytes, or 0 if DynamoDB rejected the item without reporting its size. `largest` lists the largest
    paths and their sizes in bytes, largest first; the keys in them may be user data.
    """

    def __init__(self, message: str, size: int = 0, largest: Sequence[tuple[str, int]] = ()) -> None:
        super().__init__(_with_shown_paths(message, *(path for path, _ in largest)))
        self.size = size
        self.largest = tuple(largest)


class UnreadableItemError(CodecError):
    """The stored item is not what the layout or the data model expects; it is left unchanged.

    `attribute` locates the problem in the item. `user_id` is the owner of the item, or None if unknown. The message
    omits the user id, because it is user data.
    """

    def __init__(self, message: str, attribute: str) -> None:
        of_the_user = _PARTS_OF_THE_LAYOUTS.match(attribute)
        super().__init__(_with_shown_paths(message, attribute) if of_the_user else message)
        self.attribute = attribute
        self.user_id: str | None = None


class StoreClosedError(StoreError):
    """The store was used after `aclose()`."""


class BackendError(StoreError):
    """A DynamoDB call failed."""


class TableNotFoundError(BackendError):
    """The table does not exist, and `create_table_on_init` is off."""


class TableMismatchError(BackendError):
    """The table exists, but its key schema does not match the configuration."""


class AccessDeniedError(BackendError):
    """IAM refused the call; `action` is the permission that is missing, such as `dynamodb:GetItem`."""

    def __init__(self, message: str, action: str) -> None:
        super().__init__(message)
        self.action = action


class CredentialsError(BackendError):
    """No AWS credentials were found, or AWS did not accept them."""


class ThrottledError(BackendError):
    """DynamoDB throttled every attempt of the call."""


class UnavailableError(BackendError):
    """DynamoDB could not be reached, or did not answer successfully within `timeout_seconds`."""
