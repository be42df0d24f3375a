"""Whole turns, theirs and ours on the same user in turn: history, session and metaData beside the data."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import Turn, VoiceApp
from tests.interop.conftest import OpenStore, alexa_request, stored_item

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

    from tests.interop.frameworks import Framework

pytestmark = pytest.mark.engines("dynamodb-local", "endpoint")
both_jovos = pytest.mark.frameworks("jovo4", "jovo3")
jovo3 = pytest.mark.frameworks("jovo3")

HISTORY = {"size": 3, **dict.fromkeys(("output", "nlu", "input", "state", "entities"), True)}
EVERYTHING: dict[str, dict[str, Any]] = {
    "jovo4": {
        "storedElements": {"history": {"enabled": True, **HISTORY}, "session": {"enabled": True}},
    },
    "jovo3": {
        "user": {
            "metaData": {"enabled": True},
            "context": {"enabled": True, "prev": {"size": 3}},
            "sessionData": {"enabled": True, "data": True, "id": True},
            "updatedAt": True,
        }
    },
}
WITHOUT_SESSION = {
    "jovo4": {"storedElements": {"history": {"enabled": True, **HISTORY}}},
    "jovo3": {"user": EVERYTHING["jovo3"]["user"] | {"sessionData": {"enabled": False}}},
}

TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
ITS_WRITERS_OWN = {"_store", "userId", "alexaSkill", "native", "nlu"}
"""Our bookkeeping, the key, Alexa's slots as they came, and `nlu`, which Jovo v4 offers and never stores."""

OpenApp = Callable[..., VoiceApp[dict[str, Any]]]


@pytest.fixture
async def open_app(
    framework: Framework, aws_config: dict[str, str], table_name: str
) -> AsyncIterator[OpenApp]:
    """Makes our twins of the skills: they count, and say the sum."""
    apps = []

    def make(**options: Any) -> VoiceApp[dict[str, Any]]:
        app = VoiceApp()
        app.set_dynamo_db(table_name, aws_config, layout=framework.name, **options)

        @app.fallback
        async def count(turn: Turn) -> None:
            turn.user.data["score"] = turn.user.data.get("score", 0) + 1
            say = f"Score {turn.user.data['score']} & more"
            if turn.request.kind == "launch":
                turn.ask(say, "Go on?")
            else:
                turn.tell(say)

        @app.intent("LookIntent")
        async def look(turn: Turn) -> None:
            turn.tell("Nothing changed.")

        apps.append(app)
        return app

    yield make
    for app in apps:
        await app.store.aclose()


@pytest.fixture
async def app(open_app: OpenApp) -> VoiceApp[dict[str, Any]]:
    app = open_app(stored_elements={"history": HISTORY})
    await app.store.ensure_table()
    return app


def comparable(value: Any) -> Any:
    """The item with each time as `time`, and without what its writer alone has."""
    match value:
        case dict():
            return {key: comparable(member) for key, member in value.items() if key not in ITS_WRITERS_OWN}
        case list():
            return [comparable(member) for member in value]
        case str() if TIME.fullmatch(value):
            return "time"
        case _:
            return value


@both_jovos
@pytest.mark.parametrize("ours", [(2, 4, 6), (2, 3, 4), (5, 6, 7), (3, 7)])
async def test_taking_turns_leaves_what_they_alone_would_leave(
    framework: Framework,
    app: VoiceApp[dict[str, Any]],
    raw_client: DynamoDBClient,
    table_name: str,
    ours: tuple[int, ...],
) -> None:
    options = WITHOUT_SESSION[framework.name]
    jovo4_asks = {"listen": {"reprompt": "Go on?"}}
    jovo3_asks = {"listen": True, "reprompt": "Go on?"}
    asks = jovo4_asks if framework.name == "jovo4" else jovo3_asks
    for number, intent in enumerate(
        [None, "ScoreIntent", "ScoreIntent", None, "NextIntent", "AMAZON.YesIntent", "ScoreIntent"], 1
    ):
        for user in ("theirs alone", "shared"):
            request = alexa_request(
                user,
                intent,
                session=f"session {number // 2}",
                new=number % 2 == 0,
                slots={"city": "Köln", "empty": None} if intent == "NextIntent" else None,
            )
            say = f"Score {number} & more"
            if user == "shared" and number in ours:
                await app.handle(request)
            else:
                reply = {"say": say, **(asks if intent is None else {})}
                framework.turn(table_name, request, options=options, set={"score": number}, **reply)

    alone = await stored_item(raw_client, table_name, framework, "theirs alone")
    shared = await stored_item(raw_client, table_name, framework, "shared")
    assert comparable(shared) == comparable(alone)


