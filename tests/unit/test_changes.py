from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.session import get_session
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.wire.bookkeeping import WriteMark
from async_dynamo_store.wire.changes import (
    Append,
    Change,
    Increment,
    Prepend,
    Put,
    Remove,
    Replace,
    apply,
    diff,
    find,
    put,
)
from async_dynamo_store.wire.codec import decode, encode
from async_dynamo_store.wire.expression import Alive, Expression, Guard
from async_dynamo_store.wire.update import plan
from async_dynamo_store.wire.values import Item, ItemPath, same
from tests.conftest import Engine
from tests.unit.strategies import DICTS, SMALL_DICTS, item

ONE = {"N": "1"}
TWO = {"N": "2"}
A = {"S": "a"}

DIFFS: list[tuple[Any, Any, list[Change]]] = [
    ({}, {}, []),
    ({"a": 1}, {"a": 1}, []),
    ({"a": {"b": [1, {"c": {2}}]}}, {"a": {"b": [1, {"c": {2}}]}}, []),
    ({"a": 1}, {"a": 2}, [Put(("a",), TWO)]),
    ({}, {"a": 1}, [Put(("a",), ONE, only_if_absent=True)]),
    ({"a": 1}, {}, [Remove(("a",))]),
    ({"a": None}, {"a": 1}, [Put(("a",), ONE)]),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 2, "d": 1}}, [
        Put(("a", "b"), TWO), Put(("a", "d"), ONE, only_if_absent=True), Remove(("a", "c")),
    ]),
    ({"a": {"b": 1}}, {"a": {}}, [Remove(("a", "b"))]),
    ({"a": {"b": 1}}, {"a": 1}, [Put(("a",), ONE)]),
    ({"a": 1}, {"a": {"b": 1}}, [Put(("a",), {"M": {"b": ONE}})]),
    ({}, {"a": {"b": 1}}, [Put(("a",), {"M": {"b": ONE}}, only_if_absent=True)]),
    ({"a": [1]}, {"a": [1, 2]}, [Append(("a",), [TWO], {"L": [ONE, TWO]})]),
    ({"a": []}, {"a": [1]}, [Append(("a",), [ONE], {"L": [ONE]})]),
    ({"a": [1, 2]}, {"a": [1]}, [Put(("a",), {"L": [ONE]})]),
    ({"a": [1]}, {"a": [2, 1]}, [Put(("a",), {"L": [TWO, ONE]})]),
    ({"a": "t"}, {"a": [1]}, [Put(("a",), {"L": [ONE]})]),
    ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [Put(("a",), {"L": [{"M": {"b": TWO}}]})]),
    ({"a.b": 1}, {"a.b": 2}, [Put(("a.b",), TWO)]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "changes"), DIFFS, ids=repr)
def test_diff(before: dict[str, Any], after: dict[str, Any], changes: list[Change]) -> None:
    assert diff(item(before), item(after)) == changes


def test_diff_sees_values_and_not_their_writing() -> None:
    before: Item = {"a": {"N": "1.50"}, "b": {"NS": ["1", "2.0"]}, "c": {"L": [{"N": "1E+2"}]}}
    after: Item = {"a": {"N": "1.5"}, "b": {"NS": ["2", "1"]}, "c": {"L": [{"N": "100"}]}}
    assert diff(before, after) == []


def test_diff_below_a_path() -> None:
    assert diff({}, {"a": ONE}, ("user", "data")) == [Put(("user", "data", "a"), ONE, only_if_absent=True)]


FOUND: list[tuple[ItemPath, Any]] = [
    (("a",), {"b": {"c": 1}, "list": [1]}),
    (("a", "b", "c"), 1),
    (("a", "b", "x"), None),
    (("x", "y"), None),
    (("a", "b", "c", "d"), None),
    (("a", "list", 0), 1),
    (("a", "list", 9), None),
    (("a", "list", "x"), None),
    (("a", 0), None),
    (("text", "x"), None),
]


