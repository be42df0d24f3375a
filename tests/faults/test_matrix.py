"""Every request of every store call meets every fault.

The item that is stored afterwards is one that a correct sequential history leaves: the call happened once, or,
where it raised, once or not at all. The calls of one test run at the same time, each on a user of its own; what
fails names its call in a note.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from async_dynamo_store import AsyncDynamoStore, ConflictError, ThrottledError, UnavailableError
from async_dynamo_store.config import OnConflict
from tests.faults.calls import CALLS, MODES, WRITES, Call, Data
from tests.faults.proxy import Exchange, Fault, FaultProxy, Hook, Rule
from tests.faults.table import UsersTable, open_store
from tests.soak import some

# Many requests of few lines, which other tests measure.
pytestmark = [pytest.mark.others_in_soak, pytest.mark.unmeasured]

BEFORE = [Fault.reset_before, Fault.drop_before, Fault.server_error, Fault.throttle, Fault.throttle_rate]
AFTER = [Fault.reset_answer, Fault.drop_answer, Fault.half_answer, Fault.server_error_after]
SLOW = [Fault.slow_answer, Fault.slow_request, Fault.late_request]
THROTTLED = [Fault.throttle, Fault.throttle_rate]
LOST = [Fault.drop_answer, Fault.server_error_after]

both_ways = pytest.mark.parametrize(
    "store_options",
    some([{"accelerate": True}, {"accelerate": False}], {"accelerate": True}),
    ids=["fast", "stock"],
    indirect=True,
)

PATIENT = 60.0
"""So many seconds that only a fault fails a call, however busy the machine is."""
IMPATIENT = 2.0
"""A request that is held is given up after half of these seconds, which leaves the other half for its retry."""


class Stage:
    """Behind the proxy a store of each mode, and past it another one."""

    def __init__(
        self,
        users: UsersTable,
        proxy: FaultProxy,
        stores: Mapping[OnConflict, AsyncDynamoStore],
        other: AsyncDynamoStore,
    ) -> None:
        self.users = users
        self.proxy = proxy
        self.stores = stores
        self.other = other


@dataclass(frozen=True)
class Case:
    """One request of one call, for a user whose item was put by us or by Jovo."""

    stage: Stage
    call: Call
    origin: str
    request: int

    @property
    def user_id(self) -> str:
        """What only the requests of this case name."""
        return f"<{self.call.name}, request {self.request}, item put by {self.origin}>"

    async def prepare(self) -> None:
        if self.call.before and self.origin == "Jovo":
            await self.stage.users.put(self.user_id, self.call.before)
        elif self.call.before:
            async with self.stage.other.turn(self.user_id) as user:
                user.data = dict(self.call.before)

    def fail(self, fault: Fault, times: float = 1, **hooks: Hook) -> Rule:
        """Let the fault befall this request, and those after it as `times` says."""
        self.stage.proxy.fail(None, None, times=self.request, naming=self.user_id)
        return self.stage.proxy.fail(None, fault, times=times, naming=self.user_id, **hooks)

    async def run(self) -> Any:
        return await self.call.run(self.stage.stores[self.call.on_conflict], self.user_id)

    async def stored(self) -> dict[str, Any] | None:
        return await self.stage.users.data(self.user_id)


def has_written(exchange: Exchange) -> bool:
    return exchange.operation in {"PutItem", "UpdateItem", "DeleteItem"} and exchange.engine_status == 200


Check = Callable[[Case], Awaitable[None]]


class EachCase(Protocol):
    async def __call__(
        self, calls: Iterable[Call], seconds: float, check: Check, *, origins: Iterable[str] = ("us",)
    ) -> None: ...


@pytest.fixture(scope="session")
def numbers_of_requests() -> dict[tuple[str, str], int]:
    """How many requests a call sends when nothing fails, by its name and the item's origin."""
    return {}


@pytest.fixture
async def each_case(
    users: UsersTable,
    proxy: FaultProxy,
    aws_config: dict[str, str],
    proxied_aws_config: dict[str, str],
    store_options: dict[str, Any],
    numbers_of_requests: dict[tuple[str, str], int],
) -> AsyncIterator[EachCase]:
    """Check each request of each of the calls, all at the same time, on stores that have so many seconds.

    `origins`: who has put the item.
    """

    async def requests(stage: Stage, call: Call, origin: str) -> list[Case]:
        if (call.name, origin) not in numbers_of_requests:
            probe = Case(stage, call, origin, -1)
            await probe.prepare()
            seen = proxy.fail(None, None, times=math.inf, naming=probe.user_id)
            assert await probe.run() == call.answer
            assert await probe.stored() == call.after
            numbers_of_requests[call.name, origin] = len(seen.taken)
        return [
            Case(stage, call, origin, request) for request in range(numbers_of_requests[call.name, origin])
        ]

    async def checked(check: Check, case: Case) -> None:
        try:
            await case.prepare()
            await check(case)
        except BaseException as error:
            error.add_note(case.user_id)
            raise

    async def each(
        calls: Iterable[Call], seconds: float, check: Check, *, origins: Iterable[str] = ("us",)
    ) -> None:
        options = store_options | {"timeout_seconds": seconds}
        stores = {
            mode: await exits.enter_async_context(
                open_store(proxied_aws_config, users.name, on_conflict=mode, **options)
            )
            for mode in MODES
        }
        other = await exits.enter_async_context(
            open_store(aws_config, users.name, **store_options, timeout_seconds=60)
        )
        stage = Stage(users, proxy, stores, other)
        found = [(call, origin) for call in calls for origin in (origins if call.before else ("us",))]
        cases = itertools.chain(*await asyncio.gather(*(requests(stage, *call) for call in found)))
        outcomes = await asyncio.gather(*(checked(check, case) for case in cases), return_exceptions=True)
        if errors := [outcome for outcome in outcomes if outcome is not None]:
            raise BaseExceptionGroup(f"{len(errors)} of {len(outcomes)} cases failed", errors)

    async with AsyncExitStack() as exits:
        yield each


