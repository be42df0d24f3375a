from __future__ import annotations

import math
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal, localcontext
from enum import Enum, IntEnum, StrEnum
from typing import Any, NamedTuple

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.errors import (
    ItemTooLargeError,
    UnreadableItemError,
    UnsupportedValueError,
    shown_path,
)
from async_dynamo_store.wire.codec import decode, encode, sum_of
from async_dynamo_store.wire.numbers import number
from async_dynamo_store.wire.sizes import MAX_ITEM_BYTES, check_item_size, item_size, size_of
from async_dynamo_store.wire.values import AttributeValue, Item, ItemPath, path_text, same
from tests.case_ids import case_id
from tests.unit.strategies import DICTS, NUMBERS, SETS, VALUES


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Old(str, Enum):  # noqa: UP042 - people have these
    STYLE = "style"


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "what it prints"


class Count(int):
    def __repr__(self) -> str:
        return "what it prints"


class Ratio(float):
    def __repr__(self) -> str:
        return "what it prints"


def nested(levels: int, bottom: Any, wrap: Callable[[Any], Any] = lambda value: [value]) -> Any:
    for _ in range(levels):
        bottom = wrap(bottom)
    return bottom


ENCODED: list[tuple[Any, AttributeValue]] = [
    ("", {"S": ""}),
    ("Zoë 🎲", {"S": "Zoë 🎲"}),
    (True, {"BOOL": True}),
    (False, {"BOOL": False}),
    (None, {"NULL": True}),
    (0, {"N": "0"}),
    (-5, {"N": "-5"}),
    (10**38 - 1, {"N": "9" * 38}),
    (10**38, {"N": "1" + "0" * 38}),
    (-(10**125), {"N": "-1" + "0" * 125}),
    (0.1, {"N": "0.1"}),
    (1.0, {"N": "1.0"}),
    (-0.0, {"N": "-0.0"}),
    (1e22, {"N": "1" + "0" * 22}),
    (1e-130, {"N": "0." + "0" * 129 + "1"}),
    (Decimal("1.50"), {"N": "1.50"}),
    (Decimal("1E+2"), {"N": "100"}),
    (Decimal("-0"), {"N": "0"}),
    (Decimal("0E+999999"), {"N": "0"}),
    (Decimal("1." + "1" * 37), {"N": "1." + "1" * 37}),
    (Decimal("1E-130"), {"N": "0." + "0" * 129 + "1"}),
    (Decimal("9." + "9" * 37 + "E+125"), {"N": "9" * 38 + "0" * 88}),
    (Decimal("1" + "0" * 60), {"N": "1" + "0" * 60}),
    (b"", {"B": b""}),
    (b"\x00\xff", {"B": b"\x00\xff"}),
    ([], {"L": []}),
    ([1, "a", None], {"L": [{"N": "1"}, {"S": "a"}, {"NULL": True}]}),
    ((1, 2), {"L": [{"N": "1"}, {"N": "2"}]}),
    ({}, {"M": {}}),
    ({"a": {"b": []}}, {"M": {"a": {"M": {"b": {"L": []}}}}}),
    ({"a.b": 1, "#": 2}, {"M": {"a.b": {"N": "1"}, "#": {"N": "2"}}}),
    ({"a"}, {"SS": ["a"]}),
    ({""}, {"SS": [""]}),
    ({1}, {"NS": ["1"]}),
    (frozenset({b"a"}), {"BS": [b"a"]}),
    (Colour.RED, {"S": "red"}),
    (Old.STYLE, {"S": "style"}),
    (Text("is"), {"S": "is"}),
    (Text("ïs"), {"S": "ïs"}),
    (Level.LOW, {"N": "1"}),
    (Count(7), {"N": "7"}),
    (Ratio(0.5), {"N": "0.5"}),
    (Point(1, 2), {"L": [{"N": "1"}, {"N": "2"}]}),
    (OrderedDict(a=1), {"M": {"a": {"N": "1"}}}),
    (defaultdict(int, a=1), {"M": {"a": {"N": "1"}}}),
    ({Colour.RED: 1}, {"M": {"red": {"N": "1"}}}),
    ({Colour.RED}, {"SS": ["red"]}),
    ({Level.LOW}, {"NS": ["1"]}),
]


