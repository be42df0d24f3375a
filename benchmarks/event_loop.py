"""Which event loop a process of the benchmarks runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

LOOPS = ("asyncio", "uvloop")


def factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the event loop `name`, one of LOOPS."""
    if name == "uvloop":
        new_event_loop: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
        return new_event_loop
    return asyncio.new_event_loop


def fastest() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes the fastest event loop that is installed."""
    return factory("uvloop" if find_spec("uvloop") else "asyncio")
