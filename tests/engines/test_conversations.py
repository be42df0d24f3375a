"""Conversations: what is appended, read, taken out and forgotten, by one writer and by many."""

from __future__ import annotations

import asyncio
import base64
import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from async_dynamo_store import (
    AsyncDynamoStore,
    ConflictError,
    Conversation,
    Forgotten,
    InvalidConversationIdError,
    InvalidUserIdError,
    TableMismatchError,
    TableNotFoundError,
    UnavailableError,
    UnreadableItemError,
    UnsupportedValueError,
)
from tests.engines.conftest import Item, MakeStore, Table, operations
from tests.faults.proxy import Fault, FaultProxy
from tests.waiting import reached

if TYPE_CHECKING:
    from types_aiobotocore_dynamodb import DynamoDBClient

Message = dict[str, Any]
SMALL_PARTS = "async_dynamo_store.store.conversations.writing.PART_BYTES"


@pytest.fixture
def store(make_store: MakeStore) -> AsyncDynamoStore[Any]:
    return make_store(conversations={})


@pytest.fixture
def conversation(store: AsyncDynamoStore[Any]) -> Conversation:
    return store.conversation("ada", "call 1")


def says(*texts: str, role: str = "user") -> list[Message]:
    return [{"role": role, "content": text} for text in texts]


def noise(size: int) -> str:
    """Text that hardly packs."""
    return base64.b64encode(random.Random(size).randbytes(size)).decode()


async def texts(conversation: Conversation, limit: int | None = None) -> list[str]:
    return [message["content"] for message in await conversation.messages(limit)]


async def items(table: Table) -> list[Item]:
    """All items of the conversations' table."""
    found = await table.client.scan(TableName=f"{table.name}-conversations", ConsistentRead=True)
    return list(found["Items"])


async def test_what_was_appended_is_there_in_its_order(
    store: AsyncDynamoStore[Any], conversation: Conversation
) -> None:
    assert await conversation.messages() == []
    tool = {
        "type": "function_call",
        "call_id": "1",
        "arguments": '{"a": 1.50}',
        "n": 2**70,
        "f": 1.5,
        "x": None,
    }
    await conversation.append([*says("hello"), tool])
    await conversation.append(says("second"))
    await conversation.append(says("third"))
    again = store.conversation("ada", "call 1")
    assert await again.messages() == [*says("hello"), tool, *says("second", "third")]
    assert await again.messages(2) == says("second", "third")
    assert await again.messages(3) == [tool, *says("second", "third")]
    assert await again.messages(0) == []
    assert await again.messages(99) == await again.messages()
    assert (again.user_id, again.id, repr(again)) == ("ada", "call 1", "Conversation('call 1')")


async def test_an_append_is_one_put_after_the_first(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy
) -> None:
    await conversation.append(says("hello"))
    watched_conversation = watched().conversation("ada", "call 1")
    await watched_conversation.append(says("one"))
    assert operations(proxy) == ["GetItem", "Query", "PutItem", "GetItem"]
    await watched_conversation.append(says("two"))
    assert operations(proxy) == ["PutItem", "GetItem"]
    await watched_conversation.append([])
    assert operations(proxy) == []
    assert await texts(watched_conversation, 2) == ["one", "two"]
    assert operations(proxy) == ["GetItem", "Query", "GetItem"]


async def test_the_table_is_made_on_first_use(make_store: MakeStore, table: Table) -> None:
    conversation = make_store().conversation("ada", "call 1")
    await asyncio.gather(*(conversation.append(says(str(number))) for number in range(5)))
    assert await texts(conversation) == ["0", "1", "2", "3", "4"]
    described = await table.client.describe_table(TableName=f"{table.name}-conversations")
    keys = {key["AttributeName"]: key["KeyType"] for key in described["Table"]["KeySchema"]}
    assert keys == {"userId": "HASH", "entry": "RANGE"}


@pytest.mark.one_engine
async def test_ensure_table_makes_both(make_store: MakeStore, table_name: str) -> None:
    store = make_store(
        conversations={"table_name": f"{table_name}-talks", "ttl": {"attribute": "end", "after_seconds": 60}}
    )
    found = await store.ensure_table()
    assert found.conversations
    assert (found.conversations.name, found.conversations.created, found.conversations.ttl) == (
        f"{table_name}-talks",
        True,
        "end",
    )
    assert (await make_store().ensure_table()).conversations is None


