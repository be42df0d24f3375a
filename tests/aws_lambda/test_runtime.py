"""The handler in Amazon's own runtime interface client: a real process, a runtime API, a real engine."""

from __future__ import annotations

import asyncio
import json
import os
import sys

import pytest

from async_dynamo_store import AsyncDynamoStore
from tests.aws_lambda.conftest import StartFunction
from tests.aws_lambda.events import FORM, as_base64, http_api, intent, spoken, twilio
from tests.aws_lambda.relay import Relay
from tests.aws_lambda.runtime_api import ROOT, FunctionError
from tests.fast.certificates import Certificates
from tests.faults.proxy import Fault, FaultProxy

pytestmark = [pytest.mark.one_engine, pytest.mark.server, pytest.mark.unmeasured]

CLIENT_OPENED = "DynamoDB client opened"


async def test_hundreds_of_invocations_share_one_client_and_one_connection(
    start: StartFunction, relay: Relay
) -> None:
    async with start() as function:
        answers = [spoken(await function(intent("Score"))) for _ in range(300)]
        assert answers == [f"{points} points" for points in range(1, 301)]
        assert relay.connections == 1
        assert function.log.count(CLIENT_OPENED) == 1


async def test_the_client_is_there_before_the_first_request_and_nothing_is_sent_yet(
    start: StartFunction, relay: Relay
) -> None:
    async with start() as function:
        await function.until(function.api.waiting.wait())
        assert function.log.count(CLIENT_OPENED) == 1
        assert relay.connections == 0


async def test_a_client_that_cannot_be_made_is_the_first_turns_error(start: StartFunction) -> None:
    async with start(VOICE_DB_AWS_CONFIG__PROFILE="absent") as function:
        await function.until(function.api.waiting.wait())
        assert (
            "The client could not be created; the first request will try again: There is no AWS profile"
            in function.log
        )
        with pytest.raises(FunctionError, match="CredentialsError"):
            await function(intent("Score"))


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_sockets_that_were_closed_in_between_are_not_used_again(
    start: StartFunction, relay: Relay, proxy: FaultProxy, reset: bool
) -> None:
    async with start(VOICE_DB_MAX_ATTEMPTS="1") as function:
        for points in range(1, 11):
            assert spoken(await function(intent("Score"))) == f"{points} points"
            await relay.close_connections(reset=reset)
        assert relay.connections == 10
        assert [exchange.operation for exchange in proxy.log[-4:]] == ["GetItem", "UpdateItem"] * 2


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
async def test_sockets_that_were_closed_in_between_are_not_used_again_over_tls(
    start: StartFunction, tls_relay: Relay, certificates: Certificates, reset: bool
) -> None:
    settings = {
        "AWS_CA_BUNDLE": str(certificates.ca),
        "VOICE_DB_AWS_CONFIG__ENDPOINT_URL": tls_relay.endpoint_url,
        "VOICE_DB_MAX_ATTEMPTS": "1",
    }
    async with start(**settings) as function:
        for points in range(1, 11):
            assert spoken(await function(intent("Score"))) == f"{points} points"
            await tls_relay.close_connections(reset=reset)
        assert tls_relay.connections == 10


@pytest.mark.parametrize("fault", [Fault.drop_before, Fault.reset_before, Fault.drop_answer])
async def test_a_socket_that_turns_out_dead_on_use_is_healed_in_the_same_turn(
    start: StartFunction, proxy: FaultProxy, fault: Fault
) -> None:
    async with start() as function:
        await function(intent("Score"))
        for operation in ("GetItem", "UpdateItem"):
            proxy.fail(operation, fault)
        assert spoken(await function(intent("Score"))) == "2 points"
        assert spoken(await function(intent("Score"))) == "3 points"


async def test_a_change_of_credentials_makes_one_new_client(start: StartFunction, relay: Relay) -> None:
    async with start() as function:
        await function(intent("Score"))
        await function(intent("NewCredentials"))
        assert relay.access_keys == ["roleAccessKeyId"]
        assert spoken(await function(intent("Score"))) == "2 points"
        await function(intent("Score"))
        assert relay.access_keys == ["roleAccessKeyId", "newAccessKeyId"]
        assert function.log.count(CLIENT_OPENED) == 2
        assert relay.connections == 2


