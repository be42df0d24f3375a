"""Imports of optional dependencies (extras)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def naming_the_extra(extra: str, what: str) -> Generator[None]:
    """Wraps the imports of an extra: if one is missing, `ImportError` says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f'{what} needs {error.name}: pip install "async-dynamo-store[{extra}]"', name=error.name
        ) from error
