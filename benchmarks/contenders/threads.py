"""Blocking clients in an asyncio program: each call in a thread of a pool."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import NamedTuple

from benchmarks.contenders import Backend, Steps
from benchmarks.users import user_id


class BlockingSteps(NamedTuple):
    """`Steps` that block their thread."""

    turn: Callable[[str], None]
    read: Callable[[str], None]


@asynccontextmanager
async def in_threads(backend: Backend, make: Callable[[], BlockingSteps]) -> AsyncIterator[Steps]:
    """Steps that run what `make` makes, made and used once in each thread before the first step."""
    of_thread = threading.local()
    one_at_a_time = threading.Lock()
    loop = asyncio.get_running_loop()

    def start() -> None:
        with one_at_a_time:
            of_thread.steps = make()
        of_thread.steps.read(user_id(0))

    def run_turn(user_id: str) -> None:
        of_thread.steps.turn(user_id)

    def run_read(user_id: str) -> None:
        of_thread.steps.read(user_id)

    all_started = threading.Barrier(backend.in_flight)
    with ThreadPoolExecutor(backend.in_flight, initializer=start) as pool:
        await asyncio.gather(
            *(loop.run_in_executor(pool, all_started.wait) for _ in range(backend.in_flight))
        )

        async def turn(user_id: str) -> None:
            await loop.run_in_executor(pool, run_turn, user_id)

        async def read(user_id: str) -> None:
            await loop.run_in_executor(pool, run_read, user_id)

        yield Steps(turn, read)
