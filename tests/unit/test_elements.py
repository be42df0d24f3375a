from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from async_dynamo_store.config import read_config
from async_dynamo_store.errors import UnreadableItemError, UnsupportedValueError
from async_dynamo_store.layouts import LAYOUTS
from async_dynamo_store.records.elements import Elements, Outcome
from async_dynamo_store.records.loaded import Loaded
from async_dynamo_store.records.model_data import ModelData
from async_dynamo_store.records.plain_data import PlainData
from async_dynamo_store.records.reading import javascript_time
from async_dynamo_store.records.record import Session, UserRecord
from async_dynamo_store.store.conversations import Conversation
from async_dynamo_store.store.turns import Turns
from async_dynamo_store.voice.requests import Entities, Request
from async_dynamo_store.voice.turn import Turn
from async_dynamo_store.wire.bookkeeping import ATTRIBUTE, WriteMark
from async_dynamo_store.wire.changes import Change, Increment, Prepend, Put, Remove, Replace, apply
from async_dynamo_store.wire.codec import decode
from async_dynamo_store.wire.expression import FIVE_YEARS
from async_dynamo_store.wire.snapshot import Snapshot
from async_dynamo_store.wire.values import Item, same
from tests.unit.strategies import SMALL_DICTS, item
from tests.unit.test_layout import ITEMS

NOW = datetime(2026, 11, 22, 17, 1, 9, 316_000, UTC)
WHEN = {"S": "2026-11-22T17:01:09.316Z"}
DATA = ("user", "data")
SESSION = ("session",)
Record = UserRecord[dict[str, Any]]


def elements(**fields: Any) -> Elements[dict[str, Any]]:
    return Elements(read_config({"table_name": "Users"} | fields), PlainData())


async def nothing(_: object) -> None:
    """No test here deletes or refreshes."""


def read(made: Elements[Any], stored: Item | None, now: datetime = NOW) -> tuple[UserRecord[Any], Loaded]:
    loaded = Loaded("u1", None if stored is None else Snapshot(stored), nothing, nothing)
    return made.read("u1", loaded, now), loaded


async def join(turn: Turn[Any], record: UserRecord[Any], **fields: Any) -> None:
    """What a pipeline does before the handler, with this record for the loaded one."""

    async def load(user_id: str, prefix: str) -> UserRecord[Any]:
        return record

    await turns(load, **fields).load(turn)


async def remember(turn: Turn[Any], **fields: Any) -> None:
    """What a pipeline does after the handler, without the save."""

    async def load(user_id: str, prefix: str) -> UserRecord[Any]:
        raise AssertionError(user_id)

    await turns(load, **fields).save(turn)


def turns(load: Callable[[str, str], Awaitable[UserRecord[Any]]], **fields: Any) -> Turns[Any]:
    async def save(record: UserRecord[Any]) -> None:
        """No test here saves."""

    def conversation(user_id: str, prefix: str, conversation_id: str) -> Conversation:
        raise AssertionError(user_id)

    config = read_config({"table_name": "Users"} | fields)
    return Turns(config, load, save, elements(**fields).anonymous, conversation)


def user_item(data: dict[str, Any], **attributes: Any) -> Item:
    return item({"userId": "u1", "user": {"data": data}, **attributes})


def ago(seconds: float) -> str:
    return javascript_time(NOW - timedelta(seconds=seconds))


UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({"user": "text"}, "user"),
    ({"user": {"data": [1]}}, "user.data"),
    ({"user": {"data": None}}, "user.data"),
    ({"session": [1]}, "session"),
    ({"session": {"data": "text", "updatedAt": ago(1)}}, "session.data"),
    ({"session": {"data": {}, "updatedAt": 5}}, "session.updatedAt"),
    ({"session": {"id": 5, "updatedAt": ago(1)}}, "session.id"),
    ({"session": {"createdAt": "then", "updatedAt": ago(1)}}, "session.createdAt"),
    ({"history": "text"}, "history"),
    ({"history": {"items": "text"}}, "history.items"),
    ({"history": {"items": [{}, "text"]}}, "history.items"),
    ({"createdAt": 5}, "createdAt"),
    ({"updatedAt": "yesterday"}, "updatedAt"),
]


