"""What telemetry is told of a store: its turns, loads and saves, and each call of DynamoDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

__all__ = ["CallReport", "Observer", "OperationReport"]

OperationName = Literal["turn", "load", "save"]
Outcome = Literal["", "written", "unchanged", "conflict"]

_TELL_THEIR_CAPACITY = frozenset(
    ["batch_get_item", "delete_item", "get_item", "put_item", "query", "scan", "update_item"]
)


@dataclass(slots=True)
class OperationReport:
    """What became of an operation. `item_size` is in bytes as DynamoDB counts them, None where nothing was read or written."""

    outcome: Outcome = ""
    item_size: int | None = None


@dataclass(slots=True)
class CallReport:
    """What DynamoDB answered: the capacity that it counted, and how often botocore had tried before."""

    consumed_capacity: tuple[Mapping[str, Any], ...] = ()
    retries: int = 0

    def read(self, answer: Mapping[str, Any]) -> None:
        """Take it out of an answer, or of the answer in an error."""
        consumed = answer.get("ConsumedCapacity", ())
        self.consumed_capacity = tuple(consumed) if isinstance(consumed, list | tuple) else (consumed,)
        self.retries = answer.get("ResponseMetadata", {}).get("RetryAttempts", 0)


class Observer(Protocol):
    """Told of what a store does (`store.observe`). What its context managers raise is raised by the store.

    A report is filled while its context is entered. An error of the operation or the call goes through the context.
    """

    def operation(self, name: OperationName, user_key: str | None) -> AbstractContextManager[OperationReport]:
        """Around a turn, a load or a save. `user_key` is the key of the user's item, None where nobody is named."""
        ...

    def call(self, operation: str, table: str) -> AbstractContextManager[CallReport]:
        """Around one call of DynamoDB (`GetItem`) with all its tries."""
        ...


def with_capacity(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a call that is to tell what it consumes."""
    if operation not in _TELL_THEIR_CAPACITY:
        return parameters
    return parameters | {"ReturnConsumedCapacity": "TOTAL"}
