"""A bad network in front of the engine, and a table of users behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import botocore.retryhandler
import pytest

from tests.faults.proxy import FaultProxy
from tests.faults.table import UsersTable, straight

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient


@pytest.fixture(autouse=True)
def retries_without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long botocore pauses before a retry is its own affair, and only costs time here."""
    monkeypatch.setattr(botocore.retryhandler, "delay_exponential", lambda **_: 0)


@pytest.fixture
def proxied_aws_config(aws_config: dict[str, str], proxy: FaultProxy) -> dict[str, str]:
    """`aws_config`, by way of the proxy."""
    return aws_config | {"endpoint_url": proxy.endpoint_url}


@pytest.fixture
async def raw_client(aws_config: dict[str, str]) -> AsyncIterator[DynamoDBClient]:
    """A client straight to the engine, quickly made."""
    async with straight(aws_config) as client:
        yield client


@pytest.fixture
async def users(raw_client: DynamoDBClient, table_name: str) -> UsersTable:
    """The table, made and empty."""
    table = UsersTable(raw_client, table_name)
    await table.create()
    return table


@pytest.fixture
def store_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the stores of a test are opened with; a test that is parametrized with it says so itself."""
    return getattr(request, "param", {"accelerate": True})
