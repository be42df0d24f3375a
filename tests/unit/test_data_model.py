from __future__ import annotations

import math
import traceback
from collections import deque
from collections.abc import Set as AbstractSet
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from random import Random
from types import NoneType
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    RootModel,
    SecretBytes,
    SecretStr,
    computed_field,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from async_dynamo_store.errors import UnreadableItemError, UnsupportedValueError
from async_dynamo_store.records.data_model import DataModel, member_names
from async_dynamo_store.records.model_data import ModelData
from async_dynamo_store.records.plain_data import PlainData
from async_dynamo_store.wire.codec import decode, encode
from async_dynamo_store.wire.values import same
from tests.case_ids import case_id
from tests.unit.strategies import DICTS, TEXT


def written_by(handled: DataModel[Any], data: Any, stored: dict[str, Any], baseline: Any) -> Any:
    """What is stored after a save."""
    written, keys = handled.write(data, lambda: stored, baseline, handled.baseline(data, baseline), set())
    if keys is None:
        return written
    if not keys:
        return stored
    others = {key: value for key, value in stored.items() if key not in keys}
    return others | {key: value for key, value in written.items() if key in keys}


class Colour(StrEnum):
    RED = "red"


class Nothing(Enum):
    AT_ALL = None


class Size(Enum):
    BIG = "L"


class Level(IntEnum):
    LOW = 1


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    tricks: list[str] = []


class Address(BaseModel):
    city: str = ""
    zip: str = "00000"
    tags: list[str] = []


class Types(BaseModel):
    text: str = ""
    whole: int = 0
    ratio: float = 0.0
    exact: Decimal = Decimal(0)
    flag: bool = False
    day: date | None = None
    moment: datetime | None = None
    hour: time | None = None
    span: timedelta | None = None
    key: UUID | None = None
    colour: Colour | None = None
    size: Size | None = None
    level: Level | None = None
    raw: bytes = b""
    names: set[str] = set()
    counts: frozenset[int] = frozenset()
    days: set[date] = set()
    flags: set[bool] = set()
    odd: set[int | str] = set()
    pair: tuple[int, str] | None = None
    queue: deque[Decimal] = deque()
    by_level: dict[Level, int] = {}
    by_number: dict[int, str] = {}
    by_day: dict[date, str] = {}
    by_pair: dict[bool, str] = {}
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    either: int | str | None = None
    address: Address | None = None
    houses: list[Address] = []
    secret: SecretStr | None = None
    token: SecretBytes | None = None
    ip: IPv4Address | None = None
    path: PurePosixPath | None = None
    json_text: Json[list[int]] | None = None
    anything: Any = None


