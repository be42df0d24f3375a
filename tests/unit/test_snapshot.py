from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.wire.sizes import item_size
from async_dynamo_store.wire.snapshot import Snapshot
from async_dynamo_store.wire.values import Item, ItemPath
from tests.unit.strategies import DICTS, item

PATHS: list[ItemPath] = [(), ("user",), ("user", "data"), ("missing", "data")]
MANY = list(range(20))
SCALARS: dict[str, Any] = {"name": "Ada", "n": 1}
USER: Item = item(
    {"userId": "u1", "user": {"kept": 1, "data": {**SCALARS, "deep": {"x": [MANY]}, "many": MANY}}}
)


@pytest.mark.parametrize("path", PATHS, ids=repr)
@given(data=DICTS, rest=DICTS)
def test_an_item_is_the_same_before_and_after_it_was_packed(
    path: ItemPath, data: dict[str, Any], rest: dict[str, Any]
) -> None:
    whole = item({**rest, "user": {"data": data}})
    snapshot = Snapshot(deepcopy(whole), path)
    assert snapshot.item == whole
    for _ in range(2):
        snapshot.pack()
        assert snapshot.size >= item_size(whole)
        assert snapshot.item == whole


def test_packing_lets_go_of_large_members() -> None:
    snapshot = Snapshot(USER, ("user", "data"))
    assert snapshot.item is USER
    snapshot.pack()
    assert snapshot.item == USER
    assert snapshot.item is not USER


def test_members_with_bytes_stay() -> None:
    whole = item({"user": {"data": {"b": [b"1", *MANY], "many": MANY}}})
    snapshot = Snapshot(whole, ("user", "data"))
    snapshot.pack()
    assert snapshot.part(()) == item({"user": {"data": {"b": [b"1", *MANY]}}})
    assert snapshot.size >= item_size(whole)
    assert snapshot.item == whole


@pytest.mark.parametrize(
    ("keys", "data"),
    [
        ((), {}),
        (("n",), {}),
        (("many", "new"), {"many": MANY}),
        (("name", "many", "deep"), {"many": MANY, "deep": {"x": [MANY]}}),
    ],
    ids=repr,
)
def test_a_part(keys: tuple[str, ...], data: dict[str, Any]) -> None:
    snapshot = Snapshot(USER, ("user", "data"))
    snapshot.pack()
    assert snapshot.part(keys) == item({"userId": "u1", "user": {"kept": 1, "data": SCALARS | data}})
    assert snapshot.item == USER
    assert snapshot.part(keys) == USER, "what is unpacked needs no parting"
    snapshot.pack()
    assert snapshot.part(()) == item({"userId": "u1", "user": {"kept": 1, "data": SCALARS}})


def test_a_part_of_an_item_without_the_map() -> None:
    snapshot = Snapshot(item({"userId": "u1"}), ("user", "data"))
    snapshot.pack()
    assert snapshot.part(["n"]) == item({"userId": "u1"})


@pytest.mark.parametrize("is_packed", [True, False])
@pytest.mark.parametrize("added", [1, b"1", {b"1"}, None, MANY, [b"1", *MANY]], ids=repr)
@given(
    data=DICTS,
    keys=st.sets(st.sampled_from(["name", "n", "new", "gone"]), min_size=1),
    is_looked_at=st.booleans(),
)
def test_a_part_in_its_place(
    is_packed: bool, added: Any, data: dict[str, Any], keys: set[str], is_looked_at: bool
) -> None:
    before: dict[str, Any] = {"userId": "u1", "user": {"data": {**data, "name": MANY, "n": 1, "gone": 2}}}
    snapshot = Snapshot(item(before), ("user", "data"))
    if is_packed:
        snapshot.pack()
    part = deepcopy(snapshot.part(keys))
    members = part["user"]["M"]["data"]["M"]
    for key in keys:
        if key == "gone":
            del members[key]
        else:
            members[key] = item({"v": added})["v"]
    part["updatedAt"] = {"S": "now"}
    if is_looked_at:
        assert snapshot.item == item(before)
    expected = {key: value for key, value in before["user"]["data"].items() if key not in keys}
    expected |= {key: added for key in keys if key != "gone"}
    after = snapshot.replaced(part, keys)
    assert after.item == item({"userId": "u1", "updatedAt": "now", "user": {"data": expected}})
    after.pack()
    assert after.item == item({"userId": "u1", "updatedAt": "now", "user": {"data": expected}})
    assert snapshot.item == item(before)
