"""Telemetry of a store: reports of turns, loads, saves and DynamoDB calls."""

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
    """The result of an operation. `item_size` is in bytes as DynamoDB counts them; None if nothing was read or written."""

    outcome: Outcome = ""
    item_size: int | None = None


@dataclass(slots=True)
class CallReport:
    """The result of a DynamoDB call: the consumed capacity, and the number of retries."""

    consumed_capacity: tuple[Mapping[str, Any], ...] = ()
    retries: int = 0

    def read(self, answer: Mapping[str, Any]) -> None:
        """Read the values from a response, or from the response in an error."""
        consumed = answer.get("ConsumedCapacity", ())
        self.consumed_capacity = tuple(consumed) if isinstance(consumed, list | tuple) else (consumed,)
        self.retries = answer.get("ResponseMetadata", {}).get("RetryAttempts", 0)


class Observer(Protocol):
    """Receives what a store does (`store.observe`). Exceptions of its context managers are raised by the store.

    The store fills a report while its context is active. Errors of the operation or the call pass through the context.
    """

    def operation(self, name: OperationName, user_key: str | None) -> AbstractContextManager[OperationReport]:
        """Wraps a turn, a load or a save. `user_key` is the key of the user's item, or None if there is no user id."""
        ...

    def call(self, operation: str, table: str) -> AbstractContextManager[CallReport]:
        """Wraps one DynamoDB call (`GetItem`) with all its attempts."""
        ...


def with_capacity(operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a call, with a request to return the consumed capacity where the operation supports it."""
    if operation not in _TELL_THEIR_CAPACITY:
        return parameters
    return parameters | {"ReturnConsumedCapacity": "TOTAL"}
