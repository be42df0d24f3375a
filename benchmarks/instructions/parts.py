"""`python -m benchmarks.instructions.parts PART ENDPOINT`: a part of a turn, many times."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from async_dynamo_store.config import read_config
from async_dynamo_store.dynamodb.client import Client
from async_dynamo_store.dynamodb.fast.exchange import Exchanges
from async_dynamo_store.records.elements import Elements
from async_dynamo_store.records.loaded import Loaded
from async_dynamo_store.records.plain_data import PlainData
from async_dynamo_store.records.record import UserRecord
from async_dynamo_store.records.writing import Save, plan_save
from async_dynamo_store.wire.bookkeeping import Writer
from async_dynamo_store.wire.codec import decode
from benchmarks.instructions.counting import COLD, WARM
from benchmarks.instructions.switch import counting
from benchmarks.instructions.turns import count_turns
from benchmarks.registry import OURS
from benchmarks.user_item import user_item, wire_form
from benchmarks.users import KEY_COLUMN, TABLE_NAME, user_id

WHOLE = {
    "turn": "the whole turn",
    "without exchanges": "with prepared responses in place of the exchanges",
    "without calls": "with prepared answers in place of the calls",
}
"""Whole turns, with less and less of what is beyond the store."""
PURE = {
    "parse": "parse the response's JSON (orjson)",
    "decode": "decode the attribute values",
    "read": "decode, and make the record",
    "find": "the same, and find the changes",
    "plan": "the same, and plan the write",
}
"""What the store does without I/O; each of the last three contains the one before."""


async def whole(part: str, endpoint: str) -> None:
    """Count whole turns."""
    if part == "without exchanges":
        _answer_from_memory(Exchanges, "post", lambda arguments: b"GetItem" in arguments[0])
    elif part == "without calls":
        _answer_from_memory(Client, "call", lambda arguments: arguments[0])
    await count_turns(OURS, "turn", endpoint, COLD, WARM)


def _answer_from_memory(owner: type, method: str, key_of: Callable[[tuple[Any, ...]], object]) -> None:
    real, answers = getattr(owner, method), dict[object, Any]()

    async def from_memory(self: object, *arguments: Any) -> Any:
        key = key_of(arguments)
        if key not in answers:
            answers[key] = await real(self, *arguments)
        return answers[key]

    setattr(owner, method, from_memory)


def pure(part: str) -> Callable[[], object]:
    """What does a part without I/O."""
    item = wire_form(user_item(3700))
    response = orjson.dumps({"Item": item})
    elements: Elements[dict[str, Any]] = Elements(read_config(TABLE_NAME), PlainData())
    now = datetime.now(UTC)
    unused: Any = None
    mark = Writer().begin(user_id(1))

    def read() -> tuple[Loaded, UserRecord[dict[str, Any]]]:
        loaded = Loaded(user_id(1), elements.snapshot(item), unused, unused)
        return loaded, elements.read(user_id(1), loaded, now)

    def find() -> tuple[Loaded, Any]:
        loaded, record = read()
        record.data["score"] += 1
        return loaded, elements.begin_save(record, loaded, now)

    def plan() -> object:
        loaded, pending = find()
        save = Save({KEY_COLUMN: item[KEY_COLUMN]}, pending.changes, "merge", now)
        return plan_save(elements, save, loaded.snapshot, mark)

    parts: dict[str, Callable[[], object]] = {
        "parse": lambda: orjson.loads(response),
        "decode": lambda: decode({"M": item}),
        "read": read,
        "find": find,
        "plan": plan,
    }
    return parts[part]


if __name__ == "__main__":
    part, endpoint = sys.argv[1:]
    if part in WHOLE:
        asyncio.run(whole(part, endpoint))
    else:
        do = pure(part)
        for _ in range(COLD):
            do()
        with counting():
            for _ in range(WARM):
                do()
