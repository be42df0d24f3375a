"""A function in front of an engine."""

from __future__ import annotations

import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.aws_lambda.relay import Relay
from tests.aws_lambda.runtime_api import Function, function
from tests.fast.certificates import Certificates
from tests.faults.proxy import FaultProxy

# Amazon's runtime interface client is to be had for Linux, where Lambda runs.
collect_ignore = [] if sys.platform == "linux" else ["test_example.py", "test_runtime.py"]

StartFunction = Callable[..., AbstractAsyncContextManager[Function]]


@pytest.fixture
async def relay(proxy: FaultProxy) -> AsyncIterator[Relay]:
    """Between the function and the proxy, which is in front of the engine."""
    async with Relay(proxy.endpoint_url) as relay:
        yield relay


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def tls_relay(proxy: FaultProxy, certificates: Certificates) -> AsyncIterator[Relay]:
    """The same with HTTPS, as DynamoDB has it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server)
    async with Relay(proxy.endpoint_url, context) as relay:
        yield relay


@pytest.fixture
def start(relay: Relay, table_name: str, tmp_path: Path) -> StartFunction:
    """Starts a function's process, by default the one of `skill.py`."""

    def start(
        handler: str = "tests.aws_lambda.skill.handler", **environment: str
    ) -> AbstractAsyncContextManager[Function]:
        settings = {
            "VOICE_DB_TABLE_NAME": table_name,
            "VOICE_DB_AWS_CONFIG__ENDPOINT_URL": relay.endpoint_url,
        }
        return function(handler, tmp_path / "function.log", **{**settings, **environment})

    return start
