"""They write, we read, change and save, they read, in both directions: the user's data in every layout."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import AsyncDynamoStore, ConflictError
from tests.interop.conftest import OpenStore, alexa_request, stored_item

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

    from tests.interop.frameworks import Framework

pytestmark = pytest.mark.engines("dynamodb-local", "endpoint")

VALUES: dict[str, Any] = {
    "name": "Ada Müller 🎧",
    "score": 3,
    "zero": 0,
    "below": -7,
    "ratio": 1.5,
    "tiny": 1e-7,
    "largest": 2**53 - 1,
    "smallest": -(2**53) + 1,
    "yes": True,
    "no": False,
    "none": None,
    "list": [1, "two", {"three": [3, None]}, []],
    "map": {},
    "deep": {"a": {"b": {"c": [{"d": "e"}]}}},
    "with.dot and space": {"size": 1, "#": "reserved"},
}
ONLY_OURS: dict[str, Any] = {
    "tags": {"a", "b"},
    "blob": b"\x00\xff",
    "beyond": 2**53 + 1,
    "exact": Decimal("0.1234567890123456789012345"),
    "empty": "",
}
"""What Python has and JSON has not, or not all of it."""

THEIR_READING: dict[str, dict[str, Any]] = {
    "jovo4": {"exact": 0.12345678901234568},
    "jovo3": {"beyond": 2**53, "exact": 0.12345678901234568, "empty": None},
    "ask-sdk": {},
}
"""What becomes of it where they read and write it."""


async def test_they_write_and_we_read(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    framework.turn(table_name, alexa_request(user), set=VALUES)

    record = await store.load(user)

    assert record.data == VALUES
    assert not record.is_new
    assert {key: type(value) for key, value in record.data.items()} == {
        key: type(value) for key, value in VALUES.items()
    }


async def test_we_write_and_they_read(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    async with store.turn(user) as record:
        record.data.update(VALUES)

    answer = framework.turn(table_name, alexa_request(user))

    assert answer.data == VALUES


async def test_turns_in_turn(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    expected = dict(VALUES)
    framework.turn(table_name, alexa_request(user), set=VALUES)
    for number in range(4):
        async with store.turn(user) as record:
            assert record.data == expected
            record.data["score"] += 1
            record.data["deep"]["a"][f"ours {number}"] = [number]
            record.data.pop(f"theirs {number - 1}", None)
            expected = dict(record.data)
        theirs = {f"theirs {number}": {"number": number, "by": 0.1}}
        unset = ["none", "list"] if number == 2 else []
        answer = framework.turn(table_name, alexa_request(user, "NextIntent"), set=theirs, unset=unset)
        assert answer.data == expected
        expected = {key: value for key, value in expected.items() if key not in unset} | theirs

    record = await store.load(user)
    assert record.data == expected
    assert record.data["score"] == 7


async def test_what_they_write_back_of_values_that_only_we_write(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    async with store.turn(user) as record:
        record.data.update(ONLY_OURS)

    framework.turn(table_name, alexa_request(user), set={"theirs": 1})

    stored = (await store.load(user)).data
    assert stored == ONLY_OURS | THEIR_READING[framework.name] | {"theirs": 1}


@pytest.mark.frameworks("jovo3")
async def test_empty_strings_as_jovo3_writes_them(
    framework: Framework,
    open_store: OpenStore,
    raw_client: DynamoDBClient,
    table_name: str,
    user: str,
) -> None:
    store = open_store(empty_strings="null")
    await store.ensure_table()
    data = {"empty": "", "list": ["", {"empty": ""}]}
    framework.turn(table_name, alexa_request("theirs"), set=data)
    async with store.turn("ours") as record:
        record.data.update(data)

    theirs = await stored_item(raw_client, table_name, framework, "theirs")
    ours = await stored_item(raw_client, table_name, framework, "ours")

    assert ours["userData"]["M"]["data"] == theirs["userData"]["M"]["data"]


async def test_what_is_not_changed_is_not_written(
    framework: Framework,
    store: AsyncDynamoStore,
    raw_client: DynamoDBClient,
    table_name: str,
    user: str,
) -> None:
    framework.turn(table_name, alexa_request(user), set=VALUES)
    before = await stored_item(raw_client, table_name, framework, user)

    async with store.turn(user) as record:
        record.data["score"] += 0

    assert await stored_item(raw_client, table_name, framework, user) == before


async def test_our_bookkeeping_is_theirs_to_drop(
    framework: Framework,
    store: AsyncDynamoStore,
    raw_client: DynamoDBClient,
    table_name: str,
    user: str,
) -> None:
    async with store.turn(user) as record:
        record.data["score"] = 1
    assert "_store" in await stored_item(raw_client, table_name, framework, user)

    framework.turn(table_name, alexa_request(user), set={"theirs": 1})
    assert "_store" not in await stored_item(raw_client, table_name, framework, user)

    await store.set(user, "ours", 2)
    assert await store.increment(user, "score") == 2
    assert framework.turn(table_name, alexa_request(user)).data == {"score": 2, "theirs": 1, "ours": 2}


async def test_their_write_during_our_turn_is_kept(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    framework.turn(table_name, alexa_request(user), set=VALUES)
    async with store.turn(user) as record:
        record.data["score"] = 4
        record.data["deep"]["ours"] = True
        del record.data["zero"]
        framework.turn(table_name, alexa_request(user), set={"theirs": [1], "ratio": 2.5}, unset=["below"])

    stored = (await store.load(user)).data

    kept = {key: value for key, value in VALUES.items() if key not in ("zero", "below")}
    deep = VALUES["deep"] | {"ours": True}
    assert stored == kept | {"score": 4, "deep": deep, "theirs": [1], "ratio": 2.5}


async def test_their_writes_between_two_saves_of_a_record_are_kept(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    framework.turn(table_name, alexa_request(user), set={"score": 1})
    record = await store.load(user)
    for number in (1, 2):
        framework.turn(table_name, alexa_request(user), set={f"theirs {number}": {"a": number}})
        record.data[f"ours {number}"] = {"a": number}
        await store.save(record)

    stored = (await store.load(user)).data

    both = {f"{whose} {number}": {"a": number} for whose in ("theirs", "ours") for number in (1, 2)}
    assert stored == {"score": 1} | both


async def test_their_write_during_our_first_turn_of_a_user_is_kept(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    async with store.turn(user) as record:
        assert record.is_new
        record.data["ours"] = {"a": 1}
        framework.turn(table_name, alexa_request(user), set={"theirs": 1})

    assert framework.turn(table_name, alexa_request(user)).data == {"ours": {"a": 1}, "theirs": 1}


async def test_their_write_is_a_conflict_where_we_ask_for_it(
    framework: Framework, open_store: OpenStore, table_name: str, user: str
) -> None:
    store = open_store(on_conflict="raise")
    await store.ensure_table()
    framework.turn(table_name, alexa_request(user), set={"score": 1})
    record = await store.load(user)
    framework.turn(table_name, alexa_request(user), set={"score": 2})
    record.data["ours"] = True

    with pytest.raises(ConflictError) as conflict:
        await store.save(record)

    assert conflict.value.stored
    assert conflict.value.stored.data == {"score": 2}
    assert framework.turn(table_name, alexa_request(user)).data == {"score": 2}


async def test_an_overwrite_is_theirs_to_read(
    framework: Framework, open_store: OpenStore, table_name: str, user: str
) -> None:
    store = open_store(on_conflict="overwrite")
    await store.ensure_table()
    framework.turn(table_name, alexa_request(user), set=VALUES)
    async with store.turn(user) as record:
        record.data["score"] = 4

    assert framework.turn(table_name, alexa_request(user)).data == VALUES | {"score": 4}


@pytest.mark.frameworks("jovo3", "ask-sdk")
async def test_a_user_whom_they_delete_stays_deleted(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    framework.turn(table_name, alexa_request(user), set=VALUES)
    record = await store.load(user)
    framework.turn(table_name, alexa_request(user), delete=True)
    assert not await store.exists(user)
    record.data["score"] = 4

    with pytest.raises(ConflictError):
        await store.save(record)

    assert not await store.exists(user)


async def test_a_user_whom_we_delete_is_new_to_them(
    framework: Framework, store: AsyncDynamoStore, table_name: str, user: str
) -> None:
    framework.turn(table_name, alexa_request(user), set=VALUES)
    await store.delete(user)

    assert framework.turn(table_name, alexa_request(user), set={"score": 1}).data == {}
    assert (await store.load(user)).data == {"score": 1}


async def test_we_work_on_the_table_that_they_made(
    framework: Framework, open_store: OpenStore, table_name: str, user: str
) -> None:
    store = open_store(create_table_on_init=False)
    options = {"create_table": True}
    framework.turn(table_name, alexa_request(user), options=options)
    await store.ensure_table()
    async with store.turn(user) as record:
        record.data.update(VALUES)

    assert framework.turn(table_name, alexa_request(user), options=options).data == VALUES