@pytest.mark.parametrize(("path", "value"), FOUND, ids=repr)
def test_find(path: ItemPath, value: Any) -> None:
    found = find(item({"a": {"b": {"c": 1}, "list": [1]}, "text": "x"}), path)
    assert (found and decode(found)) == value


PUTS: list[tuple[dict[str, Any], ItemPath, Any, dict[str, Any]]] = [
    ({}, ("a",), 1, {"a": 1}),
    ({"a": 1, "b": 2}, ("a",), 3, {"a": 3, "b": 2}),
    ({"a": {"b": 1}}, ("a", "c"), 2, {"a": {"b": 1, "c": 2}}),
    ({}, ("a", "b", "c"), 1, {"a": {"b": {"c": 1}}}),
    ({"a": "text"}, ("a", "b"), 1, {"a": {"b": 1}}),
    ({"a": 1, "b": 2}, ("a",), None, {"b": 2}),
    ({"a": {"b": 1}}, ("a", "b"), None, {"a": {}}),
    ({"a": {"b": 1}}, ("a", "x", "y"), None, {"a": {"b": 1}}),
    ({"a": "text"}, ("a", "b"), None, {"a": "text"}),
    ({}, ("a", "b"), None, {}),
    ({"a": {}}, ("a", "b"), None, {"a": {}}),
]


@pytest.mark.parametrize(("before", "path", "value", "after"), PUTS, ids=repr)
def test_put(before: dict[str, Any], path: ItemPath, value: Any, after: dict[str, Any]) -> None:
    wire = item(before)
    assert put(wire, path, None if value is None else encode(value)) == item(after)
    assert wire == item(before)


APPLIED: list[tuple[dict[str, Any], Change, dict[str, Any]]] = [
    ({"a": 1}, Put(("a",), A), {"a": "a"}),
    ({"a": {"b": 1}}, Put(("a",), {"M": {"c": TWO}}), {"a": {"c": 2}}),
    ({"a": {"b": 1}}, Put(("a",), {"M": {"c": TWO}}, only_if_absent=True), {"a": {"b": 1, "c": 2}}),
    ({"a": {"b": {"x": 1}}}, Put(("a",), item({"v": {"b": {"y": 2}}})["v"], only_if_absent=True),
     {"a": {"b": {"x": 1, "y": 2}}}),
    ({"a": 5}, Put(("a",), {"M": {"c": TWO}}, only_if_absent=True), {"a": {"c": 2}}),
    ({"a": {"b": 1}}, Put(("a",), TWO, only_if_absent=True), {"a": 2}),
    ({"a": 1}, Remove(("a",)), {}),
    ({}, Remove(("a", "b")), {}),
    ({"a": 1}, Replace(("a",), ONE, TWO), {"a": 2}),
    ({"a": 1}, Replace(("a",), ONE, None), {}),
    ({"a": 1.5}, Increment(("a",), TWO, A), {"a": 3.5}),
    ({}, Increment(("a", "b"), TWO, A), {"a": {"b": 2}}),
    ({"a": "five"}, Increment(("a",), TWO, ONE), {"a": 1}),
    ({"a": None}, Increment(("a",), TWO, ONE), {"a": 1}),
    ({"a": "text"}, Increment(("a", "b"), TWO, ONE), {"a": {"b": 2}}),
    ({"a": [1, 2]}, Prepend(("a",), (A, ONE), 3), {"a": ["a", 1, 1]}),
    ({}, Prepend(("a", "b"), (A,), 3), {"a": {"b": ["a"]}}),
    ({"a": "text"}, Prepend(("a",), (A,), 3), {"a": ["a"]}),
    ({"a": [1]}, Prepend(("a",), (A, ONE, TWO), 2), {"a": ["a", 1]}),
]  # fmt: skip


@pytest.mark.parametrize(("before", "change", "after"), APPLIED, ids=repr)
def test_apply(before: dict[str, Any], change: Change, after: dict[str, Any]) -> None:
    wire = item(before)
    assert apply(wire, [change]) == item(after)
    assert wire == item(before)


