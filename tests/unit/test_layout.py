from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_dynamo_store.config import DynamoDbConfig
from async_dynamo_store.errors import UnreadableItemError
from async_dynamo_store.layouts import LAYOUTS, LayoutName
from async_dynamo_store.records.reading import javascript_time, read_map, read_text, read_time
from async_dynamo_store.wire.codec import decode
from async_dynamo_store.wire.values import Item
from tests.unit.strategies import item

OWN_ITEMS: dict[str, dict[str, Any]] = {
    "jovo4": {
        "userId": "u1",
        "user": {"data": {"name": "Zoë", "score": 2}},
        "session": {"id": "s1", "data": {"x": 1}, "createdAt": "2026-01-01T00:00:00.000Z",
                    "updatedAt": "2026-01-01T00:00:01.000Z"},
        "history": {"items": [{"output": [{"message": "Hi", "listen": True}]}]},
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:01.000Z",
    },
    "jovo3": {
        "userId": "u1",
        "userData": {
            "data": {"name": "Zoë", "score": 2},
            "session": {"id": "s1", "$data": {"x": 1}, "lastUpdatedAt": "2026-01-01T00:00:01.000Z"},
            "context": {"prev": [{"request": {"intent": "LAUNCH"}, "response": {"speech": "Hi"}}]},
            "metaData": {"createdAt": "2026-01-01T00:00:00.000Z", "sessionsCount": 1},
        },
        "updatedAt": "2026-01-01T00:00:01.000Z",
    },
    "jovo1": {"userId": "u1", "data": {"name": "Zoë", "score": 2}},
    "ask-sdk": {"id": "u1", "attributes": {"name": "Zoë", "score": 2}},
}  # fmt: skip
ITEMS: dict[str, tuple[str, Item]] = {name: (name, item(sample)) for name, sample in OWN_ITEMS.items()}
for file in sorted((Path(__file__).parents[3] / "shared" / "items").glob("*.json")):
    ITEMS[f"shared/{file.stem}"] = (file.stem, json.loads(file.read_text()))


@pytest.mark.parametrize(("name", "stored"), ITEMS.values(), ids=ITEMS)
def test_items_as_the_frameworks_write_them(name: Any, stored: Item) -> None:
    layout = LAYOUTS[name]
    layout.check(stored)
    assert decode({"M": read_map(stored, layout.data)})["name"] in ("Zoë", "Ada")
    for part in (layout.session, layout.meta_data):
        assert part is None or read_map(stored, part)
    for moment in (layout.created_at, layout.updated_at):
        read = read_time(stored, moment)
        assert (read is None) is (moment is None)
        assert read is None or (read.year == 2026 and read.tzinfo is UTC)
    if layout.history:
        assert decode(read_map(stored, layout.history[:-1])[str(layout.history[-1])])


@pytest.mark.parametrize(("name", "stored"), ITEMS.values(), ids=ITEMS)
@pytest.mark.parametrize("other", LAYOUTS)
def test_an_item_of_another_layout(name: Any, stored: Item, other: Any) -> None:
    if other == name:
        return
    with pytest.raises(UnreadableItemError, match=f"layout='{name}'") as caught:
        LAYOUTS[other].check(stored)
    assert caught.value.attribute in stored


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_item_with_no_data_yet(name: Any) -> None:
    LAYOUTS[name].check({"userId": {"S": "u1"}, "updatedAt": {"S": "x"}, "theirs": {"N": "1"}})


def test_the_configuration_knows_the_layouts_attributes() -> None:
    assert tuple(LAYOUTS) == get_args(LayoutName)
    for name, layout in LAYOUTS.items():
        paths = [layout.data, layout.session, layout.history, layout.created_at, layout.updated_at]
        for attribute in {str(path[0]) for path in paths if path}:
            with pytest.raises(ValueError, match=f"'{attribute}' is reserved by the layout"):
                DynamoDbConfig.model_validate(
                    {"table_name": "Users", "layout": name, "primary_key_column": attribute}
                )
        has_place = layout.session is not None and layout.history is not None
        for element in ("session", "history"):
            fields = {"table_name": "Users", "layout": name, "stored_elements": {element: True}}
            if has_place:
                DynamoDbConfig.model_validate(fields)
            else:
                with pytest.raises(ValueError, match="cannot store this session or history"):
                    DynamoDbConfig.model_validate(fields)


