"""Random turns, verbs, faults and third parties: after each step the stored user is one that the model allows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from async_dynamo_store import (
    AsyncDynamoStore,
    ConflictError,
    StoreError,
    ThrottledError,
    UnavailableError,
    UnsupportedValueError,
    UserRecord,
)
from tests.faults.model import GONE, Data, Path, counted, find, fits, merged, put
from tests.faults.proxy import Fault, FaultProxy
from tests.faults.table import UsersTable, open_store, straight

# Many requests of few lines, which other tests measure.
pytestmark = [pytest.mark.others_in_soak, pytest.mark.unmeasured]

MODES = ("merge", "merge", "raise", "overwrite")
PATHS: list[Path] = [("a",), ("sum",), ("m", "x"), ("m", "dot.ted"), ("m", "n", "x"), ("a", "x")]
VALUES: list[Any] = [0, 1, 7, "text", [1, "two"], {}, {"x": 1}, {"n": {"x": 2}}]
UNTOLD = (UnavailableError, ThrottledError)
"""Errors that do not tell whether the write was done: a try before the last one may have done it."""

BEFORE = [Fault.reset_before, Fault.drop_before, Fault.server_error, Fault.throttle, Fault.throttle_rate]
AFTER = [Fault.reset_answer, Fault.drop_answer, Fault.half_answer, Fault.server_error_after]
A_WRITE = "ReturnValuesOnConditionCheckFailure"
"""What names a write, and no read."""

stores = st.integers(0, len(MODES) - 1)
user_ids = st.sampled_from(["ada", "bob"])
paths = st.sampled_from(PATHS)
values = st.sampled_from(VALUES)
amounts = st.integers(1, 3)
faults = st.lists(st.sampled_from([None, *BEFORE, *AFTER]), max_size=4)


@dataclass
class Stored:
    """A user as the engine has it: `item` is all of it, `data` the user's data; both None where nothing is.

    `life` is another one after each delete.
    """

    item: dict[str, Any] | None = None
    data: Data | None = None
    life: int = 0

    def is_other(self, loaded: Stored) -> bool:
        """Whether this is another user than the one that was loaded, by what the items tell."""
        assert self.item
        assert loaded.item
        for here, there in (
            (self.item.get("_store", {}).get("id"), loaded.item.get("_store", {}).get("id")),
            (self.item.get("createdAt"), loaded.item.get("createdAt")),
        ):
            if here and there:
                return bool(here != there)
        return False

    def saves(self) -> set[tuple[str, int]]:
        """The last write of each writer."""
        return set((self.item or {}).get("_store", {}).get("writers", {}).items())


@dataclass
class Outcome:
    """What a call leaves, and what it returns (`raises`: the error that it raises)."""

    data: Data | None
    returns: Any = None
    raises: type[StoreError] | None = None


@dataclass
class Call:
    """A call that writes, and what it does to a stored user."""

    text: str
    user_id: str
    run: Callable[[], Awaitable[Any]]
    expect: Callable[[Stored], Outcome]
    done: Callable[[], None] = lambda: None
    turn: OpenTurn | None = None

    def __repr__(self) -> str:
        return self.text


@dataclass
class OpenTurn:
    """A turn between its load and its save."""

    store: int
    user_id: str
    record: UserRecord = field(repr=False)
    loaded: Stored = field(repr=False)
    base: Data
    counts: Counter[Path] = field(default_factory=Counter)
    is_deleted: bool = False
    """Whether its own store has deleted the user since."""

    def change(self, path: Path, value: Any) -> None:
        put(self.record.data, path, value)

    def increment(self, path: Path, by: int) -> None:
        self.record.increment(path, by)
        self.counts[path] += by

    def can_increment(self, path: Path) -> bool:
        parents = [find(self.record.data, path[:length]) for length in range(1, len(path))]
        value = find(self.record.data, path)
        return (value is GONE or isinstance(value, int)) and all(
            parent is GONE or isinstance(parent, dict) for parent in parents
        )

    def after_save(self, stored: Stored) -> Outcome:
        mine = self.record.data
        if mine == self.base:
            return Outcome(stored.data)
        is_gone = self.loaded.item and (not stored.item or stored.is_other(self.loaded))
        if self.is_deleted or is_gone:
            return Outcome(stored.data, raises=ConflictError)
        assert not self.loaded.item or stored.life == self.loaded.life, "a user who was deleted comes back"
        match MODES[self.store]:
            case "merge":
                return Outcome(merged(stored.data or {}, self.base, mine, self.counts))
            case "raise" if stored.item != self.loaded.item:
                return Outcome(stored.data, raises=ConflictError)
            case _:
                return Outcome(deepcopy(mine))

    def after_delete(self, stored: Stored) -> Outcome:
        is_other = stored.item and self.loaded.item and stored.is_other(self.loaded)
        return Outcome(stored.data if is_other else None)


class World:
    """A table, a bad network, and a store of each mode behind it."""

    def __init__(self, aws_config: dict[str, str], table_name: str, options: dict[str, Any]) -> None:
        self.aws_config = aws_config
        self.table_name = table_name
        self.options = options
        self.exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        aws, enter = self.aws_config, self.exits.enter_async_context
        self.proxy = await enter(FaultProxy(aws["endpoint_url"]))
        client = await enter(straight(aws))
        self.users = UsersTable(client, self.table_name)
        await self.users.create()
        proxied = aws | {"endpoint_url": self.proxy.endpoint_url}
        options = self.options | {"timeout_seconds": 60}
        self.stores = [
            await enter(open_store(proxied, self.table_name, on_conflict=mode, **options)) for mode in MODES
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.exits.aclose()


class Machine(RuleBasedStateMachine):
    """Two users of its own in the world that all machines share."""

    examples = count()
    world: World
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.prefix = f"{next(self.examples)} "
        self.stored: dict[str, Stored] = {}
        self.turns: list[OpenTurn] = []
        self.clock = count(100)

    # What can happen.

    @rule(store=stores, user_id=user_ids, faults=faults)
    def begin(self, store: int, user_id: str, faults: list[Fault | None]) -> None:
        self.run(self._begin(store, self.prefix + user_id, faults))

    @precondition(lambda self: self.turns)
    @rule(data=st.data(), path=paths, value=values | st.just(GONE))
    def change(self, data: st.DataObject, path: Path, value: Any) -> None:
        data.draw(st.sampled_from(self.turns)).change(path, value)

    @precondition(lambda self: self.turns)
    @rule(data=st.data(), path=paths, by=amounts)
    def increment_in_turn(self, data: st.DataObject, path: Path, by: int) -> None:
        turn = data.draw(st.sampled_from(self.turns))
        if turn.can_increment(path):
            turn.increment(path, by)

    @rule(data=st.data(), faults=faults)
    def call(self, data: st.DataObject, faults: list[Fault | None]) -> None:
        call = data.draw(self.calls())
        note(f"{call} meets {faults}")
        self.run(self._perform(call, faults))

    @rule(
        data=st.data(),
        fault=st.sampled_from([None, *BEFORE, *AFTER]),
        when=st.sampled_from(["before", "after"]),
    )
    def call_with_third_party(self, data: st.DataObject, fault: Fault | None, when: str) -> None:
        call = data.draw(self.calls())
        third_party = data.draw(self.calls(unlike=call))
        note(f"{call} meets {fault}, and {when} that {third_party}")
        self.run(self._perform_with_third_party(call, fault, when, third_party))

    def run(self, step: Coroutine[Any, Any, None]) -> None:
        self.runner.run(step)

    # The calls that write.

    def calls(self, unlike: Call | None = None) -> st.SearchStrategy[Call]:
        """`unlike`: a call on the same user, but not of the same turn."""
        kinds = [
            st.builds(self._set, stores, user_ids, paths, values),
            st.builds(self._unset, stores, user_ids, paths),
            st.builds(self._increment, stores, user_ids, paths, amounts),
            st.builds(self._update, stores, user_ids, paths, amounts),
            st.builds(self._delete, stores, user_ids),
            st.builds(self._put_by_jovo, user_ids, paths, values),
        ]
        if self.turns:
            kinds += 4 * [st.builds(self._save, st.sampled_from(self.turns))]
            kinds += [st.builds(self._delete_in_turn, st.sampled_from(self.turns))]
        calls = st.one_of(kinds)
        if unlike:
            calls = calls.filter(
                lambda call: call.user_id == unlike.user_id and not (call.turn and call.turn is unlike.turn)
            )
        return calls

    def _set(self, store: int, user_id: str, path: Path, value: Any) -> Call:
        def expect(stored: Stored) -> Outcome:
            data = deepcopy(stored.data or {})
            if not fits(data, path):
                return Outcome(stored.data, raises=UnsupportedValueError)
            put(data, path, value)
            return Outcome(data)

        return self._call(
            store, f"set {path} {value}", user_id, lambda store, id_: store.set(id_, path, value), expect
        )

    def _unset(self, store: int, user_id: str, path: Path) -> Call:
        def expect(stored: Stored) -> Outcome:
            data = deepcopy(stored.data)
            if data is not None and not fits(data, path):
                return Outcome(stored.data, raises=UnsupportedValueError)
            if data is not None:
                put(data, path, GONE)
            return Outcome(data)

        return self._call(store, f"unset {path}", user_id, lambda store, id_: store.unset(id_, path), expect)

    def _increment(self, store: int, user_id: str, path: Path, by: int) -> Call:
        def expect(stored: Stored) -> Outcome:
            data = deepcopy(stored.data or {})
            is_no_number = not isinstance(find(data, path), int) and find(data, path) is not GONE
            if is_no_number or not fits(data, path):
                return Outcome(stored.data, raises=UnsupportedValueError)
            put(data, path, counted(data, path, by, by))
            return Outcome(data, returns=find(data, path))

        return self._call(
            store,
            f"increment {path} {by}",
            user_id,
            lambda store, id_: store.increment(id_, path, by),
            expect,
        )

    def _update(self, store: int, user_id: str, path: Path, by: int) -> Call:
        def double(data: Data) -> None:
            old = find(data, path)
            put(data, path, 2 * old + by if isinstance(old, int) else by)

        def expect(stored: Stored) -> Outcome:
            data = deepcopy(stored.data or {})
            double(data)
            return Outcome(data, returns=data)

        async def run(store: AsyncDynamoStore, user_id: str) -> Data:
            return (await store.update(user_id, lambda user: double(user.data))).data

        return self._call(store, f"update {path} {by}", user_id, run, expect)

    def _delete(self, store: int, user_id: str) -> Call:
        call = self._call(
            store, "delete", user_id, lambda store, id_: store.delete(id_), lambda stored: Outcome(None)
        )
        call.done = lambda: self._mark_deleted(store, call.user_id)
        return call

    def _delete_in_turn(self, turn: OpenTurn) -> Call:
        def done() -> None:
            self._mark_deleted(turn.store, turn.user_id)
            self.turns.remove(turn)

        text = f"delete in the turn of {turn.user_id}"
        return Call(text, turn.user_id, turn.record.delete, turn.after_delete, done, turn)

    def _mark_deleted(self, store: int, user_id: str) -> None:
        for turn in self.turns:
            if (turn.store, turn.user_id) == (store, user_id) and turn.loaded.item:
                turn.is_deleted = True

    def _save(self, turn: OpenTurn) -> Call:
        def done() -> None:
            if turn.record.data != turn.base:
                turn.base, turn.loaded = deepcopy(turn.record.data), self.stored[turn.user_id]
                turn.counts.clear()

        def save() -> Awaitable[None]:
            return self.world.stores[turn.store].save(turn.record)

        text = f"save of {turn.user_id} by {turn.store}: {turn.base} -> {turn.record.data}"
        return Call(text, turn.user_id, save, turn.after_save, done, turn)

    def _put_by_jovo(self, user_id: str, path: Path, value: Any) -> Call:
        """It keeps createdAt, and drops what this library keeps in the item."""
        updated_at = f"2026-01-01T00:00:00.{next(self.clock)}Z"

        def expect(stored: Stored) -> Outcome:
            data = deepcopy(stored.data or {})
            if not fits(data, path):
                return Outcome(stored.data, raises=UnsupportedValueError)
            put(data, path, value)
            return Outcome(data)

        async def run() -> None:
            stored = self.stored[user_id]
            created_at = (stored.item or {}).get("createdAt", updated_at)
            data = expect(stored).data or {}
            await self.world.users.put(user_id, data, createdAt=created_at, updatedAt=updated_at)

        user_id = self.prefix + user_id
        return Call(f"Jovo puts {path} {value} at {updated_at}", user_id, run, expect)

    def _call(
        self,
        store: int,
        text: str,
        user_id: str,
        run: Callable[[AsyncDynamoStore, str], Awaitable[Any]],
        expect: Callable[[Stored], Outcome],
    ) -> Call:
        user_id = self.prefix + user_id
        return Call(f"{text} ({user_id})", user_id, lambda: run(self.world.stores[store], user_id), expect)

    # What comes of them.

    async def _begin(self, store: int, user_id: str, faults: list[Fault | None]) -> None:
        self.world.proxy.script(faults)
        try:
            record = await self.world.stores[store].load(user_id)
        except UNTOLD:
            return
        finally:
            await self.world.proxy.heal()
        stored = self.stored.setdefault(user_id, Stored())
        assert record.is_new == (stored.data is None)
        assert record.data == (stored.data or {})
        self.turns.append(OpenTurn(store, user_id, record, stored, deepcopy(record.data)))

    async def _perform(self, call: Call, faults: list[Fault | None]) -> None:
        before = self.stored.setdefault(call.user_id, Stored())
        self.world.proxy.script(faults)
        returned, error = await self._run(call)
        await self.world.proxy.heal()
        await self._see(call.user_id)
        self._judge(call, before, returned, error)

    async def _perform_with_third_party(
        self, call: Call, fault: Fault | None, when: str, third_party: Call
    ) -> None:
        before = self.stored.setdefault(call.user_id, Stored())
        landed: set[tuple[str, int]] | None = None
        was_deleted = call.turn is not None and call.turn.is_deleted

        async def meet() -> None:
            nonlocal landed
            if when == "after" and write.taken[0].engine_status == 200:
                await self._see(call.user_id)
                assert self.stored[call.user_id].data == call.expect(before).data
                landed = self.stored[call.user_id].saves()
            theirs = self.stored[call.user_id]
            returned, error = await self._run(third_party)
            await self._see(call.user_id)
            self._judge(third_party, theirs, returned, error)

        fail = partial(self.world.proxy.fail, None, fault, naming=A_WRITE)
        write = fail(before=meet) if when == "before" else fail(after=meet)
        returned, error = await self._run(call)
        await self.world.proxy.heal()
        between = self.stored[call.user_id]
        await self._see(call.user_id)
        if landed is None:
            if call.turn:  # what the third party's delete has marked came too late for a save that had begun
                call.turn.is_deleted = was_deleted
            left = self.stored[call.user_id].data
            had_nothing_to_do = call.expect(before) == Outcome(before.data)
            if had_nothing_to_do and error is None and left == between.data:
                call.done()  # it came before the third party
            else:
                self._judge(call, between, returned, error)
        elif fault is None or landed <= between.saves():
            assert error is None or isinstance(error, UNTOLD), repr(error)
            assert self.stored[call.user_id].data == between.data
        else:  # what tells that it has landed is gone: it may be done once more
            assert error is None or isinstance(error, (*UNTOLD, ConflictError)), repr(error)
            assert self.stored[call.user_id].data in (between.data, call.expect(between).data)
        self.turns = [turn for turn in self.turns if turn is not call.turn]

    def _judge(self, call: Call, before: Stored, returned: Any, error: StoreError | None) -> None:
        """Whether the call has left what it should, after what was stored before."""
        expected = call.expect(before)
        left = self.stored[call.user_id].data
        if isinstance(error, UNTOLD):
            assert left in (before.data, expected.data)
        else:
            assert type(error) is (expected.raises or type(None)), repr(error)
            assert left == expected.data
            assert returned == expected.returns
        if error is None:
            call.done()
        elif call.turn:
            self.turns.remove(call.turn)

    async def _run(self, call: Call) -> tuple[Any, StoreError | None]:
        try:
            return await call.run(), None
        except StoreError as error:
            return None, error

    async def _see(self, user_id: str) -> None:
        """Note what is stored of the user now."""
        item = _with_ints(await self.world.users.item(user_id))
        life = self.stored[user_id].life + (item is None)
        self.stored[user_id] = Stored(item, item and item["user"]["data"], life)


def _with_ints(value: Any) -> Any:
    match value:
        case dict():
            return {key: _with_ints(member) for key, member in value.items()}
        case list():
            return [_with_ints(member) for member in value]
        case Decimal():
            return int(value)
        case _:
            return value


def run_machine(
    examples: int,
    aws_config: dict[str, str],
    table_name: str,
    options: dict[str, Any],
    *,
    derandomize: bool = True,
) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=25,
        derandomize=derandomize,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        world = World(aws_config, table_name, options)
        runner.run(world.__aenter__())
        try:
            machine = type("TheMachine", (Machine,), {"world": world, "runner": runner})
            run_state_machine_as_test(machine, settings=chosen)
        finally:
            runner.run(world.__aexit__())


def test_every_state_is_one_that_the_model_allows(
    aws_config: dict[str, str], table_name: str, store_options: dict[str, Any]
) -> None:
    run_machine(20, aws_config, table_name, store_options)


@pytest.mark.soak
def test_every_state_of_many_more_is_one_that_the_model_allows(
    aws_config: dict[str, str], table_name: str, store_options: dict[str, Any]
) -> None:
    run_machine(2000, aws_config, table_name, store_options, derandomize=False)
