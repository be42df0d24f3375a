"""What every run tries, and what only `make soak` does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


def some(values: Iterable[T], *of_every_run: T) -> list[Any]:
    """The values as parameters; those that are not of every run are of `make soak`."""
    return [pytest.param(value, marks=() if value in of_every_run else pytest.mark.soak) for value in values]