class TestRead:
    @pytest.mark.parametrize("name", ITEMS)
    def test_every_part_of_a_frameworks_item(self, name: str) -> None:
        layout, stored = ITEMS[name]
        has_session = layout in ("jovo4", "jovo3")
        fields = {"stored_elements": {"session": True, "history": True}} if has_session else {}
        record, loaded = read(elements(layout=layout, **fields), stored, datetime(2026, 1, 1, tzinfo=UTC))
        assert record.data["name"] in ("Zoë", "Ada")
        assert not record.is_new
        assert bool(record.history.items) is has_session
        assert (record.created_at is not None) is has_session
        assert (record.updated_at is not None) is has_session
        assert bool(record.meta_data) is (layout == "jovo3")
        assert loaded.item is stored

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_a_new_user(self, layout: str) -> None:
        record, loaded = read(elements(layout=layout), None)
        assert (record.id, record.data, record.is_new) == ("u1", {}, True)
        assert (record.session, record.history.items, record.meta_data) == (Session(), [], {})
        assert (record.created_at, record.updated_at) == (None, None)
        assert not record.is_anonymous
        assert changes_of(elements(layout=layout), record, loaded, NOW) == []

    def test_nobody(self) -> None:
        nobody = elements().anonymous()
        assert (nobody.id, nobody.data, nobody.is_anonymous) == ("", {}, True)

    def test_what_is_not_stored_is_not_read(self) -> None:
        stored = user_item({"a": 1}, session="text", history="text", createdAt=1, updatedAt={"no": "time"})
        off = {"user": False, "created_at": False, "updated_at": False}
        record, loaded = read(elements(stored_elements=off), stored)
        assert (record.data, record.session, record.history.items) == ({}, Session(), [])
        assert (record.created_at, record.updated_at) == (None, None)
        record.data["b"] = 1
        assert changes_of(elements(stored_elements=off), record, loaded, NOW) == []

    def test_data_of_another_type_is_left_unchanged_only_where_data_is_stored(self) -> None:
        of_another_type = item({"userId": "u1", "user": {"data": "text"}})
        elements(stored_elements={"user": False, "session": True}).check(of_another_type)
        with pytest.raises(UnreadableItemError, match=r"user\.data"):
            elements().check(of_another_type)

    @pytest.mark.parametrize(("attributes", "where"), UNREADABLE, ids=repr)
    def test_unreadable(self, attributes: dict[str, Any], where: str) -> None:
        made = elements(stored_elements={"session": True, "history": True})
        with pytest.raises(UnreadableItemError, match=f"attribute {where} ") as caught:
            read(made, user_item({}) | item(attributes))
        assert caught.value.attribute == where

    def test_another_layout(self) -> None:
        with pytest.raises(UnreadableItemError, match="layout='jovo3'"):
            read(elements(), item({"userData": {"data": {}}}))

    def test_a_jovo3_item_whose_metadata_is_no_map(self) -> None:
        with pytest.raises(UnreadableItemError, match=r"userData\.metaData"):
            read(elements(layout="jovo3"), item({"userData": {"metaData": "text"}}))


def put(key: str, value: Any, *, only_if_absent: bool = False) -> Put:
    return Put((*DATA, key), item({"v": value})["v"], only_if_absent)


def count(key: str, by: Any, otherwise: Any) -> Increment:
    return Increment((*DATA, key), item({"v": by})["v"], item({"v": otherwise})["v"])


def then(*steps: Callable[[Record], object]) -> Callable[[Record], None]:
    def handler(user: Record) -> None:
        for step in steps:
            step(user)

    return handler


def setting(key: str, value: Any) -> Callable[[Record], None]:
    return lambda user: user.data.__setitem__(key, value)


def counting(path: str, by: Any = 1) -> Callable[[Record], object]:
    return lambda user: user.increment(path, by)


HANDLED: list[tuple[str, dict[str, Any], Callable[[Record], object], list[Change]]] = [
    ("nothing", {"a": 1}, then(), []),
    ("the same value", {"a": 1.5, "b": {1, 2}}, then(setting("a", 1.5), setting("b", {2, 1})), []),
    ("one value", {"a": 1}, setting("a", 2), [put("a", 2)]),
    ("a new value", {}, setting("a", 2), [put("a", 2, only_if_absent=True)]),
    ("all of it", {"a": 1}, lambda user: setattr(user, "data", {"b": 1}), [
        put("b", 1, only_if_absent=True), Remove((*DATA, "a")),
    ]),
    ("a count", {"n": 5}, counting("n", 2), [count("n", 2, 7)]),
    ("counts", {"n": 5}, then(counting("n", 2), counting("n", 0.5)), [count("n", 2.5, 7.5)]),
    ("a count of nothing yet", {}, counting("n"), [count("n", 1, 1)]),
    ("a count and back", {"n": 5}, then(counting("n"), counting("n", -1)), []),
    ("counted, then set", {"n": 5}, then(counting("n"), setting("n", 9)), [put("n", 9)]),
    ("set, then counted", {"n": 5}, then(setting("n", 9), counting("n")), [put("n", 10)]),
    ("counted, set, counted", {"n": 5}, then(counting("n"), setting("n", 9), counting("n")), [put("n", 10)]),
    ("counted, set, counted from nothing", {}, then(counting("n"), setting("n", 9), counting("n")), [
        put("n", 10, only_if_absent=True),
    ]),
    ("a text set to 0 and counted", {"n": "x"}, then(setting("n", 0), counting("n")), [put("n", 1)]),
    ("counted, then taken away", {"n": 5}, then(counting("n"), lambda user: user.data.pop("n")), [
        Remove((*DATA, "n")),
    ]),
    ("counted, then another type", {"n": 5}, then(counting("n"), setting("n", "x")), [put("n", "x")]),
    ("a count in a map of its own", {}, counting("stats.visits"), [
        put("stats", {}, only_if_absent=True), Increment((*DATA, "stats", "visits"), {"N": "1"}, {"N": "1"}),
    ]),
]  # fmt: skip


