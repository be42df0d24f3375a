"""Every call of a store, with what it finds and what a correct one leaves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from async_dynamo_store import AsyncDynamoStore, UserRecord
from async_dynamo_store.config import OnConflict

Data = dict[str, Any]
Run = Callable[[AsyncDynamoStore, str], Awaitable[Any]]

MODES: tuple[OnConflict, ...] = get_args(OnConflict)
ADA: Data = {"score": 10, "city": "Oslo", "pets": {"cat": 1, "dog": 2}, "tags": ["a"]}


@dataclass(frozen=True)
class Call:
    """A call that meets `before` and leaves `after`, both the user's data; None: no such user.

    `reborn` is what it leaves when the user vanishes under it; `is_refused`: it raises a ConflictError then.
    """

    name: str
    run: Run
    before: Data | None = field(default_factory=lambda: ADA)
    after: Data | None = field(default_factory=lambda: ADA)
    answer: Any = None
    reborn: Data | None = None
    is_refused: bool = False
    on_conflict: OnConflict = "merge"


async def load(store: AsyncDynamoStore, user_id: str) -> Any:
    record = await store.load(user_id)
    return record.data, record.is_new


async def load_many(store: AsyncDynamoStore, user_id: str) -> Any:
    return [(record.data, record.is_new) for record in await store.load_many([user_id, f"{user_id} II"])]


async def save(store: AsyncDynamoStore, user_id: str) -> None:
    record = await store.load(user_id)
    record.data["score"] = 7
    record.data["pets"] = {"fish": 3}
    await store.save(record)


async def turn(store: AsyncDynamoStore, user_id: str) -> None:
    async with store.turn(user_id) as user:
        change(user)


async def turn_of_a_new_user(store: AsyncDynamoStore, user_id: str) -> None:
    async with store.turn(user_id) as user:
        user.increment("score", 5)
        user.increment("visits.today")


async def unchanged_turn(store: AsyncDynamoStore, user_id: str) -> None:
    async with store.turn(user_id) as user:
        user.data["score"] = 10


async def turn_that_deletes(store: AsyncDynamoStore, user_id: str) -> None:
    async with store.turn(user_id) as user:
        user.data["score"] = 7
        await user.delete()


async def update(store: AsyncDynamoStore, user_id: str) -> Any:
    return (await store.update(user_id, lambda user: user.increment("score", 5))).data


def change(user: UserRecord) -> None:
    user.increment("score", 5)
    user.increment("visits.today")
    user.data["city"] = "Rome"
    user.data["pets"] = {"cat": 1, "fish": 3}


CHANGED = {
    "score": 15,
    "visits": {"today": 1},
    "city": "Rome",
    "pets": {"cat": 1, "fish": 3},
    "tags": ["a"],
}
NEW = {"score": 7, "pets": {"fish": 3}}

READS = [
    Call("load", load, answer=(ADA, False)),
    Call("load a new user", load, None, None, ({}, True)),
    Call("load_many", load_many, answer=[(ADA, False), ({}, True)]),
    Call("get", lambda store, user_id: store.get(user_id, "pets.dog"), answer=2),
    Call("exists", lambda store, user_id: store.exists(user_id), answer=True),
    Call("exists not", lambda store, user_id: store.exists(user_id), None, None, answer=False),
    Call("a turn that changes nothing", unchanged_turn),
]
WRITES = [
    *(
        call
        for mode in MODES
        for call in (
            Call(f"{mode}: save", save, ADA, ADA | NEW, is_refused=True, on_conflict=mode),
            Call(f"{mode}: save a new user", save, None, NEW, reborn=NEW, on_conflict=mode),
            Call(f"{mode}: turn", turn, ADA, CHANGED, is_refused=True, on_conflict=mode),
        )
    ),
    Call(
        "turn of a new user",
        turn_of_a_new_user,
        None,
        {"score": 5, "visits": {"today": 1}},
        reborn={"score": 5, "visits": {"today": 1}},
    ),
    Call(
        "set",
        lambda store, user_id: store.set(user_id, "pets.dog", 3),
        ADA,
        ADA | {"pets": {"cat": 1, "dog": 3}},
        reborn={"pets": {"dog": 3}},
    ),
    Call(
        "set, parents made",
        lambda store, user_id: store.set(user_id, "a.b.c", "d"),
        ADA,
        ADA | {"a": {"b": {"c": "d"}}},
        reborn={"a": {"b": {"c": "d"}}},
    ),
    Call(
        "set of a new user",
        lambda store, user_id: store.set(user_id, "city", "Rome"),
        None,
        {"city": "Rome"},
        reborn={"city": "Rome"},
    ),
    Call(
        "unset",
        lambda store, user_id: store.unset(user_id, "pets.dog"),
        ADA,
        ADA | {"pets": {"cat": 1}},
    ),
    Call(
        "increment",
        lambda store, user_id: store.increment(user_id, "score", 5),
        ADA,
        ADA | {"score": 15},
        15,
        reborn={"score": 5},
    ),
    Call(
        "increment, parents made",
        lambda store, user_id: store.increment(user_id, "a.b", 5),
        ADA,
        ADA | {"a": {"b": 5}},
        5,
        reborn={"a": {"b": 5}},
    ),
    Call(
        "increment of a new user",
        lambda store, user_id: store.increment(user_id, "score", 5),
        None,
        {"score": 5},
        5,
        reborn={"score": 5},
    ),
    Call("update", update, ADA, ADA | {"score": 15}, ADA | {"score": 15}, reborn={"score": 5}),
    Call("update of a new user", update, None, {"score": 5}, {"score": 5}, reborn={"score": 5}),
    Call("delete", lambda store, user_id: store.delete(user_id), ADA, None),
    Call("delete in a turn", turn_that_deletes, ADA, None),
]
CALLS = [*READS, *WRITES]