def through_the_wire(stored: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = decode(encode(stored))
    return decoded


def changed(model: type[BaseModel], stored: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What is stored after a handler has set fields."""
    handled: ModelData[Any] = ModelData(model)
    data, baseline = handled.read(through_the_wire(stored), "user.data")
    for name, value in changes.items():
        setattr(data, name, value)
    return through_the_wire(written_by(handled, data, through_the_wire(stored), baseline))


VALUES: list[tuple[str, Any, Any]] = [
    ("text", "Zoë", "Zoë"),
    ("whole", 10**37, 10**37),
    ("ratio", 1.5, 1.5),
    ("ratio", 2.0, 2),
    ("exact", Decimal("10.50"), 10.5),
    ("exact", Decimal("0.12345678901234567890123"), Decimal("0.12345678901234567890123")),
    ("flag", True, True),
    ("day", date(2026, 1, 2), "2026-01-02"),
    ("moment", datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC), "2026-01-02T03:04:05.678901Z"),
    ("hour", time(3, 4), "03:04:00"),
    ("span", timedelta(days=1, seconds=2), "P1DT2S"),
    ("key", UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("colour", Colour.RED, "red"),
    ("size", Size.BIG, "L"),
    ("level", Level.LOW, 1),
    ("raw", b"\x00\xff", b"\x00\xff"),
    ("names", {"a", "b"}, {"a", "b"}),
    ("names", set(), []),
    ("counts", frozenset({1, 2}), {1, 2}),
    ("days", {date(2026, 1, 2), date(2025, 1, 2)}, ["2025-01-02", "2026-01-02"]),
    ("flags", {True}, [True]),
    ("odd", {1, "a"}, ["a", 1]),
    ("pair", (1, "a"), [1, "a"]),
    ("queue", deque([Decimal("1.5")]), [1.5]),
    ("by_level", {Level.LOW: 5}, {"1": 5}),
    ("by_number", {7: "x"}, {"7": "x"}),
    ("by_day", {date(2026, 1, 2): "x"}, {"2026-01-02": "x"}),
    ("by_pair", {True: "x"}, {"true": "x"}),
    ("pet", Dog(tricks=["sit"]), {"kind": "dog", "tricks": ["sit"]}),
    ("pet", Cat(), {"kind": "cat", "lives": 9}),
    ("either", "5", "5"),
    ("either", 5, 5),
    ("address", Address(city="Rome"), {"city": "Rome", "zip": "00000", "tags": []}),
    ("houses", [Address()], [{"city": "", "zip": "00000", "tags": []}]),
    ("secret", SecretStr("s"), "s"),
    ("token", SecretBytes(b"\xff"), b"\xff"),
    ("ip", IPv4Address("127.0.0.1"), "127.0.0.1"),
    ("path", PurePosixPath("/a"), "/a"),
    ("json_text", [1, 2], "[1,2]"),
    ("anything", {"a": {1, 2}}, {"a": {1, 2}}),
]


@pytest.mark.parametrize(("name", "value", "stored"), VALUES, ids=case_id)
def test_a_value_comes_back(name: str, value: Any, stored: Any) -> None:
    written = changed(Types, {}, **{name: value})
    assert written == {name: stored}
    data, _ = ModelData(Types).read(written, "user.data")
    assert getattr(data, name) == value
    assert type(getattr(data, name)) is type(value)


def test_a_type_that_neither_pydantic_nor_dynamodb_knows_is_refused_with_its_path() -> None:
    with pytest.raises(UnsupportedValueError, match=r"anything\[0\]: DynamoDB has no type for object"):
        changed(Types, {}, anything=[object()])


class Profile(BaseModel):
    name: str = ""
    score: int = 0
    tags: list[str] = []
    address: Address = Address()
    house: Address | None = None
    games: list[Address] = []
    notes: dict[str, int] = {"a": 1}
    nick_name: str = Field("", alias="nickName")


def write(profile_stored: dict[str, Any], handler: Any, model: type[BaseModel] = Profile) -> dict[str, Any]:
    handled: ModelData[Any] = ModelData(model)
    data, baseline = handled.read(through_the_wire(profile_stored), "user.data")
    handler(data)
    return through_the_wire(written_by(handled, data, through_the_wire(profile_stored), baseline))


def set_name(data: Any) -> None:
    data.name = "Bob"


WRITTEN: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = [
    ("nothing", {}, lambda data: None, {}),
    ("nothing stored", {"name": "Ada", "theirs": 1}, lambda data: None, {"name": "Ada", "theirs": 1}),
    ("one field", {}, set_name, {"name": "Bob"}),
    ("set to its default", {}, lambda data: setattr(data, "score", 0), {"score": 0}),
    ("another one", {"score": 3}, set_name, {"score": 3, "name": "Bob"}),
    ("by its alias", {}, lambda data: setattr(data, "nick_name", "B"), {"nickName": "B"}),
    ("the alias stays", {"nickName": "A"}, set_name, {"nickName": "A", "name": "Bob"}),
    ("a default in place", {}, lambda data: data.tags.append("x"), {"tags": ["x"]}),
    (
        "a default's member",
        {},
        lambda data: setattr(data.address, "city", "Rome"),
        {"address": {"city": "Rome", "zip": "00000", "tags": []}},
    ),
    ("a default dict", {}, lambda data: data.notes.clear(), {"notes": {}}),
    ("an entry of a default dict", {}, lambda data: data.notes.update(b=2), {"notes": {"a": 1, "b": 2}}),
    (
        "a member in place",
        {"address": {"city": "Rome", "theirs": 1}, "theirs": 2},
        lambda data: data.address.tags.append("x"),
        {"address": {"city": "Rome", "tags": ["x"], "theirs": 1}, "theirs": 2},
    ),
    ("an entry goes", {"notes": {"a": 1, "b": 2}}, lambda data: data.notes.pop("a"), {"notes": {"b": 2}}),
    (
        "a model goes",
        {"house": {"city": "Rome", "theirs": 1}},
        lambda data: setattr(data, "house", None),
        {"house": None},
    ),
    (
        "what is unknown stays with an entry of a list",
        {"games": [{"city": "A", "theirs": 1}, {"city": "B", "theirs": 2}]},
        lambda data: setattr(data.games[1], "city", "C"),
        {"games": [{"city": "A", "theirs": 1}, {"city": "C", "theirs": 2}]},
    ),
    (
        "and moves with it",
        {"games": [{"city": "A", "theirs": 1}, {"city": "B", "theirs": 2}]},
        lambda data: data.games.reverse(),
        {"games": [{"city": "B", "theirs": 2}, {"city": "A", "theirs": 1}]},
    ),
    (
        "not to a new one",
        {"games": [{"city": "A", "theirs": 1}]},
        lambda data: data.games.insert(0, Address(city="N")),
        {"games": [{"city": "N"}, {"city": "A", "theirs": 1}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "handler", "after"), [case[1:] for case in WRITTEN], ids=[case[0] for case in WRITTEN]
)
def test_what_is_written(stored: dict[str, Any], handler: Any, after: dict[str, Any]) -> None:
    written = write(stored, handler)
    if "games" in after:
        written["games"] = [
            {key: value for key, value in game.items() if key in ("city", "theirs")}
            for game in written["games"]
        ]
    assert written == after


def test_an_entry_that_is_true_instead_of_one_is_a_change() -> None:
    assert write({"anything": {"a": 1}}, lambda data: data.anything.update(a=True), Types) == {
        "anything": {"a": True}
    }


def test_a_second_write_starts_from_the_first() -> None:
    handled = ModelData(Profile)
    data, _ = handled.read({}, "user.data")
    data.score = 1
    written = written_by(handled, data, {}, handled.read({}, "user.data")[1])
    baseline = handled.baseline(data)
    assert written_by(handled, data, written, baseline) is written
    data.name = "Ada"
    assert written_by(handled, data, written, baseline) == {"score": 1, "name": "Ada"}


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = ""


def test_what_a_model_takes_besides_its_fields_can_be_removed() -> None:
    def drop(data: Any) -> None:
        del data.theirs
        data.mine = 1

    assert write({"name": "Ada", "theirs": 1}, drop, Extra) == {"name": "Ada", "mine": 1}


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)
    first_name: str = ""

    @computed_field  # type: ignore[prop-decorator]  # mypy's issue 1362
    @property
    def greeting(self) -> str:
        return f"Hello {self.first_name}"


def test_what_is_computed_is_not_stored() -> None:
    assert changed(Computed, {}, first_name="Ada") == {"firstName": "Ada"}


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: date = date(2020, 1, 1)
    key: UUID = UUID(int=0)
    pair: tuple[int, ...] = ()
    share: Decimal = Decimal(0)


def test_a_strict_model_reads_what_it_wrote() -> None:
    values: dict[str, Any] = {
        "day": date(2026, 1, 1),
        "key": UUID(int=1),
        "pair": (1,),
        "share": Decimal("0.5"),
    }
    written = changed(Strict, {}, **values)
    assert ModelData(Strict).read(written, "user.data")[0] == Strict(**values)


class Made(BaseModel):
    key: UUID = Field(default_factory=uuid4)
    name: str = ""


def test_a_default_that_is_made_anew_each_time_is_not_written() -> None:
    assert write({"theirs": 1}, set_name, Made) == {"theirs": 1, "name": "Bob"}


class Root(RootModel[dict[str, int]]):
    root: dict[str, int] = {}


def test_a_root_model() -> None:
    assert write({"a": 1, "b": 2}, lambda data: data.root.pop("a"), Root) == {"b": 2}


class Renamed(BaseModel):
    """The upgrade of an older one, by copying."""

    name: str = ""
    first: str = ""
    last: str = ""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: Any) -> Any:
        if "full_name" in values:
            values = values | {"name": values["full_name"]}
        if "given" in values and "family" in values:
            values = values | {"first": values["given"], "last": values["family"]}
        return values


class Popped(BaseModel):
    """The upgrade of an older one, in place."""

    address: Address = Address()
    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: dict[str, Any]) -> dict[str, Any]:
        if isinstance(values.get("address"), str):
            values["address"] = {"city": values.pop("address")}
        if "town" in values.get("address", {}):
            values["address"]["city"] = values["address"].pop("town")
        return values


class OneOfTwo(BaseModel):
    """The upgrade of an older one, which takes no item with both."""

    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: dict[str, Any]) -> dict[str, Any]:
        if "full_name" in values and "name" in values:
            raise ValueError("which one?")
        return {"name": values["full_name"]} if "full_name" in values else values


class FormerAlias(BaseModel):
    name: str = Field("", validation_alias=AliasChoices("name", "user_name"))  # type: ignore[pydantic-alias]  # what is wrong is the test


UPGRADES: list[tuple[type[BaseModel], dict[str, Any], Any, dict[str, Any], dict[str, Any]]] = [
    (
        Renamed,
        {"full_name": "Ada", "theirs": 1},
        set_name,
        {"name": "Bob", "theirs": 1},
        {"name": "Bob"},
    ),
    (
        Renamed,
        {"full_name": "Ada", "given": "A", "family": "B", "theirs": 1},
        lambda data: setattr(data, "last", "C"),
        {"full_name": "Ada", "name": "Ada", "first": "A", "last": "C", "theirs": 1},
        {"name": "Ada", "last": "C"},
    ),
    (
        Popped,
        {"address": "Rome", "theirs": 1},
        set_name,
        {"address": {"city": "Rome", "zip": "00000", "tags": []}, "name": "Bob", "theirs": 1},
        {"name": "Bob"},
    ),
    (
        Popped,
        {"address": {"town": "Rome", "zip": "1"}},
        lambda data: setattr(data.address, "city", "Oslo"),
        {"address": {"city": "Oslo", "zip": "1"}},
        {},
    ),
    (OneOfTwo, {"full_name": "Ada", "theirs": 1}, set_name, {"name": "Bob", "theirs": 1}, {"name": "Bob"}),
    (
        FormerAlias,
        {"user_name": "Ada", "theirs": 1},
        set_name,
        {"name": "Bob", "user_name": "Ada", "theirs": 1},
        {"name": "Bob"},
    ),
]


@pytest.mark.parametrize(("model", "stored", "handler", "after", "read"), UPGRADES, ids=range(len(UPGRADES)))
def test_an_upgrade_is_written_once_something_changed(
    model: type[BaseModel], stored: dict[str, Any], handler: Any, after: dict[str, Any], read: dict[str, Any]
) -> None:
    assert write(stored, lambda data: None, model) == stored
    written = write(stored, handler, model)
    assert written == after
    again = ModelData(model).read(written, "user.data")[0].model_dump()
    assert read.items() <= again.items()


class Picky(BaseModel):
    age: int = 0
    colour: Colour = Colour.RED
    key: UUID | None = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    address: Address = Address()
    even: int = 0
    coded: str = ""
    short: Annotated[str, Field(max_length=3)] = ""
    visits: dict[str, int] = {}

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd")
        return value

    @field_validator("coded")
    @classmethod
    def _has_no_code(cls, value: str) -> str:
        if value:
            raise PydanticCustomError("secret_code", "the code {code} is wrong", {"code": value})
        return value


MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"age": "Geheim"}, r"age: Input should be a valid integer, unable to parse string as an integer"),
    ({"colour": "Geheim"}, r"colour: Input should be 'red'"),
    ({"key": "Geheim"}, r"key: refused \(uuid_parsing\)"),
    ({"pet": {"kind": "Geheim"}}, r"pet: refused \(union_tag_invalid\)"),
    ({"address": {"city": ["Geheim"]}}, r"address\.…: Input should be a valid string"),
    ({"visits": {"Geheim": "often"}}, r"visits\.…: Input should be a valid integer"),
    ({"even": 4711}, r"even: refused \(value_error\)"),
    ({"coded": "Geheim"}, r"coded: refused \(secret_code\)"),
    ({"short": "Geheim"}, r"short: String should have at most 3 characters"),
    ({"age": "Geheim", "even": 4711}, r"age: .*; even: "),
]


@pytest.mark.parametrize(("stored", "message"), MISFITS, ids=repr)
def test_what_does_not_fit_is_unreadable(stored: dict[str, Any], message: str) -> None:
    with pytest.raises(UnreadableItemError, match=message) as caught:
        ModelData(Picky).read(stored, "user.data")
    error = caught.value
    assert error.attribute == "user.data"
    assert "the stored user.data does not fit Picky" in str(error)
    shown = "".join(traceback.format_exception(error)) + repr(error.__cause__)
    assert error.__context__ is None
    assert "Geheim" not in shown
    assert "4711" not in shown


@pytest.mark.parametrize(("stored", "message"), MISFITS[:-1], ids=repr)
def test_what_could_not_be_read_again_is_not_written(stored: dict[str, Any], message: str) -> None:
    ((name, value),) = stored.items()
    value = Address.model_construct(**value) if name == "address" else value
    with pytest.raises(UnsupportedValueError, match=message) as caught:
        changed(Picky, {"age": 5}, **{name: value})
    assert caught.value.path.startswith(f"data.{name}")
    assert "does not fit Picky any more" in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert "Geheim" not in shown.replace("Geheim", "", 0).split("changed(Picky")[-1]


@pytest.mark.parametrize("data", [{}, None, Address()], ids=repr)
def test_other_data_than_the_model(data: Any) -> None:
    handled = ModelData(Profile)
    with pytest.raises(UnsupportedValueError, match="set it to a Profile") as caught:
        written_by(handled, data, {}, handled.read({}, "user.data")[1])
    assert caught.value.path == "data"


class Needy(BaseModel):
    name: str
    age: int


class OneWay(BaseModel):
    name: str = Field("", validation_alias="userName")


class OtherWay(BaseModel):
    name: str = Field("", serialization_alias="userName")


class ByPath(BaseModel):
    name: str = Field("", validation_alias=AliasPath("names", 0))  # type: ignore[pydantic-alias]  # what is wrong is the test


class OldFirst(BaseModel):
    name: str = Field("", validation_alias=AliasChoices("user_name", "name"))  # type: ignore[pydantic-alias]  # what is wrong is the test


class Deep(BaseModel):
    names: dict[str, list[OneWay | None]] = {}


class Tree(BaseModel):
    children: list[Tree] = []
    hidden: str = Field("", exclude=True, validation_alias="hiddenName")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (OneWay, "OneWay.name is read from 'userName' and written to 'name'"),
        (OtherWay, "OtherWay.name is read from 'name' and written to 'userName'"),
        (ByPath, r"ByPath.name is read from AliasPath\(.*\) and written to 'name'"),
        (OldFirst, "OldFirst.name is read from 'user_name' and written to 'name'"),
        (Deep, "OneWay.name is read from 'userName'"),
    ],
)
def test_models_that_do_not_do(model: type[BaseModel], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ModelData(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Needy, r"Needy cannot be created without values \(name: Field required; age: Field required\)"),
        (RootModel[list[int]], "cannot be created without values"),
    ],
)
def test_models_that_do_not_do_for_new_users(model: type[BaseModel], message: str) -> None:
    with pytest.raises(UnreadableItemError, match=message):
        ModelData(model).read({}, "user.data")


def test_a_model_of_itself() -> None:
    data, _ = ModelData(Tree).read({"children": [{"children": []}]}, "user.data")
    assert data == Tree(children=[Tree()])


def test_member_names() -> None:
    assert member_names({}, "a", "a") == ("a", "a")
    assert member_names(Profile(), "nick_name", "a") == ("nick_name", "nickName")
    assert member_names(Profile(), "nickName", "a") == ("nick_name", "nickName")
    assert member_names(Extra(), "anything", "a") == ("anything", "anything")


def test_plain_data() -> None:
    plain = PlainData()
    stored = {"a": 1}
    data, baseline = plain.read(stored, "user.data")
    assert data is stored
    values, keys = plain.write(data, dict, baseline, plain.baseline(data), {"counted"})
    assert values is stored
    assert keys == {"counted"}
    with pytest.raises(UnsupportedValueError, match=r"user\.data is list; set it to a dict"):
        plain.baseline([])  # type: ignore[arg-type]  # what is wrong is the test


def looked_at(one: dict[str, Any], other: dict[str, Any]) -> AbstractSet[str]:
    plain = PlainData()
    keys = plain.write(other, dict, plain.baseline(one), plain.baseline(other), set()).keys
    assert keys is not None
    return keys


class TestPrints:
    """What PlainData takes for unchanged is stored as it was."""

    @given(DICTS)
    def test_the_same_data_has_not_changed(self, data: dict[str, Any]) -> None:
        plain = {key: value for key, value in data.items() if isinstance(value, (bool, float, NoneType))}
        assert looked_at(plain, deepcopy(plain)) <= {"null"}

    @given(DICTS, DICTS)
    def test_what_differs_is_among_the_changed(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        for key in (one.keys() | other.keys()) - looked_at(one, other):
            assert same(encode(one[key]), encode(other[key]))

    @given(DICTS, DICTS, st.randoms())
    def test_what_differs_among_much_that_does_not(
        self, one: dict[str, Any], some: dict[str, Any], random: Random
    ) -> None:
        other = deepcopy(one) | some
        for key in [*other]:
            if random.random() < 0.2:
                del other[key]
        for key in (one.keys() | other.keys()) - looked_at(one, other):
            assert same(encode(one[key]), encode(other[key]))

    def test_a_value_that_compares_only_with_its_own_kind(self) -> None:
        class Level(IntEnum):
            LOW = 1

            def __eq__(self, other: object) -> bool:
                assert isinstance(other, Level)
                return self is other

            __hash__ = IntEnum.__hash__

        assert looked_at({"x": None, "level": 2}, {"x": None, "level": Level.LOW}) == {"level"}

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (1, True),
            (1, 1.0),
            (1, 11),
            (11, 1),
            (0, -0.0),
            (None, math.nan),
            (None, math.inf),
            ([None, 1], [math.nan, 1]),
            ([None, {"a": (None,)}], [None, {"a": (math.inf,)}]),
            ([None], [Nothing.AT_ALL]),
            ("null", None),
            ("1", 1),
            ("", '","y":"'),
            ([1], [1, 1]),
            ({}, {"x": {}}),
            ({"a": 1}, {"a": 1, "b": None}),
            ({"a": None}, {}),
            (Decimal(1), Decimal(2)),
            ({1}, {2}),
            (b"1", "1"),
            ("2026-11-22", date(2026, 11, 22)),
            ("a", type("Text", (str,), {})("a")),
            ({}, 5),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("beside", [(), ("a", "z"), ("a",), ("z",)], ids=repr)
    def test_a_change_that_is_easily_missed(self, before: Any, after: Any, beside: tuple[str, ...]) -> None:
        def data(**x: Any) -> dict[str, Any]:
            return dict(sorted({**dict.fromkeys(beside, 1), **x}.items()))

        assert "x" in looked_at(data(x=before), data(x=after))
        assert "x" in looked_at(data(x=before), data())
        assert "x" in looked_at(data(), data(x=before))

    @pytest.mark.parametrize("beside", [1, b"1"], ids=repr)
    def test_nulls_inside_are_not_looked_at_again(self, beside: Any) -> None:
        messages = [{"text": "null", "calls": None, "score": 0.5}, {"calls": (None, True, "x")}]
        data = {"messages": messages, "none": None, "beside": beside}
        assert looked_at(data, deepcopy(data)) <= {"beside"}

    def test_what_stands_beside_a_change_is_not_looked_at(self) -> None:
        data: dict[str, Any] = {"a": 1, "none": None, "b": {"c": [1, None]}, "x": 1, "d": "text", "e": True}
        for x in (2, "1", [1], None):
            assert looked_at(data, data | {"x": x}) == {"x"}
        for odd in (Decimal(1), {1}, b"1"):
            assert looked_at(data, data | {"x": odd}) == {"x", "d"}
        assert looked_at(data, {key: value for key, value in data.items() if key != "x"}) == {"x", "d"}
        assert looked_at(data, {"new": 1, **data}) == {"new", "a"}
        assert looked_at(data, {**data, "new": 1}) == {"new", "e"}


MODELS = st.builds(
    Types,
    text=TEXT,
    whole=st.integers(-(10**30), 10**30),
    ratio=st.floats(-1e100, 1e100).filter(lambda ratio: not ratio or abs(ratio) > 1e-100),
    exact=st.decimals(-(10**20), 10**20, places=5),
    flag=st.booleans(),
    day=st.none() | st.dates(),
    moment=st.none() | st.datetimes(timezones=st.just(UTC)),
    span=st.none() | st.timedeltas(),
    key=st.none() | st.uuids(),
    colour=st.none() | st.sampled_from(Colour),
    size=st.none() | st.sampled_from(Size),
    names=st.sets(TEXT, max_size=3),
    days=st.sets(st.dates(), max_size=3),
    odd=st.sets(st.integers(-5, 5) | TEXT, max_size=3),
    by_number=st.dictionaries(st.integers(-5, 5), TEXT, max_size=3),
    pet=st.none()
    | st.builds(Cat, lives=st.integers(0, 9))
    | st.builds(Dog, tricks=st.lists(TEXT, max_size=2)),
    either=st.none() | st.integers(-5, 5) | TEXT,
    address=st.none() | st.builds(Address, city=TEXT),
    houses=st.lists(st.builds(Address, city=TEXT, tags=st.lists(TEXT, max_size=2)), max_size=2),
    anything=st.none() | st.integers(-9, 9) | st.floats(-1e6, 1e6).map(lambda number: round(number, 3)),
)


THEIRS = st.dictionaries(TEXT.filter(bool).map("their-{}".format), TEXT, max_size=2)


@given(MODELS, THEIRS)
def test_a_model_comes_back_beside_what_it_does_not_know(data: Types, theirs: dict[str, Any]) -> None:
    handled = ModelData(Types)
    _, baseline = handled.read(dict(theirs), "user.data")
    written = through_the_wire(written_by(handled, data, dict(theirs), baseline))
    assert theirs.items() <= written.items()
    back, _ = handled.read(through_the_wire(written), "user.data")
    assert back == data
    unchanged, baseline = handled.read(through_the_wire(written), "user.data")
    assert written_by(handled, unchanged, written, baseline) is written


@given(MODELS, MODELS)
def test_a_model_over_another(before: Types, after: Types) -> None:
    handled = ModelData(Types)
    stored = through_the_wire(written_by(handled, before, {}, handled.read({}, "user.data")[1]))
    data, baseline = handled.read(through_the_wire(stored), "user.data")
    for name in Types.model_fields:
        setattr(data, name, getattr(after, name))
    written = through_the_wire(written_by(handled, data, stored, baseline))
    assert handled.read(written, "user.data")[0] == after


@given(MODELS, MODELS, THEIRS, st.sets(st.sampled_from(sorted(Types.model_fields))), st.booleans())
def test_a_save_of_the_changed_fields_alone_writes_what_a_save_of_all_does(
    before: Types, after: Types, theirs: dict[str, Any], names: set[str], is_moved: bool
) -> None:
    handled = ModelData(Types)
    stored = through_the_wire(written_by(handled, before, theirs, handled.read({}, "user.data")[1]))
    data, baseline = handled.read(through_the_wire(stored), "user.data")
    whole = handled.baseline(data)
    for name in names:
        setattr(data, name, getattr(after, name))
    if is_moved and data.houses:
        data.address = data.houses[-1]
    quick = written_by(handled, data, stored, baseline)
    assert through_the_wire(quick) == through_the_wire(written_by(handled, data, stored, whole))