class TestDataChanges:
    @pytest.mark.parametrize(
        ("before", "handler", "changes"), [case[1:] for case in HANDLED], ids=[case[0] for case in HANDLED]
    )
    def test_of_a_handler(
        self, before: dict[str, Any], handler: Callable[[Record], object], changes: list[Change]
    ) -> None:
        made = elements()
        stored = user_item(before)
        record, loaded = read(made, stored)
        handler(record)
        assert changes_of(made, record, loaded, NOW) == changes
        after = apply(stored, changes_of(made, record, loaded, NOW))
        assert decode(after["user"])["data"] == record.data

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_in_every_layout(self, layout: str) -> None:
        made = elements(layout=layout)
        record, loaded = read(made, None)
        record.data["a"] = {"b": 1}
        after = apply({}, changes_of(made, record, loaded, NOW))
        assert read(made, after)[0].data == {"a": {"b": 1}}

    def test_empty_strings_as_null(self) -> None:
        made = elements(empty_strings="null")
        record, loaded = read(made, user_item({"a": "", "b": ["", {"c": ""}], "d": 1}))
        assert record.data["a"] == ""
        assert changes_of(made, record, loaded, NOW) == []
        record.data["e"] = ""
        assert changes_of(made, record, loaded, NOW) == [put("e", None, only_if_absent=True)]

    def test_what_dynamodb_cannot_hold(self) -> None:
        made = elements()
        record, loaded = read(made, None)
        record.data["scores"] = [1, object()]
        with pytest.raises(UnsupportedValueError, match=r"^user\.data\.scores\[1\]: "):
            changes_of(made, record, loaded, NOW)

    def test_data_that_is_no_dict(self) -> None:
        made = elements()
        record, loaded = read(made, None)
        record.data = []
        with pytest.raises(UnsupportedValueError, match="set it to a dict"):
            changes_of(made, record, loaded, NOW)

    def test_a_sum_that_has_too_many_digits(self) -> None:
        made = elements()
        record, loaded = read(made, user_item({"n": 10**50}))
        record.increment("n")
        with pytest.raises(UnsupportedValueError, match=r"^user\.data\.n: .*38 digits"):
            changes_of(made, record, loaded, NOW)

    @given(SMALL_DICTS, SMALL_DICTS)
    def test_a_handler_that_sets_other_data(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        made = elements()
        stored = user_item(before)
        record, loaded = read(made, stored)
        record.data = after
        written = apply(stored, changes_of(made, record, loaded, NOW))
        assert same(written["user"], user_item(after)["user"])


class Stats(BaseModel):
    visits: int = Field(0, alias="visitCount")


class Profile(BaseModel):
    name: str = ""
    stats: Stats = Stats()


class TestDataModel:
    def made(self) -> Elements[Profile]:
        return Elements(read_config("Users"), ModelData(Profile))

    def test_it_is_read_and_written(self) -> None:
        made = self.made()
        record, loaded = read(made, user_item({"name": "Ada", "theirs": 1}))
        assert record.data == Profile(name="Ada")
        assert changes_of(made, record, loaded, NOW) == []
        record.data.name = "Bob"
        assert changes_of(made, record, loaded, NOW) == [put("name", "Bob")]

    def test_a_counter_with_an_alias(self) -> None:
        made = self.made()
        stored = user_item({"stats": {"visitCount": 3}})
        record, loaded = read(made, stored)
        record.increment("stats.visits")
        path = (*DATA, "stats", "visitCount")
        assert changes_of(made, record, loaded, NOW) == [Increment(path, {"N": "1"}, {"N": "4"})]

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(UnreadableItemError, match=r"the stored user\.data does not fit Profile \(name: "):
            read(self.made(), user_item({"name": 5}))

    def test_nobody(self) -> None:
        assert self.made().anonymous().data == Profile()


def request(**changes: Any) -> Request:
    fields: dict[str, Any] = {
        "platform": "messenger",
        "jovo_type": "FacebookMessenger",
        "kind": "intent",
        "user_id": "u1",
        "session_id": None,
        "is_new_session": None,
        "intent": "HelpIntent",
        "entities": Entities(),
        "locale": None,
        "timestamp": None,
        "session_data": None,
        "raw": {},
    }
    return Request(**fields | changes)


WITH_SESSION = {"stored_elements": {"session": {"expires_after_seconds": 1000}}}


def with_session(seconds: float, **session: Any) -> Item:
    stored = {"id": "s1", "data": {"x": 1}, "createdAt": ago(5000), "updatedAt": ago(seconds)} | session
    return user_item({}, session=stored)


SESSIONS_REFRESHED: list[tuple[float, Callable[[Record], object], list[Change]]] = [
    (99, then(), []),
    (100, then(), []),
    (101, then(), [Put((*SESSION, "updatedAt"), WHEN)]),
    (1, lambda user: user.session.data.update(x=2), [
        Put((*SESSION, "data", "x"), {"N": "2"}), Put((*SESSION, "updatedAt"), WHEN),
    ]),
    (1, lambda user: user.session.data.clear(), [
        Remove((*SESSION, "data", "x")), Put((*SESSION, "updatedAt"), WHEN),
    ]),
    (1, setting("a", 1), [put("a", 1, only_if_absent=True), Put((*SESSION, "updatedAt"), WHEN)]),
]  # fmt: skip


NEW_SESSIONS: list[tuple[Session, dict[str, Any] | None]] = [
    (Session(), None),
    (Session(id="s2"), {"id": "s2", "data": {}}),
    (Session(data={"y": 1}), {"data": {"y": 1}}),
    (Session(id="s2", data={"y": 1}, is_of_platform=True), None),
]


JOINED: list[tuple[dict[str, Any], float | None, str | None, bool]] = [
    # the request, the stored session's age, the session's id (None: made up), whether it is new
    ({}, None, None, True),
    ({}, 1, "s1", False),
    ({}, 5000, None, True),
    ({"session_id": "s1"}, 1, "s1", False),
    ({"session_id": "s2"}, 1, "s2", True),
    ({"session_id": "s2"}, None, "s2", True),
    ({"session_id": "s1", "is_new_session": True}, 1, "s1", True),
    ({"session_id": "s1", "is_new_session": False}, 1, "s1", False),
]


class TestSession:
    @pytest.mark.parametrize(
        ("seconds", "is_new"), [(0, False), (999, False), (1000, False), (1000.001, True), (-60, False)]
    )
    def test_it_ends(self, seconds: float, is_new: bool) -> None:
        session = read(elements(**WITH_SESSION), with_session(seconds))[0].session
        assert session.is_new is is_new
        if is_new:
            assert session == Session()
        else:
            assert (session.id, session.data) == ("s1", {"x": 1})
            assert session.created_at == NOW - timedelta(seconds=5000)
            assert session.updated_at == NOW - timedelta(seconds=seconds)

    def test_without_a_time_it_is_as_the_framework_has_it(self) -> None:
        stored = item({"user": {"data": {}}, "session": {"id": "s1", "data": {"x": 1}}})
        session = read(elements(**WITH_SESSION), stored)[0].session
        assert (session.id, session.is_new, session.updated_at) == ("s1", False, None)
        stored = item({"userData": {"session": {"id": "s1", "$data": {"x": 1}}}})
        assert read(elements(layout="jovo3", **WITH_SESSION), stored)[0].session.is_new

    def test_jovo3(self) -> None:
        made = elements(layout="jovo3", **WITH_SESSION)
        stored = item({"userData": {"session": {"$data": {"x": 1}, "lastUpdatedAt": ago(1)}}})
        record, loaded = read(made, stored)
        assert (record.session.data, record.session.is_new, record.session.created_at) == (
            {"x": 1},
            False,
            None,
        )
        record.session.data["x"] = 2
        root = ("userData", "session")
        assert changes_of(made, record, loaded, NOW) == [
            Put((*root, "$data", "x"), {"N": "2"}),
            Put((*root, "lastUpdatedAt"), WHEN),
        ]

    @pytest.mark.parametrize(
        ("seconds", "handler", "changes"), SESSIONS_REFRESHED, ids=range(len(SESSIONS_REFRESHED))
    )
    def test_its_time_is_refreshed_by_a_write_of_its_own_after_a_tenth(
        self, seconds: float, handler: Callable[[Record], object], changes: list[Change]
    ) -> None:
        made = elements(**WITH_SESSION)
        record, loaded = read(made, with_session(seconds))
        handler(record)
        assert changes_of(made, record, loaded, NOW) == changes

    def test_one_without_a_time_gets_one(self) -> None:
        made = elements(**WITH_SESSION)
        record, loaded = read(made, item({"user": {}, "session": {"data": {"x": 1}}}))
        assert changes_of(made, record, loaded, NOW) == [Put((*SESSION, "updatedAt"), WHEN)]

    @pytest.mark.parametrize(("session", "stored"), NEW_SESSIONS, ids=repr)
    @pytest.mark.parametrize("before", [None, with_session(5000)], ids=["no item", "an old session"])
    def test_a_new_one_takes_the_place_of_an_old(
        self, session: Session, stored: dict[str, Any] | None, before: Item | None
    ) -> None:
        made = elements(**WITH_SESSION)
        record, loaded = read(made, before)
        record.session = session
        changes = changes_of(made, record, loaded, NOW)
        if stored is None:
            assert changes == []
        else:
            whole = stored | {"createdAt": ago(0), "updatedAt": ago(0)}
            assert changes == [Put(SESSION, item({"v": whole})["v"])]

    def test_a_new_one_of_jovo3_has_one_time(self) -> None:
        made = elements(layout="jovo3", **WITH_SESSION)
        record, loaded = read(made, None)
        record.session = Session(id="s2")
        whole = {"id": "s2", "$data": {}, "lastUpdatedAt": ago(0)}
        assert changes_of(made, record, loaded, NOW) == [
            Put(("userData", "session"), item({"v": whole})["v"])
        ]

    def test_it_is_not_stored_when_it_is_off(self) -> None:
        record, loaded = read(elements(), with_session(1))
        record.session = Session(id="s2", data={"y": 1})
        assert changes_of(elements(), record, loaded, NOW) == []

    def test_data_that_is_no_dict(self) -> None:
        made = elements(**WITH_SESSION)
        record, loaded = read(made, None)
        record.session.data = ["x"]  # type: ignore[assignment]  # what is wrong is the test
        with pytest.raises(UnsupportedValueError, match=r"session\.data is list; set it to a dict"):
            changes_of(made, record, loaded, NOW)

    def test_empty_strings_as_null(self) -> None:
        made = elements(empty_strings="null", **WITH_SESSION)
        record, loaded = read(made, with_session(1, data={"x": ""}))
        assert changes_of(made, record, loaded, NOW) == []

    def test_a_second_save_starts_from_the_first(self) -> None:
        made = elements(**WITH_SESSION)
        record, loaded = read(made, None)
        record.session = Session(id="s2", data={"y": 1})
        stored = save(made, record, loaded, None)
        assert record.session.is_new
        assert changes_of(made, record, loaded, NOW) == []
        record.session.data["y"] = 2
        stored = save(made, record, loaded, stored)
        assert decode(stored["session"])["data"] == {"y": 2}

    @pytest.mark.parametrize(("fields", "age", "session_id", "is_new"), JOINED, ids=repr)
    async def test_a_turn_joins_it(
        self, fields: dict[str, Any], age: float | None, session_id: str | None, is_new: bool
    ) -> None:
        made = elements(**WITH_SESSION)
        turn: Turn[dict[str, Any]] = Turn(request(**fields))
        record, _ = read(made, None if age is None else with_session(age))
        await join(turn, record, **WITH_SESSION)
        assert turn.session is turn.user.session
        assert turn.session.is_new is is_new
        assert turn.session.id == session_id if session_id else len(turn.session.id or "") == 32
        assert turn.session.data == ({} if is_new else {"x": 1})

    async def test_a_session_of_the_platform_is_the_turns(self) -> None:
        made = elements(**WITH_SESSION)
        turn: Turn[dict[str, Any]] = Turn(
            request(session_id="p1", session_data={"y": 1}, is_new_session=False)
        )
        record, loaded = read(made, with_session(1))
        await join(turn, record, **WITH_SESSION)
        assert turn.user.session is turn.session
        assert turn.session.data == {"y": 1}
        turn.session.data["z"] = 1
        assert changes_of(made, turn.user, loaded, NOW) == []

    async def test_a_silent_platforms_session_is_remembered_without_its_data(self) -> None:
        made, stored = elements(**WITH_SESSION), None
        seen: list[bool] = []
        for session_id in ("p1", "p1", "p2", "p2"):
            turn: Turn[dict[str, Any]] = Turn(request(session_id=session_id, session_data={"y": 1}))
            record, loaded = read(made, stored)
            await join(turn, record, **WITH_SESSION)
            seen.append(turn.session.is_new)
            assert turn.session.data == {"y": 1}
            stored = save(made, turn.user, loaded, stored)
            kept = decode(stored["session"])
            assert (kept["id"], kept["data"]) == (session_id, {})
        assert seen == [True, False, True, False]

    async def test_without_stored_sessions_a_new_user_is_known_to_have_a_new_one(self) -> None:
        for stored, is_new in ((None, True), (with_session(1), False)):
            turn: Turn[dict[str, Any]] = Turn(request(session_id="p1", session_data={}))
            record, _ = read(elements(), stored)
            await join(turn, record)
            assert turn.session.is_new is is_new

    async def test_where_no_sessions_are_stored_it_is_the_turns(self) -> None:
        turn: Turn[dict[str, Any]] = Turn(request(session_id="s2"))
        record, _ = read(elements(), with_session(1))
        await join(turn, record)
        assert turn.user.session is turn.session
        assert turn.session.id == "s2"


def changes_of(made: Elements[Any], record: UserRecord[Any], loaded: Loaded, now: datetime) -> list[Change]:
    """What a save would write, apart from what goes with every write."""
    pending = made.begin_save(record, loaded, now)
    return [*pending.changes] if pending else []


def save(
    made: Elements[Any], record: UserRecord[Any], loaded: Loaded, stored: Item | None, now: datetime = NOW
) -> Item:
    """What the store does of a save, without the engine: the item that is stored then."""
    pending = made.begin_save(record, loaded, now)
    before = stored or {}
    if pending is None:
        return before
    changed = apply(before, pending.changes)
    after = apply(changed, [*made.written_with(before, changed, now), WriteMark("abc.0", 1).change()])
    made.settle(record, loaded, pending, Outcome(Snapshot(after), unchanged_by_others=False), now)
    return after


WITH_HISTORY = {"stored_elements": {"history": {"size": 2, "nlu": False}}}


class TestHistory:
    async def turn(self, fields: dict[str, Any], stored: Item | None, said: str) -> Turn[dict[str, Any]]:
        turn: Turn[dict[str, Any]] = Turn(request())
        turn.user, _ = read(elements(**fields), stored)
        turn.tell(said)
        await remember(turn, **fields)
        return turn

    def said(self, stored: Item) -> list[str]:
        return [turn["output"][0]["message"] for turn in decode(stored["history"])["items"]]

    async def test_it_keeps_the_last_turns_newest_first(self) -> None:
        made = elements(**WITH_HISTORY)
        stored: Item | None = None
        for said in ("one", "two", "three"):
            turn = await self.turn(WITH_HISTORY, stored, said)
            assert turn.user.loaded is not None
            stored = save(made, turn.user, turn.user.loaded, stored)
        assert stored is not None
        assert self.said(stored) == ["three", "two"]
        history = read(made, stored)[0].history
        assert history.prev == {"output": [{"message": "three", "listen": False}]}
        assert len(history.items) == 2

    async def test_two_turns_at_once_both_appear(self) -> None:
        fields = {"stored_elements": {"history": {"size": 5, "nlu": False}}}
        made = elements(**fields)
        first = await self.turn(fields, None, "zero")
        assert first.user.loaded is not None
        stored = save(made, first.user, first.user.loaded, None)
        one, two = await self.turn(fields, stored, "one"), await self.turn(fields, stored, "two")
        assert one.user.loaded is not None
        assert two.user.loaded is not None
        (change,) = changes_of(made, one.user, one.user.loaded, NOW)
        assert isinstance(change, Prepend)
        assert change.size == 5
        stored = apply(apply(stored, [change]), changes_of(made, two.user, two.user.loaded, NOW))
        assert self.said(stored) == ["two", "one", "zero"]

    async def test_it_is_not_kept_when_it_is_off(self) -> None:
        turn = await self.turn({}, None, "one")
        assert turn.user.loaded is not None
        assert changes_of(elements(), turn.user, turn.user.loaded, NOW) == []

    async def test_nobody_has_none(self) -> None:
        made = elements(**WITH_HISTORY)
        turn: Turn[dict[str, Any]] = Turn(request())
        turn.user = made.anonymous()
        await remember(turn, **WITH_HISTORY)
        assert turn.user.loaded is None

    async def test_what_dynamodb_cannot_hold(self) -> None:
        fields = {"stored_elements": {"history": {"output": False, "nlu": False, "mine": lambda turn: {""}}}}
        made, turn = elements(**fields), await self.turn(fields, None, "one")
        assert turn.user.loaded is not None
        assert changes_of(made, turn.user, turn.user.loaded, NOW)
        fields = {"stored_elements": {"history": {"output": False, "nlu": False, "mine": lambda turn: turn}}}
        made, turn = elements(**fields), await self.turn(fields, None, "one")
        assert turn.user.loaded is not None
        with pytest.raises(
            UnsupportedValueError, match=r"^history\.items\[0\]\.mine: DynamoDB has no type for Turn"
        ):
            changes_of(made, turn.user, turn.user.loaded, NOW)

    async def test_a_jovo3_item_counts_its_requests(self) -> None:
        fields = {"layout": "jovo3", "stored_elements": {"history": True}}
        made = elements(**fields)
        stored = item({"userData": {"data": {}, "metaData": {"sessionsCount": 1, "lastUsedAt": ago(9)}}})
        turn = await self.turn(fields, stored, "one")
        assert turn.user.loaded is not None
        after = decode({"M": save(made, turn.user, turn.user.loaded, stored)})["userData"]
        assert after["metaData"] == {"sessionsCount": 2, "lastUsedAt": ago(0), "createdAt": ago(0)}
        assert after["context"]["prev"][0]["response"]["speech"] == "one"
        assert changes_of(made, turn.user, turn.user.loaded, NOW) == []


EXPIRES = "expiresAt"
WITH_TTL = {"ttl": {"attribute": EXPIRES, "after_seconds": 1000}}
EPOCH = int(NOW.timestamp())


TTLS_REFRESHED: list[tuple[Any, bool]] = [
    (EPOCH + 1000, False),
    (EPOCH + 900, False),
    (EPOCH + 899, True),
    (EPOCH + 1100, False),
    (EPOCH + 1101, True),
    ("text", True),
]


class TestTtl:
    @pytest.mark.parametrize(
        ("expires", "is_expired"),
        [
            (EPOCH - 1, True),
            (EPOCH - 0.5, True),
            (EPOCH, True),
            (EPOCH + 1, False),
            (EPOCH - FIVE_YEARS, True),
            (EPOCH - FIVE_YEARS - 1, False),
            (0, False),
            (-1, False),
            (EPOCH * 1000, False),
            (str(EPOCH - 1), False),
            ("text", False),
            (True, False),
            (None, False),
        ],
    )
    def test_is_expired(self, expires: Any, is_expired: bool) -> None:
        stored = user_item({}, **{EXPIRES: expires})
        assert elements(**WITH_TTL).expiry.is_over(stored, NOW) is is_expired
        assert not elements().expiry.is_over(stored, NOW)
        assert not elements(**WITH_TTL).expiry.is_over(user_item({}), NOW)

    @pytest.mark.parametrize(("expires", "is_refreshed"), TTLS_REFRESHED, ids=repr)
    def test_it_is_refreshed_when_it_moves_by_more_than_a_tenth(
        self, expires: Any, is_refreshed: bool
    ) -> None:
        made = elements(**WITH_TTL)
        refreshed: list[Change] = [Put((EXPIRES,), {"N": str(EPOCH + 1000)})] if is_refreshed else []
        record, loaded = read(made, user_item({"a": 1}, **{EXPIRES: expires}))
        assert changes_of(made, record, loaded, NOW) == refreshed
        record.data["a"] = 2
        assert changes_of(made, record, loaded, NOW) == [put("a", 2)]
        assert list(made.always_written(loaded.item or {}, NOW)) == [Put(("updatedAt",), WHEN), *refreshed]

    def test_it_does_not_make_an_item(self) -> None:
        made = elements(**WITH_TTL)
        record, loaded = read(made, None)
        assert changes_of(made, record, loaded, NOW) == []
        record.data["a"] = 1
        assert decode(save(made, record, loaded, None)[EXPIRES]) == EPOCH + 1000
        assert changes_of(made, record, loaded, NOW) == []

    def test_a_save_for_the_expiry_alone(self) -> None:
        made = elements(**WITH_TTL)
        stored = user_item({"a": 1}, **{EXPIRES: EPOCH + 1})
        record, loaded = read(made, stored)
        stored = save(made, record, loaded, stored)
        assert decode(stored[EXPIRES]) == EPOCH + 1000
        assert changes_of(made, record, loaded, NOW) == []


def index(name: str, path: str, **more: str) -> dict[str, str]:
    return {"attribute_name": name, "path": path} | more


WITH_INDEXES = {
    "stored_elements": {"created_at": False, "updated_at": False},
    "global_secondary_indexes": [
        {"index_name": "by-city", "keys": [index("city", "address.city")]},
        {
            "index_name": "by-kind",
            "keys": [
                index("kind", "kind"),
                index("score", "score", attribute_type="N", key_type="RANGE"),
            ],
        },
        {
            "index_name": "by-score",
            "keys": [
                index("score", "score", attribute_type="N"),
                index("city", "address.city", key_type="RANGE"),
            ],
        },
    ],
}

PROJECTED: list[tuple[dict[str, Any], dict[str, Any], list[Change]]] = [
    ({}, {"kind": "a"}, [Replace(("kind",), None, {"S": "a"})]),
    ({"kind": "a"}, {"kind": "a"}, []),
    ({"kind": "a"}, {"kind": "b"}, [Replace(("kind",), {"S": "a"}, {"S": "b"})]),
    ({"kind": "a"}, {}, [Replace(("kind",), {"S": "a"}, None)]),
    ({"kind": "a"}, {"kind": ""}, [Replace(("kind",), {"S": "a"}, None)]),
    ({"kind": "a"}, {"kind": 5}, [Replace(("kind",), {"S": "a"}, None)]),
    ({}, {"kind": 5, "address": "Rome"}, []),
    ({"score": 1.5}, {"score": 1.50}, []),
    ({}, {"score": 0}, [Replace(("score",), None, {"N": "0"})]),
    ({}, {"address": {"city": "Rome"}}, [Replace(("city",), None, {"S": "Rome"})]),
    ({}, {"kind": "é" * 1024, "address": {"city": "é" * 512}}, [
        Replace(("city",), None, {"S": "é" * 512}), Replace(("kind",), None, {"S": "é" * 1024}),
    ]),
]  # fmt: skip


class TestIndexes:
    @pytest.mark.parametrize(("before", "data", "changes"), PROJECTED, ids=lambda part: repr(part)[:40])
    def test_projected(self, before: dict[str, Any], data: dict[str, Any], changes: list[Change]) -> None:
        stamps = elements(**WITH_INDEXES).written_with(item(before), user_item(data), NOW)
        assert sorted(stamps, key=lambda change: change.path) == changes

    @pytest.mark.parametrize(
        ("data", "where"),
        [
            ({"kind": "x" * 2049}, "user.data.kind"),
            ({"address": {"city": "x" * 1025}}, "user.data.address.city"),
        ],
        ids=["HASH", "RANGE"],
    )
    def test_a_key_that_is_too_long(self, data: dict[str, Any], where: str) -> None:
        with pytest.raises(UnsupportedValueError, match="key of an index DynamoDB holds") as caught:
            list(elements(**WITH_INDEXES).written_with({}, user_item(data), NOW))
        assert caught.value.path == where
        assert "xx" not in str(caught.value)


class TestStamps:
    def test_times(self) -> None:
        made = elements()
        assert list(made.written_with({}, {}, NOW)) == [Put(("createdAt",), WHEN), Put(("updatedAt",), WHEN)]
        assert list(made.written_with(item({"createdAt": ago(9)}), {}, NOW)) == [Put(("updatedAt",), WHEN)]
        assert list(made.always_written({}, NOW)) == [Put(("updatedAt",), WHEN)]

    def test_jovo3(self) -> None:
        stamps = list(elements(layout="jovo3").written_with({}, {}, NOW))
        assert stamps == [Put(("userData", "metaData", "createdAt"), WHEN), Put(("updatedAt",), WHEN)]

    @pytest.mark.parametrize("layout", ["jovo1", "ask-sdk"])
    def test_layouts_without_times(self, layout: str) -> None:
        assert list(elements(layout=layout).written_with({}, {}, NOW)) == []

    def test_times_that_are_off(self) -> None:
        made = elements(stored_elements={"created_at": False, "updated_at": False})
        assert list(made.written_with({}, {}, NOW)) == []


def test_known() -> None:
    made = elements(**WITH_TTL, global_secondary_indexes=[{"index_name": "by-x", "keys": [index("x", "x")]}])
    ours = {
        "user": {"data": {"a": 1}},
        "session": {"id": "s1"},
        "history": {"items": []},
        "createdAt": "then",
        "updatedAt": "now",
        EXPIRES: 5,
        "x": "y",
        ATTRIBUTE: {"id": "i"},
    }
    theirs = {
        "userId": "u1",
        "theirs": 1,
        "user": {"data": {"a": 1}, "theirs": 2},
        "history": {"items": [], "o": 1},
    }
    assert made.only_known(item(ours | theirs)) == item(ours)
    assert made.only_known({}) == {}
    jovo3 = {
        "userData": {"data": {}, "metaData": {"createdAt": "then", "sessionsCount": 2}},
        "updatedAt": "now",
    }
    assert elements(layout="jovo3").only_known(item(jovo3)) == item(jovo3)


class TestSaved:
    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_a_second_save_leaves_what_others_wrote_meanwhile(self, layout: str) -> None:
        made = elements(layout=layout)
        ours, loaded = read(made, None)
        ours.data.update(a=1, map={"x": 1})
        stored = save(made, ours, loaded, None)
        other, others_loaded = read(made, stored)
        other.data.update(b=1)
        other.data["map"]["y"] = 1
        stored = save(made, other, others_loaded, stored)

        ours.data["a"] = 2
        stored = save(made, ours, loaded, stored)
        assert changes_of(made, ours, loaded, NOW) == []
        ours.data["map"]["x"] = 2
        stored = save(made, ours, loaded, stored)
        assert read(made, stored)[0].data == {"a": 2, "b": 1, "map": {"x": 2, "y": 1}}

    def test_times_and_bookkeeping_are_those_of_the_stored_item(self) -> None:
        made = elements(
            **WITH_TTL, global_secondary_indexes=[{"index_name": "by-x", "keys": [index("x", "x")]}]
        )
        record, loaded = read(made, None)
        record.data["x"] = "y"
        stored = save(made, record, loaded, None)
        assert loaded.item == stored
        assert record.created_at == record.updated_at == NOW
        later = NOW + timedelta(seconds=500)
        del record.data["x"]
        stored = save(made, record, loaded, stored, later)
        assert loaded.item == stored
        assert "x" not in stored
        assert (record.created_at, record.updated_at) == (NOW, later)
        assert record.is_new

    def test_counters_count_once(self) -> None:
        made = elements()
        record, loaded = read(made, None)
        record.increment("stats.n")
        stored = save(made, record, loaded, None)
        assert changes_of(made, record, loaded, NOW) == []
        stored = apply(stored, [Increment((*DATA, "stats", "n"), {"N": "100"}, {"N": "100"})])
        record.increment("stats.n", 2)
        assert record.data == {"stats": {"n": 3}}
        stored = save(made, record, loaded, stored)
        assert decode(stored["user"])["data"] == {"stats": {"n": 103}}

    async def test_what_came_while_it_was_saved_is_for_the_next_save(self) -> None:
        made: Elements[Profile] = Elements(
            read_config({"table_name": "Users"} | WITH_HISTORY), ModelData(Profile)
        )
        turn: Turn[Profile] = Turn(request())
        turn.user, loaded = read(made, None)
        turn.tell("one")
        await remember(turn, **WITH_HISTORY)
        user = turn.user
        user.data.name = "Ada"
        user.increment("stats.visits")
        pending = made.begin_save(user, loaded, NOW)
        assert pending is not None
        stored = apply({}, pending.changes)

        user.data.name = "Bob"
        user.increment("stats.visits", 10)
        turn.tell("two")
        await remember(turn, **WITH_HISTORY)
        made.settle(user, loaded, pending, Outcome(Snapshot(stored), unchanged_by_others=False), NOW)

        again = changes_of(made, user, loaded, NOW)
        assert [type(change) for change in again] == [Put, Increment, Prepend]
        after = decode({"M": apply(stored, again)})
        assert after["user"]["data"] == {"name": "Bob", "stats": {"visitCount": 11}}
        assert [turn["output"][0]["message"] for turn in after["history"]["items"]] == ["two", "one"]

    def test_a_save_that_failed_gives_nothing_up(self) -> None:
        made = elements()
        record, loaded = read(made, user_item({"n": 1}))
        record.increment("n")
        changes = changes_of(made, record, loaded, NOW)
        assert changes_of(made, record, loaded, NOW) == changes == [count("n", 1, 2)]


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "m.x", "m.y"]), st.integers(-3, 3)), min_size=1, max_size=5
)