@pytest.mark.parametrize(("value", "encoded"), ENCODED, ids=lambda value: repr(value)[:40])
def test_encode(value: Any, encoded: AttributeValue) -> None:
    assert encode(value) == encoded


def test_what_is_encoded_has_plain_types() -> None:
    encoded = encode({Colour.RED: Text("a"), "set": {Colour.RED}})["M"]
    assert {type(key) for key in encoded} == {str}
    assert type(encoded["red"]["S"]) is str
    assert type(encoded["set"]["SS"][0]) is str


REFUSED: list[tuple[Any, str, str]] = [
    (math.nan, "the value", "no NaN"),
    (math.inf, "the value", "no infinity"),
    (Decimal("NaN"), "the value", "no NaN"),
    (Decimal("sNaN"), "the value", "no NaN"),
    (Decimal("-Infinity"), "the value", "no infinity"),
    (1e126, "the value", "outside DynamoDB's range"),
    (5e-324, "the value", "outside DynamoDB's range"),
    (Decimal("1E+126"), "the value", "outside DynamoDB's range"),
    (Decimal("9E-131"), "the value", "outside DynamoDB's range"),
    (10**126, "the value", "outside DynamoDB's range"),
    (-(10**10_000), "the value", "larger than"),
    (10**38 + 1, "the value", "38 digits"),
    (Decimal("0." + "1" * 39), "the value", "38 digits"),
    (set(), "the value", "no empty sets"),
    (frozenset(), "the value", "no empty sets"),
    ({1, "a"}, "the value", "more than one type"),
    ({True}, "the value", "a set holds bool"),
    ({None}, "the value", "a set holds NoneType"),
    ({(1, 2)}, "the value", "a set holds tuple"),
    ({math.inf}, "the value", "no infinity"),
    (object(), "the value", "no type for object"),
    (bytearray(b"a"), "the value", "no type for bytearray"),
    (date(2026, 1, 1), "the value", "no type for date"),
    (1j, "the value", "no type for complex"),
    ("\ud800", "the value", "lone surrogate"),
    ({"\ud800": 1}, "the value", "lone surrogate"),
    ({"": 1}, "the value", "empty"),
    ({1: 1}, "the value", "is int"),
    ({"a": {None: 1}}, "a", "is NoneType"),
    ({"x" * 65_536: 1}, "the value", "65535 bytes"),
    ({"é" * 32_768: 1}, "the value", "65535 bytes"),
    ({"data": {"scores": [1, 2, 3, math.nan]}}, "data.scores[3]", "no NaN"),
    ({"data": [[{"a": [{1j}]}]]}, "data[0][0].a[0]", "a set holds complex"),
    ({"a": ({"b": ""}, {"c": object()})}, "a[1].c", "no type for object"),
]


