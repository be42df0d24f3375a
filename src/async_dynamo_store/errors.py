"""The errors of this library, one tree.

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

`ConflictError` is in `records.record`, since it carries the record that won.

Each message says what to do next. None holds a user's data or a secret: values stay out, sizes are named, and of a
path only what stands for a field: `user.data.phones[3]`, but `user.data.contacts.…` for what lies deeper, since a key
may be a name or a number of the user's. `path`, `attribute` and `largest` of an error have the whole. The error of a
lower layer is chained as `__cause__`. Wrong configuration is pydantic's `ValidationError`.
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
    """A path as a message shows it: the layout's part, the first key below it where it looks like a field, and indexes."""
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
    """Anything that this library raises on purpose."""


class InvalidUserIdError(StoreError):
    """The user id cannot be a DynamoDB key: empty, no string, or over 2048 bytes of UTF-8 with its prefix."""


class InvalidConversationIdError(StoreError):
    """The conversation's id cannot be in a DynamoDB sort key: empty, no string, or too long (950 bytes, percent-encoded)."""


class UnknownRequestError(StoreError):
    """The request JSON has the shape of no voice platform that this library knows."""


class UserNotLoadedError(StoreError):
    """`turn.user` was asked for in a turn whose user has not been loaded."""


class CodecError(StoreError):
    """A value could not be turned into an item, or an item into values."""


class UnsupportedValueError(CodecError):
    """DynamoDB cannot hold this value; nothing was sent.

    `path` names the place, such as `data.scores[3]`; its keys may be a user's data.
    """

    def __init__(self, message: str, path: str) -> None:
        super().__init__(_with_shown_paths(message, path))
        self.path = path


class ItemTooLargeError(CodecError):
    """The user item would be over DynamoDB's 400 KB (409,600 bytes); nothing was saved.

    `size` is in bytes, 0 when only DynamoDB itself has counted; `largest` has the largest paths with their
    sizes, largest first; their keys may be a user's data.
    """

    def __init__(self, message: str, size: int = 0, largest: Sequence[tuple[str, int]] = ()) -> None:
        super().__init__(_with_shown_paths(message, *(path for path, _ in largest)))
        self.size = size
        self.largest = tuple(largest)


class UnreadableItemError(CodecError):
    """The stored item is not what the layout or the data model expects; it is left as it is.

    `attribute` names the place in the item. `user_id` is the user whose item it is, None where that is not known; it
    is not in the message, since it is a user's.
    """

    def __init__(self, message: str, attribute: str) -> None:
        of_the_user = _PARTS_OF_THE_LAYOUTS.match(attribute)
        super().__init__(_with_shown_paths(message, attribute) if of_the_user else message)
        self.attribute = attribute
        self.user_id: str | None = None


class StoreClosedError(StoreError):
    """The store was used after `aclose()`."""


class BackendError(StoreError):
    """DynamoDB, or the way to it, did not do what was asked."""


class TableNotFoundError(BackendError):
    """The table does not exist, and `create_table_on_init` is off."""


class TableMismatchError(BackendError):
    """The table exists, but its key schema is not the one that the configuration asks for."""


class AccessDeniedError(BackendError):
    """IAM refused the call; `action` is the permission that is missing, such as `dynamodb:GetItem`."""

    def __init__(self, message: str, action: str) -> None:
        super().__init__(message)
        self.action = action


class CredentialsError(BackendError):
    """No AWS credentials were found, or AWS did not accept them."""


class ThrottledError(BackendError):
    """DynamoDB refused the call for its rate, on every try."""


class UnavailableError(BackendError):
    """DynamoDB could not be reached, or gave no good answer within `timeout_seconds`."""
