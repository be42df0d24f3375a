"""The plugin's fixtures, taken by name: the plugin itself is off in this suite, see pyproject.toml."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from async_dynamo_store.testing.database import engine_running
from async_dynamo_store.testing.plugin import frozen, voice_db

__all__ = ["frozen", "voice_db"]


@pytest.fixture(scope="package")
def voice_engine() -> Iterator[str]:
    """The plugin's ends with the session; this one with the folder, since other tests look at when the engine stops."""
    with engine_running() as url:
        yield url