@pytest.mark.parametrize(("value", "where", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_refused(value: Any, where: str, reason: str) -> None:
    with pytest.raises(UnsupportedValueError, match=reason) as caught:
        encode(value)
    assert str(caught.value).startswith(f"{shown_path(where) if where != 'the value' else where}: ")
    assert caught.value.path == ("" if where == "the value" else where)


def test_the_path_to_the_value_begins_the_path_of_an_error() -> None:
    with pytest.raises(UnsupportedValueError) as caught:
        encode([{1: 1}], ("user", "data", "list"))
    assert caught.value.path == "user.data.list[0]"


def test_keys_of_the_greatest_length() -> None:
    key = "é" * 32_767 + "x"
    assert encode({key: 1}) == {"M": {key: {"N": "1"}}}


DEPTHS = [
    (nested(31, 1), True),
    (nested(31, {"a"}), True),
    (nested(30, []), True),
    (nested(32, 1), False),
    (nested(31, []), False),
    (nested(31, {}), False),
    (nested(32, {"a"}), False),
    (nested(31, 1, lambda value: {"k": value}), True),
    (nested(32, 1, lambda value: {"k": value}), False),
]


@pytest.mark.parametrize(("value", "fits"), DEPTHS, ids=range(len(DEPTHS)))
@pytest.mark.parametrize("level", [0, 1, 2])
def test_depth(value: Any, fits: bool, level: int) -> None:
    """`level` keys of the path stand above the value, each a map; DynamoDB Local draws the same line."""
    path = ("user", "data")[:level]
    if level == 2:
        value = value[0] if isinstance(value, list) else value["k"]
    if fits:
        assert decode(encode(value, path)) == value
    else:
        with pytest.raises(UnsupportedValueError, match="32 levels"):
            encode(value, path)


def test_a_path_deeper_than_any_value_may_stand() -> None:
    path = tuple("abcdefghijklmnopqrstuvwxyzABCDEF")
    assert encode(1, path) == {"N": "1"}
    with pytest.raises(UnsupportedValueError, match="32 levels"):
        encode(1, (*path, "G"))


def test_a_cycle_is_too_deep() -> None:
    cycle: list[Any] = []
    cycle.append({"again": cycle})
    with pytest.raises(UnsupportedValueError, match="32 levels") as caught:
        encode({"cycle": cycle})
    assert caught.value.path.startswith("cycle[0].again[0].again")


EMPTY_AS_NULL = [
    ("", {"NULL": True}),
    (Text(""), {"NULL": True}),
    ("a", {"S": "a"}),
    (["", {"k": ""}], {"L": [{"NULL": True}, {"M": {"k": {"NULL": True}}}]}),
    ({""}, {"SS": [""]}),
    (b"", {"B": b""}),
]


@pytest.mark.parametrize(("value", "encoded"), EMPTY_AS_NULL, ids=repr)
def test_empty_strings_as_null(value: Any, encoded: AttributeValue) -> None:
    assert encode(value, empty_strings_as_null=True) == encoded


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({0.1, Decimal("0.1")}, 1),
        ({10**23, 1e23}, 1),
        ({1, 1.5, Decimal(2)}, 3),
        ({"1", "1.0"}, 2),
        ({b"", b"a"}, 2),
    ],
    ids=case_id,
)
def test_a_set_holds_each_number_once(members: set[Any], count: int) -> None:
    ((_, encoded),) = encode(members).items()
    assert len(encoded) == count


NUMBERS_READ: list[tuple[str, int | float | Decimal]] = [
    ("0", 0),
    ("-0", 0),
    ("-0.0", 0),
    ("007", 7),
    ("12.0", 12),
    ("1.50", 1.5),
    ("1E+2", 100),
    ("1.5e3", 1500),
    ("0.1", 0.1),
    ("1E-130", 1e-130),
    ("9" * 38, 10**38 - 1),
    ("1" + "0" * 125, 10**125),
    ("0.30000000000000004", 0.1 + 0.2),
    ("0.12345678901234567890", Decimal("0.1234567890123456789")),
    ("123456789012345678901234567890.12345678", Decimal("123456789012345678901234567890.12345678")),
]


@pytest.mark.parametrize(("text", "value"), NUMBERS_READ, ids=repr)
def test_number(text: str, value: float | Decimal) -> None:
    read = number(text)
    assert read == value
    assert type(read) is type(value)


def test_numbers_do_not_depend_on_the_decimal_context() -> None:
    digits = "1" * 30 + "." + "1" * 8
    with localcontext(prec=5):
        assert number(digits) == Decimal(digits)
        assert encode(Decimal(digits)) == {"N": digits}
        assert sum_of(Decimal(digits), 1, "") == Decimal("1" * 29 + "2." + "1" * 8)


DECODED: list[tuple[AttributeValue, Any]] = [
    ({"SS": ["b", "a"]}, {"a", "b"}),
    ({"NS": ["1", "1.50"]}, {1, 1.5}),
    ({"BS": [b"a"]}, {b"a"}),
    ({"NULL": True}, None),
    ({"M": {"a": {"L": [{"BOOL": False}]}}}, {"a": [False]}),
]


@pytest.mark.parametrize(("value", "decoded"), DECODED, ids=case_id)
def test_decode(value: AttributeValue, decoded: Any) -> None:
    assert decode(value) == decoded


@pytest.mark.parametrize("value", [{}, {"SDK_UNKNOWN_MEMBER": {"name": "X"}}, {"L": [{"Z": 1}]}], ids=repr)
def test_an_unknown_type_is_unreadable(value: AttributeValue) -> None:
    with pytest.raises(UnreadableItemError, match="none of DynamoDB's types"):
        decode(value)


