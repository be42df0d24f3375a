"""Conversations on a bad network: every request of every call meets every fault, and random scripts of many writers.

What was acknowledged is there once, in its writer's order; what was refused is not there; what nobody was told about is
there once, or not.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from async_dynamo_store import (
    AsyncDynamoStore,
    ConflictError,
    Conversation,
    ThrottledError,
    UnavailableError,
)
from tests.faults.proxy import Fault, FaultProxy
from tests.faults.table import open_store, straight
from tests.soak import some

# Many requests of few lines, which other tests measure.
pytestmark = [pytest.mark.others_in_soak, pytest.mark.unmeasured]

Message = dict[str, Any]
Run = Callable[[AsyncDynamoStore[Any], str], Awaitable[Any]]

BEFORE = [Fault.reset_before, Fault.drop_before, Fault.server_error, Fault.throttle, Fault.throttle_rate]
AFTER = [Fault.reset_answer, Fault.drop_answer, Fault.half_answer, Fault.server_error_after]
SLOW = [Fault.slow_answer, Fault.slow_request, Fault.late_request]
THROTTLED = [Fault.throttle, Fault.throttle_rate]
PART_BYTES = 60
"""So that a message of 100 characters has parts of its own."""
LARGE = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/" * 2
BEGUN = ["hello", "first reply", "go on", "second reply"]
UNTOLD = (UnavailableError, ThrottledError)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_dynamo_store.store.conversations.writing.PART_BYTES", PART_BYTES)
    monkeypatch.setattr("async_dynamo_store.store.conversations.packing._LEVEL", 0)


def says(text: str) -> Message:
    return {"role": "assistant" if "reply" in text else "user", "content": text}


async def texts(conversation: Conversation) -> list[str]:
    return [message["content"] for message in await conversation.messages()]


def talk(store: AsyncDynamoStore[Any], user_id: str) -> Conversation:
    return store.conversation(user_id, "1")


async def begin(store: AsyncDynamoStore[Any], user_id: str) -> None:
    await talk(store, user_id).append([says(text) for text in BEGUN[:3]])
    await talk(store, user_id).append([says(BEGUN[3])])


async def append(store: AsyncDynamoStore[Any], user_id: str) -> None:
    await talk(store, user_id).append([says("more"), says("and more")])


async def append_large(store: AsyncDynamoStore[Any], user_id: str) -> None:
    await talk(store, user_id).append([says(LARGE)])


async def append_twice(store: AsyncDynamoStore[Any], user_id: str) -> None:
    conversation = talk(store, user_id)
    await conversation.append([says("more")])
    await conversation.append([says("and more")])


async def read(store: AsyncDynamoStore[Any], user_id: str) -> Any:
    return await texts(talk(store, user_id))


async def last_turns(store: AsyncDynamoStore[Any], user_id: str) -> Any:
    return [message["content"] for message in await talk(store, user_id).last_turns(1)]


async def pop(store: AsyncDynamoStore[Any], user_id: str) -> Any:
    popped = await talk(store, user_id).pop()
    return popped and popped["content"]


async def pop_twice(store: AsyncDynamoStore[Any], user_id: str) -> Any:
    return [await pop(store, user_id), await pop(store, user_id)]


async def interrupt(store: AsyncDynamoStore[Any], user_id: str) -> None:
    await talk(store, user_id).interrupted("sec")


async def clear(store: AsyncDynamoStore[Any], user_id: str) -> None:
    await talk(store, user_id).clear()


async def forget(store: AsyncDynamoStore[Any], user_id: str) -> None:
    await store.forget(user_id)


@dataclass(frozen=True)
class Call:
    """A call on a conversation that has begun (or not), what it gives and what it leaves."""

    run: Run
    after: list[str]
    answer: Any = None
    is_new: bool = False

    @property
    def before(self) -> list[str]:
        return [] if self.is_new else BEGUN

    @property
    def name(self) -> str:
        return f"{self.run.__name__}{' (new)' if self.is_new else ''}"


CALLS = [
    Call(append, ["more", "and more"], is_new=True),
    Call(append, [*BEGUN, "more", "and more"]),
    Call(append_large, [*BEGUN, LARGE]),
    Call(append_twice, [*BEGUN, "more", "and more"]),
    Call(read, BEGUN, answer=BEGUN),
    Call(last_turns, BEGUN, answer=BEGUN[2:]),
    Call(pop, BEGUN[:3], answer=BEGUN[3]),
    Call(pop_twice, BEGUN[:2], answer=[BEGUN[3], BEGUN[2]]),
    Call(interrupt, [*BEGUN[:3], "sec"]),
    Call(clear, []),
    Call(forget, []),
]


@dataclass(frozen=True)
class Case:
    """One request of one call, on a user of its own."""

    call: Call
    request: int
    store: AsyncDynamoStore[Any]
    other: AsyncDynamoStore[Any]
    proxy: FaultProxy

    @property
    def user_id(self) -> str:
        return f"<{self.call.name}, request {self.request}>"

    async def prepare(self) -> None:
        if not self.call.is_new:
            await begin(self.other, self.user_id)

    def fail(self, fault: Fault, times: float = 1) -> None:
        self.proxy.fail(None, None, times=self.request, naming=self.user_id)
        self.proxy.fail(None, fault, times=times, naming=self.user_id)

    async def run(self) -> Any:
        return await self.call.run(self.store, self.user_id)

    async def stored(self) -> list[str]:
        return await texts(talk(self.other, self.user_id))


EachCase = Callable[[float, Callable[[Case], Awaitable[None]]], Awaitable[None]]


@pytest.fixture(params=some([True, False], True), ids=["fast", "stock"])
async def each_case(
    request: pytest.FixtureRequest, aws_config: dict[str, str], proxy: FaultProxy, table_name: str
) -> AsyncIterator[EachCase]:
    """Check each request of each call, all at the same time, on a store that has so many seconds."""
    async with AsyncExitStack() as exits:
        other = await exits.enter_async_context(
            open_store(aws_config, table_name, conversations={}, timeout_seconds=60)
        )
        await other.ensure_table()

        async def requests(store: AsyncDynamoStore[Any], call: Call) -> list[Case]:
            probe = Case(call, -1, store, other, proxy)
            await probe.prepare()
            seen = proxy.fail(None, None, times=math.inf, naming=probe.user_id)
            assert await probe.run() == call.answer
            assert await probe.stored() == call.after
            return [Case(call, number, store, other, proxy) for number in range(len(seen.taken))]

        async def checked(case: Case, check: Callable[[Case], Awaitable[None]]) -> None:
            try:
                await case.prepare()
                await check(case)
            except BaseException as error:
                error.add_note(case.user_id)
                raise

        async def each(seconds: float, check: Callable[[Case], Awaitable[None]]) -> None:
            proxied = aws_config | {"endpoint_url": proxy.endpoint_url}
            store = await exits.enter_async_context(
                open_store(
                    proxied, table_name, accelerate=request.param, conversations={}, timeout_seconds=seconds
                )
            )
            cases = [case for call in CALLS for case in await requests(store, call)]
            outcomes = await asyncio.gather(*(checked(case, check) for case in cases), return_exceptions=True)
            if errors := [outcome for outcome in outcomes if outcome is not None]:
                raise BaseExceptionGroup(f"{len(errors)} of {len(outcomes)} cases failed", errors)

        yield each


@pytest.mark.parametrize("fault", some([*BEFORE, *AFTER], Fault.drop_answer))
async def test_one_fault_is_healed(fault: Fault, each_case: EachCase) -> None:
    async def check(case: Case) -> None:
        case.fail(fault)
        assert await case.run() == case.call.answer
        assert await case.stored() == case.call.after

    await each_case(60, check)


@pytest.mark.parametrize("fault", some([Fault.drop_before, Fault.throttle, Fault.drop_answer]))
async def test_a_fault_that_stays_is_a_typed_error(fault: Fault, each_case: EachCase) -> None:
    async def check(case: Case) -> None:
        case.fail(fault, times=math.inf)
        with pytest.raises(ThrottledError if fault in THROTTLED else UnavailableError):
            await case.run()
        # Of a call that writes twice the first may be made.
        assert await case.stored() in steps(case.call)

    await each_case(60, check)


@pytest.mark.parametrize("fault", some(SLOW, Fault.late_request))
async def test_an_answer_past_the_deadline(fault: Fault, proxy: FaultProxy, each_case: EachCase) -> None:
    """What is held comes as late as can be: after everything else."""
    allowed: list[tuple[Case, list[list[str]]]] = []

    async def run(case: Case) -> None:
        case.fail(fault)
        try:
            assert await case.run() == case.call.answer
        except UnavailableError:
            allowed.append((case, steps(case.call)))
        else:
            allowed.append((case, [case.call.after]))

    await each_case(2, run)
    await proxy.heal()
    for case, states in allowed:
        assert await case.stored() in states, case.user_id


def steps(call: Call) -> list[list[str]]:
    """The states that a call goes through."""
    between: dict[Run, list[str]] = {append_twice: [*BEGUN, "more"], pop_twice: BEGUN[:3]}
    return [call.before, call.after, between.get(call.run, call.after)]


KINDS = ("append", "append", "append", "append large", "append two", "read", "pop", "clear", "forget")
FAULTS = [Fault.reset_before, Fault.server_error, Fault.throttle, *AFTER]
groups = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from(KINDS)), min_size=1, max_size=5),
        st.lists(st.sampled_from([None, None, *FAULTS]), max_size=6),
    ),
    min_size=1,
    max_size=6,
)


@dataclass
class Told:
    """What the callers were told: the messages that have to be there, and those that may be."""

    sure: list[str] = field(default_factory=list)
    maybe: set[str] = field(default_factory=set)


class Talk:
    """One conversation, three writers in two stores, and what became of it."""

    def __init__(self, stores: list[AsyncDynamoStore[Any]], past: AsyncDynamoStore[Any]) -> None:
        self.stores, self.past = stores, past
        self.writers = [self._writer(index) for index in range(3)]
        self.marks = count()
        self.stored: list[str] = []

    def _writer(self, index: int) -> Conversation:
        return self.stores[index % 2].conversation("ada", "1")

    async def group(self, steps: list[tuple[int, str]]) -> None:
        kinds = {kind for _, kind in steps}
        removing = kinds & {"pop", "clear", "forget"}
        before = list(self.stored)
        outcomes = await asyncio.gather(*(self._step(writer, kind) for writer, kind in steps))
        appended = [outcome for outcome in outcomes if outcome.marks and not outcome.is_read]
        now = await texts(self.past.conversation("ada", "1"))
        assert len(now) == len(set(now)), "something is there twice"
        sure = [mark for each in appended if each.error is None for mark in each.marks]
        maybe = [mark for each in appended if isinstance(each.error, UNTOLD) for mark in each.marks]
        popped = [each.popped for each in outcomes if each.popped]
        assert len(popped) == len(set(popped)), "something was popped twice"
        assert not set(popped) & set(now), "what was popped is there"
        assert set(now) <= {*before, *sure, *maybe}, "what nobody appended, or what was refused, is there"
        if not removing:
            assert {*before, *sure} <= set(now), "something is lost"
        if removing == {"pop"} and all(each.error is None for each in outcomes if each.kind == "pop"):
            assert {*before, *sure} - set(now) == set(popped) - set(maybe), "something is lost"
        is_over = any(each.kind in ("clear", "forget") and each.error is None for each in outcomes)
        assert not (is_over and set(now) & set(before)), "what was cleared is there"
        kept = [mark for mark in before if mark in now]
        assert now[: len(kept)] == kept, "what was there has another order"
        for writer in range(3):
            own = [
                mark
                for each in appended
                if each.writer == writer and each.error is None
                for mark in each.marks
                if mark in now
            ]
            assert [mark for mark in now if mark in own] == own, "a writer's order is another"
        for each in outcomes:
            if each.is_read and not removing:
                assert {*before} <= set(each.marks), "a part was read"
        self.stored = now
        for writer, outcome in zip([writer for writer, _ in steps], outcomes, strict=True):
            if isinstance(outcome.error, ConflictError):
                assert "forget" in kinds or self.may_be_forgotten, "nobody has forgotten the user"
                self.writers[writer] = self._writer(writer)
        if "forget" in kinds:
            self.may_be_forgotten = True

    may_be_forgotten = False

    async def _step(self, writer: int, kind: str) -> Outcome:
        outcome = Outcome(kind, writer)
        conversation = self.writers[writer]
        try:
            match kind:
                case "read":
                    outcome.marks = await texts(conversation)
                case "pop":
                    popped = await conversation.pop()
                    outcome.popped = popped["content"] if popped else ""
                case "clear":
                    await conversation.clear()
                case "forget":
                    await self.stores[writer % 2].forget("ada")
                case _:
                    large = LARGE if kind == "append large" else ""
                    number = 2 if kind == "append two" else 1
                    outcome.marks = [f"m{next(self.marks)}{large}" for _ in range(number)]
                    await conversation.append([says(mark) for mark in outcome.marks])
        except (*UNTOLD, ConflictError) as error:
            outcome.error = error
        return outcome


@dataclass
class Outcome:
    """What became of one step."""

    kind: str
    writer: int
    marks: list[str] = field(default_factory=list)
    popped: str = ""
    error: Exception | None = None

    @property
    def is_read(self) -> bool:
        return self.kind == "read" and self.error is None


def run_talks(examples: int, aws_config: dict[str, str], table_name: str, *, derandomize: bool) -> None:
    numbers = count()
    with asyncio.Runner() as runner:

        @settings(
            max_examples=examples,
            derandomize=derandomize,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(script=groups)
        def tell(script: list[tuple[list[tuple[int, str]], list[Fault | None]]]) -> None:
            runner.run(one_talk(aws_config, f"{table_name}-{next(numbers)}", script))

        tell()


async def one_talk(
    aws_config: dict[str, str],
    table_name: str,
    script: list[tuple[list[tuple[int, str]], list[Fault | None]]],
) -> None:
    async with (
        FaultProxy(aws_config["endpoint_url"]) as proxy,
        straight(aws_config) as client,
        open_store(aws_config, table_name, conversations={}) as past,
    ):
        await past.ensure_table()
        proxied = aws_config | {"endpoint_url": proxy.endpoint_url}
        stores = [
            open_store(proxied, table_name, accelerate=accelerate, conversations={}, timeout_seconds=60)
            for accelerate in (True, False)
        ]
        async with stores[0], stores[1]:
            conversation = Talk(stores, past)
            for steps, faults in script:
                note(f"{steps} meet {faults}")
                proxy.script(faults)
                await conversation.group(steps)
                await proxy.heal()
            await past.forget("ada")
            left = await client.scan(TableName=f"{table_name}-conversations", ConsistentRead=True)
            assert left["Items"] == []
        for name in (table_name, f"{table_name}-conversations"):
            await client.delete_table(TableName=name)


def test_every_talk_is_one_that_could_be(aws_config: dict[str, str], table_name: str) -> None:
    run_talks(8, aws_config, table_name, derandomize=True)


@pytest.mark.soak
def test_every_talk_of_many_more_is_one_that_could_be(aws_config: dict[str, str], table_name: str) -> None:
    run_talks(1000, aws_config, table_name, derandomize=False)
