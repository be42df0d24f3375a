"""Limits the capacity units that a transfer consumes per second, so that the table's other clients keep theirs."""

from __future__ import annotations

import asyncio
import time
from typing import Any


class Rate:
    """A limit of capacity units per second; None for no limit."""

    def __init__(self, units: float | None) -> None:
        self.units = units
        self._free_at = 0.0

    async def take(self, units: float) -> None:
        """Wait until the units that a call is expected to consume are available."""
        if self.units is None:
            return
        starts = max(self._free_at, time.monotonic())
        self._free_at = starts + units / self.units
        await asyncio.sleep(starts - time.monotonic())

    def settle(self, expected: float, consumed: float) -> None:
        """Account for a call that consumed more or less than expected."""
        if self.units is not None:
            self._free_at += (consumed - expected) / self.units


def consumed(answer: dict[str, Any], otherwise: float) -> float:
    """The capacity units that a call consumed; `otherwise` if the answer does not have them."""
    told: Any = answer.get("ConsumedCapacity")
    each = told if isinstance(told, list) else [told]
    units = [float(table["CapacityUnits"]) for table in each if table]
    return sum(units) if units else otherwise
