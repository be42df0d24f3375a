"""A model that holds all as it is stored is written by less work, with the same result."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    RootModel,
    Tag,
    model_serializer,
    model_validator,
)

from async_dynamo_store.errors import UnsupportedValueError
from async_dynamo_store.records.data_model import runs_code
from async_dynamo_store.records.model_data import ModelData
from async_dynamo_store.wire.codec import encode
from tests.case_ids import case_id
from tests.unit.test_data_model import Colour, through_the_wire, written_by

DAY = date(2026, 11, 27)


class Inner(BaseModel):
    a: int = 1
    b: str | None = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    a: int = 1


class Fields(BaseModel):
    number: float = 0
    named: Inner = Inner()
    maybe: Inner | None = None
    listed: list[Inner] = []
    keyed: dict[str, Inner] = {}
    anything: Any = None
    opened: Open = Open()
    camel_case: int = Field(default=0, alias="camelCase")
    kept_out: int = Field(default=0, exclude=True)
    form: int = 1


class Outer(Fields):
    @model_validator(mode="after")
    def upgrade(self) -> Self:
        if self.camel_case == 1:
            self.form = 2
        return self


INNER = st.fixed_dictionaries(
    {}, optional={"a": st.integers(0, 2), "b": st.none() | st.text("xy"), "old": st.just(7)}
)
WHOLE = st.fixed_dictionaries({"a": st.integers(0, 2), "b": st.none() | st.text("xy")})
ANY = st.sampled_from([None, 0, 1, 1.5, True, "x", [], [1], {"a": True}, {"a": 1}])


def stored(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "number": st.sampled_from([0, 1, 1.5]),
            "named": inner,
            "maybe": st.none() | inner,
            "listed": st.lists(inner, max_size=2),
            "keyed": st.dictionaries(st.sampled_from("pq"), inner, max_size=2),
            "anything": ANY,
            "opened": st.dictionaries(st.sampled_from("ac"), st.integers(0, 2)),
            "camelCase": st.integers(0, 2),
            "kept_out": st.integers(0, 2),
            "theirs": ANY,
        },
    )


def inner_of(data: Fields, number: int) -> Inner:
    held = [data.named, data.maybe, *data.listed, *data.keyed.values()]
    found = [each for each in held if isinstance(each, Inner)]
    return found[number % len(found)]


def place(data: Fields, held: Inner, number: int) -> None:
    match number % 4:
        case 0:
            data.named = held
        case 1:
            data.maybe = held
        case 2:
            data.listed.append(held)
        case _:
            data.keyed["r"] = held


NUMBERS = st.integers(0, 11)
Step = Callable[[Fields], object]
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda n: lambda data: setattr(inner_of(data, n), "a", n), NUMBERS),
    st.builds(
        lambda n, b: lambda data: setattr(inner_of(data, n), "b", b), NUMBERS, st.none() | st.just("z")
    ),
    st.builds(lambda n, m: lambda data: place(data, inner_of(data, n), m), NUMBERS, NUMBERS),
    st.builds(lambda m: lambda data: place(data, Inner(), m), NUMBERS),
    st.builds(lambda n, m: lambda data: place(data, inner_of(data, n).model_copy(), m), NUMBERS, NUMBERS),
    st.builds(lambda value: lambda data: setattr(data, "anything", copy.deepcopy(value)), ANY),
    st.builds(lambda n: lambda data: setattr(data, "number", n), st.sampled_from([0, 1, 1.0, True])),
    st.builds(lambda n: lambda data: setattr(data, "camel_case", n), NUMBERS),
    st.builds(lambda n: lambda data: setattr(data, "kept_out", n), NUMBERS),
    st.builds(lambda n: lambda data: setattr(data.opened, "c", n), NUMBERS),
    st.just(lambda data: data.listed.clear()),
    st.just(lambda data: data.listed.reverse()),
    st.just(lambda data: data.keyed.clear()),
    st.just(lambda data: setattr(data, "maybe", None)),
    st.just(lambda data: setattr(data, "named", Inner())),
)


@given(stored(INNER) | stored(WHOLE), st.lists(STEPS, max_size=4), st.lists(STEPS, max_size=2))
def test_two_saves_write_what_they_write_with_all_parts(
    before: dict[str, Any], first: list[Step], second: list[Step]
) -> None:
    handled = ModelData(Outer)
    quick: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for is_quick, results in quick.items():
        data, baseline = handled.read(through_the_wire(before), "user.data")
        if not is_quick:
            baseline = handled.baseline(data)
        table = through_the_wire(before)
        for steps in (first, second):
            for step in steps:
                step(data)
            table = through_the_wire(written_by(handled, data, table, baseline))
            baseline = handled.baseline(data, baseline)
            results.append(table)
    assert list(map(encode, quick[True])) == list(map(encode, quick[False]))


UNCHECKED: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        lambda value: lambda data: setattr(data, "number", value), st.sampled_from(["1.5", "x", None, [1]])
    ),
    st.builds(
        lambda value: lambda data: setattr(data, "anything", value), st.sampled_from([DAY, (1,), {1: 2}])
    ),
    st.just(lambda data: data.listed.append({"a": 2})),
    st.just(lambda data: data.listed.append({"a": "x"})),
    st.just(lambda data: data.keyed.update({1: Inner()})),
    st.just(lambda data: setattr(data.named, "a", "3")),
)


@pytest.mark.parametrize("model", [Fields, Outer], ids=case_id)
@given(
    before=stored(INNER) | stored(WHOLE),
    first=st.lists(STEPS | UNCHECKED, max_size=3),
    second=st.lists(STEPS | UNCHECKED, max_size=2),
)
def test_members_that_are_validated_alone_are_written_as_if_all_were(
    model: type[Fields], before: dict[str, Any], first: list[Step], second: list[Step]
) -> None:
    results: dict[bool, list[Any]] = {True: [], False: []}
    for is_quick, tables in results.items():
        handled: ModelData[Any] = ModelData(model)
        if not is_quick:
            handled.__dict__["_independent_fields"] = {}
        data, baseline = handled.read(through_the_wire(before), "user.data")
        table = through_the_wire(before)
        for steps in (first, second):
            for step in steps:
                step(data)
            try:
                table = through_the_wire(written_by(handled, data, table, baseline))
            except UnsupportedValueError as error:
                tables.append(str(error))
                break
            baseline = handled.baseline(data, baseline)
            tables.append(encode(table))
    assert results[True] == results[False]


@pytest.mark.parametrize("named", [{"a": 1}, {"a": 1, "b": None}, {"a": 1, "old": 7}], ids=case_id)
def test_a_change_beside_a_member_that_is_held_as_it_is_stored_or_not(named: dict[str, Any]) -> None:
    handled = ModelData(Fields)
    data, baseline = handled.read({"named": dict(named), "theirs": 1}, "user.data")
    data.number = 2.5
    written = written_by(handled, data, {"named": named, "theirs": 1}, baseline)
    assert written == {"number": 2.5, "named": named, "theirs": 1}


def test_a_member_that_no_longer_fits_is_named() -> None:
    handled = ModelData(Fields)
    data, baseline = handled.read({"number": 1.5}, "user.data")
    data.number = "x"  # type: ignore[assignment]  # what is wrong is the test
    with pytest.raises(UnsupportedValueError, match="number") as refused:
        written_by(handled, data, {"number": 1.5}, baseline)
    assert "x" not in str(refused.value).split("number")[1].split()


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    tags: list[int] = []


def test_a_change_inside_a_frozen_model_and_of_what_it_does_not_know() -> None:
    handled = ModelData(Frozen)
    before = {"tags": [1], "theirs": {"x": 1}}
    data, baseline = handled.read(through_the_wire(before), "user.data")
    data.tags.append(2)
    assert written_by(handled, data, before, baseline) == before | {"tags": [1, 2]}
    assert data.model_extra is not None
    data.model_extra["theirs"]["x"] = 2
    assert written_by(handled, data, before, baseline) == {"tags": [1, 2], "theirs": {"x": 2}}


NAMED = {"a": 1, "b": None}


@pytest.mark.parametrize(
    ("before", "is_held"),
    [
        ({}, True),
        ({"number": 1, "named": NAMED, "theirs": {"x": 1}}, True),
        ({"listed": [NAMED], "keyed": {"p": NAMED}, "opened": {"a": 1, "c": 2}, "kept_out": 1}, True),
        ({"camelCase": 1, "form": 2}, True),
        ({"named": {"a": 1}}, False),
        ({"named": NAMED | {"old": 7}}, False),
        ({"number": Decimal("1.23456789012345678901")}, False),
        ({"camelCase": 1}, False),
        ({"camelCase": 1, "form": 1}, False),
        ({"anything": {1, 2}}, False),
    ],
    ids=case_id,
)
def test_what_is_held_as_it_is_stored(before: dict[str, Any], is_held: bool) -> None:
    handled = ModelData(Outer)
    data, baseline = handled.read(through_the_wire(before), "user.data")
    assert (baseline.parts is None) == is_held
    data.number += 5
    data.named.a = 8
    written = written_by(handled, data, through_the_wire(before), baseline)
    assert written == before | {
        "number": data.number,
        "named": before.get("named", NAMED) | {"a": 8},
        **({"form": 2} if "camelCase" in before else {}),
    }


class Changing(BaseModel):
    kept: int = 0

    @model_validator(mode="before")
    @classmethod
    def take(cls, values: dict[str, Any]) -> dict[str, Any]:
        values.pop("old", None)
        return values


def test_a_validator_that_changes_the_stored_map() -> None:
    handled = ModelData(Changing)
    data, baseline = handled.read({"kept": 1, "old": {"x": 1}}, "user.data")
    data.kept = 2
    assert written_by(handled, data, {"kept": 1, "old": {"x": 1}}, baseline) == {"kept": 2, "old": {"x": 1}}


class Loose(BaseModel):
    value: Any = None
    ratio: float | None = None


class Rooted(RootModel[dict[str, int]]):
    pass


class Written(BaseModel):
    one: int = 0
    two: int = 0

    @model_serializer
    def write(self) -> dict[str, int]:
        return {"one": self.one, "sum": self.one + self.two} if self.two else {"one": self.one}


@pytest.mark.parametrize(
    ("model", "before", "handler", "after"),
    [
        (Loose, {"value": 1}, lambda data: setattr(data, "value", True), {"value": True}),
        (Loose, {"value": True}, lambda data: setattr(data, "value", 1), {"value": 1}),
        (Loose, {"value": "red"}, lambda data: setattr(data, "value", Colour.RED), {"value": "red"}),
        (Loose, {"value": ["a"]}, lambda data: setattr(data, "value", ("a",)), {"value": ["a"]}),
        (Loose, {"value": {"1": 2}}, lambda data: setattr(data, "value", {1: 2}), {"value": {"1": 2}}),
        (Loose, {"value": "2026-11-27"}, lambda data: setattr(data, "value", DAY), {"value": "2026-11-27"}),
        (Loose, {"value": 1}, lambda data: setattr(data, "value", None), {"value": None}),
        (Loose, {"value": 1}, lambda data: setattr(data, "ratio", None), {"value": 1, "ratio": None}),
        (Rooted, {"a": 1}, lambda data: data.root.update(b=2), {"a": 1, "b": 2}),
        (Rooted, {"a": 1, "b": 2}, lambda data: data.root.pop("b"), {"a": 1}),
        (Written, {"one": 1}, lambda data: setattr(data, "one", 2), {"one": 2}),
    ],
    ids=case_id,
)
def test_what_is_written_of_a_changed_member(
    model: type[BaseModel], before: dict[str, Any], handler: Callable[[Any], object], after: dict[str, Any]
) -> None:
    handled: ModelData[Any] = ModelData(model)
    data, baseline = handled.read(through_the_wire(before), "user.data")
    handler(data)
    assert encode(written_by(handled, data, through_the_wire(before), baseline)) == encode(after)


@pytest.mark.parametrize(
    ("model", "name", "before"),
    [
        (Loose, "ratio", {}),
        (Loose, "ratio", {"ratio": None}),
        (Loose, "ratio", {"ratio": 1.5}),
        (Outer, "number", {"number": 1.5}),
    ],
    ids=case_id,
)
def test_not_a_number_is_a_change_that_dynamodb_cannot_keep(
    model: type[BaseModel], name: str, before: dict[str, Any]
) -> None:
    handled: ModelData[Any] = ModelData(model)
    data, baseline = handled.read(through_the_wire(before), "user.data")
    setattr(data, name, float("nan"))
    assert repr(written_by(handled, data, through_the_wire(before), baseline)[name]) == "nan"


class AfterInit(BaseModel):
    value: list[int] = []

    def model_post_init(self, context: Any, /) -> None:
        self.value.append(1)


class OwnInit(BaseModel):
    value: Any = None

    def __init__(self, **values: Any) -> None:
        values.get("value", []).append(1)
        super().__init__(**values)


class NamedDefault(BaseModel):
    default: Annotated[Any, BeforeValidator(lambda value: value)] = None


class Nested(BaseModel):
    type: str = ""
    inner: dict[str, list[Changing]] = {}


class Chosen(BaseModel):
    pet: Annotated[
        Annotated[Inner, Tag("a")] | Annotated[Loose, Tag("b")],
        Discriminator(lambda value: "a" if value else "b"),
    ] = Inner()


class Serialized(BaseModel):
    value: Annotated[int, PlainSerializer(str)] = 0
    default: int = Field(default_factory=int)


@pytest.mark.parametrize(
    ("model", "runs"),
    [
        *((model, True) for model in (Outer, Changing, AfterInit, OwnInit, NamedDefault, Nested, Chosen)),
        *((model, False) for model in (Inner, Open, Loose, Rooted, Written, Serialized)),
    ],
    ids=case_id,
)
def test_which_models_run_code_when_they_validate(model: type[BaseModel], runs: bool) -> None:
    assert runs_code(model.__pydantic_core_schema__) == runs


@pytest.mark.parametrize(
    ("model", "before"), [(AfterInit, {"value": [5]}), (OwnInit, {"value": [5]})], ids=case_id
)
def test_what_a_model_adds_when_it_is_made_is_written_with_the_next_change(
    model: type[BaseModel], before: dict[str, Any]
) -> None:
    handled: ModelData[Any] = ModelData(model)
    data, baseline = handled.read(through_the_wire(before), "user.data")
    assert written_by(handled, data, through_the_wire(before), baseline) == before
    data.value.append(9)
    assert written_by(handled, data, through_the_wire(before), baseline) == {"value": [5, 1, 9]}


class Array:
    """Like numpy's: whether two are equal has no one answer."""

    def __eq__(self, other: object) -> bool:
        raise ValueError

    __hash__ = object.__hash__


