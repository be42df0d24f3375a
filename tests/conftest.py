"""The engines that the tests run on, and a process that knows nothing of its developer's AWS account."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from inspect import CO_VARKEYWORDS
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

import botocore.httpsession
import pytest
from botocore import hooks, useragent
from botocore.client import ClientCreator
from coverage import Coverage
from hypothesis import HealthCheck, settings

import async_dynamo_store
from async_dynamo_store.testing.database import descriptions_read_once
from tests import engine_dynamodb_local
from tests.engine_process import MINISTACK, engine_process, ministack_command, moto_command
from tests.faults.proxy import FaultProxy
from tests.faults.table import drop_hooks_of_moto, straight
from tests.soak import some

if TYPE_CHECKING:
    from botocore.model import ServiceModel
    from types_aiobotocore_dynamodb import DynamoDBClient

COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "ministack": ministack_command,
    "moto": moto_command,
    "dynamodb-local": partial(engine_dynamodb_local.command, java_options=engine_dynamodb_local.SHORT_RUN),
}
ENDPOINT = os.environ.get("DYNAMODB_ENDPOINT")
EVERY_ENGINE = ("endpoint",) if ENDPOINT else tuple(COMMANDS)
MOST_WORKERS = 6  # each starts engines of its own
LEAKS = re.compile(r"AWS_|VOICE_DB_|(https?|all|no)_proxy$", re.IGNORECASE)


@dataclass(frozen=True)
class Engine:
    """A DynamoDB to test against: one that `COMMANDS` names, or `"endpoint"` for DYNAMODB_ENDPOINT's."""

    name: str
    endpoint_url: str


class Engines:
    """Which engines are to be had in this run, and why another is not."""

    def __init__(self, *, only_one: bool) -> None:
        missing = {} if ENDPOINT else missing_engines()
        self.missing = "".join(f" (no {name}: {reason})" for name, reason in missing.items())
        available = [name for name in EVERY_ENGINE if name not in missing]
        self.one = available[0]  # of those that start and answer soonest
        self.available = available[:1] if only_one else available
        self.usual = self.available[-2:]
        if "dynamodb-local" in missing and engine_dynamodb_local.required():
            raise pytest.UsageError(f"REQUIRE_DYNAMODB_LOCAL is set{self.missing}")

    def of(self, test: pytest.Item) -> list[str]:
        """Those that a test runs on; the last one is most like DynamoDB."""
        if test.get_closest_marker("one_engine"):
            return [self.one]
        marker = test.get_closest_marker("engines")
        return [name for name in marker.args if name in self.available] if marker else list(self.usual)


def missing_engines() -> dict[str, str]:
    """The engines that cannot run here, with what to do about each."""
    missing = {}
    if not (MINISTACK / "ministack.stamp").exists():
        missing["ministack"] = "`make ministack` installs it"
    try:
        engine_dynamodb_local.check()
    except engine_dynamodb_local.MissingError as reason:
        missing["dynamodb-local"] = str(reason)
    return missing


# They need an environment of their own: `make agents`.
collect_ignore = [] if find_spec("pipecat") else ["agents"]

ENGINES = pytest.StashKey[Engines]()

