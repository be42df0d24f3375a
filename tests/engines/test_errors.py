"""What goes wrong on the way to DynamoDB: which error it is, what it says, and what it keeps to itself."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aioboto3
import boto3
import pytest
from aiohttp import web

from async_dynamo_store import (
    AccessDeniedError,
    AsyncDynamoStore,
    BackendError,
    CredentialsError,
    InvalidUserIdError,
    RequestPipeline,
    ThrottledError,
    Turn,
    UnavailableError,
)
from async_dynamo_store.dynamodb.answers import InvalidRequest
from async_dynamo_store.dynamodb.deadline import time_limit
from async_dynamo_store.voice.requests import parse_request
from tests.engine_process import free_port
from tests.engines.canned import JSON, Answer, canned, ok, refused

Store = AsyncDynamoStore[Any]

KEY_ID = "AKIAPRIVATEKEYID"
SECRET = "private/secret+key"
TOKEN = "private-session-token"
USER_ID = "amzn1.private.user"
WORDS = "private words"
PRIVATE = (SECRET, TOKEN, USER_ID, WORDS)


@pytest.fixture(autouse=True)
def our_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "async_dynamo_store")
    return caplog


@asynccontextmanager
async def store_at(
    aws_config: dict[str, str], *, accelerate: bool = True, **fields: Any
) -> AsyncIterator[Store]:
    keys = {"access_key_id": KEY_ID, "secret_access_key": SECRET, "session_token": TOKEN}
    config = {"table_name": "Users", "aws_config": aws_config | keys, "timeout_seconds": 30} | fields
    async with AsyncDynamoStore(config, accelerate=accelerate) as store:
        yield store


async def failure(store: Store, log: pytest.LogCaptureFixture) -> BackendError:
    """What a load and a save come to, the same for both."""
    found: list[BackendError] = []
    for call in (lambda: store.load(USER_ID), lambda: store.set(USER_ID, "note", WORDS)):
        with pytest.raises(BackendError) as caught:
            await call()
        found.append(caught.value)
    load, save = found
    assert type(load) is type(save)
    ours = [record.getMessage() for record in log.records if record.name.startswith("async_dynamo_store")]
    shown = [str(load), repr(load), str(save), repr(save), repr(store), repr(store.config), *ours]
    assert not [text for text in shown for word in PRIVATE if word in text]
    return load


Answers = Callable[[], Answer]

NOT_AUTHORIZED = (
    f"User: arn:aws:sts::123456789012:assumed-role/{WORDS} is not authorized to perform: dynamodb:GetItem on"
    " resource: arn:aws:dynamodb:eu-west-1:123456789012:table/Users because no identity-based policy allows"
)
INVALID = "One or more parameter values were invalid"
DECIDED = "because no identity-based policy allows"
BY_NAME = {"index_name": "by-name", "keys": [{"attribute_name": "city", "path": "city"}]}


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        pytest.param(
            lambda: refused("AccessDeniedException", NOT_AUTHORIZED),
            AccessDeniedError,
            "does not allow dynamodb:GetItem on the table 'Users'",
            id="access",
        ),
        pytest.param(
            lambda: refused("AccessDeniedException", WORDS),
            AccessDeniedError,
            "does not allow dynamodb:GetItem",
            id="access, no action named",
        ),
        *(
            pytest.param(
                lambda ending=ending: refused(
                    "AccessDeniedException", NOT_AUTHORIZED.replace(DECIDED, ending)
                ),
                AccessDeniedError,
                f"does not allow dynamodb:GetItem on the table 'Users'. {said}",
                id=f"access, {ending}",
            )
            for ending, said in (
                (DECIDED, "Add it to the role's policy."),
                (
                    "with an explicit deny in a service control policy",
                    "A service control policy denies it explicitly",
                ),
                (
                    "with an explicit deny in an identity-based policy",
                    "An identity-based policy denies it explicitly",
                ),
                ("with an explicit deny in a permissions boundary", "A permissions boundary denies it"),
                ("because no service control policy allows", "The service control policy must allow it"),
                ("because no VPC endpoint policy allows", "The VPC endpoint policy must allow it"),
                (f"with an explicit deny in {WORDS}", "Add it"),
            )
        ),
        pytest.param(
            lambda: refused("AccessDeniedException", f"KMS key access denied error: {WORDS} is disabled."),
            AccessDeniedError,
            "cannot use the KMS key of the table 'Users': it is disabled",
            id="a KMS key that is disabled",
        ),
        *(
            pytest.param(
                lambda code=code: refused(code, WORDS),
                UnavailableError,
                f"({code}): another writer was writing the same item, on each of 3 tries",
                id=code,
            )
            for code in ("TransactionConflictException", "ReplicatedWriteConflictException")
        ),
        *(
            pytest.param(
                lambda sent=sent: refused("ValidationException", sent),
                InvalidRequest,
                f"as invalid: {said}.",
                id=said,
            )
            for sent, said in (
                (
                    "The table does not have the specified index: by-name",
                    "The table does not have the specified index: by-name",
                ),
                (
                    "The table does not have the specified index: other",
                    "The table does not have the specified index",
                ),
                (
                    "Query condition missed key schema element: userId",
                    "Query condition missed key schema element: userId",
                ),
                (
                    f"{INVALID}: Type mismatch for Index Key city Expected: S Actual: N IndexName: by-name",
                    f"{INVALID}: Type mismatch for Index Key city Expected: S Actual: N IndexName: by-name",
                ),
                (
                    f"{INVALID}: Type mismatch for key userId expected: S actual: N",
                    f"{INVALID}: Type mismatch for key userId expected: S actual: N",
                ),
                (
                    f"Invalid UpdateExpression: Two document paths overlap; path one: [user, data, {WORDS}]",
                    "Invalid UpdateExpression",
                ),
                (
                    f"The parameter cannot be converted to a numeric value: {WORDS}",
                    "The parameter cannot be converted to a numeric value",
                ),
                (f"1 validation error detected: Value '{WORDS}' at 'key'", "1 validation error detected"),
                (f"Value '{WORDS}' is not valid", "Value"),
                (f"'{WORDS}'", "ValidationException"),
            )
        ),
        *(
            pytest.param(lambda code=code: refused(code, WORDS), CredentialsError, code, id=code)
            for code in ("UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException")
        ),
        *(
            pytest.param(
                lambda code=code: refused(code, WORDS), ThrottledError, f"({code}), on each of 3", id=code
            )
            for code in ("ThrottlingException", "ProvisionedThroughputExceededException")
        ),
        pytest.param(
            lambda: refused("InternalServerError", WORDS, 500), UnavailableError, "with 500", id="500"
        ),
        pytest.param(
            lambda: web.Response(status=503, text=f"<html>{WORDS}"), UnavailableError, "with 503", id="503"
        ),
        pytest.param(
            lambda: refused("SomethingNewException", WORDS),
            BackendError,
            "with SomethingNewException (400). Check",
            id="a code that nobody knows",
        ),
        pytest.param(
            lambda: web.Response(status=404, text=f"<html>{WORDS}", content_type="text/html"),
            BackendError,
            "(404). Check that the endpoint",
            id="another server",
        ),
        pytest.param(
            lambda: web.Response(text=f"<html>{WORDS}", content_type="text/html"),
            UnavailableError,
            "is not from DynamoDB (content type: text/html",
            id="a page",
        ),
        pytest.param(
            lambda: web.Response(text=f"{{ {WORDS}", content_type=JSON),
            UnavailableError,
            "is not JSON",
            id="no JSON",
        ),
        pytest.param(
            lambda: web.Response(text="{}", content_type=JSON, headers={"x-amz-crc32": "1"}),
            UnavailableError,
            "could not be reached",
            id="a checksum that is wrong",
        ),
    ],
)
async def test_what_the_server_answers(
    answer: Answers,
    kind: type[BackendError],
    said: str,
    accelerate: bool,
    our_log: pytest.LogCaptureFixture,
) -> None:
    async with (
        canned(lambda _: answer()) as aws_config,
        store_at(aws_config, accelerate=accelerate, global_secondary_indexes=[BY_NAME]) as store,
    ):
        error = await failure(store, our_log)
    assert type(error) is kind
    assert said in str(error)
    if "is not from DynamoDB" not in said:
        assert error.__cause__ is not None
        assert error.__cause__ is not error


async def test_the_missing_permission_is_named(our_log: pytest.LogCaptureFixture) -> None:
    answers = {
        "GetItem": refused("AccessDeniedException", NOT_AUTHORIZED),
        "UpdateItem": refused("AccessDeniedException", "no"),
        "Scan": refused("AccessDeniedException", "no"),
        "DescribeTable": refused("AccessDeniedException", "no"),
    }
    actions = []
    async with canned(answers.__getitem__) as aws_config, store_at(aws_config) as store:
        for call in (
            lambda: store.load("u1"),
            lambda: store.set("u1", "a", 1),
            lambda: anext(store.scan()),
            store.ensure_table,
        ):
            with pytest.raises(AccessDeniedError) as caught:
                await call()
            actions.append(caught.value.action)
    assert actions == ["dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Scan", "dynamodb:DescribeTable"]


async def test_a_permission_of_another_service_is_named() -> None:
    answer = "User: x is not authorized to perform: kms:Decrypt on resource: y"
    async with (
        canned(lambda _: refused("AccessDeniedException", answer)) as aws_config,
        store_at(aws_config) as store,
    ):
        with pytest.raises(AccessDeniedError, match="kms:Decrypt") as caught:
            await store.load("u1")
    assert caught.value.action == "kms:Decrypt"


@pytest.mark.parametrize("max_attempts", [1, 3])
async def test_no_answer_is_unavailable_when_the_time_is_up(
    max_attempts: int, our_log: pytest.LogCaptureFixture
) -> None:
    async with (
        canned(lambda _: None) as aws_config,
        store_at(aws_config, timeout_seconds=0.3, max_attempts=max_attempts) as store,
    ):
        error = await failure(store, our_log)
    assert type(error) is UnavailableError
    assert error.__cause__ is not None


async def test_answers_that_are_worth_another_try_end_when_the_time_is_up(
    our_log: pytest.LogCaptureFixture,
) -> None:
    async with (
        canned(lambda _: refused("InternalServerError", status=500)) as aws_config,
        store_at(aws_config, timeout_seconds=0.3, max_attempts=100) as store,
    ):
        error = await failure(store, our_log)
    assert type(error) is UnavailableError
    assert "within timeout_seconds=0.3" in str(error)


async def test_a_time_limit_around_it_ends_it_sooner() -> None:
    async with canned(lambda _: None) as aws_config, store_at(aws_config) as store:
        await store.open()
        with time_limit(0.2), pytest.raises(UnavailableError, match=r"within the 0\.\d+ s that were left"):
            await store.load("u1")
        with time_limit(30), time_limit(0), pytest.raises(UnavailableError, match="nothing was sent"):
            await store.load("u1")


@pytest.mark.parametrize("on_load_error", ["raise", "anonymous"])
async def test_a_turn_without_its_user(on_load_error: str, our_log: pytest.LogCaptureFixture) -> None:
    handled: list[bool] = []

    async def handle(turn: Turn[Any]) -> None:
        handled.append(turn.user.is_anonymous)
        turn.user.data["note"] = WORDS

    pipeline: RequestPipeline[Any] = RequestPipeline()
    pipeline.use("handler", handle)
    (request,) = parse_request({"context": {"user": {"id": USER_ID}}, "input": {"type": "LAUNCH"}})
    sent: list[str] = []

    def unavailable(operation: str) -> Answer:
        sent.append(operation)
        return refused("InternalServerError", status=500)

    async with (
        canned(unavailable) as aws_config,
        store_at(aws_config, on_load_error=on_load_error, max_attempts=1) as store,
    ):
        store.install(pipeline)
        turn = Turn(request, store)
        if on_load_error == "raise":
            with pytest.raises(UnavailableError):
                await pipeline.run(turn)
        else:
            await pipeline.run(turn)
    assert handled == ([] if on_load_error == "raise" else [True])
    assert sent == ["GetItem"]
    assert not [word for word in PRIVATE if word in our_log.text]


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize(
    "second", ["ThrottlingException", "TransactionConflictException", "ReplicatedWriteConflictException"]
)
async def test_one_failed_try_is_not_the_end(second: str, accelerate: bool) -> None:
    answers = [
        refused("InternalServerError", status=500),
        refused(second),
        web.Response(text="{}", content_type=JSON),
    ]
    async with (
        canned(lambda _: answers.pop(0)) as aws_config,
        store_at(aws_config, accelerate=accelerate) as store,
    ):
        assert (await store.load("u1")).is_new


@pytest.mark.parametrize("code", ["LimitExceededException", "ThrottlingException"])
async def test_a_limit_of_tables_is_not_a_lack_of_capacity(code: str) -> None:
    codes = {"DescribeTable": "ResourceNotFoundException", "CreateTable": code}
    async with (
        canned(lambda operation: refused(codes[operation], WORDS)) as aws_config,
        store_at(aws_config) as store,
    ):
        with pytest.raises(ThrottledError, match="AWS limits the tables of an account") as caught:
            await store.ensure_table()
    assert "capacity" not in str(caught.value)


@pytest.mark.parametrize("status", ["INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVED"])
async def test_a_table_whose_key_is_gone_is_not_waited_for(status: str) -> None:
    described = {
        "TableStatus": status,
        "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
    }
    async with canned(lambda _: ok(Table=described)) as aws_config, store_at(aws_config) as store:
        with pytest.raises(AccessDeniedError, match=f"is {status}: DynamoDB could not use its KMS key"):
            await store.ensure_table()


async def test_looking_at_the_table_stays_within_the_time() -> None:
    """A refused request leads to DescribeTable, which never answers."""
    asked: list[str] = []

    def answer(operation: str) -> Answer:
        asked.append(operation)
        return refused("ValidationException", "No good") if operation == "GetItem" else None

    async with canned(answer) as aws_config, store_at(aws_config, timeout_seconds=3) as store:
        with pytest.raises(BackendError, match="as invalid: No good"):
            await store.load("u1")
        with time_limit(2), pytest.raises(BackendError, match="as invalid: No good"):
            await store.load("u1")
    assert asked[:2] == ["GetItem", "DescribeTable"]


async def test_a_closed_port(our_log: pytest.LogCaptureFixture) -> None:
    aws_config = {"region": "eu-west-1", "endpoint_url": f"http://127.0.0.1:{free_port()}"}
    async with store_at(aws_config) as store:
        error = await failure(store, our_log)
    assert type(error) is UnavailableError
    assert "Check the region" in str(error)
    assert error.__cause__ is not None


HERE = {"region": "eu-west-1", "endpoint_url": "http://127.0.0.1:9"}


async def keyless_failure(aws_config: dict[str, str] | None) -> BackendError:
    """What a load comes to without keys in the configuration."""
    store = AsyncDynamoStore({"table_name": "Users", "aws_config": aws_config})
    with pytest.raises(BackendError) as caught:
        await store.load("u1")
    await store.aclose()
    assert caught.value.__cause__ is not None
    return caught.value


async def test_no_credentials() -> None:
    error = await keyless_failure(HERE)
    assert type(error) is CredentialsError
    assert "set aws_config, AWS_PROFILE, or AWS_ACCESS_KEY_ID" in str(error)


async def test_half_of_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    assert type(await keyless_failure(HERE)) is CredentialsError


async def test_opening_that_failed_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    async with canned(lambda _: web.Response(text="{}", content_type=JSON)) as aws_config:
        where = {key: aws_config[key] for key in ("region", "endpoint_url")}
        store = AsyncDynamoStore({"table_name": "Users", "aws_config": where})
        with pytest.raises(CredentialsError):
            await store.load("u1")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        assert (await store.load("u1")).is_new
        await store.aclose()


async def test_a_profile_that_does_not_exist() -> None:
    assert type(await keyless_failure(HERE | {"profile": "nobody"})) is CredentialsError


async def test_no_region() -> None:
    error = await keyless_failure(None)
    assert type(error) is BackendError
    assert "Set aws_config.region" in str(error)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"])
@pytest.mark.parametrize(
    "url", ["localhost:8000", "http://", "http://localhost:abc", "http://localhost:99999", "http://a_b:8000"]
)
async def test_an_endpoint_of_the_environment_that_is_none(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, url)
    store = AsyncDynamoStore({"table_name": "Users", "aws_config": {"region": "eu-west-1"}})
    with pytest.raises(BackendError, match=r"is not a valid URL\. Set AWS_ENDPOINT_URL_DYNAMODB") as caught:
        await store.load("u1")
    assert type(caught.value) is BackendError
    await store.aclose()


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"])
async def test_a_blank_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, " ")
    store: Store = AsyncDynamoStore("Users")
    with pytest.raises(BackendError, match=f"{name} is blank in the environment"):
        await store.load("u1")
    await store.aclose()
    given = {"region": "eu-west-1", "profile": "nobody"}
    other: Store = AsyncDynamoStore({"table_name": "Users", "aws_config": given})
    with pytest.raises(CredentialsError, match="no AWS profile 'nobody'"):
        await other.load("u1")
    await other.aclose()


@pytest.mark.parametrize("accelerate", [True, False])
async def test_a_host_name_with_an_underscore(accelerate: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker Compose makes them."""
    resolve: Any = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **more: Any) -> Any:
        return resolve("127.0.0.1" if host == "dynamodb_local" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    async with canned(lambda _: ok()) as aws_config:
        here = aws_config | {
            "endpoint_url": aws_config["endpoint_url"].replace("127.0.0.1", "dynamodb_local")
        }
        async with store_at(here, accelerate=accelerate) as store:
            assert (await store.load("u1")).is_new


def test_a_session_that_cannot_be_used() -> None:
    synchronous: Any = boto3.Session(region_name="eu-west-1")
    with pytest.raises(
        TypeError, match=r"session is a boto3\.session\.Session; .* needs an aioboto3\.Session"
    ):
        AsyncDynamoStore("Users", session=synchronous)
    config = {"table_name": "Users", "aws_config": {"profile": "dev"}}
    with pytest.raises(ValueError, match=r"omit aws_config\.profile and pass it to the session"):
        AsyncDynamoStore(config, session=aioboto3.Session())


@pytest.mark.parametrize(
    ("user_id", "got"), [(None, "None"), ("", "an empty str"), (7, "int"), (b"u", "bytes")]
)
async def test_what_is_no_user_id(user_id: Any, got: str) -> None:
    store: Store = AsyncDynamoStore("Users")
    with pytest.raises(InvalidUserIdError, match=f"this one is {got}. Check where it is taken from"):
        await store.load(user_id)


async def test_a_region_that_cannot_be() -> None:
    error = await keyless_failure({"region": "not a region!"})
    assert type(error) is BackendError
    assert "AWS configuration does not work (InvalidRegionError)" in str(error)


async def test_what_is_no_business_of_ours_comes_through_as_it_is() -> None:
    class BrokenSession(aioboto3.Session):
        def client(self, *_: Any, **__: Any) -> Any:
            raise LookupError("broken")

    session: Any = BrokenSession()
    store: Store = AsyncDynamoStore("Users", session=session)
    with pytest.raises(LookupError, match="broken") as caught:
        await store.load("u1")
    assert caught.value.__cause__ is None
    await store.aclose()


def test_secrets_show_nowhere_in_the_configuration() -> None:
    keys = {"access_key_id": KEY_ID, "secret_access_key": SECRET, "session_token": TOKEN}
    store = AsyncDynamoStore({"table_name": "Users", "aws_config": keys})
    shown = repr(store) + repr(store.config) + str(store.config.model_dump())
    assert SECRET not in shown
    assert TOKEN not in shown