@both_jovos
async def test_each_knows_what_the_other_said(
    framework: Framework, app: VoiceApp[dict[str, Any]], table_name: str, user: str
) -> None:
    options = WITHOUT_SESSION[framework.name]
    framework.turn(table_name, alexa_request(user), options=options, say="They said this.", set={"score": 0})

    prev = (await app.store.load(user)).history.prev
    assert prev
    if framework.name == "jovo4":
        assert prev["output"] == [{"message": "They said this.", "listen": False}]
    else:
        assert prev["response"]["speech"] == "They said this."

    await app.handle(alexa_request(user, "ScoreIntent"))
    answer = framework.turn(table_name, alexa_request(user, "RepeatIntent"), options=options, repeat=True)
    if framework.name == "jovo4":
        newest, older, *rest = answer.seen["history"]
        assert newest["output"] == [{"message": "Score 1 & more", "listen": False}]
        assert older["output"] == prev["output"]
    else:
        newest, older, *rest = answer.seen["context"]["prev"]
        assert newest["request"]["intent"] == "ScoreIntent"
        assert answer.response["response"]["outputSpeech"]["ssml"] == "<speak>Score 1 and more</speak>"
        assert older["response"] == prev["response"]
    assert not rest


@both_jovos
async def test_we_repeat_what_they_said(
    framework: Framework, app: VoiceApp[dict[str, Any]], table_name: str, user: str
) -> None:
    @app.intent("RepeatIntent")
    async def repeat(turn: Turn) -> None:
        turn.repeat()

    options = WITHOUT_SESSION[framework.name]
    framework.turn(table_name, alexa_request(user), options=options, say="They said this.")

    response = await app.handle(alexa_request(user, "RepeatIntent"))

    assert response["response"]["outputSpeech"]["ssml"] == "<speak>They said this.</speak>"
    assert response["response"]["shouldEndSession"]


@both_jovos
async def test_each_goes_on_with_the_others_session(
    framework: Framework, open_store: OpenStore, table_name: str, user: str
) -> None:
    store = open_store(stored_elements={"session": True})
    await store.ensure_table()
    options = EVERYTHING[framework.name]
    framework.turn(
        table_name,
        alexa_request(user, session="one"),
        options=options,
        session={"cart": [{"pizza": 1.5}], "step": 1},
        listen=True,
    )

    async with store.turn(user) as record:
        assert record.session.id == "one"
        assert not record.session.is_new
        assert record.session.data["cart"] == [{"pizza": 1.5}]
        record.session.data["step"] = 2
        record.session.data["ours"] = None
    answer = framework.turn(
        table_name,
        alexa_request(user, "NextIntent", session="one", new=False),
        options=options,
        session={"step": 3},
        listen=True,
    )
    assert answer.seen["session"]["data"] == {"cart": [{"pizza": 1.5}], "step": 2, "ours": None}
    record = await store.load(user)
    assert record.session.data == {"cart": [{"pizza": 1.5}], "step": 3, "ours": None}


@both_jovos
async def test_they_go_on_with_a_session_that_we_began(
    framework: Framework, open_store: OpenStore, table_name: str, user: str
) -> None:
    store = open_store(stored_elements={"session": True})
    await store.ensure_table()
    async with store.turn(user) as record:
        record.session.data["cart"] = ["pizza"]

    answer = framework.turn(
        table_name, alexa_request(user, "NextIntent", new=False), options=EVERYTHING[framework.name]
    )

    assert answer.seen["session"]["data"] == {"cart": ["pizza"]}


