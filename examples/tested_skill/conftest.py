from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from async_dynamo_store.testing import Alexa, VoiceDb

from .skill import app


@pytest.fixture
async def alexa(voice_db: VoiceDb) -> AsyncIterator[Alexa]:
    """An Alexa user who has never played; the database is empty."""
    async with Alexa(app) as alexa:
        yield alexa