JAVASCRIPT_TIMES = [
    (datetime(2026, 11, 22, 17, 1, 9, 316_000, UTC), "2026-11-22T17:01:09.316Z"),
    (datetime(2026, 11, 22, 17, 1, 9, 999_999, UTC), "2026-11-22T17:01:09.999Z"),
    (datetime(2026, 11, 22, 17, 1, 9, 0, UTC), "2026-11-22T17:01:09.000Z"),
    (datetime(2026, 11, 22, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-21T23:00:00.000Z"),
    (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
]


@pytest.mark.parametrize(("moment", "text"), JAVASCRIPT_TIMES, ids=str)
def test_javascript_time(moment: datetime, text: str) -> None:
    assert javascript_time(moment) == text


@given(
    st.datetimes(
        datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds
        datetime(9998, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]),
    )
)
def test_a_time_comes_back_to_the_millisecond(moment: datetime) -> None:
    read = read_time({"at": {"S": javascript_time(moment)}}, ("at",))
    assert read is not None
    assert timedelta() <= moment - read < timedelta(milliseconds=1)


TIMES: list[tuple[Any, datetime | None]] = [
    ("2026-11-22T17:01:09.316Z", datetime(2026, 11, 22, 17, 1, 9, 316_000, UTC)),
    ("2026-11-22T19:01:09+02:00", datetime(2026, 11, 22, 17, 1, 9, 0, UTC)),
    ("2026-11-22T17:01:09", datetime(2026, 11, 22, 17, 1, 9, 0, UTC)),
    (None, None),
]


@pytest.mark.parametrize(("stored", "moment"), TIMES, ids=repr)
def test_read_time(stored: Any, moment: datetime | None) -> None:
    assert read_time(item({"meta": {"at": stored}}), ("meta", "at")) == moment
    assert read_time({}, ("meta", "at")) is None
    assert read_time(item({"at": "no time"}), None) is None


UNREADABLE = [
    ({"meta": {"at": "yesterday"}}, "meta.at", "not a time"),
    ({"meta": {"at": 1_795_369_269}}, "meta.at", r"not text \(its type is N\)"),
    ({"meta": "text"}, "meta", r"not a map \(its type is S\)"),
    ({"meta": None}, "meta", r"not a map \(its type is NULL\)"),
]


@pytest.mark.parametrize(("stored", "attribute", "reason"), UNREADABLE, ids=repr)
def test_an_unreadable_time(stored: dict[str, Any], attribute: str, reason: str) -> None:
    with pytest.raises(UnreadableItemError, match=reason) as caught:
        read_time(item(stored), ("meta", "at"))
    assert caught.value.attribute == attribute
    assert f"attribute {attribute} " in str(caught.value)
    assert "yesterday" not in str(caught.value)


MAPS: list[tuple[dict[str, Any], dict[str, Any] | str]] = [
    ({}, {}),
    ({"a": {}}, {}),
    ({"a": {"b": {}}}, {}),
    ({"a": {"b": {"c": 1}}}, {"c": 1}),
    ({"a": 1}, "a"),
    ({"a": {"b": [1]}}, "a.b"),
    ({"a": {"b": None}}, "a.b"),
]


@pytest.mark.parametrize(("stored", "outcome"), MAPS, ids=repr)
def test_read_map(stored: dict[str, Any], outcome: dict[str, Any] | str) -> None:
    if isinstance(outcome, dict):
        assert read_map(item(stored), ("a", "b")) == item(outcome)
        return
    with pytest.raises(UnreadableItemError, match="The item is left unchanged") as caught:
        read_map(item(stored), ("a", "b"))
    assert caught.value.attribute == outcome


def test_read_text() -> None:
    assert read_text(item({"a": {"b": "text"}}), ("a", "b")) == "text"
    assert read_text({}, ("a", "b")) is None