SUMS: list[tuple[Any, Any, float | Decimal]] = [
    (1, 2, 3),
    (0.1, 0.2, 0.3),
    (1.5, 1.5, 3),
    (1, -1, 0),
    (-0.0, 0, 0),
    (Decimal("1E-37"), 1, Decimal("1." + "0" * 36 + "1")),
    (10**37, Decimal("0.5"), Decimal("1" + "0" * 37 + ".5")),
    (Level.LOW, Level.LOW, 2),
]


@pytest.mark.parametrize(("one", "other", "total"), SUMS, ids=repr)
def test_sum_of(one: Any, other: Any, total: float | Decimal) -> None:
    result = sum_of(one, other, "score")
    assert result == total
    assert type(result) is type(total)


@pytest.mark.parametrize(
    ("one", "other"), [("1", 1), (1, "1"), (True, 1), (1, None), (1, math.nan), ([], 1)], ids=repr
)
def test_sum_of_what_is_no_number(one: Any, other: Any) -> None:
    with pytest.raises(UnsupportedValueError) as caught:
        sum_of(one, other, "score")
    assert caught.value.path == "score"


SAME = [
    ({"N": "1.50"}, {"N": "1.5"}, True),
    ({"N": "100"}, {"N": "100"}, True),
    ({"N": "-0.0"}, {"N": "0"}, True),
    ({"N": "1"}, {"N": "2"}, False),
    ({"N": "1"}, {"S": "1"}, False),
    ({"S": "a"}, {"S": "b"}, False),
    ({"BOOL": True}, {"BOOL": False}, False),
    ({"SS": ["a", "b"]}, {"SS": ["b", "a"]}, True),
    ({"SS": ["a"]}, {"SS": ["b"]}, False),
    ({"NS": ["1", "2.0"]}, {"NS": ["2", "1.0"]}, True),
    ({"NS": ["1"]}, {"NS": ["1", "2"]}, False),
    ({"BS": [b"a", b"b"]}, {"BS": [b"b", b"a"]}, True),
    ({"L": [{"N": "1.0"}]}, {"L": [{"N": "1"}]}, True),
    ({"L": [{"N": "1"}, {"N": "2"}]}, {"L": [{"N": "2"}, {"N": "1"}]}, False),
    ({"L": []}, {"L": [{"N": "1"}]}, False),
    ({"M": {"a": {"N": "1.0"}}}, {"M": {"a": {"N": "1"}}}, True),
    ({"M": {"a": {"N": "1"}}}, {"M": {"b": {"N": "1"}}}, False),
    ({"M": {"a": {"N": "1"}}}, {"M": {"a": {"N": "2"}}}, False),
    ({"M": {}}, {"L": []}, False),
    (None, None, True),
    (None, {"NULL": True}, False),
    ({"NULL": True}, None, False),
]


@pytest.mark.parametrize(("one", "other", "outcome"), SAME, ids=repr)
def test_same(one: AttributeValue | None, other: AttributeValue | None, outcome: bool) -> None:
    assert same(one, other) is outcome
    assert same(other, one) is outcome


SIZES: list[tuple[Any, int]] = [
    ("abc", 3),
    ("é", 2),
    ("", 0),
    (True, 1),
    (None, 1),
    (b"1234", 4),
    (0, 1),
    (5, 2),
    (12, 2),
    (123, 3),
    (1200, 2),
    (-12, 3),
    (0.0012, 2),
    (1.5, 3),
    (Decimal("1.2E+20"), 3),
    (Decimal("1.2E+21"), 2),
    (1e-20, 2),
    (10**38 - 1, 20),
    ([], 3),
    ([True, "ab"], 3 + (1 + 1) + (1 + 2)),
    ({}, 3),
    ({"key": "ab"}, 3 + 1 + 3 + 2),
    ({"é": [1]}, 3 + 1 + 2 + (3 + 1 + 2)),
    ({"ab", "c"}, 3),
    ({1, 200}, 4),
    ({b"a", b"bc"}, 3),
]


@pytest.mark.parametrize(("value", "size"), SIZES, ids=case_id)
def test_size(value: Any, size: int) -> None:
    assert size_of(encode(value)) == size