@pytest.mark.one_engine
async def test_a_table_that_is_not_to_be_made(make_store: MakeStore) -> None:
    store = make_store(create_table_on_init=False)
    with pytest.raises(TableNotFoundError, match="-conversations"):
        await store.conversation("ada", "1").append(says("hello"))


async def test_a_table_with_other_keys(make_store: MakeStore, table: Table, table_name: str) -> None:
    await table.create(userId="S")
    store = make_store(table_name=f"{table_name}-users", conversations={"table_name": table_name})
    with pytest.raises(TableMismatchError, match=r"Name another table in conversations\.table_name"):
        await store.conversation("ada", "1").append(says("hello"))


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("messages", "error", "text"),
    [
        ({"role": "user"}, TypeError, "give a list of messages, not a dict"),
        ("hello", TypeError, "give a list of messages, not a str"),
        (["hello"], TypeError, r"messages\[0\] is of type str"),
        ([{"a": float("nan")}], UnsupportedValueError, r"messages\[0\]"),
        ([{"a": object()}], UnsupportedValueError, r"messages\[0\]"),
        ([{1: 2}], UnsupportedValueError, r"messages\[0\]"),
        ([{"a": "\ud800"}], UnsupportedValueError, "lone surrogate"),
        ([{"a": Decimal(1)}], UnsupportedValueError, "Decimal"),
    ],
)
async def test_what_is_no_json_is_refused_before_anything_is_sent(
    watched: MakeStore, proxy: FaultProxy, messages: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        await watched().conversation("ada", "1").append(messages)
    assert operations(proxy) == []


@pytest.mark.one_engine
@pytest.mark.parametrize("conversation_id", ["", None, 5, "\ud800", "x" * 951, "ä" * 159])
async def test_an_id_that_no_sort_key_holds(store: AsyncDynamoStore[Any], conversation_id: Any) -> None:
    with pytest.raises(InvalidConversationIdError):
        store.conversation("ada", conversation_id)
    with pytest.raises(InvalidUserIdError):
        store.conversation("", "1")


async def test_ids_that_are_alike_are_kept_apart(store: AsyncDynamoStore[Any]) -> None:
    ids = ["a", "a#", "a#0", "a~", "a%23", "#a", "ä", "a b", "x" * 950]
    for each in ids:
        await store.conversation("ada", each).append(says(each))
    for each in ids:
        assert await texts(store.conversation("ada", each)) == [each]
    assert {found.id async for found in store.conversations("ada")} == set(ids)
    assert [found.id async for found in store.conversations("bob")] == []


@pytest.mark.one_engine
async def test_the_last_conversation_comes_first(store: AsyncDynamoStore[Any]) -> None:
    for each in ("2", "1", "3"):
        await store.conversation("ada", each).append(says(each))
        await asyncio.sleep(0.002)  # times have milliseconds
    found = [each async for each in store.conversations("ada")]
    assert [each.id for each in found] == ["3", "1", "2"]
    assert found[0].created_at
    assert found[0].created_at <= datetime.now(UTC)
    await found[0].append(says("more"))
    assert await texts(found[0]) == ["3", "more"]


@pytest.mark.others_in_soak
@pytest.mark.parametrize("writers", [2, 20])
async def test_of_many_writers_nothing_is_lost(make_store: MakeStore, writers: int) -> None:
    stores = [make_store(conversations={}) for _ in range(2)]
    conversations = [stores[index % 2].conversation("ada", "1") for index in range(writers)]

    async def write(index: int) -> None:
        for number in range(3):
            await conversations[index].append(says(f"{index}.{number}"))

    await asyncio.gather(*map(write, range(writers)))
    found = await texts(conversations[0])
    assert sorted(found) == sorted(f"{index}.{number}" for index in range(writers) for number in range(3))
    for index in range(writers):
        own = [text for text in found if text.startswith(f"{index}.")]
        assert own == sorted(own)


async def test_who_has_not_written_for_long_finds_the_end(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy
) -> None:
    slow = watched().conversation("ada", "call 1")
    await slow.append(says("first"))
    for number in range(10):
        await conversation.append(says(str(number)))
    operations(proxy)
    await slow.append(says("last"))
    assert operations(proxy) == ["PutItem", "PutItem", "Query", "PutItem", "GetItem"]
    assert await texts(slow, 2) == ["9", "last"]


@pytest.mark.one_engine
async def test_a_packed_entry_and_a_plain_one(conversation: Conversation, table: Table) -> None:
    await conversation.append(says("short"))
    await conversation.append(says("long " * 1000))
    plain, packed = sorted((item["messages"] for item in await items(table) if "messages" in item), key=len)[
        :2
    ]
    assert {"S", "B"} == {*plain, *packed}
    assert {"S": '[{"role":"user","content":"short"}]'} in (plain, packed)
    assert await texts(conversation) == ["short", "long " * 1000]


async def test_an_entry_larger_than_an_item(conversation: Conversation, table: Table) -> None:
    large = noise(700_000)
    await conversation.append(says("before"))
    await conversation.append(says(large, "with it"))
    await conversation.append(says("after"))
    assert await texts(conversation) == ["before", large, "with it", "after"]
    assert (await conversation.pop(), await conversation.pop()) == (*says("after"), *says("with it"))
    assert await texts(conversation) == ["before", large]
    assert await conversation.pop() == says(large)[0]
    assert await texts(conversation) == ["before"]
    assert not any("~" in item["entry"]["S"] for item in await items(table))


@pytest.mark.one_engine
async def test_an_entry_whose_parts_are_gone_is_told(
    conversation: Conversation, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SMALL_PARTS, 100)
    await conversation.append(says(noise(500)))
    part = next(item for item in await items(table) if "~" in item["entry"]["S"])
    key = {name: part[name] for name in ("userId", "entry")}
    await table.client.delete_item(TableName=f"{table.name}-conversations", Key=key)
    with pytest.raises(UnreadableItemError, match="Parts of an entry"):
        await conversation.messages()


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"token": None}, "does not have the form that this library writes"),
        ({"parts": {"S": "x"}}, "does not have the form that this library writes"),
        ({"createdAt": {"S": "then"}}, "does not have the form that this library writes"),
        ({"messages": {"S": "no JSON"}}, "does not have the form that this library writes"),
        ({"messages": {"B": b"no zlib"}}, "does not have the form that this library writes"),
    ],
)
async def test_what_others_have_put_there_is_told(
    conversation: Conversation, table: Table, attributes: Item, message: str
) -> None:
    await conversation.append(says("hello"))
    for item in await items(table):
        changed = {name: value for name, value in (item | attributes).items() if value is not None}
        await table.client.put_item(TableName=f"{table.name}-conversations", Item=changed)
    with pytest.raises(UnreadableItemError, match=message):
        await conversation.messages()


