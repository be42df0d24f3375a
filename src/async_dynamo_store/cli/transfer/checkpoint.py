"""The progress of a transfer, in a file, so that a later process can resume it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from async_dynamo_store.cli.json_text import json_text
from async_dynamo_store.cli.mistakes import Exit, Failure

from .pages import Totals

if TYPE_CHECKING:
    from .pages import Target

_VERSION = 1
_EVERY_SECONDS = 0.5


@dataclass(slots=True)
class State:
    """The progress: the position after the last page of each part, and the parts that are finished."""

    job: dict[str, Any]
    segments: int
    positions: dict[str, Any] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    totals: Totals = field(default_factory=Totals)
    size: int = 0

    def note(self, part: str, position: Any, totals: Totals, size: int) -> None:
        """Record a page that is in the target."""
        self.totals.add(totals)
        self.size = size
        self.positions[part] = position
        if position is None:
            self.done.add(part)

    def as_json(self) -> str:
        """The content of the file."""
        return json_text(
            {
                "version": _VERSION,
                "job": self.job,
                "segments": self.segments,
                "positions": self.positions,
                "done": sorted(self.done),
                "totals": self.totals.as_json(),
                "size": self.size,
            }
        )


class Checkpoint:
    """The file of a transfer's state. It is replaced atomically, so that it is always complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = asyncio.Lock()
        self._saved_at = time.monotonic()

    def load(self, job: dict[str, Any], segments: int) -> tuple[State, bool]:
        """The state to start from, and whether it was stored. Raises `Failure` for the file of another transfer."""
        try:
            read = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return State(job, segments), False
        except (OSError, ValueError) as error:
            raise Failure(f"{self.path} is not a readable checkpoint. Remove it to start over.") from error
        if not isinstance(read, dict) or read.get("version") != _VERSION or read.get("job") != job:
            raise Failure(
                f"{self.path} is the checkpoint of another transfer. Finish that one, remove the file, or choose another with"
                " --checkpoint.",
                Exit.USAGE,
            )
        state = State(
            job,
            read["segments"],
            read["positions"],
            set(read["done"]),
            Totals.from_json(read["totals"]),
            read["size"],
        )
        return state, True

    async def save(self, state: State, target: Target, *, now: bool = False) -> None:
        """Write the state, if a write is due. The target is synced first, so that the state never claims too much."""
        async with self._lock:
            if not now and time.monotonic() - self._saved_at < _EVERY_SECONDS:
                return
            text = state.as_json()
            await target.sync()
            self._replace(
                text
            )  # not in a thread, which would continue after a cancellation and race with the next save
            self._saved_at = time.monotonic()

    def _replace(self, text: str) -> None:
        fresh = self.path.with_name(f"{self.path.name}.new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)

    def remove(self) -> None:
        """Remove the file after the transfer."""
        self.path.unlink(missing_ok=True)
