"""A share of a CPU for a process, as Lambda gives it with the memory: a quota of Linux's control groups, version 1 or 2."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

Limit = Callable[[int], None]
"""Puts the process with this id under the limit, from now on."""

_ROOT = Path("/sys/fs/cgroup")
_PERIOD = 20_000
"""Microseconds; a process that has used its share waits for the next period."""


@contextmanager
def cpu_limit(cpus: float | None) -> Generator[Limit]:
    """What limits a process to `cpus` CPUs; with None, nothing is limited.

    Raises OSError where the control groups may not be written.
    """
    if cpus is None:
        yield lambda _: None
        return
    version_1 = _ROOT / "cpu"
    group = (version_1 if version_1.is_dir() else _ROOT) / f"benchmark-{os.getpid()}"
    group.mkdir()
    try:
        quota = round(cpus * _PERIOD)
        if version_1.is_dir():
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {_PERIOD}")
        yield lambda pid: _add(group, pid)
    finally:
        group.rmdir()


def _add(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(str(pid))
