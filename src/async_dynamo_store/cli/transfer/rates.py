"""Capacity units for each second, so that users of the table get theirs."""

from __future__ import annotations

import asyncio
import time
from typing import Any


class Rate:
    """No more than so many units a second; None for as many as there are."""

    def __init__(self, units: float | None) -> None:
        self.units = units
        self._free_at = 0.0

    async def take(self, units: float) -> None:
        """Wait for units that a call is expected to need."""
        if self.units is None:
            return
        starts = max(self._free_at, time.monotonic())
        self._free_at = starts + units / self.units
        await asyncio.sleep(starts - time.monotonic())

    def settle(self, expected: float, consumed: float) -> None:
        """A call has needed more or less than was expected."""
        if self.units is not None:
            self._free_at += (consumed - expected) / self.units


def consumed(answer: dict[str, Any], otherwise: float) -> float:
    """The capacity units that DynamoDB says a call has needed."""
    told: Any = answer.get("ConsumedCapacity")
    each = told if isinstance(told, list) else [told]
    units = [float(table["CapacityUnits"]) for table in each if table]
    return sum(units) if units else otherwise
