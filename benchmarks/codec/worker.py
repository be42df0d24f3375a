"""The process in which one codec is measured: `python -m benchmarks.codec.worker CONTENDER SIZE`.

Each line on its standard input is a JSON list, `[STEP, SECONDS]`, answered with a line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

from benchmarks.contenders import Codec
from benchmarks.measured import Measured
from benchmarks.registry import make_codec
from benchmarks.user_item import plain_values, user_item, wire_form

_AT_A_TIME = 20


class WrongCodecError(Exception):
    """A codec yields something else than the others."""


def measure(step: Callable[[], object], seconds: float) -> Measured:
    """Run `step` over and over until `seconds` have passed."""
    count = 0
    started, cpu_before = perf_counter(), process_time()
    deadline = started + seconds
    while perf_counter() < deadline:
        for _ in range(_AT_A_TIME):
            step()
        count += _AT_A_TIME
    return {"count": count, "wall": perf_counter() - started, "cpu": process_time() - cpu_before}


def check(codec: Codec, item: dict[str, Any], wire: dict[str, Any]) -> None:
    """Make sure that the codec yields the wire form, and reads it to its values or leaves it as it is."""
    encoded = codec.encode()
    if isinstance(encoded, bytes):
        encoded = json.loads(encoded)
    if plain_values(encoded) != item or codec.decode() not in (item, wire):
        raise WrongCodecError


def main() -> None:
    """Make the codec and measure what is asked for until standard input is closed."""
    contender, size = sys.argv[1:]
    item = user_item(int(size))
    wire = wire_form(item)
    codec = make_codec(contender)(item, wire)
    check(codec, item, wire)
    for line in sys.stdin:
        name, seconds = json.loads(line)
        print(json.dumps(measure(getattr(codec, name), seconds)), flush=True)


if __name__ == "__main__":
    main()
