"""The stages that a request goes through."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Literal, get_args

from async_dynamo_store.records.loaded import TurnScope
from async_dynamo_store.records.record import DataT

from .turn import Turn

log = logging.getLogger(__name__)

Stage = Literal["request", "user.load", "handler", "user.save", "response", "fail"]
"""The stages of a turn, in order; `fail` runs when one of the others raises."""

Step = Callable[[Turn[DataT]], Awaitable[None]]
"""An async function of the turn, which runs at a stage."""


class RequestPipeline(Generic[DataT]):
    """The stages of a turn, and the steps that run at each."""

    def __init__(self) -> None:
        self._steps: dict[str, list[Step[DataT]]] = {stage: [] for stage in get_args(Stage)}

    def use(self, stage: Stage, step: Step[DataT]) -> None:
        """Run `step` at `stage`, after the steps added earlier.

        Raises ValueError for an unknown stage.
        """
        if stage not in self._steps:
            raise ValueError(f"there is no stage {stage!r}; the stages are {', '.join(self._steps)}")
        self._steps[stage].append(step)

    async def run(self, turn: Turn[DataT]) -> Any:
        """Run the stages for a turn and return its response.

        If a stage raises, the steps of `fail` run and their reply becomes the response; without any, the exception
        is raised.
        """
        with TurnScope():
            try:
                for stage in ("request", "user.load", "handler", "user.save"):
                    if turn.is_repeated:
                        break
                    if stage == "user.save":
                        turn.check_session()
                    for step in self._steps[stage]:
                        await step(turn)
                turn.response = turn.render()
                for step in self._steps["response"]:
                    await step(turn)
            except Exception as error:
                if not self._steps["fail"]:
                    raise
                log.exception("A turn failed (%s); on_error answers", turn.request.platform)
                turn.fail(error)
                for step in self._steps["fail"]:
                    await step(turn)
                turn.response = turn.render()
        return turn.response
