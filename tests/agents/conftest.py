"""What the tests beside the real frameworks stand on. `make agents` runs them, in an environment of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from async_dynamo_store import AsyncDynamoStore


@pytest.fixture
async def store(aws_config: dict[str, str], table_name: str) -> AsyncIterator[AsyncDynamoStore[Any]]:
    async with AsyncDynamoStore(
        {"table_name": table_name, "aws_config": aws_config, "conversations": {}, "timeout_seconds": 60}
    ) as store:
        yield store


@pytest.fixture(scope="session", autouse=True)
def small_ca_bundle() -> None:
    """What is fetched comes over TLS, from servers of any authority."""


@pytest.fixture(scope="session", autouse=True)
def processes_without_httpx() -> None:
    """The frameworks stand on httpx."""
