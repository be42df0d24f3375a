"""The tests' own way to wait: what never comes is an error at once."""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import comes_true, meeting, reached


async def test_what_a_task_brings_about_is_waited_for() -> None:
    event, end = asyncio.Event(), asyncio.Event()

    async def bring_about(*, goes_on: bool) -> None:
        await asyncio.sleep(0)
        event.set()
        if goes_on:
            await end.wait()

    for goes_on in (True, False):
        event.clear()
        task = asyncio.create_task(bring_about(goes_on=goes_on))
        await reached(event, task)
        assert task.done() is not goes_on
        end.set()
        await reached(comes_true(event.is_set), task)
        await task


async def test_a_task_that_ends_first_is_an_error() -> None:
    async def fail() -> None:
        raise LookupError

    async def end() -> str:
        return "no more"

    never = asyncio.Event()
    with pytest.raises(LookupError):
        await reached(never, asyncio.create_task(fail()))
    with pytest.raises(AssertionError, match="ended with 'no more' before"):
        await reached(never, asyncio.create_task(never.wait()), asyncio.create_task(end()))
    cancelled = asyncio.create_task(never.wait())
    cancelled.cancel()
    with pytest.raises(AssertionError, match="was cancelled before"):
        await reached(comes_true(never.is_set), cancelled)
    never.set()


async def test_nobody_is_left_at_a_meeting_whose_others_have_failed() -> None:
    async with meeting(2) as both:
        alone = asyncio.create_task(both.wait())
        await asyncio.sleep(0)
    with pytest.raises(asyncio.BrokenBarrierError):
        await alone
