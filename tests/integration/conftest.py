"""A small app on a real engine, with a proxy on the way that shows what was asked and can fail it."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import VoiceApp
from async_dynamo_store.wire.codec import decode, encode
from tests.faults.proxy import FaultProxy
from tests.faults.table import straight
from tests.integration.cli import variables
from tests.unit.requests.sample import sample

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient


App = VoiceApp[Any]
MakeApp = Callable[..., App]
ANNA = "amzn1.ask.account.ANNA"


@pytest.fixture
def db(table_name: str, aws_config: dict[str, str], proxy: FaultProxy) -> dict[str, Any]:
    """What a user would give as `db`, with time enough for a machine that is busy."""
    aws = aws_config | {"endpoint_url": proxy.endpoint_url}
    return {"table_name": table_name, "aws_config": aws, "timeout_seconds": 60}


@pytest.fixture
async def make_app(db: dict[str, Any]) -> AsyncIterator[MakeApp]:
    """Makes apps on the test's table, `options` being fields of `db`; they are closed when it ends."""
    async with AsyncExitStack() as stack:

        def make(data_model: Any = None, user_id: Any = None, **options: Any) -> App:
            app: App = VoiceApp({"db": db | options}, data_model=data_model, user_id=user_id)
            stack.push_async_callback(app.store.aclose)
            return app

        yield make


@pytest.fixture
def app(make_app: MakeApp) -> App:
    return make_app()


class Stored:
    """What is really in the table."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    async def item(self, user_id: str = ANNA, column: str = "userId") -> dict[str, Any]:
        found = await self._client.get_item(
            TableName=self._table_name, Key={column: {"S": user_id}}, ConsistentRead=True
        )
        return {name: decode(dict(value)) for name, value in found.get("Item", {}).items()}

    async def data(self, user_id: str = ANNA) -> dict[str, Any] | None:
        """The user's data, None for a user of whom nothing is stored."""
        item = await self.item(user_id)
        return item["user"]["data"] if item else None

    async def put(self, user_id: str, **attributes: Any) -> None:
        """Store a user's item as another framework has written it."""
        item = {"userId": {"S": user_id}} | {name: encode(value) for name, value in attributes.items()}
        await self._client.put_item(TableName=self._table_name, Item=item)

    async def users(self) -> int:
        page = await self._client.scan(TableName=self._table_name, ConsistentRead=True)
        return page["Count"]


@pytest.fixture
async def stored(aws_config: dict[str, str], table_name: str) -> AsyncIterator[Stored]:
    async with straight(aws_config) as client:
        yield Stored(client, table_name)


def operations(proxy: FaultProxy) -> list[str]:
    """The calls that DynamoDB has got so far; the log is empty afterwards."""
    names = [exchange.operation for exchange in proxy.log]
    proxy.log.clear()
    return names


def alexa(intent: str, user_id: str = ANNA, **slots: str) -> dict[str, Any]:
    """An Alexa request for an intent; of what is left out, our sample."""
    request: dict[str, Any] = sample("alexa/launch")
    request["session"]["new"] = False
    request["context"]["System"]["user"]["userId"] = user_id
    if intent != "LaunchRequest":
        filled = {name: {"name": name, "value": value} for name, value in slots.items()}
        request["request"] |= {"type": "IntentRequest", "intent": {"name": intent, "slots": filled}}
    return copy.deepcopy(request)


def spoken(response: dict[str, Any]) -> str | None:
    """What an Alexa response says, as SSML without its frame."""
    speech: str | None = response["response"].get("outputSpeech", {}).get("ssml")
    return speech and speech.removeprefix("<speak>").removesuffix("</speak>")


@pytest.fixture
def engine_in_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws_config: dict[str, str], table_name: str
) -> None:
    """The settings that a command finds in an empty directory: the engine, and the test's table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICE_DB_TABLE_NAME", table_name)
    monkeypatch.setenv("VOICE_DB_TIMEOUT_SECONDS", "60")
    for name, value in variables(aws_config).items():
        monkeypatch.setenv(name, value)