@given(SMALL_DICTS, OPERATIONS, OPERATIONS)
def test_counters_of_two_turns_add_up(
    start: dict[str, Any], one: list[tuple[str, int]], two: list[tuple[str, int]]
) -> None:
    """Whatever was stored: where both could count, both count."""
    made = elements()
    stored = user_item({key: value for key, value in start.items() if key not in ("a", "b", "m")})
    records = [read(made, stored), read(made, stored)]
    for (record, loaded), operations in zip(records, (one, two), strict=True):
        for path, by in operations:
            record.increment(path, by)
        stored = apply(stored, changes_of(made, record, loaded, NOW))
    data = read(made, stored)[0].data
    for path in {path for path, _ in [*one, *two]}:
        first, _, rest = path.partition(".")
        total = data[first][rest] if rest else data[first]
        assert total == sum(by for where, by in [*one, *two] if where == path)


@given(SMALL_DICTS, SMALL_DICTS, SMALL_DICTS)
def test_two_turns_on_different_keys_keep_both(
    start: dict[str, Any], one: dict[str, Any], two: dict[str, Any]
) -> None:
    made = elements()
    stored = user_item({"one": start, "two": start, "both": {"kept": 1}})
    (ours, our_loaded), (theirs, their_loaded) = read(made, stored), read(made, stored)
    ours.data["one"] = one
    ours.data["both"]["one"] = one
    ours.data["new"] = {"one": one}
    theirs.data["two"] = two
    theirs.data["both"]["two"] = two
    theirs.data["new"] = {"two": two}
    for record, loaded in ((ours, our_loaded), (theirs, their_loaded)):
        stored = apply(stored, changes_of(made, record, loaded, NOW))
    assert read(made, stored)[0].data == {
        "one": one,
        "two": two,
        "both": {"kept": 1, "one": one, "two": two},
        "new": {"one": one, "two": two},
    }
