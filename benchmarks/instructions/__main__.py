"""`python -m benchmarks.instructions`: count, print, write results. Needs Valgrind."""

from __future__ import annotations

from typing import Any

from benchmarks.backends import CannedServer, canned_server
from benchmarks.instructions.counting import WARM, of_processes, of_steps, warm_turns
from benchmarks.instructions.counting import turns as of_turns
from benchmarks.instructions.parts import PURE, WHOLE
from benchmarks.instructions.starts import STARTS
from benchmarks.machine import machine
from benchmarks.registry import APPS, FLOOR, OURS, SHAPED
from benchmarks.report import write_rows
from benchmarks.shapes.items import SHAPES, shaped_item
from benchmarks.turns import STEPS
from benchmarks.user_item import user_item, wire_size


def starts(endpoint: str) -> list[dict[str, Any]]:
    """From the start of a process to its first answer, compared with bare aioboto3."""
    rows: list[dict[str, Any]] = []
    counted = of_processes([("-c", program, endpoint) for program in STARTS.values()])
    for title, instructions in zip(STARTS, counted, strict=True):
        millions, ratio = round(instructions / 1e6), round(instructions / counted[0], 3)
        rows.append({"start": title, "millions": millions, "ratio": ratio})
        print(f"{title:45} {millions:>6} million  {ratio:>6} ×", flush=True)
    return rows


def first_turn(endpoint: str, warm: float) -> dict[str, Any]:
    """The first turn of a process whose store is open, compared with a warm one; `warm` is in thousands.

    `connection` is what the first turn of bare aiohttp posts takes more than the second.
    """
    runs = [(FLOOR, 0), (FLOOR, 1), (OURS, 0)]
    floor, second, ours = of_steps([of_turns(name, "turn", endpoint, before, 1) for name, before in runs])
    connection, first = (floor - second) / 1e3, ours / 1e3
    row = {
        "thousands": round(first, 1),
        "connection": round(connection, 1),
        "without_connection_to_warm": round((first - connection) / warm, 3),
    }
    print(f"first turn: {row}", flush=True)
    return row


def turns(endpoint: str) -> list[dict[str, Any]]:
    """Warm turns, compared with bare aiohttp posts and with the store's own turn."""
    titles = {each.name: each.title for each in (*SHAPED, *APPS) if not each.missing()}
    rows: list[dict[str, Any]] = []
    for step in STEPS:
        rows += _rows(titles, step, endpoint, {"step": step})
    return rows


def parts(endpoint: str) -> list[dict[str, Any]]:
    """What a warm turn with one field changed is made of; the parts add up to the whole."""
    names = (*WHOLE, *PURE)
    counted = of_steps([("-m", "benchmarks.instructions.parts", name, endpoint) for name in names])
    warm = {name: number / WARM / 1e3 for name, number in zip(names, counted, strict=True)}
    made_of = {
        "two exchanges: connection from the pool, write, wait, read": warm["turn"]
        - warm["without exchanges"],
        "parse the item's JSON (orjson)": warm["parse"],
        "build, sign and check two calls": warm["without exchanges"] - warm["without calls"] - warm["parse"],
        "decode the attribute values": warm["decode"],
        "make the record": warm["read"] - warm["decode"],
        "find the changes": warm["find"] - warm["read"],
        "plan the write": warm["plan"] - warm["find"],
        "the turn around it: time limits, pending writes, tasks": warm["without calls"] - warm["plan"],
    }
    rows = [{"part": title, "thousands": round(each, 1)} for title, each in made_of.items()]
    for row in rows:
        print(f"{row['part']:60} {row['thousands']:>8} thousand", flush=True)
    return rows


def shapes(server: CannedServer) -> list[dict[str, Any]]:
    """The same, with one field changed, for users of other shapes."""
    titles = {each.name: each.title for each in SHAPED if not each.missing()}
    rows: list[dict[str, Any]] = []
    for shape in SHAPES:
        server.use_items_of(shape)
        rows += _rows(
            titles, "turn", server.endpoint, {"shape": shape, "bytes": wire_size(shaped_item(shape))}
        )
    return rows


def _rows(titles: dict[str, str], step: str, endpoint: str, which: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    warm = warm_turns(titles, step, endpoint)
    for name, title in titles.items():
        row = {**which, "contender": title, "thousands": round(warm[name] / 1e3, 1)}
        row |= {f"to_{base}": round(warm[name] / warm[base], 3) for base in (FLOOR, OURS)}
        rows.append(row)
        what = next(iter(which.values()))
        print(f"{what:9} {title:45} {row['thousands']:>9} thousand  {row[f'to_{FLOOR}']:>6} ×", flush=True)
    return rows


def main() -> None:
    """Count all of them."""
    before = machine()
    size = wire_size(user_item(3700))
    with canned_server(size) as server:
        found: dict[str, Any] = {
            "starts": starts(server.endpoint),
            "steps": STEPS,
            "turns": turns(server.endpoint),
        }
        found["parts"] = parts(server.endpoint)
        warm = sum(row["thousands"] for row in found["parts"])
        found["first_turn"] = first_turn(server.endpoint, warm)
        found["shapes"] = shapes(server)
    write_rows("instructions", "python -m benchmarks.instructions", before, size=size, **found)


if __name__ == "__main__":
    main()