def test_item_size_counts_the_names() -> None:
    assert item_size({"userId": {"S": "u1"}, "é": {"NULL": True}}) == 6 + 2 + 2 + 1


def test_an_item_of_the_greatest_size() -> None:
    """DynamoDB Local takes this item, and refuses the next one."""
    item: Item = {"id": {"S": "x"}, "v": {"S": "x" * (MAX_ITEM_BYTES - 4)}}
    check_item_size(item)
    item["v"]["S"] += "x"
    with pytest.raises(ItemTooLargeError) as caught:
        check_item_size(item)
    assert caught.value.size == MAX_ITEM_BYTES + 1
    assert "409,601 bytes" in str(caught.value)
    assert "409,600" in str(caught.value)


def test_an_item_as_most_are() -> None:
    check_item_size({"userId": {"S": "u1"}, "raw": {"B": b"bytes"}})


def test_what_is_long_as_json_may_be_small_to_dynamodb() -> None:
    check_item_size({"flags": encode([True] * 100_000)})


def test_too_large_names_the_largest_paths() -> None:
    data = {f"part{n}": "x" * n * 50_000 for n in range(1, 7)} | {"empty": {}, "list": ["y" * 10]}
    item: Item = {"userId": {"S": "u1"}, "user": {"M": {"data": encode(data)}}}
    with pytest.raises(ItemTooLargeError) as caught:
        check_item_size(item)
    assert caught.value.largest == tuple((f"user.data.part{n}", n * 50_000 + 5) for n in range(6, 1, -1))
    assert "user.data.part6 (300,005 bytes), user.data.part5" in str(caught.value)
    assert "xx" not in str(caught.value)


def test_too_large_for_its_keys() -> None:
    item: Item = {"user": {"M": {f"{n}".ljust(60_000, "k"): {"M": {}} for n in range(8)}}}
    with pytest.raises(ItemTooLargeError) as caught:
        check_item_size(item)
    assert [size for _, size in caught.value.largest] == [60_003] * 5


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("data",), "data"),
        (("data", "scores", 3), "data.scores[3]"),
        (("data", 0, 1, "a.b"), "data[0][1].a.b"),
    ],
)
def test_path_text(path: ItemPath, text: str) -> None:
    assert path_text(path) == text


def as_it_comes_back(value: Any) -> Any:
    """Tuples as lists, whole numbers as int, others as float when that says the same, else as Decimal."""
    match value:
        case bool() | None | str() | bytes():
            return value
        case int() | float() | Decimal():
            exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
            if exact == int(exact):
                return int(exact)
            return float(exact) if Decimal(repr(float(exact))) == exact else exact
        case list() | tuple():
            return [as_it_comes_back(member) for member in value]
        case dict():
            return {key: as_it_comes_back(member) for key, member in value.items()}
        case _:
            return {as_it_comes_back(member) for member in value}


@given(VALUES)
def test_a_value_comes_back(value: Any) -> None:
    back = decode(encode(value))
    expected = as_it_comes_back(value)
    assert back == expected
    assert repr(back) == repr(expected) or isinstance(back, set | dict | list)


@given(NUMBERS)
def test_a_number_comes_back_with_every_digit(value: float | Decimal) -> None:
    text = encode(value)["N"]
    back = number(text)
    assert Decimal(encode(back)["N"]) == Decimal(text)
    assert Decimal(repr(value) if isinstance(value, float) else value) == Decimal(text)


@given(DICTS)
def test_what_came_back_is_the_same_on_the_wire(value: dict[str, Any]) -> None:
    wire = encode(value)
    again = encode(decode(wire))
    assert same(wire, wire)
    assert same(wire, again)
    assert same(again, wire)
    assert 0 < size_of(wire) <= len(orjson.dumps(wire, default=bytes.hex))


