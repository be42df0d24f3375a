"""Both ways give the same, call by call, on a real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from async_dynamo_store import AsyncDynamoStore, UserRecord
from async_dynamo_store.dynamodb.answers import ConditionFailed

if TYPE_CHECKING:
    from async_dynamo_store.dynamodb.client import Client

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.one_of(
    st.integers(-(10**37), 10**37),
    st.floats(-1e100, 1e100, allow_nan=False).filter(lambda number: number == 0 or abs(number) > 1e-100),
    st.decimals(-1000, 1000, places=3),
)
SCALARS = st.one_of(TEXT, NUMBERS, st.booleans(), st.none(), st.binary(max_size=20))
SETS = st.one_of(
    *(st.sets(kind, min_size=1, max_size=4) for kind in (TEXT, st.integers(-99, 99), st.binary(max_size=5)))
)
VALUES = st.recursive(
    SCALARS | SETS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(bool), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
async def both(
    aws_config: dict[str, str], table_name: str
) -> AsyncIterator[tuple[AsyncDynamoStore, AsyncDynamoStore]]:
    config: dict[str, Any] = {"table_name": table_name, "aws_config": aws_config}
    async with AsyncExitStack() as stack:
        fast = await stack.enter_async_context(AsyncDynamoStore(config))
        stock = await stack.enter_async_context(AsyncDynamoStore(config, accelerate=False))
        await fast.ensure_table()
        yield fast, stock


@pytest.mark.others_in_soak
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
async def test_what_one_path_writes_both_read_alike(
    both: tuple[AsyncDynamoStore, AsyncDynamoStore], value: Any
) -> None:
    fast, stock = both
    for user_id, writer in (("by-fast", fast), ("by-stock", stock)):
        await writer.set(user_id, "value", value)
        read = [(await store.load(user_id)).loaded for store in both]
        assert read[0] is not None
        assert read[1] is not None
        assert read[0].item == read[1].item
    assert (await fast.get("by-fast", "value")) == (await stock.get("by-stock", "value"))


async def test_every_call_answers_alike(both: tuple[AsyncDynamoStore, AsyncDynamoStore]) -> None:
    async def story(store: AsyncDynamoStore, user_id: str) -> list[Any]:
        async with store.turn(user_id) as user:
            user.data.update({"a": 1, "raw": b"\x00\xff", "deep": {"B": {"BS": [b"x", {"S": "y"}]}}})
        async with store.turn(user_id) as user:
            user.data["a"] += 1
            user.increment("b", Decimal("0.1"))

        def edit(user: UserRecord) -> None:
            user.data["edited"] = True

        await store.update(user_id, edit)
        steps = [
            await store.increment(user_id, "a", 5),
            await store.get(user_id, "deep.B"),
            await store.exists(user_id),
        ]
        await store.unset(user_id, "raw")
        steps += [
            (await store.load(user_id)).data,
            [record.data for record in await store.load_many([user_id])],
        ]
        await store.delete(user_id)
        return [*steps, await store.exists(user_id)]

    fast, stock = both
    assert await story(fast, "one") == await story(stock, "two")


async def test_a_page_of_a_query_reads_alike(both: tuple[AsyncDynamoStore, AsyncDynamoStore]) -> None:
    """Packed messages are bytes, which a page holds in each of its items."""
    messages = [{"role": "user", "content": f"{number} {'word ' * 200}"} for number in range(3)]
    for message in messages:
        await both[0].conversation("u1", "1").append([message])
    for store in both:
        assert await store.conversation("u1", "1").messages() == messages


async def test_a_refused_condition_shows_what_is_stored_alike(
    both: tuple[AsyncDynamoStore, AsyncDynamoStore],
) -> None:
    await both[0].set("ada", "raw", b"\x00")
    shown: list[Any] = []
    for store in both:
        client: Client = store._client
        with pytest.raises(ConditionFailed) as refused:
            await client.call(
                "delete_item",
                {
                    "TableName": store.config.table_name,
                    "Key": {"userId": {"S": "ada"}},
                    "ConditionExpression": "attribute_not_exists(userId)",
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                },
            )
        shown.append(refused.value.item)
    assert shown[0] == shown[1]
    assert shown[0]["user"]["M"]["data"]["M"] == {"raw": {"B": b"\x00"}}