# No timing decides a test. `make soak` takes the profile `long`, and runs beside the whole suite take `few`.
# How fast examples are drawn depends on what else the machine does, which is to decide no test.
NO_TIMING: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("short", max_examples=20, **NO_TIMING)
settings.register_profile("few", max_examples=10, **NO_TIMING)
settings.register_profile("long", max_examples=1000, **NO_TIMING)
settings.load_profile("short")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stock-path", action="store_true", help="run with the fast path off, as with accelerate=False"
    )
    parser.addoption(
        "--one-engine", action="store_true", help="run the tests that take an engine on one alone"
    )


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker for each core and one more, as tests also wait for engines; tests named by id run in this process."""
    named = any("::" in argument for argument in config.args)
    return 0 if named else min((os.cpu_count() or 1) + 1, MOST_WORKERS)


def pytest_xdist_setupnodes() -> None:
    """No test runs in this process: those of the workers measure themselves."""
    stop_measuring()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ENGINES] = Engines(only_one=config.getoption("--one-engine"))


def pytest_report_header(config: pytest.Config) -> str:
    engines = config.stash[ENGINES]
    return f"engines: {', '.join(engines.available)}{engines.missing}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        engines = metafunc.config.stash[ENGINES]
        names: list[Any] = engines.of(metafunc.definition) or [None]
        if metafunc.definition.get_closest_marker("others_in_soak"):
            names = some(names, names[-1])
        metafunc.parametrize("engine", names, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is measured of the collection is the import of our modules alone."""
    if Coverage.current():
        for module in walk_packages(async_dynamo_store.__path__, "async_dynamo_store."):
            with suppress(ImportError):  # of a framework that has an environment of its own
                import_module(module.name)
    gc.disable()  # what is collected lives until the end
    try:
        with nothing_measured():
            return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    engines = config.stash[ENGINES]
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec and "engine" in callspec.params:
            names = engines.of(item)
            if not names:
                dropped.append(item)
                continue
            # The test has the same lines on each engine.
            if callspec.params["engine"] != names[-1 if item.get_closest_marker("others_in_soak") else 0]:
                item.add_marker("unmeasured")
        kept.append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_collection_finish() -> None:
    """The garbage collector skips what lives until the end: hundreds of thousands of objects of tests and libraries."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measuring makes a test, its fixtures and its processes slower by half: it is for those that reach lines first."""
    with nothing_measured() if item.get_closest_marker("unmeasured") else nullcontext():
        return (yield)


@contextmanager
def nothing_measured() -> Iterator[None]:
    stopped = stop_measuring()
    try:
        yield
    finally:
        for each in reversed(stopped):
            each.start()


def stop_measuring() -> list[Coverage]:
    """Here and in processes that are started. pytest-cov's `no_cover` stops one of the two that a worker of xdist has."""
    stopped: list[Coverage] = []
    while running := Coverage.current():
        running.stop()
        stopped.append(running)
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # to start coverage sets it again
    return stopped


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No credentials, region, profile, proxy or setting of the developer's machine reaches a test."""
    nowhere = tmp_path_factory.mktemp("no-aws") / "absent"
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(LEAKS.match, list(os.environ)):
            patch.delenv(name)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"):
            patch.setenv(name, str(nowhere))
        yield


@pytest.fixture(scope="session", autouse=True)
def aws_descriptions_read_once() -> Iterator[None]:
    """Botocore reads the description of AWS's API anew for each session, which takes longer than most tests."""
    with descriptions_read_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def clients_share_what_is_the_same() -> Iterator[None]:
    """Botocore makes this anew for each client, handler or request: more than half of the work of making a client."""
    creator: Any = ClientCreator
    aliaser: Any = hooks.EventAliaser
    load, accepts_kwargs = creator._load_service_model, hooks.accepts_kwargs
    alias = cache(aliaser(hooks.HierarchicalEmitter())._alias_event_name)
    sanitize = useragent.sanitize_user_agent_string_component
    service_models: dict[tuple[str, ...], ServiceModel] = {}

    def load_once(self: Any, service_name: str, api_version: str | None = None) -> ServiceModel:
        key = (service_name, api_version or "", *self._loader.search_paths)
        if key not in service_models:
            service_models[key] = load(self, service_name, api_version)
        return service_models[key]

    def accepts_kwargs_quickly(handler: Any) -> object:
        code = getattr(handler, "__code__", None)
        return code.co_flags & CO_VARKEYWORDS if code else accepts_kwargs(handler)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(creator, "_load_service_model", load_once)
        patch.setattr(hooks, "accepts_kwargs", accepts_kwargs_quickly)
        patch.setattr(aliaser, "_alias_event_name", staticmethod(alias))
        patch.setattr(useragent, sanitize.__name__, cache(sanitize))
        yield


