"""The ways to load a user, change one field and save, one file for each library.

A contender of a turn is an async context manager function that takes a `Backend` and yields its `Steps`.
A contender of the codec is a `MakeCodec` function.
Modules here import only what the contender itself needs: their import is part of a cold start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, TypeAlias

Step: TypeAlias = Callable[[str], Awaitable[None]]
"""One thing done for one user id."""


class Backend(NamedTuple):
    """Where a contender finds its table. Credentials and region come from the environment."""

    endpoint_url: str
    in_flight: int
    """How many turns run at once, and so how many connections a contender's pool may hold."""


class Steps(NamedTuple):
    """What a contender can do with a user."""

    turn: Step
    """Load the user, add one to `user.data.score`, set `updatedAt`, save."""
    read: Step
    """Load the user and change nothing."""


class Codec(NamedTuple):
    """Python values to DynamoDB attribute values and back, for one item that the codec was made for."""

    encode: Callable[[], object]
    decode: Callable[[], object]


OpenSteps: TypeAlias = Callable[[Backend], AbstractAsyncContextManager[Steps]]
MakeCodec: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Codec]
"""Makes the codec of an item from its plain values and its wire form."""
