"""What is written can be loaded by the same model, and how often its validators run for that."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from math import ceil, log2
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)

from async_dynamo_store.errors import UnreadableItemError, UnsupportedValueError
from async_dynamo_store.records.model_data import ModelData
from async_dynamo_store.wire.codec import decode, encode
from tests.case_ids import case_id
from tests.unit.strategies import TEXT
from tests.unit.test_data_model import Picky, Strict, Types, written_by


def stored_by(
    handled: ModelData[Any], stored: dict[str, Any], handler: Callable[[Any], object], *, as_null: bool = True
) -> dict[str, Any]:
    """What is stored after a handler, as a store with `empty_strings="null"` writes it."""
    data, baseline = handled.read(decode(encode(stored)), "user.data")
    handler(data)
    written = written_by(handled, data, decode(encode(stored)), baseline)
    result: dict[str, Any] = decode(encode(written, empty_strings_as_null=as_null))
    return result


class Mood(StrEnum):
    NONE = ""
    GOOD = "good"


class Inner(BaseModel):
    text: str = ""


@dataclass
class Held:
    text: str = ""


class Empty(BaseModel):
    text: str = "x"
    maybe: str | None = "x"
    literal: Literal["", "a"] = "a"
    mood: Mood = Mood.GOOD
    secret: SecretStr = SecretStr("x")
    number_or_text: int | str = 1
    text_or_list: str | list[str] = "x"
    inner: Inner = Inner(text="x")
    inners: list[Inner] = []
    texts: list[str] = []
    pairs: list[tuple[str, int]] = []
    by_name: dict[str, str] = {}
    models: dict[str, Inner] = {}
    held: Held = Held("x")
    anything: Any = "x"
    maybes: list[str | None] = []
    alias: str = Field("x", alias="anAlias")
    either: Annotated[Inner | Held, Field(union_mode="left_to_right")] = Inner(text="x")


EMPTY: list[tuple[str, Any, Any]] = [
    ("text", "", ""),
    ("maybe", "", None),
    ("literal", "", ""),
    ("mood", Mood.NONE, Mood.NONE),
    ("secret", SecretStr(""), SecretStr("")),
    ("number_or_text", "", ""),
    ("text_or_list", "", ""),
    ("text_or_list", ["", "a"], ["", "a"]),
    ("inner", Inner(), Inner()),
    ("inners", [Inner(), Inner(text="a"), Inner()], [Inner(), Inner(text="a"), Inner()]),
    ("texts", ["", "a", ""], ["", "a", ""]),
    ("pairs", [("", 1)], [("", 1)]),
    ("by_name", {"a": "", "b": "b"}, {"a": "", "b": "b"}),
    ("models", {"a": Inner()}, {"a": Inner()}),
    ("held", Held(), Held()),
    ("anything", "", None),
    ("anything", {"a": ["", {"b": ""}]}, {"a": [None, {"b": None}]}),
    ("maybes", ["", None], [None, None]),
    ("alias", "", ""),
    ("either", Inner(), Inner()),
]


@pytest.mark.parametrize(("name", "value", "read"), EMPTY, ids=case_id)
def test_an_empty_string_that_is_stored_as_null_is_read_again(name: str, value: Any, read: Any) -> None:
    handled = ModelData(Empty, empty_strings_as_null=True)
    stored = stored_by(handled, {}, lambda data: setattr(data, name, value))
    assert '""' not in repr(stored).replace("''", '""')
    data, _ = handled.read(stored, "user.data")
    assert getattr(data, name) == read
    # A save of something else leaves it as it is.
    again = stored_by(handled, stored | {"theirs": None}, lambda data: setattr(data, "literal", "a"))
    assert again == stored | {"theirs": None, "literal": "a"}


@given(
    st.builds(
        Empty, text=TEXT, texts=st.lists(TEXT), by_name=st.dictionaries(TEXT.filter(bool), TEXT), anAlias=TEXT
    )
)
def test_texts_are_read_again(data: Empty) -> None:
    handled = ModelData(Empty, empty_strings_as_null=True)

    def handler(made: Any) -> None:
        for name in Empty.model_fields:
            setattr(made, name, getattr(data, name))

    stored = stored_by(handled, {}, handler)
    assert handled.read(stored, "user.data")[0].model_dump() == data.model_dump()


def test_a_null_of_another_writer_is_an_empty_string_where_the_model_takes_no_none() -> None:
    handled = ModelData(Empty)
    data, _ = handled.read({"text": None, "maybe": None, "inners": [{"text": None}]}, "user.data")
    assert (data.text, data.maybe, data.inners[0].text) == ("", None, "")


def test_a_null_where_an_empty_string_does_not_fit_either() -> None:
    with pytest.raises(UnreadableItemError, match="age: Input should be a valid integer"):
        ModelData(Picky).read({"age": None}, "user.data")
    with pytest.raises(UnreadableItemError, match=r"age: .*colour: "):
        ModelData(Picky).read({"age": 1.5, "colour": None}, "user.data")


def shout(value: Any) -> Any:
    return value.strip().upper()


class Careless(BaseModel):
    """Its validators are not made for None."""

    shouted: Annotated[str, BeforeValidator(shout)] = "X"
    named: str = "x"

    @field_validator("named", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value is None:
            raise TypeError("what is this?")
        return value


@pytest.mark.parametrize("name", ["shouted", "named"])
def test_what_the_model_could_not_load_is_refused(name: str) -> None:
    handled = ModelData(Careless, empty_strings_as_null=True)
    with pytest.raises((AttributeError, TypeError)):
        stored_by(handled, {}, lambda data: setattr(data, name, ""))
    assert stored_by(ModelData(Careless), {}, lambda data: setattr(data, name, ""), as_null=False) == {
        name: ""
    }


class NotEmpty(BaseModel):
    name: Annotated[str, Field(min_length=1)] = "x"


def test_an_empty_string_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UnsupportedValueError, match="name: "):
        stored_by(ModelData(NotEmpty, empty_strings_as_null=True), {}, lambda data: setattr(data, "name", ""))


class Unsteady(BaseModel):
    """Nothing of it comes out the same twice."""

    name: str = ""
    seen: int = 0
    salted: str = ""
    visits: list[Inner] = []

    @model_validator(mode="after")
    def _now(self) -> Unsteady:
        self.__dict__["seen"] = next(TICKS)
        return self

    @field_serializer("salted")
    def _salt(self, value: str) -> str:
        return f"{value.partition('$')[0]}${next(TICKS)}"

    @field_validator("visits")
    @classmethod
    def _stamp(cls, visits: list[Inner]) -> list[Inner]:
        return [visit.model_copy(update={"text": f"{next(TICKS)}"}) for visit in visits]


TICKS = itertools.count(1)


def test_what_is_no_function_of_its_input_costs_no_unknown_key() -> None:
    stored = {
        "theirs": 1,
        "salted": "a",
        "visits": [{"text": "1", "note": 1}, {"text": "2", "note": 2}],
        "more": {"a": 1},
    }
    written = stored_by(ModelData(Unsteady), stored, lambda data: setattr(data, "name", "Ada"))
    assert written["name"] == "Ada"
    assert (written["theirs"], written["more"]) == (1, {"a": 1})
    assert [visit["note"] for visit in written["visits"]] == [1, 2]


class Upgraded(Unsteady):
    """And it reads older data."""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: Any) -> Any:
        return values | {"name": values["full_name"]} if "full_name" in values else values


def test_older_data_is_found_beside_what_changes_each_time() -> None:
    written = stored_by(
        ModelData(Upgraded), {"full_name": "A", "theirs": 1}, lambda data: setattr(data, "name", "Ada")
    )
    assert "full_name" not in written
    assert (written["name"], written["theirs"]) == ("Ada", 1)


class Throwing(BaseModel):
    """The upgrade of an older one, which takes it for granted that what belongs together is together."""

    name: str = ""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: Any) -> Any:
        return values | {"name": f"{values['first']} {values['last']}"} if "first" in values else values


def test_a_validator_that_raises_what_it_likes() -> None:
    stored = {"first": "A", "last": "B", "theirs": 1}
    written = stored_by(ModelData(Throwing), stored, lambda data: setattr(data, "name", "Ada"))
    assert written == {"last": "B", "theirs": 1, "name": "Ada"}


class Nested(BaseModel):
    members: list[Throwing] = []
    by_name: dict[str, Throwing] = {}


def test_older_data_inside() -> None:
    old = {"first": "A", "last": "B", "theirs": 1}
    stored = {"members": [old, {"name": "C", "theirs": 2}], "by_name": {"a": old}}

    def handler(data: Any) -> None:
        data.members[0].name = "Ada"

    written = stored_by(ModelData(Nested), stored, handler)
    assert written["members"] == [{"last": "B", "theirs": 1, "name": "Ada"}, {"name": "C", "theirs": 2}]
    assert written["by_name"] == {"a": old | {"name": "A B"}}


class Versioned(BaseModel):
    """It takes data without a version for older data."""

    version: int = 2
    score: int = 0

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: Any) -> Any:
        if "version" not in values and "score" in values:
            return values | {"score": values["score"] * 100}
        return values


def test_a_default_that_is_left_away_is_written_where_the_model_needs_it() -> None:
    handled = ModelData(Versioned)
    written = stored_by(
        handled, {"score": 5, "theirs": 1}, lambda data: setattr(data, "score", data.score + 1)
    )
    assert written == {"version": 2, "score": 501, "theirs": 1}
    assert handled.read(written, "user.data")[0].score == 501


class Unclear(BaseModel):
    """Two runs of it agree, and tell nothing of the next ones."""

    name: str = ""

    @field_validator("name")
    @classmethod
    def _numbered(cls, value: str) -> str:
        RUNS.append(1)
        return value if len(RUNS) in (1, 3, 4) else f"{value}{len(RUNS)}"


def test_where_nothing_can_be_told_unknown_keys_stay() -> None:
    RUNS.clear()
    stored = {"name": "", "theirs": 1}
    assert stored_by(ModelData(Unclear), stored, lambda data: setattr(data, "name", "Ada")) == {
        "name": "Ada",
        "theirs": 1,
    }
    assert len(RUNS) == 6


class Required(BaseModel):
    hidden: str = Field(exclude=True)
    name: str = ""

    @field_validator("name")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()


def test_a_field_that_is_not_dumped_stays() -> None:
    handled = ModelData(Required)
    assert stored_by(handled, {"hidden": "h"}, lambda data: setattr(data, "name", "ada")) == {
        "hidden": "h",
        "name": "ada",
    }


class Many(BaseModel):
    """Of each kind that is easily forgotten."""

    model_config = ConfigDict(validate_assignment=True)
    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    share: Decimal = Decimal(0)
    raw: bytes = b""
    names: set[str] = set()
    made: list[int] = Field(default_factory=lambda: [1])
    _private: int = PrivateAttr(5)

    @computed_field  # type: ignore[prop-decorator]  # mypy's issue 1362
    @property
    def total(self) -> int:
        return sum(self.made)


def test_kinds_of_fields() -> None:
    def handler(data: Any) -> None:
        data._private = 6
        data.share = Decimal("0.10")
        data.names = {"b", "a"}
        data.moment = datetime(2026, 2, 2, tzinfo=UTC)

    stored = stored_by(ModelData(Many), {"theirs": 1, "total": 99}, handler)
    assert stored == {
        "theirs": 1,
        "total": 99,
        "share": 0.1,
        "names": {"a", "b"},
        "moment": "2026-02-02T00:00:00Z",
    }
    assert stored_by(ModelData(Many), stored, lambda data: data.made.append(2)) == stored | {"made": [1, 2]}


class Forbidding(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = ""


def test_what_a_model_forbids_is_unreadable() -> None:
    with pytest.raises(UnreadableItemError, match="theirs: Extra inputs are not permitted"):
        ModelData(Forbidding).read({"theirs": 1}, "user.data")


class Counting(BaseModel):
    name: str = ""
    kind: str = ""
    maybe: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _count(cls, values: Any) -> Any:
        RUNS.append(1)
        full = {"name": values["full_name"]} if "full_name" in values else {}
        both = {"name": values["first"] + values["last"]} if {"first", "last"} <= values.keys() else {}
        return values | full | both


class Lower(Counting):
    @field_validator("name")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.lower()


class Stamped(Counting):
    seen: int = 0

    @model_validator(mode="after")
    def _now(self) -> Stamped:
        self.__dict__["seen"] = next(TICKS)
        return self


RUNS: list[int] = []
UNKNOWN = {f"theirs{number}": number for number in range(100)}
SEARCH = ceil(log2(102)) + 2


@pytest.mark.parametrize(
    ("model", "stored", "name", "most"),
    [
        (Counting, UNKNOWN, None, 0),
        (Counting, UNKNOWN, "Ada", 1),
        (Counting, {}, "Ada", 1),
        (Lower, UNKNOWN, "ada", 1),
        (Lower, UNKNOWN, "ADA", 2),
        (Stamped, UNKNOWN, "Ada", 3),
        (Counting, UNKNOWN | {"full_name": "A"}, "Ada", 5 + SEARCH),
        (Counting, UNKNOWN | {"full_name": "A", "first": "B", "last": "C"}, "Ada", 5 + 3 * SEARCH),
    ],
    ids=range(8),
)
def test_how_often_validators_run(
    model: type[BaseModel], stored: dict[str, Any], name: str | None, most: int
) -> None:
    handled: ModelData[Any] = ModelData(model)
    RUNS.clear()
    data, baseline = handled.read(dict(stored), "user.data")
    assert len(RUNS) == 1
    if name:
        data.name = name
    written = written_by(handled, data, stored, baseline)
    assert len(RUNS) - 1 <= most
    assert UNKNOWN.items() <= written.items() or not stored
    assert "full_name" not in written
    assert written.get("name") == name


def test_strict_models_are_validated_once() -> None:
    handled = ModelData(Strict)
    assert handled.read({"day": "2026-01-01", "share": "0.5"}, "user.data")[0].share == Decimal("0.5")


def test_a_null_costs_one_run_more() -> None:
    handled = ModelData(Counting, empty_strings_as_null=True)
    RUNS.clear()
    data, baseline = handled.read({"name": None, "kind": None}, "user.data")
    assert len(RUNS) == 2
    data.maybe = "x"
    assert written_by(handled, data, {"name": None, "kind": None}, baseline) == {
        "name": "",
        "kind": "",
        "maybe": "x",
    }
    assert len(RUNS) == 4


@given(TEXT, st.dictionaries(TEXT.filter(bool).map("their-{}".format), TEXT, max_size=4))
def test_unknown_keys_stay_whatever_the_validators_do(name: str, theirs: dict[str, Any]) -> None:
    for model in (Unsteady, Upgraded, Lower):
        written = stored_by(ModelData(model), theirs, lambda data: setattr(data, "name", name), as_null=False)
        assert theirs.items() <= written.items()


def test_types_are_read_in_one_run() -> None:
    stored = {"exact": Decimal("0.12345678901234567890123"), "day": "2026-01-02", "by_number": {"7": "x"}}
    assert stored_by(
        ModelData(Types), stored, lambda data: setattr(data, "text", "a"), as_null=False
    ) == stored | {"text": "a"}