def test_a_counter_in_a_map_of_its_own_is_kept_in_any_order() -> None:
    fresh, count = (
        Put(("stats",), {"M": {"name": A}}, only_if_absent=True),
        Increment(("stats", "visits"), ONE, ONE),
    )
    assert (
        apply({}, [fresh, count]) == apply({}, [count, fresh]) == item({"stats": {"name": "a", "visits": 1}})
    )


def test_a_sum_of_too_many_digits_names_its_path() -> None:
    with pytest.raises(UnsupportedValueError, match=r"^stats\.…: .*38 digits"):
        apply({"stats": {"M": {"visits": {"N": "1E+50"}}}}, [Increment(("stats", "visits"), ONE, ONE)])


@given(DICTS, DICTS)
def test_a_diff_makes_one_item_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    one, other = item(before), item(after)
    assert same({"M": apply(one, diff(one, other))}, {"M": other})
    assert diff(one, one) == []
    assert diff(one, item(decode({"M": one}))) == []


@given(SMALL_DICTS, SMALL_DICTS)
def test_a_diff_of_items_that_are_alike(before: dict[str, Any], after: dict[str, Any]) -> None:
    one, other = item(before), item(after)
    assert same({"M": apply(one, diff(one, other))}, {"M": other})


DATA = ("user", "data")
BASE = item({"user": {"data": {"name": "Ada", "n": 1, "tags": [1], "deep": {"x": 1}, "text": "t"}}})