LIKE: list[tuple[Any, AttributeValue]] = [
    ("a", {"S": "a"}),
    ("né", {"S": "né"}),
    (Colour.RED, {"S": "red"}),
    (1, {"N": "1"}),
    (1.5, {"N": "1.5"}),
    (Decimal("1.5"), {"N": "1.5"}),
    (True, {"BOOL": True}),
    (None, {"NULL": True}),
    (b"a", {"B": b"a"}),
    ({2, 1}, {"NS": ["2.0", "1"]}),
    ([1, ["a"]], {"L": [{"N": "1"}, {"L": [{"S": "a"}]}]}),
    ({"a": 1, "é": "x"}, {"M": {"é": {"S": "x"}, "a": {"N": "1"}}}),
    ({Colour.RED: 1}, {"M": {"red": {"N": "1"}}}),
    ([], {"L": []}),
    ({}, {"M": {}}),
]
UNLIKE: list[tuple[Any, AttributeValue]] = [
    ("a", {"S": "b"}),
    ("1", {"N": "1"}),
    (1, {"N": "1.0"}),
    (1, {"BOOL": True}),
    (True, {"N": "1"}),
    (False, {"BOOL": True}),
    (False, {"NULL": True}),
    ("a", {"B": b"a"}),
    ({1}, {"NS": ["1", "2"]}),
    ([1], {"L": [{"N": "1"}, {"N": "2"}]}),
    ([1, 2], {"L": [{"N": "1"}]}),
    ([], {"M": {}}),
    ({}, {"L": []}),
    ({"a": 1}, {"M": {"a": {"N": "1"}, "b": {"N": "1"}}}),
    ({"a": "x", "b": 1}, {"M": {"a": {"S": "x"}}}),
    ({"a": "y"}, {"M": {"a": {"S": "x"}}}),
    ({"a": 1}, {"M": {"b": {"N": "1"}}}),
]


@pytest.mark.parametrize(("value", "stored"), LIKE, ids=repr)
def test_what_is_like_the_stored_value_is_that_very_object(value: Any, stored: AttributeValue) -> None:
    assert encode(value, like=stored) is stored
    assert encode([value], like={"L": [stored]})["L"][0] is stored
    assert encode({"k": value, "other": 1}, like={"M": {"k": stored}})["M"]["k"] is stored


@pytest.mark.parametrize(("value", "stored"), UNLIKE, ids=repr)
def test_what_is_unlike_the_stored_value_is_encoded(value: Any, stored: AttributeValue) -> None:
    assert encode(value, like=stored) == encode(value)
    assert encode({"k": value}, like={"M": {"k": stored}}) == {"M": {"k": encode(value)}}


@pytest.mark.parametrize("value", [{"a": "", "b": "x"}, ["", {"c": ""}], ""], ids=repr)
def test_an_empty_string_is_written_as_null_whatever_is_stored(value: Any) -> None:
    as_null = encode(value, empty_strings_as_null=True)
    assert encode(value, like=encode(value), empty_strings_as_null=True) == as_null


@given(VALUES, VALUES)
def test_what_is_stored_never_changes_what_is_encoded(value: Any, other: Any) -> None:
    assert same(encode(value, like=encode(other)), encode(value))
    assert same(encode([value], like=encode([other])), encode([value]))
    assert same(encode({"a": value, "b": other}, like=encode({"a": other})), encode({"a": value, "b": other}))
    assert encode(value, like=encode(value)) == encode(value)


@given(st.lists(st.one_of(VALUES, SETS), min_size=3, max_size=3))
def test_same_is_an_equivalence(values: list[Any]) -> None:
    one, two, three = map(encode, values)
    assert same(one, two) is same(two, one)
    if same(one, two):
        assert same(one, three) is same(two, three)
        assert decode(one) == decode(two)


@given(VALUES)
def test_nothing_that_is_encoded_is_empty_text_when_it_is_written_as_null(value: Any) -> None:
    def texts(encoded: AttributeValue) -> list[str]:
        match encoded:
            case {"S": text}:
                return [text]
            case {"L": members}:
                return [text for member in members for text in texts(member)]
            case {"M": members}:
                return [text for member in members.values() for text in texts(member)]
            case _:
                return []

    assert "" not in texts(encode(value, empty_strings_as_null=True))


@given(NUMBERS, NUMBERS)
def test_sums_are_exact(one: float | Decimal, other: float | Decimal) -> None:
    total = sum_of(one, other, "")
    with localcontext(prec=400):
        exact = Decimal(encode(one)["N"]) + Decimal(encode(other)["N"])
        assert Decimal(repr(total) if isinstance(total, float) else total) == exact