async def test_pop_takes_the_last_message(conversation: Conversation, table: Table) -> None:
    assert await conversation.pop() is None
    await conversation.append(says("1", "2"))
    await conversation.append(says("3"))
    assert [await conversation.pop() for _ in range(4)] == [*says("3", "2", "1"), None]
    assert await conversation.messages() == []
    await conversation.append(says("4"))
    assert await texts(conversation) == ["4"]


@pytest.mark.one_engine
async def test_numbers_only_grow_and_old_places_are_removed(
    conversation: Conversation, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_dynamo_store.store.conversations.conversation._POPPED_SECONDS", -1)
    for number in range(5):
        await conversation.append(says(str(number)))
    for _ in range(5):
        await conversation.pop()
    numbers = [item["entry"]["S"].rpartition("#")[2] for item in await items(table) if "edit" in item]
    assert numbers == ["0000000000", "0000000004"]
    await conversation.append(says("next"))
    assert await texts(conversation) == ["next"]


@pytest.mark.others_in_soak
async def test_many_pop_at_once(make_store: MakeStore, conversation: Conversation) -> None:
    await conversation.append(says(*map(str, range(4))))
    for number in range(4, 8):
        await conversation.append(says(str(number)))
    others = [make_store().conversation("ada", "call 1") for _ in range(4)]
    popped = await asyncio.gather(*(each.pop() for each in others))
    assert sorted(message["content"] for message in popped if message) == ["4", "5", "6", "7"]
    assert await texts(conversation) == ["0", "1", "2", "3"]


HEARD: list[tuple[Message, Message]] = [
    ({"role": "assistant", "content": "I think that"}, {"role": "assistant", "content": "I th"}),
    (
        {"type": "message", "role": "assistant", "content": ["I think", " that"], "interrupted": False},
        {"type": "message", "role": "assistant", "content": ["I th"], "interrupted": True},
    ),
    (
        {"role": "assistant", "content": [{"type": "output_text", "text": "I think", "annotations": []}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I th", "annotations": []}]},
    ),
    (
        {"role": "model", "parts": [{"inlineData": {}}, {"text": "I think"}, {"text": "that"}]},
        {"role": "model", "parts": [{"inlineData": {}}, {"text": "I th"}]},
    ),
]


@pytest.mark.one_engine
@pytest.mark.parametrize(("said", "heard"), HEARD)
async def test_a_reply_is_cut_to_what_was_heard(
    conversation: Conversation, said: Message, heard: Message
) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    await conversation.append([{"role": "assistant", "content": "before"}, *says("go on"), said])
    await conversation.append([call, *says("stop")])
    await conversation.interrupted("I th")
    assert await conversation.messages() == [
        {"role": "assistant", "content": "before"},
        *says("go on"),
        heard,
        call,
        *says("stop"),
    ]


@pytest.mark.one_engine
async def test_where_nothing_was_said_nothing_is_cut(watched: MakeStore, proxy: FaultProxy) -> None:
    conversation = watched().conversation("ada", "1")
    await conversation.interrupted("I th")
    await conversation.append(says("hello"))
    operations(proxy)
    await conversation.interrupted("I th")
    assert operations(proxy) == ["GetItem", "Query"]
    assert await texts(conversation) == ["hello"]


@pytest.mark.one_engine
async def test_a_reply_that_somebody_else_has_changed_meanwhile_is_cut_as_it_is_then(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy
) -> None:
    await conversation.append(
        [{"role": "assistant", "content": "one"}, {"role": "assistant", "content": "two"}]
    )
    other = watched().conversation("ada", "call 1")

    async def pop() -> None:
        await conversation.pop()

    proxy.fail("PutItem", None, before=pop)
    await other.interrupted("o")
    assert await texts(conversation) == ["o"]

    async def forget() -> None:
        await conversation.clear()

    proxy.fail("PutItem", None, before=forget)
    await other.interrupted("x")
    assert await texts(conversation) == []


@pytest.mark.one_engine
async def test_a_negative_limit(conversation: Conversation) -> None:
    with pytest.raises(ValueError, match="limit is -1"):
        await conversation.messages(-1)
    with pytest.raises(ValueError, match="n is 0"):
        await conversation.last_turns(0)


async def test_a_forget_that_is_stopped_is_taken_up_again(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy, table: Table
) -> None:
    for number in range(5):
        await conversation.append(says(str(number)))
    proxy.fail("DeleteItem", None)
    proxy.fail("DeleteItem", Fault.server_error, times=3)
    with pytest.raises(UnavailableError):
        await watched(max_attempts=1).forget("ada")
    assert len(await items(table)) == 3
    assert await conversation.messages() == []  # the root went first
    found = await watched().forget("ada")
    assert (found.items, await items(table)) == (3, [])


async def test_a_long_conversation_has_many_pages(store: AsyncDynamoStore[Any]) -> None:
    conversation = store.conversation("ada", "1")
    for number in range(12):
        await conversation.append(says(f"{number}{noise(150_000)}"))  # 1 MB is a page
    found = await texts(conversation)
    assert [text.partition("=")[0][:2] for text in found] == [text[:2] for text in found]
    assert [int(text[: len(str(number))]) for number, text in enumerate(found)] == list(range(12))
    assert (await store.forget("ada")).items == 13


@pytest.mark.one_engine
async def test_a_root_that_goes_while_it_is_kept_alive(
    watched: MakeStore, make_store: MakeStore, proxy: FaultProxy, table: Table
) -> None:
    await make_store(conversations=TTL).conversation("ada", "1").append(says("1"))
    await age(table, 2000)

    async def forget() -> None:
        await make_store(conversations=TTL).forget("ada")

    proxy.fail("UpdateItem", None, before=forget)
    conversation = watched(conversations=TTL).conversation("ada", "1")
    await conversation.append(says("2"))
    assert await items(table) == []


async def test_clear_removes_all_and_the_conversation_goes_on(
    make_store: MakeStore, conversation: Conversation, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    await conversation.clear()
    monkeypatch.setattr(SMALL_PARTS, 100)
    other = make_store().conversation("ada", "call 1")
    await other.append(says("first", noise(500)))
    await conversation.append(says("second"))
    await conversation.clear()
    assert len(await items(table)) == 1
    assert await other.messages() == []
    await other.append(says("third"))
    await conversation.append(says("fourth"))
    assert await texts(other) == ["third", "fourth"]
    assert len([each async for each in make_store().conversations("ada")]) == 1


async def test_a_writer_who_has_seen_no_clear_finds_the_new_generation(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy, table: Table
) -> None:
    late = watched().conversation("ada", "call 1")
    await late.append(says("1"))
    await conversation.append(says("2"))
    await conversation.clear()
    operations(proxy)
    await late.append(says("3"))  # at a number that the clear has made free
    assert operations(proxy) == ["PutItem", "GetItem", "DeleteItem", "GetItem", "Query", "PutItem", "GetItem"]
    assert await texts(conversation) == ["3"]
    assert len(await items(table)) == 2


@pytest.mark.one_engine
async def test_what_is_read_while_it_is_cleared_is_read_again(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy
) -> None:
    await conversation.append(says("1", "2"))
    reader = watched().conversation("ada", "call 1")
    proxy.fail("Query", None, after=conversation.clear)
    assert await reader.messages() == []
    await conversation.append(says("3"))

    async def clear_and_go_on() -> None:
        await conversation.clear()
        await conversation.append(says("again"))

    proxy.fail("Query", None, times=3, after=clear_and_go_on)
    with pytest.raises(UnavailableError, match="cleared during each attempt"):
        await reader.messages()
    assert await texts(reader) == ["again"]


@pytest.mark.one_engine
async def test_two_who_clear_at_once(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy, store: AsyncDynamoStore[Any]
) -> None:
    await conversation.append(says("1"))
    other = watched().conversation("ada", "call 1")

    async def clear_and_go_on() -> None:
        await conversation.clear()
        await conversation.append(says("2"))

    proxy.fail("PutItem", None, before=clear_and_go_on)
    await other.clear()
    assert await conversation.messages() == []

    async def forget() -> None:
        await store.forget("ada")

    proxy.fail("PutItem", None, before=forget)
    await other.clear()
    proxy.fail("Query", None, before=forget)
    fresh = watched().conversation("ada", "call 1")
    await fresh.append(says("3"))
    await fresh.clear()
    assert await fresh.messages() == []


async def test_forget_leaves_nothing(
    store: AsyncDynamoStore[Any], table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await store.forget("ada") == Forgotten(user_item=False, conversations=0, items=0)
    await store.set("ada", "score", 1)
    await store.conversation("bob", "1").append(says("stays"))
    monkeypatch.setattr(SMALL_PARTS, 100)
    for number in range(3):
        await store.conversation("ada", str(number)).append(says(noise(200), "x"))
    count = sum(item["userId"]["S"] == "ada" for item in await items(table))
    assert count > 9
    assert await store.forget("ada") == Forgotten(user_item=True, conversations=3, items=count)
    assert not await store.exists("ada")
    assert {item["userId"]["S"] for item in await items(table)} == {"bob"}
    assert await store.forget("ada") == Forgotten(user_item=False, conversations=0, items=0)


async def test_a_conversation_that_was_forgotten_takes_nothing_more(
    make_store: MakeStore, store: AsyncDynamoStore[Any], conversation: Conversation, table: Table
) -> None:
    another = make_store()
    elsewhere = another.conversation("ada", "call 1")
    await conversation.append(says("1"))
    await elsewhere.append(says("2"))
    await store.forget("ada")
    for each in (conversation, elsewhere, elsewhere):
        with pytest.raises(ConflictError, match=r"get a new store\.conversation"):
            await each.append(says("3"))
    assert await items(table) == []
    await store.conversation("ada", "call 1").append(says("4"))
    await another.conversation("ada", "call 1").append(says("5"))
    assert await texts(conversation) == ["4", "5"]


@pytest.mark.parametrize("operation", ["PutItem", "GetItem"])
@pytest.mark.parametrize("knows_the_end", [True, False])
async def test_an_append_under_way_does_not_bring_back_who_is_forgotten(
    watched: MakeStore,
    store: AsyncDynamoStore[Any],
    proxy: FaultProxy,
    table: Table,
    operation: str,
    *,
    knows_the_end: bool,
) -> None:
    await store.conversation("ada", "1").append(says("1"))
    under_way = watched().conversation("ada", "1")
    if knows_the_end:
        await under_way.append(says("2"))
    skipped = 0 if knows_the_end or operation == "PutItem" else 1
    proxy.fail(operation, None, times=skipped)

    async def forget() -> None:
        await store.forget("ada")

    proxy.fail(operation, None, before=forget)
    with pytest.raises(ConflictError):
        await under_way.append(says("3"))
    assert await items(table) == []


@pytest.mark.one_engine
async def test_a_first_append_of_this_store_does_not_bring_back_who_is_forgotten(
    watched: MakeStore, proxy: FaultProxy, table: Table
) -> None:
    store = watched()
    await store.conversation("bob", "1").append(says("1"))
    new = store.conversation("ada", "1")

    async def forget() -> None:
        await store.forget("ada")

    proxy.fail("PutItem", None)  # the root
    proxy.fail("PutItem", None, after=forget)
    with pytest.raises(ConflictError):
        await new.append(says("2"))
    assert {item["userId"]["S"] for item in await items(table)} == {"bob"}


@pytest.mark.one_engine
async def test_a_root_that_another_writer_makes_first(
    watched: MakeStore, conversation: Conversation, proxy: FaultProxy
) -> None:
    other = watched().conversation("ada", "call 1")
    await watched().conversation("bob", "1").append(says("the table is there"))

    async def write() -> None:
        await conversation.append(says("1"))

    proxy.fail("PutItem", None, before=write)
    await other.append(says("2"))
    assert await texts(other) == ["1", "2"]


TTL = {"ttl": {"attribute": "expires", "after_seconds": 3600}}


async def age(table: Table, seconds: int) -> None:
    """Let all items be so much older."""
    for item in await items(table):
        item["expires"] = {"N": str(int(item["expires"]["N"]) - seconds)}
        await table.client.put_item(TableName=f"{table.name}-conversations", Item=item)


async def test_what_has_expired_is_not_read(make_store: MakeStore, table: Table) -> None:
    store = make_store(conversations=TTL)
    conversation = store.conversation("ada", "1")
    await conversation.append(says("1"))
    await age(table, 2000)
    fresh = make_store(conversations=TTL).conversation("ada", "1")
    await fresh.append(says("2"))  # which keeps the conversation alive
    await age(table, 2000)
    assert await texts(fresh) == ["2"]
    await age(table, 2000)
    assert await fresh.messages() == []
    assert [each async for each in store.conversations("ada")] == []
    later = make_store(conversations=TTL).conversation("ada", "1")
    await later.append(says("3"))
    assert await texts(later) == ["3"]


@pytest.mark.one_engine
async def test_a_writer_knows_when_its_conversation_has_expired(
    make_store: MakeStore, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = make_store(conversations=TTL).conversation("ada", "1")
    await conversation.append(says("1"))
    await age(table, 4000)
    end = conversation._writer._end
    assert end
    conversation._writer._end = replace(end, root=replace(end.root, expires_at=1))
    await conversation.append(says("2"))
    assert await texts(conversation) == ["2"]


@pytest.mark.one_engine
async def test_appends_of_two_event_loops_in_turn(aws_config: dict[str, str], table_name: str) -> None:
    def run() -> list[str]:
        store = AsyncDynamoStore({"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60})
        conversation = store.conversation("ada", "1")

        async def append(start: int) -> list[str]:
            await asyncio.gather(*(conversation.append(says(str(start + n))) for n in range(3)))
            found = await texts(conversation)
            await store.disconnect()
            return found

        asyncio.run(append(0))
        return asyncio.run(append(3))

    assert await asyncio.to_thread(run) == list("012345")


@pytest.mark.one_engine
async def test_an_append_whose_caller_is_cancelled_is_made(watched: MakeStore, proxy: FaultProxy) -> None:
    store = watched()
    conversation = store.conversation("ada", "1")
    await conversation.append(says("1"))
    held = proxy.fail("PutItem", Fault.slow_answer)
    task = asyncio.create_task(conversation.append(says("2")))
    await reached(held.reached, task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    held.release()
    await store.settle()
    assert await texts(conversation) == ["1", "2"]


@pytest.mark.one_engine
async def test_a_client_of_somebody_else_reads_it(
    raw_client: DynamoDBClient, conversation: Conversation, table: Table
) -> None:
    """How a transcript lies in the table, as docs/conversations.md tells it."""
    await conversation.append(says("hello"))
    await conversation.append(says("and now?"))
    found = await raw_client.query(
        TableName=f"{table.name}-conversations",
        KeyConditionExpression="userId = :user AND begins_with(entry, :id)",
        ExpressionAttributeValues={":user": {"S": "ada"}, ":id": {"S": "call 1#"}},
    )
    assert [item["messages"]["S"] for item in found["Items"]] == [
        '[{"role":"user","content":"hello"}]',
        '[{"role":"user","content":"and now?"}]',
    ]
