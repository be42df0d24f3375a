"""A transfer: reads pages from the source, converts them, writes them to the target, and records the progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from async_dynamo_store.errors import CodecError

from .pages import Page, Problem, Totals, all_of

if TYPE_CHECKING:
    from async_dynamo_store.wire.values import Item

    from .checkpoint import Checkpoint, State
    from .layout_change import LayoutChange
    from .pages import Source, Target

Tell = Callable[[Problem], None]
Advance = Callable[[int], None]
Take = Callable[[Sequence["Item"], Totals], Awaitable[list[Problem]]]


class Transfer:
    """Transfers all users of a source. `tell` is called with each problem, `advance` with the number of users read."""

    def __init__(self, source: Source, change: LayoutChange, tell: Tell, advance: Advance) -> None:
        self._source = source
        self._change = change
        self._tell = tell
        self._advance = advance

    async def run(self, target: Target, state: State, checkpoint: Checkpoint) -> None:
        """Run from `state` to the end. The checkpoint is saved even if the transfer fails."""

        async def move(part: str) -> None:
            async with self._pages(part, state.positions.get(part)) as pages:
                async for page in pages:
                    items, totals = self._changed(page)
                    async with target.in_order():
                        problems = await target.write(items, totals)
                        state.note(part, page.position, totals, target.size())
                        await checkpoint.save(state, target)
                    self._report(problems, totals)

        try:
            parts = await self._source.parts(state.segments)
            await _at_most(state.segments, [part for part in parts if part not in state.done], move)
        finally:
            await asyncio.shield(checkpoint.save(state, target, now=True))

    async def compare(self, take: Take, segments: int, *, aloud: bool = False) -> Totals:
        """Read the whole source, and let `take` count which users the target has. `aloud` reports unreadable users."""
        found = Totals()

        async def look(part: str) -> None:
            async with self._pages(part, None) as pages:
                async for page in pages:
                    items, totals = self._changed(page, aloud=aloud)
                    problems = await take(items, totals)
                    found.add(totals)
                    self._report(problems, totals)

        await _at_most(segments, await self._source.parts(segments), look)
        return found

    @asynccontextmanager
    async def _pages(self, part: str, position: object) -> AsyncGenerator[AsyncGenerator[Page]]:
        pages = cast("AsyncGenerator[Page]", self._source.pages(part, position))
        async with aclosing(pages):
            yield pages

    def _changed(self, page: Page, *, aloud: bool = True) -> tuple[list[Item], Totals]:
        """The users of a page in the form of the target. Unreadable ones are counted, left out and, if `aloud`, reported."""
        totals, now = Totals(), datetime.now(UTC)
        items: list[Item] = []
        problems = list(page.problems)
        for item in page.items:
            if not self._change.is_user(item, now):
                totals.others += 1
                continue
            try:
                changed, left_out = self._change.changed(item)
            except CodecError as error:
                problems.append(Problem(self._change.name_of(item), str(error)))
                continue
            items.append(changed)
            totals.left_out.update(left_out)
        totals.unreadable += len(problems)
        totals.read += len(items) + len(problems)
        if aloud:
            for problem in problems:
                self._tell(problem)
        return items, totals

    def _report(self, problems: Sequence[Problem], totals: Totals) -> None:
        for problem in problems:
            self._tell(problem)
        self._advance(totals.read)


async def _at_most(number: int, parts: Sequence[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Run `work` for all parts, at most `number` of them at once."""
    waiting = iter(parts)

    async def worker() -> None:
        for part in waiting:
            await work(part)

    await all_of(worker() for _ in range(min(number, len(parts))))
