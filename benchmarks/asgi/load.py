"""Alexa requests over keep-alive connections, one after the other on each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import count

from benchmarks.aws_lambda.event import event
from benchmarks.users import user_id

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class WrongAnswerError(Exception):
    """A skill answered with something else than 200."""


def request(number: int) -> bytes:
    """The HTTP request of benchmark user `number`."""
    body = json.dumps(event()).replace(user_id(0), user_id(number)).encode()
    head = f"POST / HTTP/1.1\r\nHost: skill\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def load(port: int, in_flight: int, seconds: float) -> list[float]:
    """The latency of every request that was answered within `seconds`, with so many in flight."""
    end = time.perf_counter() + seconds
    users = await asyncio.gather(*(_user(port, request(number), end) for number in range(in_flight)))
    return [latency for latencies in users for latency in latencies]


async def once(port: int, number: int = 0) -> None:
    """One request."""
    await _user(port, request(number), 0, at_least=1)


async def _user(port: int, sent: bytes, end: float, at_least: int = 0) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies: list[float] = []
    try:
        for asked in _starts(end, at_least):
            writer.write(sent)
            head = (await reader.readuntil(_HEAD_END)).lower()
            if not head.startswith(b"http/1.1 200 "):
                raise WrongAnswerError(head.decode())
            length_at = head.index(_LENGTH) + len(_LENGTH)
            await reader.readexactly(int(head[length_at:].split(b"\r", 1)[0]))
            latencies.append(time.perf_counter() - asked)
    finally:
        writer.close()
        await writer.wait_closed()
    return latencies


def _starts(end: float, at_least: int) -> Iterator[float]:
    """The times at which requests start."""
    for number in count():
        now = time.perf_counter()
        if now >= end and number >= at_least:
            return
        yield now
