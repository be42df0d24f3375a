"""What the migration pages tell to type works on items that the named framework wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import DynamoDbConfig
from async_dynamo_store.wire.codec import encode
from tests.conftest import Engine
from tests.integration.conftest import ANNA, Stored, alexa, spoken
from tests.pages import ROOT, Block, blocks

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

pytestmark = [pytest.mark.one_engine, pytest.mark.unmeasured]

DOCS = ROOT / "docs"
TABLE = "Users"


def examples(page: str) -> list[Block]:
    """The Python examples of a page, on the table `Users`."""
    return blocks(DOCS / f"migrate-from-{page}.md", "python")


def run(example: Block) -> dict[str, Any]:
    names: dict[str, Any] = {}
    example.run(names)
    return names


@pytest.fixture
def table(default_chain: Engine, raw_client: DynamoDBClient) -> Stored:
    """The pages' table, which goes with the test, on the engine as the AWS default chain finds it."""
    return Stored(raw_client, TABLE)


SCORE = {"score": 2, "name": "Anna"}
PAGES = [
    ("jovo4", "LaunchRequest", {"user": {"data": SCORE}}, "Score 3. Go on?"),
    ("jovo3", "LaunchRequest", {"userData": {"data": {}, "metaData": {"sessionsCount": 2}}}, "Welcome back."),
    ("jovo1", "ScoreIntent", {"data": SCORE}, "Your score is 3."),
    ("ask-sdk", "ScoreIntent", {"attributes": SCORE}, "Your score is 3."),
]


@pytest.mark.parametrize(("page", "intent", "item", "answer"), PAGES, ids=[page for page, *_ in PAGES])
async def test_the_app_of_a_page_goes_on_with_what_is_stored(
    table: Stored, raw_client: DynamoDBClient, *, page: str, intent: str, item: dict[str, Any], answer: str
) -> None:
    app = run(examples(page)[0])["app"]
    async with app:
        await app.store.ensure_table()
        key = app.store.config.primary_key
        await raw_client.put_item(TableName=TABLE, Item=encode({key: ANNA, "foreign": [1], **item})["M"])

        assert spoken(await app.handle(alexa(intent))) == answer

    stored = await table.item(column=key)
    assert stored["foreign"] == [1]
    assert item.keys() <= stored.keys()
    assert stored.keys() <= item.keys() | {key, "foreign", "_store", "createdAt", "updatedAt", "history"}


async def test_the_move_from_jovo1(
    table: Stored, raw_client: DynamoDBClient, table_name: str, aws_config: dict[str, str]
) -> None:
    skill, move = examples("jovo1")
    store = run(skill)["app"].store
    async with store:
        await store.ensure_table()
        await raw_client.put_item(TableName=TABLE, Item=encode({"userId": ANNA, "data": SCORE})["M"])

    await run(move)["move"](TABLE, table_name)

    assert await Stored(raw_client, table_name).data() == SCORE


@pytest.mark.parametrize(
    "options",
    [
        {"primaryKeyColumn": "id", "createTableOnInit": False},
        {"billingMode": "PROVISIONED", "readCapacityUnits": 2, "writeCapacityUnits": 2},
        {"primaryKeyPrefix": "a", "prefixPrimaryKeyWithPlatform": True},
        {"sortKeyColumn": "kind", "sortKey": "USER#jovo.user.data", "implicitSave": False},
        {"storedElements": {"session": {"expiresAfterSeconds": 300}, "updatedAt": False}},
        {
            "globalSecondaryIndexes": [
                {
                    "indexName": "by-email",
                    "keySchema": [
                        {"attributeName": "email", "attributeType": "S", "keyType": "HASH", "path": "email"}
                    ],
                }
            ]
        },
    ],
)
def test_the_options_that_the_pages_name(options: dict[str, Any]) -> None:
    told = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("migrate-from-*.md"))
    assert all(name in told for name in options)
    config = DynamoDbConfig.model_validate({"tableName": TABLE, "layout": "jovo3", **options})
    assert config != DynamoDbConfig(table_name=TABLE, layout="jovo3")