@jovo3
async def test_a_session_that_jovo3_has_ended_is_over(
    framework: Framework, open_store: OpenStore, table_name: str, user: str
) -> None:
    store = open_store(stored_elements={"session": True})
    await store.ensure_table()
    options = EVERYTHING["jovo3"]
    framework.turn(table_name, alexa_request(user), options=options, session={"step": 1}, listen=False)

    record = await store.load(user)

    assert record.session.is_new
    assert record.session.data == {}


@jovo3
async def test_metadata_is_counted_on(
    framework: Framework, app: VoiceApp[dict[str, Any]], table_name: str, user: str
) -> None:
    options = WITHOUT_SESSION["jovo3"]
    framework.turn(table_name, alexa_request(user), options=options)

    @app.intent("BothIntent")
    async def both(turn: Turn) -> None:
        assert turn.user.meta_data["sessionsCount"] == 1
        framework.turn(table_name, alexa_request(user, "BothIntent"), options=options)
        turn.tell("Both.")

    await app.handle(alexa_request(user, "BothIntent"))

    meta_data = framework.turn(table_name, alexa_request(user), options=options).seen["metaData"]
    assert meta_data["sessionsCount"] == 3
    assert meta_data["requests"]["BothIntent"]["count"] == 2
    assert meta_data["requests"]["LAUNCH"]["count"] == 1


@jovo3
async def test_a_user_without_metadata_gets_none(
    framework: Framework,
    open_app: OpenApp,
    raw_client: DynamoDBClient,
    table_name: str,
    user: str,
) -> None:
    app = open_app()
    await app.store.ensure_table()
    framework.turn(table_name, alexa_request(user), set={"score": 1})
    before = await stored_item(raw_client, table_name, framework, user)

    await app.handle(alexa_request(user, "LookIntent"))

    assert await stored_item(raw_client, table_name, framework, user) == before


@jovo3
async def test_an_overwrite_keeps_the_metadata(
    framework: Framework, open_app: OpenApp, table_name: str, user: str
) -> None:
    app = open_app(on_conflict="overwrite")
    await app.store.ensure_table()
    options = WITHOUT_SESSION["jovo3"]
    framework.turn(table_name, alexa_request(user), options=options)

    await app.handle(alexa_request(user))

    meta_data = framework.turn(table_name, alexa_request(user), options=options).seen["metaData"]
    assert meta_data["requests"]["LAUNCH"]["count"] == 2
    assert meta_data["devices"]


@jovo3
async def test_the_keys_and_indexes_of_jovo3(
    framework: Framework,
    open_app: OpenApp,
    raw_client: DynamoDBClient,
    table_name: str,
    user: str,
) -> None:
    theirs = {
        "sortKeyColumn": "kind",
        "sortKey": "USER",
        "primaryKeyPrefix": "skill::",
        "prefixPrimaryKeyWithPlatform": True,
        "globalSecondaryIndexes": [
            {
                "IndexName": "by-email",
                "KeySchema": [
                    {"AttributeName": "email", "AttributeType": "S", "KeyType": "HASH", "Path": "data.email"}
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }
    app = open_app(
        sort_key_column="kind",
        sort_key="USER",
        primary_key_prefix="skill::",
        prefix_primary_key_with_platform=True,
        global_secondary_indexes=[
            {"index_name": "by-email", "keys": [{"attribute_name": "email", "path": "email"}]}
        ],
    )

    @app.intent("EmailIntent")
    async def email(turn: Turn) -> None:
        assert turn.user.data == {"email": "ada@example.org"}
        turn.user.data["email"] = "ada@example.com"
        turn.tell("Done.")

    await app.store.ensure_table()
    framework.turn(table_name, alexa_request(user), options={"db": theirs}, set={"email": "ada@example.org"})
    await app.handle(alexa_request(user, "EmailIntent"))

    answer = framework.turn(table_name, alexa_request(user), options={"db": theirs})
    assert answer.data == {"email": "ada@example.com"}
    found = await raw_client.query(
        TableName=table_name,
        IndexName="by-email",
        KeyConditionExpression="email = :email",
        ExpressionAttributeValues={":email": {"S": "ada@example.com"}},
    )
    assert [item["userId"] for item in found["Items"]] == [{"S": f"skill::AlexaSkill::{user}"}]
