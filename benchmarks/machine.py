"""On what the numbers were taken."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from benchmarks.processes import can_pin
from benchmarks.registry import CODEC, TURN, installed

_BELOW = (
    "aiobotocore",
    "aiohttp",
    "awslambdaric",
    "boto3",
    "botocore",
    "orjson",
    "pydantic",
    "starlette",
    "uvicorn",
    "uvloop",
    "yarl",
)


def machine() -> dict[str, Any]:
    """The processor, its cores, the system, whether processes were tied to one CPU, and who else wanted one.

    `load` is the load average of the last minute.
    """
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "pinned": can_pin(),
        "load": round(os.getloadavg()[0], 1),
    }


def versions() -> dict[str, str]:
    """Python, every contender, and what they stand on, as far as it is installed."""
    names = {name for contender in (*TURN, *CODEC) for name in contender.requires} | {*_BELOW}
    found = {name: version for name in sorted(names) if (version := installed(name))}
    return {"python": f"{platform.python_implementation()} {platform.python_version()}"} | found


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