@pytest.fixture(scope="session", autouse=True)
def small_ca_bundle(tmp_path_factory: pytest.TempPathFactory, clean_environment: None) -> Iterator[None]:
    """The engines speak plain HTTP, yet each client reads a bundle of authorities, and aiohttp's import another: one is
    read sooner than all."""
    end = "-----END CERTIFICATE-----\n"
    one = Path(botocore.httpsession.DEFAULT_CA_BUNDLE).read_text(encoding="utf-8").partition(end)[0] + end
    bundle = tmp_path_factory.mktemp("ca") / "one.pem"
    bundle.write_text(one, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
            patch.setenv(name, str(bundle))
        yield


@pytest.fixture(scope="session", autouse=True)
def processes_without_httpx() -> Iterator[None]:
    """What tests start does not find httpx, which is here for Litestar's client of tests: aiobotocore would import it, and
    with it the tools of a command line, a third of its own import. Few users have it.
    """
    stub = Path(__file__).with_name("without_httpx")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(stub), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session", autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """With `--stock-path` no store of this process gets a fast path."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--stock-path"):
            patch.setattr("async_dynamo_store.dynamodb.fast.path.fast_path", lambda client: None)
        yield


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A running engine; a test that asks for it runs once on each."""
    name: str = request.param
    if ENDPOINT:
        yield Engine(name, ENDPOINT)
        return
    log = tmp_path_factory.mktemp(name) / "engine.log"
    with engine_process(COMMANDS[name], log) as endpoint_url:
        yield Engine(name, endpoint_url)


@pytest.fixture
def aws_config(engine: Engine) -> dict[str, str]:
    """What a user would give as `aws_config` to reach the engine."""
    return {
        "access_key_id": "testAccessKeyId",
        "secret_access_key": "testSecretAccessKey",
        "region": "eu-west-1",
        "endpoint_url": engine.endpoint_url,
    }


@pytest.fixture
def table_name(request: pytest.FixtureRequest, aws_config: dict[str, str]) -> Iterator[str]:
    """A name that no other test uses; the test makes the table, or lets it be made."""
    test = re.sub(r"[^\w.-]", "-", request.node.originalname, flags=re.ASCII)
    name = f"{test[:80]}-{uuid.uuid4().hex[:12]}"
    yield name
    if ENDPOINT:  # the other engines keep tables in memory and end with the run
        asyncio.run(drop_table(name, aws_config))


@pytest.fixture
def default_chain(
    engine: Engine, aws_config: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    """The engine, as the AWS default chain finds it. The tables that the test makes under names of the docs go with it."""
    point_default_chain_at(aws_config, monkeypatch)
    there = asyncio.run(tables(aws_config))
    yield engine
    asyncio.run(drop_tables_of_the_docs(aws_config, there))


def point_default_chain_at(aws_config: dict[str, str], patch: pytest.MonkeyPatch) -> None:
    """Set the variables by which the AWS default chain finds the engine."""
    patch.setenv("AWS_ACCESS_KEY_ID", aws_config["access_key_id"])
    patch.setenv("AWS_SECRET_ACCESS_KEY", aws_config["secret_access_key"])
    patch.setenv("AWS_DEFAULT_REGION", aws_config["region"])
    patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", aws_config["endpoint_url"])


@pytest.fixture
async def raw_client(aws_config: dict[str, str]) -> AsyncIterator[DynamoDBClient]:
    """An aioboto3 client straight to the engine, to see what is really stored."""
    async with straight(aws_config) as client:
        yield client


async def drop_table(name: str, aws_config: dict[str, str]) -> None:
    async with straight(aws_config) as client:
        with suppress(client.exceptions.ResourceNotFoundException):
            await client.delete_table(TableName=name)


async def tables(aws_config: dict[str, str]) -> set[str]:
    async with straight(aws_config) as client:
        pages = client.get_paginator("list_tables").paginate()
        return {name async for page in pages for name in page["TableNames"]}


async def drop_tables_of_the_docs(aws_config: dict[str, str], kept: set[str]) -> None:
    """Drop the tables that no fixture has named. `kept` were there before: DYNAMODB_ENDPOINT may have somebody's own."""
    for name in await tables(aws_config) - kept:
        if not re.search(r"-[0-9a-f]{12}\b", name):
            await drop_table(name, aws_config)


@pytest.fixture
async def proxy(engine: Engine) -> AsyncIterator[FaultProxy]:
    """On the way to the engine; it keeps a log of the requests, and can fail them."""
    async with FaultProxy(engine.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def no_hook_of_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of sessions that are made in the test may take the fast path."""
    drop_hooks_of_moto(monkeypatch)
