"""What one of many processes does to the users that all of them share."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from async_dynamo_store import AsyncDynamoStore, ThrottledError, UnavailableError, UserRecord
from tests.faults.table import open_store

USERS = [f"user {number}" for number in range(50)]


@dataclass
class Told:
    """What one process was told of its turns: by user, how many were done, and how many may have been."""

    done: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    last: dict[str, int] = field(default_factory=dict)
    """The number of the last turn that was done, for users of whom nothing is unknown since."""


def run_turns(process: int, turns: int, aws_config: dict[str, str], table_name: str) -> Told:
    """One process: its turns one after the other, each of a random user."""
    return asyncio.run(_run_turns(process, turns, aws_config, table_name))


async def _run_turns(process: int, turns: int, aws_config: dict[str, str], table_name: str) -> Told:
    told = Told()
    chance = random.Random(process)
    async with open_store(aws_config, table_name, timeout_seconds=60) as store:
        for number in range(1, turns + 1):
            user_id = chance.choice(USERS)
            try:
                await chance.choice([turn, turn, turn, update, verbs])(store, user_id, process, number)
            except (UnavailableError, ThrottledError):
                told.unknown[user_id] += 1
                told.last.pop(user_id, None)
            else:
                told.done[user_id] += 1
                told.last[user_id] = number
    return told


async def turn(store: AsyncDynamoStore, user_id: str, process: int, number: int) -> None:
    async with store.turn(user_id) as user:
        change(user, process, number)


async def update(store: AsyncDynamoStore, user_id: str, process: int, number: int) -> None:
    def count(user: UserRecord) -> None:
        counts = user.data.setdefault("counts", {})
        counts["all"] = counts.get("all", 0) + 1
        counts[f"of {process}"] = counts.get(f"of {process}", 0) + 1
        user.data.setdefault("last", {})[f"of {process}"] = number

    await store.update(user_id, count)


async def verbs(store: AsyncDynamoStore, user_id: str, process: int, number: int) -> None:
    """Together as good as a turn, where nothing fails between them."""
    async with store.turn(user_id) as user:
        user.increment("counts.all")
    await store.increment(user_id, f"counts.of {process}")
    await store.set(user_id, f"last.of {process}", number)


def change(user: UserRecord, process: int, number: int) -> None:
    user.increment("counts.all")
    user.increment(f"counts.of {process}")
    user.data.setdefault("last", {})[f"of {process}"] = number
    user.data["latest"] = [process, number]