async def test_a_handler_that_raises_saves_nothing_and_leaves_the_process_in_order(
    start: StartFunction, proxy: FaultProxy, relay: Relay
) -> None:
    async with start() as function:
        await function(intent("Score"))
        requests = len(proxy.log)
        with pytest.raises(FunctionError) as raised:
            await function(intent("Crash"))
        assert (raised.value.type, raised.value.message) == ("LookupError", "no such thing")
        assert [exchange.operation for exchange in proxy.log[requests:]] == ["GetItem"]
        assert spoken(await function(intent("Score"))) == "2 points"
        assert relay.connections == 1


async def test_the_invocations_time_bounds_the_store(start: StartFunction, proxy: FaultProxy) -> None:
    """The store alone would wait for an hour; it gives up while there is time to answer."""
    async with start(VOICE_DB_TIMEOUT_SECONDS="600") as function, asyncio.timeout(60):
        await function(intent("Score"))
        proxy.fail("GetItem", Fault.slow_answer)
        with pytest.raises(FunctionError, match=r"gave no answer within the .* s that were left") as raised:
            await function(intent("Score"), seconds=1)
        assert raised.value.type == "UnavailableError"
        assert spoken(await function(intent("Score"))) == "2 points"


async def test_without_time_nothing_is_sent(start: StartFunction, proxy: FaultProxy) -> None:
    async with start() as function:
        with pytest.raises(FunctionError, match="nothing was sent"):
            await function(intent("Score"), seconds=0)
        assert not proxy.log


async def test_an_envelope_with_a_form_in_base64(start: StartFunction) -> None:
    async with start() as function:
        answer = await function(http_api("", FORM) | as_base64(twilio(Digits="5")))
        assert answer["statusCode"] == 200
        assert answer["headers"] == {"content-type": "text/xml; charset=utf-8"}
        assert "<Say>1 points</Say>" in answer["body"]


async def test_nothing_is_open_in_a_snapshot(start: StartFunction, relay: Relay) -> None:
    async with start(initialization="snap-start", PRIME="1") as function:
        await function.until(function.api.snapshot.wait())
        assert (relay.connections, relay.open) == (1, 0)
        assert function.log.count(CLIENT_OPENED) == 1
        function.api.restore.set()
        await function.until(function.api.waiting.wait())
        assert function.log.count(CLIENT_OPENED) == 2
        assert spoken(await function(intent("Score", "primed"))) == "2 points"
        assert spoken(await function(intent("Score", "primed"))) == "3 points"
        assert (relay.connections, relay.open) == (2, 1)


async def test_what_is_restored_twice_is_not_the_same_twice(
    relay: Relay, table_name: str, aws_config: dict[str, str]
) -> None:
    settings = {
        "VOICE_DB_TABLE_NAME": table_name,
        "VOICE_DB_TIMEOUT_SECONDS": "60",
        "VOICE_DB_AWS_CONFIG__ENDPOINT_URL": relay.endpoint_url,
        "AWS_ACCESS_KEY_ID": aws_config["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": aws_config["secret_access_key"],
        "AWS_DEFAULT_REGION": aws_config["region"],
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.aws_lambda.clones"),
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    one, other = map(json.loads, output.splitlines())
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert one[2] != other[2]
    assert [one[3], other[3]] == ["2 points", "3 points"]
    assert (relay.connections, relay.open) == (3, 0)


@pytest.mark.parametrize("closed", [False, True], ids=["kept alive", "closed meanwhile"])
async def test_with_asyncio_run_a_cached_client_breaks(
    start: StartFunction, relay: Relay, table_name: str, aws_config: dict[str, str], *, closed: bool
) -> None:
    """Why the handler keeps its event loop."""
    async with AsyncDynamoStore({"table_name": table_name, "aws_config": aws_config}) as store:
        await store.ensure_table()
    settings = {"TABLE_NAME": table_name, "AWS_ENDPOINT_URL_DYNAMODB": relay.endpoint_url}
    async with start("benchmarks.aws_lambda.asyncio_run.handler", **settings) as function:
        await function(intent("Score"))
        if closed:
            await relay.close_connections()
        with pytest.raises(FunctionError, match=r"Event loop is closed|attached to a different loop"):
            await function(intent("Score"))
