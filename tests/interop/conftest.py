"""The frameworks that run here, and requests for them. Only `make interop` runs this folder: `-m interop`."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import AsyncDynamoStore
from tests.conftest import Engine
from tests.interop import frameworks
from tests.interop.frameworks import Framework

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

HERE = Path(__file__).parent


def missing() -> dict[str, str]:
    """The frameworks that cannot run here, with what to do about each."""
    reasons = {}
    for name in frameworks.NAMES:
        try:
            frameworks.check(name)
        except frameworks.MissingError as reason:
            reasons[name] = str(reason)
    return reasons


MISSING = missing()


def pytest_report_header() -> str:
    available = [name for name in frameworks.NAMES if name not in MISSING]
    reasons = "; ".join(dict.fromkeys(MISSING.values()))
    return f"frameworks: {', '.join(available) or 'none'}{f' ({reasons})' if reasons else ''}"


def pytest_sessionstart() -> None:
    if MISSING and frameworks.required():
        raise pytest.UsageError(f"REQUIRE_INTEROP is set: {'; '.join(dict.fromkeys(MISSING.values()))}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All tests of this folder are interop tests; those of a framework that cannot run are not collected."""
    dropped = []
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("interop")
            callspec = getattr(item, "callspec", None)
            if callspec and callspec.params.get("framework") in MISSING:
                dropped.append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where nothing can run, which is said above, nothing has failed."""
    if (
        MISSING
        and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
        and session.config.option.markexpr == "interop"
    ):
        session.exitstatus = pytest.ExitCode.OK


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "framework" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("frameworks")
        names = marker.args if marker else frameworks.NAMES
        metafunc.parametrize("framework", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def framework(
    request: pytest.FixtureRequest, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Framework]:
    """A skill on the framework, in its own process."""
    name: str = request.param
    with frameworks.running(name, engine.endpoint_url, tmp_path_factory.mktemp(name) / "skill.log") as skill:
        yield skill


OpenStore = Callable[..., AsyncDynamoStore]


@pytest.fixture
async def open_store(
    framework: Framework, aws_config: dict[str, str], table_name: str
) -> AsyncIterator[OpenStore]:
    """Makes stores on the framework's layout and this test's table: `open_store(stored_elements=…)`."""
    stores = []

    def make(**options: Any) -> AsyncDynamoStore:
        config = {"table_name": table_name, "aws_config": aws_config, "layout": framework.name, **options}
        stores.append(AsyncDynamoStore(config))
        return stores[-1]

    yield make
    for store in stores:
        await store.aclose()


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncDynamoStore:
    """Our store on the framework's layout, with its table made."""
    store = open_store()
    await store.ensure_table()
    return store


@pytest.fixture
def user() -> str:
    return "amzn1.ask.account.AGHK"


async def stored_item(client: DynamoDBClient, table: str, framework: Framework, user: str) -> Any:
    """What is really stored of a user, in wire form."""
    key = "id" if framework.name == "ask-sdk" else "userId"
    answer = await client.get_item(TableName=table, Key={key: {"S": user}}, ConsistentRead=True)
    return answer.get("Item")


_numbers = itertools.count(1)


def alexa_request(
    user_id: str,
    intent: str | None = None,
    *,
    session: str = "amzn1.echo-api.session.one",
    new: bool = True,
    slots: dict[str, str | None] | None = None,
    attributes: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A request as Alexa sends it: a launch, or `intent` with its slots."""
    request: dict[str, Any] = {
        "type": "LaunchRequest",
        "requestId": f"amzn1.echo-api.request.{next(_numbers)}",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "locale": "en-US",
    }
    if intent:
        filled = {
            name: {"name": name, "confirmationStatus": "NONE"} | ({"value": value} if value else {})
            for name, value in (slots or {}).items()
        }
        request |= {
            "type": "IntentRequest",
            "intent": {"name": intent, "confirmationStatus": "NONE", "slots": filled},
        }
    application = {"applicationId": "amzn1.ask.skill.one"}
    device = {"deviceId": "amzn1.ask.device.one", "supportedInterfaces": {"AudioPlayer": {}, "Display": {}}}
    return {
        "version": "1.0",
        "session": {
            "new": new,
            "sessionId": session,
            "application": application,
            "attributes": attributes or {},
            "user": {"userId": user_id},
        },
        "context": {
            "System": {
                "application": application,
                "user": {"userId": user_id},
                "device": device,
                "apiEndpoint": "https://api.amazonalexa.com",
                "apiAccessToken": "token",
            }
        },
        "request": request,
    }
