"""Values on the way to a real engine and back, and what DynamoDB cannot hold."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from async_dynamo_store import (
    AsyncDynamoStore,
    CodecError,
    ItemTooLargeError,
    UnsupportedValueError,
)
from async_dynamo_store.errors import shown_path
from tests.case_ids import case_id
from tests.engines.conftest import Item, MakeStore, Table, operations
from tests.faults.proxy import FaultProxy

if TYPE_CHECKING:
    from tests.conftest import Engine

pytestmark = pytest.mark.unmeasured

Store = AsyncDynamoStore[Any]

DIGITS = 38
LIMIT = 400 * 1024  # AWS, "Quotas in Amazon DynamoDB"

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
whole = st.integers(-(10**DIGITS) + 1, 10**DIGITS - 1)
floats = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not number or 1e-130 <= abs(number) < 1e126
)
decimals = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**28) + 1, 10**28 - 1),
    st.integers(-130, 90),
)
numbers = st.one_of(whole, floats, decimals)
scalars = st.one_of(st.none(), st.booleans(), text, st.binary(max_size=20), numbers)
sets = st.one_of(
    st.sets(text.filter(bool), min_size=1, max_size=4),
    st.sets(st.binary(min_size=1, max_size=8), min_size=1, max_size=4),
    st.sets(numbers, min_size=1, max_size=4),
)
keys = text.filter(bool)
values = st.recursive(
    st.one_of(scalars, sets),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=12,
)


def read_back(value: Any) -> Any:
    """What a stored value is to come back as."""
    match value:
        case bool() | None | str() | bytes():
            return value
        case int() | float() | Decimal():
            exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
            if exact == exact.to_integral_value():
                return int(exact)
            return float(exact) if Decimal(repr(float(exact))) == exact else exact
        case dict():
            return {key: read_back(member) for key, member in value.items()}
        case set():
            return {read_back(member) for member in value}
        case _:
            return [read_back(member) for member in value]


def types_of(value: Any) -> Any:
    """The types in a value, which `==` does not see: 1 == 1.0 == True."""
    match value:
        case dict():
            return {key: types_of(member) for key, member in value.items()}
        case list():
            return [types_of(member) for member in value]
        case set():
            return {(type(member), member) for member in value}
        case _:
            return type(value)


async def assert_kept(store: Store, data: dict[str, Any]) -> None:
    await store.delete("u1")
    async with store.turn("u1") as user:
        user.data = data
    found = (await store.load("u1")).data
    expected = read_back(data)
    assert found == expected
    assert types_of(found) == types_of(expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(keys, values, min_size=1, max_size=5))
async def test_any_value_comes_back(data: dict[str, Any], store: Store) -> None:
    await assert_kept(store, data)


NESTED: Any = "bottom"
for _ in range(29):  # with "user" and "data" above, and the scalar: 32 levels
    NESTED = {"x": NESTED}


@pytest.mark.parametrize(
    "value",
    [
        10**38 - 1,
        -(10**37) * 99,
        10**125,
        Decimal("9.9999999999999999999999999999999999999E+125"),
        Decimal("1E-130"),
        1.7976931348623157e100,
        0.1,
        -0.0,
        Decimal("1.10"),
        Decimal("0.10000000000000000000000000000000000001"),
        "",
        "\0",
        "\ud7ff\ue000\U0010ffff",
        b"",
        bytes(range(256)),
        [],
        {},
        (),
        {"a": {}, "b": []},
        {1, 2.5, Decimal("1e-30")},
        {"a.b": 1, "#x": 2, ":y": 3, "size": 4, "a[0]": 5, " ": 6, "ä👩‍💻": 7},
        NESTED,
        True,
        [True, 1, 1.0, "1", None],
        frozenset({"a"}),
    ],
    ids=lambda value: ascii(value)[:30],
)
async def test_the_edges_of_what_dynamodb_holds(value: Any, store: Store) -> None:
    data = {"value": value}
    if isinstance(value, frozenset):
        await store.set("u1", "value", value)
        assert await store.get("u1", "value") == set(value)
    else:
        await assert_kept(store, data)


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (math.nan, "data.a.b"),
        (-math.inf, "data.a.b"),
        (Decimal("NaN"), "data.a.b"),
        (10**126, "data.a.b"),
        (10**38 + 1, "data.a.b"),
        (Decimal("1E-131"), "data.a.b"),
        (1e-140, "data.a.b"),
        (set(), "data.a.b"),
        ({1, "a"}, "data.a.b"),
        ({(1, 2)}, "data.a.b"),
        ({True}, "data.a.b"),
        (object(), "data.a.b"),
        ([1, [2, {"c": 1j}]], "data.a.b[1][1].c"),
        ({1: 2}, "data.a.b"),
        ({"": 2}, "data.a.b"),
        ("\ud800", "data.a.b"),
        ({"\ud800": 1}, "data.a.b"),
        ({"x": NESTED}, "data.a.b.x"),
        (CYCLE, "data.a.b[0]"),
    ],
    ids=case_id,
)
async def test_what_dynamodb_cannot_hold_is_not_sent(
    value: Any, path: str, watched: MakeStore, proxy: FaultProxy
) -> None:
    store = watched()
    user = await store.load("u1")
    user.data["a"] = {"b": value}
    operations(proxy)
    with pytest.raises(UnsupportedValueError) as saving:
        await store.save(user)
    with pytest.raises(UnsupportedValueError) as setting:
        await store.set("u1", "a.b", value)
    for caught in (saving.value, setting.value):
        assert caught.path.startswith(f"user.{path}")
        assert str(caught).startswith(f"{shown_path(caught.path)}: ")
    assert operations(proxy) == []


@pytest.mark.parametrize("data", [None, [], "x", 5])
async def test_the_data_is_a_dict(data: Any, store: Store) -> None:
    with pytest.raises(UnsupportedValueError, match=r"user\.data is"):
        async with store.turn("u1") as user:
            user.data = data


async def test_an_item_too_large_is_not_sent(watched: MakeStore, proxy: FaultProxy) -> None:
    store = watched()
    user = await store.load("u1")
    user.data = {"small": 1, "notes": {"long": "secret" * 60_000, "longer": "x" * 70_000}}
    operations(proxy)
    with pytest.raises(ItemTooLargeError, match=r"430,\d{3} bytes; DynamoDB holds 409,600") as caught:
        await store.save(user)
    assert operations(proxy) == []
    assert caught.value.size > 430_000
    assert [path for path, _ in caught.value.largest[:2]] == [
        "user.data.notes.long",
        "user.data.notes.longer",
    ]
    assert 360_000 <= caught.value.largest[0][1] < 360_010
    assert "secret" not in str(caught.value)


@pytest.mark.engines("dynamodb-local")  # moto counts in its own way
@pytest.mark.parametrize(
    "data",
    [
        {},
        {"text": "ä€👩", "none": None, "yes": True, "bytes": b"123", "empty": ""},
        {"maps": {"a": {"b": {}}}, "lists": [[], [1, [2]]], "sets": [{"a", "bc"}, {b"x"}, {1, 22, 333}]},
        {"numbers": [0, 1, -1, 12, 123, 1234, -12345, 1.5, -0.25, 10**37, 5 * 10**20, Decimal("1e-100")]},
        {
            "numbers": [
                120,
                0.025,
                -1.5,
                100,
                1000,
                10100,
                0.001,
                0.0101,
                12.01,
                -100,
                99999,
                123456789,
                10**38 - 1,
            ]
        },
    ],
    ids=["nothing", "scalars", "nested", "numbers", "zeros"],
)
async def test_our_count_of_bytes_is_dynamodbs(data: dict[str, Any], store: Store, table: Table) -> None:
    """The largest item that we let through is stored; one byte more is refused by both."""
    store._users.items.writer._last = 9_999_999_999_001  # numbers that all have the same size
    user = await store.load("u1")
    user.data = data | {"pad": "x" * 500_000}
    with pytest.raises(ItemTooLargeError) as caught:
        await store.save(user)
    fits = 500_000 - (caught.value.size - LIMIT)
    user.data["pad"] = "x" * (fits + 1)
    with pytest.raises(ItemTooLargeError) as caught:
        await store.save(user)
    assert caught.value.size == LIMIT + 1
    user.data["pad"] = "x" * fits
    await store.save(user)
    item = await table.stored("u1")
    item["user"]["M"]["data"]["M"]["pad"]["S"] += "x"
    with pytest.raises(table.client.exceptions.ClientError, match="size has exceeded"):
        await table.put(item)


async def test_an_item_that_others_made_large(store: Store, table: Table, engine: Engine) -> None:
    await store.set("u1", "mine", "x")
    user = await store.load("u1")
    user.data["mine"] = "x" * 200_000
    other: Item = await table.stored("u1")
    other["user"]["M"]["data"]["M"]["theirs"] = {"S": "y" * 300_000}
    await table.put(other)
    with pytest.raises(ItemTooLargeError) as caught:
        await store.save(user)
    assert caught.value.__cause__ is not None
    with pytest.raises(CodecError):
        await store.set("u1", "mine", "x" * 200_000)
    if engine.name != "moto":  # which refuses only after it has written
        assert await store.get("u1", "mine") == "x"
