"""Each source of credentials, good and failing, at loopback endpoints that answer as the real ones do."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiobotocore.utils import AioContainerMetadataFetcher
from aiohttp import web
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from async_dynamo_store import (
    AsyncDynamoStore,
    CredentialsError,
    StoreClosedError,
    UnavailableError,
    VoiceApp,
)
from async_dynamo_store.dynamodb.credentials import _frames
from async_dynamo_store.integrations.asgi_messages import StoreLifetime
from tests.engines.canned import canned, ok
from tests.machine import SLEEPING, Machine, process
from tests.waiting import comes_true, reached

PRIVATE = "private/words+of+a+secret"
FAR, PAST = "2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"
START_URL = "https://example.awsapps.com/start"

KEYS = {"AccessKeyId": "AKIDGOOD", "SecretAccessKey": PRIVATE, "Token": PRIVATE, "Expiration": FAR}

STS_GOOD = f"""<{{0}}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{{0}}Result><Credentials>
<AccessKeyId>AKIDGOOD</AccessKeyId><SecretAccessKey>{PRIVATE}</SecretAccessKey><SessionToken>{PRIVATE}</SessionToken>
<Expiration>{FAR}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>x:y</AssumedRoleId>
<Arn>arn:aws:sts::123456789012:assumed-role/r/y</Arn></AssumedRoleUser></{{0}}Result></{{0}}Response>"""


Answer = Callable[[web.BaseRequest], web.Response | None]
"""None: no answer ever comes."""


def sts_error(code: str, status: int) -> Answer:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{PRIVATE}</Message></Error></ErrorResponse>"
    return lambda _: web.Response(status=status, text=body, content_type="text/xml")


def sso_error(code: str, status: int) -> Answer:
    return lambda _: web.Response(
        status=status, text=json.dumps({"message": PRIVATE}), headers={"x-amzn-ErrorType": code}
    )


def sts_good(_: web.BaseRequest) -> web.Response:
    return web.Response(text=STS_GOOD.format("AssumeRoleWithWebIdentity"), content_type="text/xml")


def sso_good(_: web.BaseRequest) -> web.Response:
    keys = {
        "accessKeyId": "AKIDGOOD",
        "secretAccessKey": PRIVATE,
        "sessionToken": PRIVATE,
        "expiration": 32_503_680_000_000,
    }
    return web.json_response({"roleCredentials": keys})


def imds(request: web.BaseRequest) -> web.Response:
    """The instance metadata service, version 2."""
    if request.path == "/latest/api/token":
        return web.Response(text="token", headers={"x-aws-ec2-metadata-token-ttl-seconds": "60"})
    if request.path.endswith("/security-credentials/"):
        return web.Response(text="the-role")
    return web.json_response({"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": PAST, **KEYS})


def container(machine: Machine) -> None:
    machine.patch.setattr(AioContainerMetadataFetcher, "SLEEP_TIME", 0)
    machine.set(AWS_CONTAINER_CREDENTIALS_FULL_URI="{endpoint}/creds")


def web_identity(machine: Machine) -> None:
    machine.write("token", "a.web.token")
    machine.set(
        AWS_WEB_IDENTITY_TOKEN_FILE="{folder}/token",
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/r",
        AWS_ENDPOINT_URL_STS="{endpoint}",
    )


def web_identity_without_its_file(machine: Machine) -> None:
    web_identity(machine)
    (machine.folder / "token").unlink()


def printing(**printed: object) -> Callable[[Machine], None]:
    return process(f"print({json.dumps(json.dumps(printed))})")


def no_such_process(machine: Machine) -> None:
    machine.profile(credential_process="/nowhere/credentials-helper")


def sso(token: str | None, **more: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.patch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(machine.folder / "sso"))
        machine.patch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(machine.folder / "sso"))
        if token is not None:
            machine.write(f"sso/{hashlib.sha1(START_URL.encode()).hexdigest()}.json", token)
        machine.set(AWS_ENDPOINT_URL_SSO="{endpoint}")
        machine.profile(
            sso_start_url=START_URL,
            sso_region="eu-west-1",
            sso_account_id="123456789012",
            sso_role_name="r",
            **more,
        )

    return set_up


def role(source: Callable[[Machine], None]) -> Callable[[Machine], None]:
    """A role whose source is another profile."""

    def set_up(machine: Machine) -> None:
        source(machine)
        text = (machine.folder / "config").read_text().replace("[profile voice]", "[profile source]")
        text += "\n[profile voice]\nregion = eu-west-1\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = source\n"
        machine.write("config", text)
        machine.set(AWS_ENDPOINT_URL_STS="{endpoint}")

    return set_up


def instance(machine: Machine) -> None:
    machine.patch.delenv("AWS_EC2_METADATA_DISABLED")
    machine.set(AWS_EC2_METADATA_SERVICE_ENDPOINT="{endpoint}/")


def environment(**variables: str) -> Callable[[Machine], None]:
    return lambda machine: machine.set(**variables)


def half_a_file(machine: Machine) -> None:
    path = machine.write("credentials", f"[default]\naws_access_key_id = {PRIVATE}\n")
    machine.set(AWS_SHARED_CREDENTIALS_FILE=str(path))


SSO_TOKEN = json.dumps({"accessToken": PRIVATE, "expiresAt": FAR, "startUrl": START_URL})
GOOD_PROCESS = {"Version": 1, "AccessKeyId": "AKIDGOOD", "SecretAccessKey": PRIVATE, "Expiration": FAR}


def nobody(_: web.BaseRequest) -> web.Response:
    return web.Response(status=404)


def silent(_: web.BaseRequest) -> None:
    return None


def json_answer(**body: object) -> Answer:
    return lambda _: web.json_response(body)


@asynccontextmanager
async def endpoint(answer: Answer, asked: list[str]) -> AsyncIterator[str]:
    over = asyncio.Event()

    async def respond(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        response = answer(request)
        if response is None:
            await over.wait()
            response = web.Response(status=500)
        return response

    runner = web.ServerRunner(web.Server(respond))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        over.set()
        await runner.cleanup()


@asynccontextmanager
async def on_machine(
    set_up: Callable[[Machine], None],
    answer: Answer,
    folder: Path,
    patch: pytest.MonkeyPatch,
    **options: Any,
) -> AsyncIterator[tuple[AsyncDynamoStore[Any], list[str]]]:
    """A store that has to find its credentials, and the operations that DynamoDB was asked for."""
    operations: list[str] = []

    def dynamodb(operation: str) -> web.Response:
        operations.append(operation)
        return ok()

    accelerate = options.pop("accelerate", True)
    asked: list[str] = []
    async with canned(dynamodb) as aws_config, endpoint(answer, asked) as url:
        machine = Machine(folder, patch, url, asked)
        set_up(machine)
        where = {name: aws_config[name] for name in ("region", "endpoint_url")}
        config = {"table_name": "Users", "timeout_seconds": 30, "aws_config": where} | options
        async with AsyncDynamoStore(config, accelerate=accelerate) as store:
            yield store, operations


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize(
    ("set_up", "answer"),
    [
        pytest.param(container, json_answer(**KEYS), id="container"),
        pytest.param(web_identity, sts_good, id="web identity"),
        pytest.param(printing(**GOOD_PROCESS), nobody, id="process"),
        pytest.param(sso(SSO_TOKEN), sso_good, id="sso"),
        pytest.param(instance, imds, id="instance"),
    ],
)
async def test_a_source_that_works(
    set_up: Callable[[Machine], None],
    answer: Answer,
    accelerate: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with on_machine(set_up, answer, tmp_path, monkeypatch, accelerate=accelerate) as (store, asked):
        assert (await store.load("u1")).is_new
        assert (await store.load("u1")).is_new
    assert asked == ["GetItem"] * 2


@pytest.mark.parametrize(
    ("set_up", "answer", "said"),
    [
        pytest.param(
            container,
            json_answer(**KEYS | {"Expiration": PAST}),
            "from the container's credentials endpoint (ECS, EKS Pod Identity): its credentials have expired. Check the task's",
            id="container, expired",
        ),
        pytest.param(container, nobody, "endpoint (ECS, EKS Pod Identity): it failed", id="container, 404"),
        pytest.param(
            container, lambda _: web.Response(text=PRIVATE), "(ECS, EKS Pod Identity): ", id="container, text"
        ),
        pytest.param(
            container,
            json_answer(AccessKeyId=PRIVATE),
            "(ECS, EKS Pod Identity): it failed (KeyError)",
            id="container, half",
        ),
        pytest.param(
            web_identity_without_its_file,
            sts_good,
            "/token' cannot be read (FileNotFoundError). Check AWS_WEB_IDENTITY_TOKEN_FILE",
            id="web identity, no file",
        ),
        *(
            pytest.param(
                web_identity,
                sts_error(code, status),
                f"STS AssumeRoleWithWebIdentity): AssumeRoleWithWebIdentity was answered with {code}.",
                id=f"web identity, {code}",
            )
            for code, status in (("AccessDenied", 403), ("ExpiredTokenException", 400))
        ),
        pytest.param(
            process("print('no JSON')"),
            nobody,
            "credential_process of the AWS profile 'voice': its output is not JSON. Run the command",
            id="process, no JSON",
        ),
        pytest.param(
            printing(Version=1, AccessKeyId=PRIVATE),
            nobody,
            "the credential_process of the AWS profile 'voice': it failed",
            id="process, half",
        ),
        pytest.param(
            printing(Version=2), nobody, "credential_process of the AWS profile", id="process, version"
        ),
        pytest.param(
            printing(**GOOD_PROCESS | {"Expiration": PAST}), nobody, "have expired", id="process, expired"
        ),
        pytest.param(
            process(f"import sys; sys.exit({PRIVATE!r})"),
            nobody,
            "Run the command by hand",
            id="process, exit",
        ),
        pytest.param(
            no_such_process,
            nobody,
            "the file '/nowhere/credentials-helper' cannot be read",
            id="process, none",
        ),
        pytest.param(
            sso(None),
            sso_good,
            "Center (SSO): it failed (SSOTokenLoadError). Run `aws sso login --profile voice`",
            id="sso, never",
        ),
        pytest.param(sso("{"), sso_good, "Run `aws sso login --profile voice`", id="sso, broken cache"),
        pytest.param(
            sso(json.dumps({"expiresAt": FAR})), sso_good, "Run `aws sso login", id="sso, half a cache"
        ),
        pytest.param(
            sso(json.dumps({"accessToken": PRIVATE, "expiresAt": PAST})),
            sso_error("UnauthorizedException", 401),  # an old botocore asks with it
            "(UnauthorizedSSOTokenError). Run `aws sso login --profile voice`",
            id="sso, expired",
        ),
        pytest.param(
            sso(SSO_TOKEN),
            sso_error("UnauthorizedException", 401),
            "(UnauthorizedSSOTokenError). Run `aws sso login",
            id="sso, revoked",
        ),
        pytest.param(
            sso(SSO_TOKEN),
            sso_error("ForbiddenException", 403),
            "GetRoleCredentials was answered with ForbiddenException. Run",
            id="sso, forbidden",
        ),
        pytest.param(
            role(printing(**GOOD_PROCESS)),
            sts_error("AccessDenied", 403),
            "the role of the AWS profile 'voice' (STS AssumeRole): AssumeRole was answered with AccessDenied.",
            id="role, denied",
        ),
        pytest.param(role(sso(None)), nobody, "Run `aws sso login", id="role, its source fails"),
        pytest.param(instance, nobody, "No AWS credentials were found. On AWS, give", id="instance, no role"),
        pytest.param(
            environment(AWS_ACCESS_KEY_ID=PRIVATE),
            nobody,
            "from the environment: it failed (PartialCredentialsError). Set both",
            id="environment, half",
        ),
        pytest.param(half_a_file, nobody, "from ~/.aws/credentials: it failed", id="file, half"),
        pytest.param(
            environment(AWS_PROFILE="nobody"),
            nobody,
            "There is no AWS profile 'nobody' in ~/.aws",
            id="no profile",
        ),
    ],
)
async def test_a_source_that_fails(
    set_up: Callable[[Machine], None],
    answer: Answer,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "async_dynamo_store")
    with pytest.raises(CredentialsError) as caught:
        async with on_machine(set_up, answer, tmp_path, monkeypatch) as (store, _):
            await store.load("u1")
    assert said in str(caught.value)
    assert caught.value.__cause__ is not None
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("async_dynamo_store")]
    assert not [text for text in (str(caught.value), *ours) if PRIVATE in text]


@pytest.mark.usefixtures("no_hook_of_moto")
async def test_a_source_that_fails_once_is_asked_again_and_the_fast_path_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [sts_error("AccessDenied", 403), sts_good]

    def answer(request: web.BaseRequest) -> web.Response | None:
        return answers.pop(0)(request)

    async with on_machine(web_identity, answer, tmp_path, monkeypatch) as (
        store,
        asked,
    ):
        with pytest.raises(CredentialsError):
            await store.load("u1")
        assert (await store.load("u1")).is_new
        (connection,) = store._client._connections.values()
        # With --stock-path there is none.
        assert connection._fast is None or connection._fast._is_open()
    assert asked == ["GetItem"]


async def test_a_source_that_takes_too_long_ends_within_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CredentialsError, match=r"credential_process .* took longer than timeout_seconds"):
        async with on_machine(process(SLEEPING), nobody, tmp_path, monkeypatch, timeout_seconds=0.3):
            pass


def patient_container(machine: Machine) -> None:
    container(machine)
    machine.patch.setattr(AioContainerMetadataFetcher, "TIMEOUT_SECONDS", 60)


def patient_instance(machine: Machine) -> None:
    instance(machine)
    machine.set(AWS_METADATA_SERVICE_TIMEOUT="60")


@pytest.mark.parametrize(
    ("set_up", "said"),
    [
        pytest.param(process(SLEEPING), "credential_process of the AWS profile 'voice'", id="process"),
        pytest.param(
            role(process(SLEEPING)), "credential_process of the AWS profile", id="process of a role"
        ),
        pytest.param(patient_container, "the container's credentials endpoint", id="container"),
        pytest.param(patient_instance, "the EC2 instance metadata service", id="instance"),
    ],
)
async def test_a_source_that_is_asked_when_the_time_is_over_has_no_more_than_the_time(
    set_up: Callable[[Machine], None],
    said: str,
    imports_take_longer_than: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CredentialsError) as caught:
        async with on_machine(
            set_up, silent, tmp_path, monkeypatch, timeout_seconds=imports_take_longer_than
        ):
            pass
    text = str(caught.value)
    assert said in text
    assert ": it took longer than timeout_seconds. " in text
    assert text.endswith("If it only needs more time, raise timeout_seconds.")
    assert isinstance(caught.value.__cause__, TimeoutError)


@asynccontextmanager
async def served(store: AsyncDynamoStore[Any]) -> AsyncIterator[None]:
    """As an ASGI server does it, which sends no shutdown event after a startup that failed."""
    await StoreLifetime(store).begin()
    yield


@pytest.mark.parametrize(
    "opened",
    [
        pytest.param(AsyncDynamoStore, id="store"),
        pytest.param(lambda config: VoiceApp({"db": config}), id="app"),
        pytest.param(lambda config: served(AsyncDynamoStore(config)), id="server"),
    ],
)
async def test_what_could_not_be_opened_leaves_nothing_running(
    opened: Callable[[dict[str, Any]], AbstractAsyncContextManager[Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process(SLEEPING)(Machine(tmp_path, monkeypatch, ""))
    with pytest.raises(CredentialsError, match="took longer"):
        async with opened({"table_name": "Users", "timeout_seconds": 2}):
            pass
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_store_that_could_not_be_opened_can_be_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(SLEEPING)(Machine(tmp_path, monkeypatch, ""))
    async with canned(lambda _: ok()) as aws_config:
        aws = {name: aws_config[name] for name in ("region", "endpoint_url")}
        store = AsyncDynamoStore({"table_name": "Users", "timeout_seconds": 30, "aws_config": aws})
        opening = asyncio.create_task(store.__aenter__())
        await reached(comes_true(lambda: waits_for_a_process(store)), opening)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        printing(**GOOD_PROCESS)(Machine(tmp_path, monkeypatch, ""))
        async with store:
            assert (await store.load("u1")).is_new


async def test_an_apps_own_store_is_not_closed_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process(SLEEPING)(Machine(tmp_path, monkeypatch, ""))
    store = AsyncDynamoStore({"table_name": "Users", "timeout_seconds": 2})
    with pytest.raises(CredentialsError, match="took longer"):
        async with VoiceApp(store=store):
            pass
    assert waits_for_a_process(store)
    await store.aclose()


async def test_a_source_that_fails_when_nobody_waits_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = tmp_path / "gate"
    script = (
        f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\nraise SystemExit(1)"
    )
    process(script)(Machine(tmp_path, monkeypatch, ""))
    store = AsyncDynamoStore({"table_name": "Users", "timeout_seconds": 2})
    with pytest.raises(CredentialsError, match="took longer"):
        await store.open()
    (connection,) = store._client._connections.values()
    gate.touch()
    await asyncio.wait([connection.opening])
    del connection
    await asyncio.sleep(0)
    gc.collect()
    assert store._client._connections == {}
    assert not [record for record in caplog.records if record.name == "asyncio"]
    await store.aclose()


def waits_for_a_process(store: AsyncDynamoStore[Any]) -> bool:
    frames = [
        frame for connection in store._client._connections.values() for frame in _frames(connection.opening)
    ]
    return any(
        isinstance(value, asyncio.subprocess.Process) for frame in frames for value in frame.f_locals.values()
    )


LEFT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(5)']); time.sleep(60)"
"""A process whose own process holds its pipes open."""


@pytest.mark.parametrize("script", [SLEEPING, LEFT])
@pytest.mark.parametrize(("close", "kind"), [("aclose", StoreClosedError), ("disconnect", UnavailableError)])
async def test_closing_does_not_wait_for_it(
    script: str, close: str, kind: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(script)(Machine(tmp_path, monkeypatch, ""))
    store = AsyncDynamoStore({"table_name": "Users", "timeout_seconds": 50})
    opening = asyncio.create_task(store.open())
    await reached(comes_true(lambda: waits_for_a_process(store)), opening)
    await asyncio.wait_for(getattr(store, close)(), 4)
    with pytest.raises(kind):
        await opening
    await store.aclose()


async def test_a_refresh_that_takes_too_long_is_no_silence_of_dynamodb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with on_machine(web_identity, silent, tmp_path, monkeypatch, timeout_seconds=0.3) as (store, asked):
        with pytest.raises(CredentialsError, match=r"web identity token .* took longer than timeout_seconds"):
            await store.load("u1")
    assert asked == []


async def test_disconnecting_says_so_to_those_who_wait() -> None:
    asked = asyncio.Event()

    def silent(_: str) -> None:
        asked.set()

    async with canned(silent) as aws_config:
        store = AsyncDynamoStore({"table_name": "Users", "timeout_seconds": 20, "aws_config": aws_config})
        loading = asyncio.create_task(store.load("u1"))
        await reached(asked, loading)
        await store.disconnect()
        with pytest.raises(UnavailableError, match=r"disconnect\(\) closed the client"):
            await loading
        await store.aclose()