@pytest.mark.parametrize("before", [1, [1], {"a": 1}], ids=case_id)
def test_what_cannot_be_compared_is_left_to_the_codec(before: Any) -> None:
    handled = ModelData(Loose)
    data, baseline = handled.read({"value": before}, "user.data")
    data.value = Array()
    with pytest.raises(UnsupportedValueError, match="Array"):
        encode(written_by(handled, data, {"value": before}, baseline))


class Required(BaseModel):
    count: int
    name: str = Field(default="", alias="name", validation_alias=AliasChoices("name", "old"))  # type: ignore[pydantic-alias]  # mypy's plugin knows no choices


class Wider(Required):
    count: int | str  # type: ignore[assignment]  # the subclass accepts what its base does not


class Copied(BaseModel):
    count: int = 0

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        raise AssertionError


class FromAnother(BaseModel):
    count: int = 0
    most: int = Field(default_factory=lambda fields: fields["count"] + 1, le=9, validate_default=True)


class Best(BaseModel):
    seconds: float | None = math.inf


class Records(BaseModel):
    best: Best = Best()
    laps: list[float | None] = [math.nan]


@pytest.mark.parametrize(
    "handler",
    [
        lambda data: delattr(data, "count"),
        lambda data: Required.model_construct(name="b"),  # type: ignore[call-arg]  # what is wrong is the test
        lambda data: Wider(count="x"),
    ],
    ids=["deleted", "not constructed", "accepted by a subclass"],
)
def test_what_could_not_be_loaded_again_is_not_written(
    handler: Callable[[Required], Required | None],
) -> None:
    before = {"count": 1, "name": "a"}
    handled = ModelData(Required)
    data, baseline = handled.read(dict(before), "user.data")
    data = handler(data) or data
    with pytest.raises(UnsupportedValueError, match="does not fit Required any more"):
        written_by(handled, data, before, baseline)


def test_a_deleted_field_is_not_read_from_an_older_key() -> None:
    before = {"count": 1, "name": "a", "old": "b"}
    handled = ModelData(Required)
    data, baseline = handled.read(dict(before), "user.data")
    del data.name
    assert written_by(handled, data, before, baseline) == {"count": 1}


def test_a_save_calls_no_method_of_the_model() -> None:
    handled = ModelData(Copied)
    data, baseline = handled.read({"count": 1}, "user.data")
    data.count = 2
    assert written_by(handled, data, {"count": 1}, baseline) == {"count": 2}


def test_a_default_made_of_another_field_is_written_if_it_would_not_fit() -> None:
    handled = ModelData(FromAnother)
    data, baseline = handled.read({"count": 1}, "user.data")
    data.count = 20
    assert written_by(handled, data, {"count": 1}, baseline) == {"count": 20, "most": 2}


def test_a_default_that_json_cannot_represent_can_be_set_to_none() -> None:
    handled = ModelData(Records)
    data, baseline = handled.read({}, "user.data")
    data.best.seconds = None
    data.laps[0] = None
    assert written_by(handled, data, {}, baseline) == {"best": {"seconds": None}, "laps": [None]}
