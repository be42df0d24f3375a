"""The pytest plugin. pytest loads it in every run, so it imports the rest of the package only when it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import time_machine

    from .database import VoiceDb


@pytest.fixture(scope="session")
def voice_engine() -> Iterator[str]:
    """The URL of the embedded engine, which runs until the last test."""
    from .database import descriptions_read_once, engine_running, warm_up

    with descriptions_read_once(), engine_running() as url:
        warm_up()
        yield url


@pytest.fixture
def voice_db(voice_engine: str) -> Iterator[VoiceDb]:
    """A DynamoDB without tables, for stores that use the default AWS chain, or whose type is "embedded"."""
    from .database import voice_database

    with voice_database() as database, pytest.MonkeyPatch.context() as patch:
        for name, value in database.environment.items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        yield database


@pytest.fixture
def frozen() -> Iterator[time_machine.Traveller]:
    """Freeze the time at the beginning of 2030; `frozen.shift(seconds)` and `frozen.move_to(moment)` move it."""
    from datetime import UTC, datetime

    from async_dynamo_store.integrations.extras import naming_the_extra

    with naming_the_extra("testing", "the fixture frozen"):
        import time_machine

    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as traveller:
        yield traveller
