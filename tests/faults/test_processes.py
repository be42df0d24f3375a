"""Many processes change the same users: what was acknowledged is what is stored."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from tests.faults.process import USERS, Told, run_turns
from tests.faults.proxy import Fault, FaultProxy
from tests.soak import some

if TYPE_CHECKING:
    from tests.faults.table import UsersTable

MOST_PROCESSES = 8
QUICK = [fault for fault in Fault if fault not in {Fault.slow_answer, Fault.slow_request, Fault.late_request}]

pytestmark = [pytest.mark.engines("dynamodb-local"), pytest.mark.unmeasured]


@pytest.fixture(scope="module")
def pool(small_ca_bundle: None) -> Iterator[ProcessPoolExecutor]:
    """The processes; their start is most of what a short run takes."""
    with ProcessPoolExecutor(MOST_PROCESSES, get_context("spawn")) as pool:
        yield pool


async def run_processes(
    pool: ProcessPoolExecutor, processes: int, turns: int, aws_config: dict[str, str], table_name: str
) -> list[Told]:
    """What each of the processes was told of its turns."""
    loop = asyncio.get_running_loop()
    calls = [
        loop.run_in_executor(pool, run_turns, process, turns, aws_config, table_name)
        for process in range(processes)
    ]
    return await asyncio.gather(*calls)


async def check_sums(users: UsersTable, told: list[Told]) -> None:
    """All that was acknowledged is stored, and no more than that and what may have been done."""
    for user_id in USERS:
        done = sum(process.done[user_id] for process in told)
        unknown = sum(process.unknown[user_id] for process in told)
        data = await users.data(user_id)
        if data is None:
            assert not done
            continue
        assert done <= data["counts"]["all"] <= done + unknown
        for number, process in enumerate(told):
            mine = data["counts"].get(f"of {number}", 0)
            assert process.done[user_id] <= mine <= process.done[user_id] + process.unknown[user_id]
            if user_id in process.last:
                assert data["last"][f"of {number}"] == process.last[user_id]


@pytest.mark.parametrize("run", some([(4, 100), (MOST_PROCESSES, 5000)], (4, 100)))
async def test_what_was_acknowledged_is_stored(
    run: tuple[int, int], pool: ProcessPoolExecutor, users: UsersTable, aws_config: dict[str, str]
) -> None:
    processes, turns = run
    told = await run_processes(pool, processes, turns, aws_config, users.name)

    assert sum(process.done.total() for process in told) == processes * turns
    await check_sums(users, told)


@pytest.mark.parametrize("run", some([(4, 50), (MOST_PROCESSES, 1000)], (4, 50)))
async def test_what_was_acknowledged_on_a_bad_network_is_stored(
    run: tuple[int, int],
    pool: ProcessPoolExecutor,
    users: UsersTable,
    proxied_aws_config: dict[str, str],
    proxy: FaultProxy,
) -> None:
    """One request of six fails."""
    processes, turns = run
    chance = random.Random(turns)
    proxy.fail(None, lambda: chance.choice(QUICK) if chance.random() < 1 / 6 else None, times=math.inf)

    told = await run_processes(pool, processes, turns, proxied_aws_config, users.name)

    assert {exchange.fault for exchange in proxy.log} == {None, *QUICK}
    assert sum(process.done.total() for process in told) > processes * turns / 2
    await check_sums(users, told)