@both_ways
@pytest.mark.parametrize(
    "fault",
    some([*BEFORE, *AFTER], Fault.reset_before, Fault.throttle, Fault.drop_answer, Fault.server_error_after),
)
async def test_one_fault_is_healed(fault: Fault, each_case: EachCase) -> None:
    async def check(case: Case) -> None:
        rule = case.fail(fault)
        assert await case.run() == case.call.answer
        assert len(rule.taken) == 1
        assert await case.stored() == case.call.after

    await each_case(CALLS, PATIENT, check)


@both_ways
@pytest.mark.parametrize(
    "fault",
    some([Fault.drop_before, *THROTTLED, *LOST], Fault.drop_before, Fault.throttle, Fault.drop_answer),
)
async def test_a_fault_that_stays_is_a_typed_error(fault: Fault, each_case: EachCase) -> None:
    async def check(case: Case) -> None:
        rule = case.fail(fault, times=math.inf)
        with pytest.raises(ThrottledError if fault in THROTTLED else UnavailableError):
            await case.run()
        is_written = any(map(has_written, rule.taken))
        assert await case.stored() == (case.call.after if is_written else case.call.before)

    await each_case(CALLS, PATIENT, check)


@both_ways
@pytest.mark.parametrize("fault", SLOW)
async def test_an_answer_past_the_deadline(fault: Fault, proxy: FaultProxy, each_case: EachCase) -> None:
    """What is held comes as late as can be: after everything else. A busy machine may have no time for the retry."""
    allowed: list[tuple[Case, list[Data | None]]] = []

    async def run(case: Case) -> None:
        case.fail(fault)
        try:
            assert await case.run() == case.call.answer
        except UnavailableError:
            allowed.append((case, [case.call.before, case.call.after]))
        else:
            allowed.append((case, [case.call.after]))

    await each_case(CALLS, IMPATIENT, run)
    await proxy.heal()
    for case, states in allowed:
        assert await case.stored() in states, case.user_id


async def test_a_request_that_comes_after_its_retry_and_after_a_third_party(
    proxy: FaultProxy, each_case: EachCase
) -> None:
    """Calls that a busy machine left no time for a retry are not of interest here."""
    theirs: list[tuple[Case, Data | None]] = []

    async def run(case: Case) -> None:
        case.fail(Fault.late_request)
        with suppress(UnavailableError):
            await case.run()
            await case.stage.other.set(case.user_id, "city", "Lima")
            await case.stage.other.increment(case.user_id, "score", 100)
            theirs.append((case, await case.stored()))

    await each_case(WRITES, IMPATIENT, run, origins=("us", "Jovo"))
    await proxy.heal()
    for case, stored in theirs:
        assert await case.stored() == stored, case.user_id


@pytest.mark.parametrize("fault", LOST)
async def test_a_third_party_writes_before_the_retry(fault: Fault, each_case: EachCase) -> None:
    async def check(case: Case) -> None:
        other, user_id, after = case.stage.other, case.user_id, case.call.after or {}

        async def third_party() -> None:
            async with other.turn(user_id) as user:
                user.data["city"] = "Lima"
                user.increment("score", 100)
            await other.set(user_id, "theirs.too", [1])

        rule = case.fail(fault, after=third_party)
        await case.run()
        if has_written(rule.taken[0]):
            theirs = {"city": "Lima", "score": after.get("score", 0) + 100, "theirs": {"too": [1]}}
            assert await case.stored() == after | theirs

    await each_case(WRITES, PATIENT, check, origins=("us", "Jovo"))


@pytest.mark.parametrize("fault", LOST)
async def test_a_third_party_deletes_before_the_retry(fault: Fault, each_case: EachCase) -> None:
    async def check(case: Case) -> None:
        rule = case.fail(fault, after=lambda: case.stage.users.delete(case.user_id))
        conflict = None
        try:
            await case.run()
        except ConflictError as error:
            conflict = error
        if has_written(rule.taken[0]):
            assert await case.stored() == case.call.reborn
            assert (conflict is not None) == case.call.is_refused
            assert conflict is None or conflict.stored is None

    await each_case(WRITES, PATIENT, check, origins=("us", "Jovo"))
