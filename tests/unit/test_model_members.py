"""What a model does not know belongs to a member, and goes where that member goes."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable
from copy import deepcopy
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    SerializeAsAny,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from tests.unit.test_data_model import write


class Member(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)
    name: str = ""
    how_many: int = 0


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str = ""


class WithId(BaseModel):  # noqa: PLW1641 - as users write it
    id: int
    name: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WithId) and other.id == self.id


@dataclasses.dataclass
class Point:
    name: str = ""


class Text(TypedDict):
    name: NotRequired[str]


class Pair(NamedTuple):
    left: Member
    right: Member


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    name: str = ""


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    name: str = ""


class Group(BaseModel):
    name: str = ""
    members: list[Member] = []


class Listed(RootModel[list[Member]]):
    root: list[Member] = []


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = ""


class Hidden(BaseModel):
    name: str = ""
    secret: str = Field(exclude=True)


class Everything(BaseModel):
    name: str = ""
    items: list[Member] = []
    done: list[Member] = []
    frozen: list[Frozen] = []
    identified: list[WithId] = []
    points: list[Point] = []
    texts: list[Text] = []
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    tuples: tuple[Member, ...] = ()
    queue: deque[Member] = deque()
    pair: Pair | None = None
    people: dict[str, Member] = {}
    numbered: dict[int, Member] = {}
    grid: list[list[Member]] = []
    groups: list[Group] = []
    listed: Listed = Listed()
    loose: list[Loose] = []
    hidden: list[Hidden] = []
    home: Member = Member()
    work: Member = Member()
    best: Frozen = Frozen()
    mixed: list[Member | int | str] = []
    plain: Annotated[
        list[Member], PlainSerializer(lambda members: [each.model_dump() for each in members[::-1]])
    ] = []


A, B, C = ({"name": name, "note": f"note of {name}"} for name in "ABC")
NEW = {"name": "N", "howMany": 0}


def known(member: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**member, **changes}.items() if key != "note"}


def pop_and_append(data: Any) -> None:
    data.items.pop(0)
    data.items.append(Member(name="N"))


def rename(data: Any) -> None:
    data.people["Z"] = data.people.pop("A")
    data.people["A"] = Member(name="N")


def swap(data: Any) -> None:
    data.home, data.work = data.work, data.home


def finish(data: Any) -> None:
    data.done.append(data.items.pop(0))


def change_and_move(data: Any) -> None:
    data.items[0].how_many = 7
    data.items.reverse()


def regroup(data: Any) -> None:
    data.groups[1].members.append(data.groups[0].members.pop(0))
    data.groups.reverse()


def change_equal_ones(data: Any) -> None:
    data.items[0].how_many = 1
    data.items.reverse()


def leave_home(data: Any) -> None:
    data.items.append(data.home)
    data.home = Member(name="N")


def new_root(data: Any) -> None:
    data.listed = Listed([data.listed.root[1], Member(name="N")])


Handler = Callable[[Any], object]
MOVES: list[tuple[str, str, Any, Handler, Any]] = [
    ("pop, append", "items", [A, B], pop_and_append, [B, NEW]),
    ("reverse", "items", [A, B, C], lambda data: data.items.reverse(), [C, B, A]),
    ("another one in place", "items", [A, B], lambda data: data.items.__setitem__(0, Member(name="N")), [NEW, B]),
    ("another one in front", "items", [A], lambda data: data.items.insert(0, Member(name="N")), [NEW, A]),
    ("sort", "items", [C, A, B], lambda data: data.items.sort(key=lambda each: each.name), [A, B, C]),
    ("remove", "items", [A, B, C], lambda data: data.items.pop(1), [A, C]),
    ("changed in place", "items", [A, B], lambda data: setattr(data.items[1], "name", "X"), [A, B | {"name": "X"}]),
    ("changed and moved", "items", [A, B], change_and_move, [B, A | {"howMany": 7}]),
    ("a field of the alias", "items", [A], lambda data: setattr(data.items[0], "how_many", 3), [A | {"howMany": 3}]),
    ("equal ones", "items", [A, A | {"note": 2}], change_equal_ones, [A | {"note": 2}, A | {"howMany": 1}]),
    ("twice in it", "items", [A], lambda data: data.items.append(data.items[0]), [A, A]),
    ("a new list", "items", [A, B], lambda data: setattr(data, "items", [data.items[1]]), [B]),
    ("copies", "items", [A, B], lambda data: setattr(data, "items", deepcopy(data.items)[::-1]), [B, A]),
    (
        "copies of equal ones, at their places",
        "items",
        [A, A | {"note": 2}, B],
        lambda data: setattr(data, "items", [*deepcopy(data.items)[:2], Member(name="N")]),
        [A, A | {"note": 2}, NEW],
    ),
    (
        "copies of equal ones, elsewhere: nobody knows which is which",
        "items",
        [B, A, A | {"note": 2}],
        lambda data: setattr(data, "items", deepcopy(data.items)[1:2] * 2),
        [known(A, howMany=0), A],
    ),
    (
        "a changed copy is another one",
        "frozen",
        [A, B],
        lambda data: data.frozen.__setitem__(0, data.frozen[0].model_copy(update={"name": "X"})),
        [{"name": "X"}, B],
    ),
    (
        "unless the model says that it equals",
        "identified",
        [A | {"id": 1}, B | {"id": 2}],
        lambda data: setattr(data, "identified", [WithId(id=3), WithId(id=2, name="X"), WithId(id=1, name="A")]),
        [{"id": 3, "name": ""}, B | {"id": 2, "name": "X"}, A | {"id": 1}],
    ),
    ("dataclasses", "points", [A, B], lambda data: data.points.reverse(), [B, A]),
    ("typed dicts", "texts", [A, B], lambda data: data.texts.reverse(), [B, A]),
    ("unions", "pets", [A | {"kind": "cat"}, B | {"kind": "dog"}], lambda data: data.pets.pop(0), [B | {"kind": "dog"}]),
    ("mixed with scalars", "mixed", [1, A, "x", B], lambda data: data.mixed.reverse(), [B, "x", A, 1]),
    ("tuples", "tuples", [A, B], lambda data: setattr(data, "tuples", data.tuples[::-1]), [B, A]),
    ("deques", "queue", [A, B], lambda data: data.queue.rotate(1), [B, A]),
    ("named tuples", "pair", [A, B], lambda data: setattr(data, "pair", Pair(*data.pair[::-1])), [B, A]),
    ("lists of lists", "grid", [[A], [B, C]], lambda data: data.grid.reverse(), [[B, C], [A]]),
    ("out of a list of lists", "grid", [[A, B]], lambda data: data.grid.insert(0, [data.grid[0].pop()]), [[B], [A]]),
    ("a root model", "listed", [A, B], lambda data: data.listed.root.reverse(), [B, A]),
    ("a new root model", "listed", [A, B], new_root, [B, NEW]),
    ("all is known", "loose", [A, B], lambda data: setattr(data, "loose", [Loose(name="N")]), [{"name": "N"}]),
    ("left out of the dump", "hidden", [A | {"secret": "s"}], lambda data: setattr(data, "name", "X"), [A | {"secret": "s"}]),
    ("a key is renamed", "people", {"A": A, "B": B}, rename, {"Z": A, "A": NEW, "B": B}),
    ("a key goes", "people", {"A": A, "B": B}, lambda data: data.people.pop("A"), {"B": B}),
    ("a value of a key", "people", {"A": A}, lambda data: data.people.update(A=Member(name="X")), {"A": A | {"name": "X"}}),
    ("numbered keys", "numbered", {"1": A, "2": B}, lambda data: data.numbered.update({3: data.numbered.pop(1)}), {"3": A, "2": B}),
    (
        "another type under a name",
        "pet",
        A | {"kind": "cat"},
        lambda data: setattr(data, "pet", Dog(name="A")),
        {"kind": "dog", "name": "A"},
    ),
    ("a field's frozen model", "best", A, lambda data: setattr(data, "best", Frozen(name="X")), A | {"name": "X"}),
    (
        "a field's model in a list",
        "home",
        A,
        leave_home,
        NEW,
    ),
    ("a list that a serializer turns round", "plain", [A, B], lambda data: data.plain[0], [A, B]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "stored", "handler", "after"), [each[1:] for each in MOVES], ids=[each[0] for each in MOVES]
)
def test_it_goes_where_its_member_goes(field: str, stored: Any, handler: Handler, after: Any) -> None:
    assert write({field: stored}, handler, Everything)[field] == after


def test_from_one_list_to_another() -> None:
    assert write({"items": [A, B], "done": [C]}, finish, Everything) == {"items": [B], "done": [C, A]}


def test_from_one_field_to_another() -> None:
    assert write({"home": A, "work": B}, swap, Everything) == {"home": B, "work": A}


def test_from_a_group_to_another() -> None:
    one, other = {"name": "1", "members": [A, B], "note": 1}, {"name": "2", "members": [C], "note": 2}
    assert write({"groups": [one, other]}, regroup, Everything) == {
        "groups": [other | {"members": [C, A]}, one | {"members": [B]}]
    }


def test_a_default_that_several_fields_share_is_nobody_in_particular() -> None:
    class Shared(BaseModel):
        one: Frozen = Frozen()
        other: Frozen = Frozen()
        count: int = 0

        @field_validator("one", "other")
        @classmethod
        def _interned(cls, value: Frozen) -> Frozen:
            return INTERNED.setdefault(value.name, value)

    assert write({"one": A, "other": A | {"note": 2}}, lambda data: setattr(data, "count", 1), Shared) == {
        "one": A,
        "other": A | {"note": 2},
        "count": 1,
    }


INTERNED: dict[str, Frozen] = {}


def test_a_model_that_copies_what_is_set() -> None:
    class Copied(Member):
        model_config = ConfigDict(revalidate_instances="always")

    class Copying(BaseModel):
        model_config = ConfigDict(validate_assignment=True)
        items: list[Copied] = []

    assert write({"items": [A, B]}, lambda data: setattr(data, "items", data.items[::-1]), Copying) == {
        "items": [B, A]
    }


def test_instances_of_a_subclass() -> None:
    class Special(Member):
        extra: int = 1

    class Holding(BaseModel):
        items: list[SerializeAsAny[Member]] = []
        best: SerializeAsAny[Member] = Member()

    def handler(data: Any) -> None:
        data.items.insert(0, Special(name="S", extra=2))
        data.best = Special(name="X")

    assert write({"items": [A], "best": B}, handler, Holding) == {
        "items": [{"name": "S", "howMany": 0, "extra": 2}, A],
        "best": B | {"name": "X", "extra": 1},
    }


class Sorted(BaseModel):
    """Its validators hand over other lists than are stored."""

    items: list[Member] = []
    few: list[Member] = []
    upper: list[Member] = []
    count: int = 0

    @field_validator("items")
    @classmethod
    def _sort(cls, value: list[Member]) -> list[Member]:
        return sorted(value, key=lambda each: each.name)

    @field_validator("few")
    @classmethod
    def _drop(cls, value: list[Member]) -> list[Member]:
        return [each for each in value if each.name != "A"]

    @field_validator("upper")
    @classmethod
    def _upper(cls, value: list[Member]) -> list[Member]:
        return [each.model_copy(update={"name": each.name.upper()}) for each in value]


@pytest.mark.parametrize(
    ("field", "stored", "after"),
    [
        ("items", [C, A, B], [A, B, C]),
        ("items", [B, A, A | {"note": 2}], [known(A), known(A), B]),
        ("items", [{"name": "B", "howMany": None}, A], [A, {"name": "B", "howMany": 0}]),
        ("few", [A, B, C], [B, C]),
        ("upper", [A | {"name": "a"}, B | {"name": "b"}, C], [A, B, C]),
    ],
)
def test_lists_that_validators_change(field: str, stored: Any, after: Any) -> None:
    class Lenient(Sorted):
        @model_validator(mode="before")
        @classmethod
        def _no_null(cls, values: Any) -> Any:
            for member in values.get("items", ()):
                if member.get("howMany", 0) is None:
                    member["howMany"] = 0
            return values

    written = write({field: stored}, lambda data: setattr(data, "count", 1), Lenient)
    assert [{key: value for key, value in each.items() if value != 0} for each in written[field]] == [
        {key: value for key, value in each.items() if value != 0} for each in after
    ]


def test_what_a_field_serializer_makes_has_no_members() -> None:
    class Counted(BaseModel):
        items: list[Member] = []
        count: int = 0

        @field_serializer("items")
        def _reversed(self, items: list[Member]) -> list[dict[str, Any]]:
            return [each.model_dump(by_alias=True) for each in items[::-1]]

        @field_validator("items")
        @classmethod
        def _turned(cls, items: list[Member]) -> list[Member]:
            return items[::-1]

    assert write({"items": [A, B]}, lambda data: setattr(data, "count", 1), Counted)["items"] == [
        A | {"howMany": 0},
        B | {"howMany": 0},
    ]
    assert write({"items": [A, B]}, lambda data: setattr(data.items[0], "name", "X"), Counted)["items"] == [
        A | {"howMany": 0},
        {"name": "X", "howMany": 0},
    ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["pop", "move", "change", "new", "reverse", "copy", "other", "group"]),
        st.integers(0, 9),
    ),
    max_size=6,
)


def step(data: Any, kind: str, number: int) -> None:
    items: list[Member] = data.items
    if kind == "new":
        items.insert(number % (len(items) + 1), Member(name="N"))
    elif kind == "reverse":
        items.reverse()
    elif kind == "group":
        data.groups.append(Group(name="new", members=items[:number]))
        del items[:number]
    elif items:
        index = number % len(items)
        if kind == "pop":
            items.pop(index)
        elif kind == "move":
            items.append(items.pop(index))
        elif kind == "change":
            items[index].how_many = number
        elif kind == "copy":
            items[index] = items[index].model_copy()
        else:
            data.people[f"k{number}"] = items.pop(index)


def all_members(written: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [group["members"] for group in written.get("groups", [])]
    return [
        *written.get("items", []),
        *written.get("people", {}).values(),
        *(each for group in groups for each in group),
    ]


@given(st.integers(0, 5), STEPS)
def test_nothing_is_ever_given_to_another(count: int, steps: list[tuple[str, int]]) -> None:
    stored = {"items": [{"name": f"m{index}", "note": f"m{index}"} for index in range(count)]}
    gone: set[str] = set()

    def handler(data: Any) -> None:
        for kind, number in steps:
            step(data, kind, number)
        left = {each.name for each in data.items}.union(
            *({each.name for each in group.members} for group in data.groups),
            {each.name for each in data.people.values()},
        )
        gone.update({f"m{index}" for index in range(count)} - left)

    written = write(deepcopy(stored), handler, Everything)
    changed_copies = 0
    for member in all_members(written):
        assert member.get("note", member["name"]) == member["name"]
        changed_copies += member["name"] != "N" and "note" not in member
    if not any(kind == "copy" for kind, _ in steps):
        assert not changed_copies
