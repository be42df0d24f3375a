"""What an integration needs beside the package itself: its extra."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def naming_the_extra(extra: str, what: str) -> Generator[None]:
    """Around the imports of an extra: `ImportError` says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f'{what} needs {error.name}: pip install "async-dynamo-store[{extra}]"', name=error.name
        ) from error