PLANS: list[tuple[str, list[Change], str, str, list[str], list[Any]]] = [
    (
        "one value",
        [Put((*DATA, "name"), A)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1)",
        ["user", "data", "name"],
        [A, {"S": "M"}],
    ),
    (
        "at the root",
        [Put(("updatedAt",), A)],
        "SET #0 = :0",
        "",
        ["updatedAt"],
        [A],
    ),
    (
        "one taken away",
        [Remove((*DATA, "name"))],
        "REMOVE #0.#1.#2",
        "attribute_type(#0.#1, :0)",
        ["user", "data", "name"],
        [{"S": "M"}],
    ),
    (
        "set and taken away, with reserved and odd names",
        [Put((*DATA, "size"), A, only_if_absent=True), Remove((*DATA, "a.b")), Put((*DATA, "né 🎲"), ONE, only_if_absent=True)],
        "SET #0.#1.#2 = :0, #0.#1.#4 = :1 REMOVE #0.#1.#3",
        "attribute_type(#0.#1, :2)",
        ["user", "data", "size", "a.b", "né 🎲"],
        [A, ONE, {"S": "M"}],
    ),
    (
        "a fresh map",
        [Put((*DATA, "stats"), {"M": {"a": ONE}}, only_if_absent=True)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND attribute_not_exists(#0.#1.#2)",
        ["user", "data", "stats"],
        [{"M": {"a": ONE}}, {"S": "M"}],
    ),
    (
        "a fresh map where another has put a map",
        [Put((*DATA, "deep"), {"M": {"y": ONE, "x": TWO}}, only_if_absent=True)],
        "SET #0.#1.#2.#3 = :0, #0.#1.#2.#4 = :1",
        "attribute_type(#0.#1.#2, :2)",
        ["user", "data", "deep", "y", "x"],
        [ONE, TWO, {"S": "M"}],
    ),
    (
        "a fresh map where another has put a text",
        [Put((*DATA, "text"), {"M": {"y": ONE}}, only_if_absent=True)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND #0.#1.#2 = :2",
        ["user", "data", "text"],
        [{"M": {"y": ONE}}, {"S": "M"}, {"S": "t"}],
    ),
    (
        "a number is counted up",
        [Increment((*DATA, "n"), TWO, A)],
        "SET #0.#1.#2 = if_not_exists(#0.#1.#2, :0) + :1",
        "attribute_type(#0.#1, :2) AND (attribute_not_exists(#0.#1.#2) OR attribute_type(#0.#1.#2, :3))",
        ["user", "data", "n"],
        [{"N": "0"}, TWO, {"S": "M"}, {"S": "N"}],
    ),
    (
        "what is counted is a text by now",
        [Increment((*DATA, "text"), TWO, ONE)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND #0.#1.#2 = :2",
        ["user", "data", "text"],
        [ONE, {"S": "M"}, {"S": "t"}],
    ),
    (
        "a list that grows at its front",
        [Prepend((*DATA, "tags"), [TWO], 2)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND #0.#1.#2 = :2",
        ["user", "data", "tags"],
        [{"L": [TWO, ONE]}, {"S": "M"}, {"L": [ONE]}],
    ),
    (
        "what was worked out from what was read",
        [Replace(("city",), None, A), Replace(("old",), ONE, None)],
        "SET #0 = :0 REMOVE #1",
        "attribute_not_exists(#0) AND #1 = :1",
        ["city", "old"],
        [A, ONE],
    ),
    ("what is removed has no value", [Remove(("old",))], "REMOVE #0", "", ["old"], []),
    (
        "parents are missing",
        [Put((*DATA, "a", "b", "c"), ONE), Put((*DATA, "a", "d"), TWO), Remove((*DATA, "a", "e"))],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND attribute_not_exists(#0.#1.#2)",
        ["user", "data", "a"],
        [{"M": {"b": {"M": {"c": ONE}}, "d": TWO}}, {"S": "M"}],
    ),
    (
        "a parent is a text by now",
        [Put((*DATA, "text", "a"), ONE)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND #0.#1.#2 = :2",
        ["user", "data", "text"],
        [{"M": {"a": ONE}}, {"S": "M"}, {"S": "t"}],
    ),
    (
        "what is to be taken away has gone with its parent",
        [Remove((*DATA, "a", "b")), Put((*DATA, "n"), TWO)],
        "SET #0.#1.#3 = :0 REMOVE #0.#1.#2",
        "attribute_type(#0.#1, :1) AND attribute_not_exists(#0.#1.#2)",
        ["user", "data", "a", "n"],
        [TWO, {"S": "M"}],
    ),
    (
        "a text that has become a map with a counter, where another has put a map",
        [Put((*DATA, "deep"), {"M": {}}), Increment((*DATA, "deep", "n"), ONE, ONE)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND #0.#1.#2 = :2",
        ["user", "data", "deep"],
        [{"M": {"n": ONE}}, {"S": "M"}, {"M": {"x": ONE}}],
    ),
    (
        "a counter in a map of its own",
        [Increment((*DATA, "stats", "visits"), ONE, ONE), Put((*DATA, "stats"), {"M": {}}, only_if_absent=True)],
        "SET #0.#1.#2 = :0",
        "attribute_type(#0.#1, :1) AND attribute_not_exists(#0.#1.#2)",
        ["user", "data", "stats"],
        [{"M": {"visits": ONE}}, {"S": "M"}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "update", "condition", "names", "values"),
    [case[1:] for case in PLANS],
    ids=[case[0] for case in PLANS],
)
def test_plan(
    changes: list[Change], update: str, condition: str, names: list[str], values: list[Any]
) -> None:
    guard = Guard(("saves", "token"), None)
    planned = plan(changes, BASE, [guard])
    aliases = {f"#{n}": name for n, name in enumerate([*names, "saves", "token"])}
    not_landed = f"attribute_not_exists(#{len(names)}.#{len(names) + 1})"
    assert planned == {
        "UpdateExpression": update,
        "ConditionExpression": f"{condition} AND {not_landed}" if condition else not_landed,
        "ExpressionAttributeNames": aliases,
    } | ({"ExpressionAttributeValues": {f":{n}": value for n, value in enumerate(values)}} if values else {})


def test_a_plan_of_an_unknown_item_takes_its_parents_to_be_there() -> None:
    planned = plan([Put((*DATA, "a", "b"), ONE), Increment((*DATA, "n"), ONE, ONE)], None, [])
    assert planned["UpdateExpression"] == "SET #0.#1.#2.#3 = :0, #0.#1.#4 = if_not_exists(#0.#1.#4, :1) + :2"
    assert planned["ConditionExpression"] == (
        "attribute_type(#0.#1.#2, :3) AND attribute_type(#0.#1, :3)"
        " AND (attribute_not_exists(#0.#1.#4) OR attribute_type(#0.#1.#4, :4))"
    )


def test_plans_of_one_form_have_values_of_their_own() -> None:
    one = plan([Put(("a", "x"), ONE)], None, [Guard(("b",), ONE)])
    one["ExpressionAttributeNames"].clear()
    one["ExpressionAttributeValues"][":1"].clear()
    assert plan([Put(("a", "x"), TWO)], None, [Guard(("b",), A)]) == {
        "UpdateExpression": "SET #0.#1 = :0",
        "ConditionExpression": "attribute_type(#0, :1) AND #2 = :2",
        "ExpressionAttributeNames": {"#0": "a", "#1": "x", "#2": "b"},
        "ExpressionAttributeValues": {":0": TWO, ":1": {"S": "M"}, ":2": A},
    }


GUARDS: list[tuple[Guard | Alive, str, dict[str, Any]]] = [
    (Guard(("a", "b"), None), "attribute_not_exists(#0.#1)", {}),
    (Guard(("a", "a"), ONE), "#0.#0 = :0", {":0": ONE}),
    (
        Alive(("expiresAt",), 1_800_000_000),
        "NOT #0 BETWEEN :0 AND :1",
        {":0": {"N": "1642320000"}, ":1": {"N": "1800000000"}},
    ),
]


@pytest.mark.parametrize(("guard", "condition", "values"), GUARDS, ids=repr)
def test_guard(guard: Guard | Alive, condition: str, values: dict[str, Any]) -> None:
    expression = Expression()
    assert expression.condition(guard) == condition
    assert expression.values == values
    assert ("ExpressionAttributeValues" in expression.parameters(condition)) is bool(values)


def test_every_segment_is_aliased_once() -> None:
    expression = Expression()
    assert expression.path(("a", "b", "a")) == "#0.#1.#0"
    assert [expression.path((f"k{n}",)) for n in range(9)][-1] == "#10"
    assert expression.parameters("")["ExpressionAttributeNames"]["#10"] == "k8"


def writes_of(planned: dict[str, Any]) -> list[ItemPath]:
    """The paths that an update expression writes, without their aliases."""
    names = planned["ExpressionAttributeNames"]
    text = re.sub(
        r" = list_append\([^)]*\)| = [^,]*\([^)]*\) \+ :\w+| = :\w+", "", planned["UpdateExpression"]
    )
    paths = re.findall(r"#[\w.#]+", text)
    return [tuple(names[alias] for alias in path.split(".")) for path in paths]


def many(count: int, parent: ItemPath = ()) -> list[Change]:
    return [Put((*parent, f"k{n}"), {"N": str(n)}, only_if_absent=True) for n in range(count)]


FOLDS: list[tuple[str, dict[str, Any], list[Change], list[ItemPath]]] = [
    ("as many as fit", {"a": {}}, many(100, ("a",)), [("a", f"k{n}") for n in range(100)]),
    ("one too many", {"a": {}}, many(101, ("a",)), [("a",)]),
    (
        "only the busy branch",
        {"a": {"b": {}, "c": {}}},
        [*many(101, ("a", "b")), *many(3, ("a", "c"))],
        [("a", "b"), ("a", "c", "k0"), ("a", "c", "k1"), ("a", "c", "k2")],
    ),
    (
        "one branch after the other",
        {"a": {}, "b": {}, "c": {}},
        [*many(90, ("a",)), *many(80, ("b",)), *many(10, ("c",))],
        [("a",), *(("b", f"k{n}") for n in range(80)), *(("c", f"k{n}") for n in range(10))],
    ),
    (
        "every branch",
        {"a": {}, "b": {}},
        [*many(120, ("a",)), *many(130, ("b",))],
        [("a",), ("b",)],
    ),
    (
        "counters take more of a condition",
        {"a": {f"k{n}": 0 for n in range(80)}},
        [Increment(("a", f"k{n}"), ONE, ONE) for n in range(80)],
        [("a",)],
    ),
    (
        "long paths take more of the text",
        {"a": {"b": {f"k{n}": {"c": {"d": {"e": {"f": {}}}}} for n in range(90)}}},
        [Put(("a", "b", f"k{n}", "c", "d", "e", "f", f"k{n}"), ONE, only_if_absent=True) for n in range(90)],
        [("a", "b")],
    ),
]


@pytest.mark.parametrize(
    ("base", "changes", "writes"), [case[1:] for case in FOLDS], ids=[case[0] for case in FOLDS]
)
def test_fold(base: dict[str, Any], changes: list[Change], writes: list[ItemPath]) -> None:
    planned = plan(changes, item(base), [Guard(("token",), None)])
    assert writes_of(planned) == writes


def test_a_fold_is_guarded_by_what_was_read() -> None:
    planned = plan(many(101, ("a",)), item({"a": {"old": 1}, "b": 2}), [Guard(("token",), None)])
    assert planned["ConditionExpression"] == "#0 = :1 AND attribute_not_exists(#1)"
    assert planned["ExpressionAttributeValues"][":1"] == {"M": {"old": ONE}}
    assert planned["ExpressionAttributeValues"][":0"]["M"]["old"] == ONE
    assert len(planned["ExpressionAttributeValues"][":0"]["M"]) == 102


def test_what_cannot_be_folded_is_sent_as_it_is() -> None:
    assert len(writes_of(plan(many(120), {}, [Guard(("token",), None)]))) == 120


def paths_of(value: dict[str, Any], path: ItemPath = ()) -> Iterator[ItemPath]:
    for key, member in value.items():
        yield (*path, key)
        if isinstance(member, dict):
            yield from paths_of(member, (*path, key))


@st.composite
def turns(draw: st.DrawFn) -> tuple[Item, list[Change]]:
    """An item, and what a turn changes in it: its data, counters, a history."""
    before = draw(SMALL_DICTS)
    after = item(draw(SMALL_DICTS))
    counts: list[Change] = []
    for path in draw(st.lists(st.sampled_from([("a",), ("b", "n"), ("c.d", "a", "n")]), unique=True)):
        old = find(item(before), path)
        if old is None or "N" in old:
            counts.append(Increment(path, TWO, otherwise=TWO))
            after = put(put(after, path, TWO), path, old)
    changes = [*diff(item(before), after), *counts]
    if draw(st.booleans()):
        changes.append(Prepend(("history", "items"), [A], 2))
    wide = draw(st.sampled_from([0, 0, 0, 40, 120]))
    changes += many(wide, ("wide", "deep"))
    return item(before | ({"wide": {"deep": {}}} if draw(st.booleans()) else {})), changes


def is_prefix(one: ItemPath, other: ItemPath) -> bool:
    return other[: len(one)] == one


@given(turns(), SMALL_DICTS)
def test_a_plan_keeps_to_dynamodbs_rules(turn: tuple[Item, list[Change]], stored: dict[str, Any]) -> None:
    """Planned for the item that was read, and again for what another has made of it."""
    before, changes = turn
    for base in (before, item(stored)):
        planned = plan(changes, base, [WriteMark("abc.0", 5).unmade(base)])
        update, condition = planned["UpdateExpression"], planned["ConditionExpression"]
        used = re.findall(r"[#:][0-9a-f]+", f"{update} {condition}")
        values = planned.get("ExpressionAttributeValues", {})
        assert set(used) == planned["ExpressionAttributeNames"].keys() | values.keys()
        assert max(len(update), len(condition)) <= 4096
        for text in (update, condition):
            assert len(re.findall(r" (?:=|<|\+|AND|OR) |\w\(", text)) <= 300
        writes = writes_of(planned)
        for n, one in enumerate(writes):
            assert not any(is_prefix(one, other) for m, other in enumerate(writes) if m != n)


@pytest.fixture(scope="module")
def client(engine: Engine) -> Any:
    """A client that is not async, since hypothesis is not."""
    return get_session().create_client(
        "dynamodb",
        endpoint_url=engine.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="testAccessKeyId",
        aws_secret_access_key="testSecretAccessKey",
    )


@pytest.fixture(scope="module")
def table(client: Any) -> Iterator[str]:
    name = "unit-changes"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName=name)
    yield name
    client.delete_table(TableName=name)


KEY: Item = {"userId": {"S": "u1"}}
TOKEN = [WriteMark("abc.0", 5).unmade()]


def update(client: Any, table: str, planned: dict[str, Any]) -> tuple[bool, Item]:
    """Whether the update was made, and the item that is stored then."""
    try:
        client.update_item(TableName=table, Key=KEY, ReturnValuesOnConditionCheckFailure="ALL_OLD", **planned)
    except client.exceptions.ConditionalCheckFailedException:
        made = False
    else:
        made = True
    stored: Item = client.get_item(TableName=table, Key=KEY, ConsistentRead=True)["Item"]
    return made, {name: value for name, value in stored.items() if name not in KEY}


ON_AN_ENGINE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@ON_AN_ENGINE
@given(turn=turns(), stored=SMALL_DICTS)
@example(turn=({}, [Increment(("b", "n"), ONE, ONE), Put(("b",), {"M": {}}, only_if_absent=True)]), stored={})
@example(turn=({}, [Put(("a",), {"M": {"b": ONE}}, only_if_absent=True)]), stored={"a": 5})
@example(
    turn=(item({"a": 5}), [Put(("a",), {"M": {}}), Increment(("a", "n"), ONE, ONE)]), stored={"a": {"z": 1}}
)
def test_an_engine_makes_of_a_plan_what_apply_makes_of_the_changes(
    client: Any, table: str, turn: tuple[Item, list[Change]], stored: dict[str, Any]
) -> None:
    """Written on what was read; and where another has changed that, planned again for what is stored then."""
    before, changes = turn
    if not changes:
        return
    client.put_item(TableName=table, Item=KEY | before)
    made, after = update(client, table, plan(changes, before, TOKEN))
    assert made
    assert same({"M": after}, {"M": apply(before, changes)})

    others = item(stored)
    client.put_item(TableName=table, Item=KEY | others)
    made, after = update(client, table, plan(changes, before, TOKEN))
    if not made:
        assert same({"M": after}, {"M": others})
        made, after = update(client, table, plan([*changes, Put(("updatedAt",), A)], others, TOKEN))
        assert made
        others = others | {"updatedAt": A}
    assert same({"M": after}, {"M": apply(others, changes)})


def test_a_folded_plan_has_the_outcome_of_its_changes(client: Any, table: str) -> None:
    before = item({"a": {"old": 1, "n": 5}, "b": {"c": {f"k{n}": "x" for n in range(150)}}})
    changes = [
        *many(150, ("a",)),
        Increment(("a", "n"), TWO, TWO),
        *(Remove(("b", "c", f"k{n}")) for n in range(150)),
        Prepend(("history", "items"), [A], 2),
    ]
    client.put_item(TableName=table, Item=KEY | before)
    made, after = update(client, table, plan(changes, before, TOKEN))
    assert made
    assert same({"M": after}, {"M": apply(before, changes)})
    assert decode(after["a"])["n"] == 7
    assert decode(after["b"]) == {"c": {}}


def test_a_folded_plan_is_refused_when_another_came_first(client: Any, table: str) -> None:
    before = item({"a": {"old": 1}})
    client.put_item(TableName=table, Item=KEY | item({"a": {"old": 1, "theirs": 2}}))
    made, after = update(client, table, plan(many(150, ("a",)), before, TOKEN))
    assert not made
    assert decode(after["a"]) == {"old": 1, "theirs": 2}


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_counters_in_any_number(client: Any, table: str, count: int) -> None:
    before = item({"a": {f"k{n}": n for n in range(count)}})
    client.put_item(TableName=table, Item=KEY | before)
    changes = [Increment(("a", f"k{n}"), ONE, ONE) for n in range(count)]
    made, after = update(client, table, plan(changes, before, TOKEN))
    assert made
    assert decode(after["a"]) == {f"k{n}": n + 1 for n in range(count)}


LATE: list[tuple[Change, dict[str, Any], list[Change]]] = [
    (Increment(("l", 1, "n"), ONE, ONE), {"l": [{"n": 1}, {"n": 1}]}, [Increment(("l", 1, "n"), ONE, ONE)]),
    (Increment(("l", 1, "n"), ONE, ONE), {"l": [{"n": 1}]}, []),
    (Append(("l", 1), [TWO], {"L": [TWO]}), {"l": [[1], [1]]}, [Append(("l", 1), [TWO], {"L": [TWO]})]),
    (Append(("l", 1), [TWO], {"L": [TWO]}), {"l": [[1]]}, []),
    (Append(("l",), [TWO], {"L": [ONE, TWO]}), {}, [Replace(("l",), None, {"L": [TWO]})]),
    (
        Append(("l",), [TWO], {"L": [ONE, TWO]}),
        {"l": "text"},
        [Replace(("l",), {"S": "text"}, {"L": [ONE, TWO]})],
    ),
]


@pytest.mark.parametrize(("change", "stored", "on"), LATE, ids=range(len(LATE)))
def test_what_a_change_comes_to_on_what_others_have_made(
    change: Change, stored: dict[str, Any], on: list[Change]
) -> None:
    assert list(change.on(item(stored))) == on


def test_the_outcome_of_a_prepend() -> None:
    assert Prepend(("h",), [A], 2).outcome(item({"h": [1, 2]})) == {"L": [A, ONE]}


PUTS_IN_LISTS: list[tuple[ItemPath, Any, Any]] = [
    (("l", 0), 9, {"l": [9, {"n": 2}]}),
    (("l", 1, "n"), 9, {"l": [1, {"n": 9}]}),
    (("l", 0), None, {"l": [{"n": 2}]}),
    (("l", 7), None, {"l": [1, {"n": 2}]}),
]


@pytest.mark.parametrize(("path", "value", "after"), PUTS_IN_LISTS, ids=repr)
def test_put_walks_into_lists(path: ItemPath, value: Any, after: dict[str, Any]) -> None:
    stored = item({"l": [1, {"n": 2}]})
    written = put(stored, path, None if value is None else encode(value))
    assert decode({"M": written}) == after
    assert decode({"M": stored}) == {"l": [1, {"n": 2}]}


def test_an_update_of_lists() -> None:
    base = item({"l": [{"n": 1}, [1], 5]})
    changes: list[Change] = [Put(("l", 0, "n"), TWO), Append(("l", 1), [TWO], {"L": []}), Remove(("l", 2))]
    planned = plan(changes, base)
    assert planned["UpdateExpression"] == "SET #0[0].#1 = :0, #0[1] = list_append(#0[1], :1) REMOVE #0[2]"
    assert planned["ConditionExpression"] == (
        "attribute_type(#0[0], :2) AND attribute_type(#0, :3) AND attribute_type(#0[1], :4) AND attribute_exists(#0[2])"
    )


def test_a_member_of_what_is_no_list_any_more_is_written_with_its_parent() -> None:
    planned = plan([Put(("l", 0), TWO)], item({"l": [ONE]})) | {}
    assert "attribute_exists(#0[0])" in planned["ConditionExpression"]
