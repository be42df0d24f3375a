"""A bad network in front of the engine, and a table of users behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.httpsession
import botocore.retryhandler
import pytest

from tests.faults.proxy import FaultProxy
from tests.faults.table import UsersTable, straight

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient


@pytest.fixture(scope="session", autouse=True)
def small_ca_bundle(tmp_path_factory: pytest.TempPathFactory, clean_environment: None) -> Iterator[None]:
    """The engines speak plain HTTP, yet each client reads a bundle of authorities: one is read sooner than all."""
    end = "-----END CERTIFICATE-----\n"
    one = Path(botocore.httpsession.DEFAULT_CA_BUNDLE).read_text(encoding="utf-8").partition(end)[0] + end
    bundle = tmp_path_factory.mktemp("ca") / "one.pem"
    bundle.write_text(one, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CA_BUNDLE", str(bundle))
        yield


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
