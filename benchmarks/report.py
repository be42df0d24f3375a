"""Results as text and as JSON files."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import versions

RESULTS = Path(__file__).parent / "results"
_ROW = "{:32} {:>11} {:>23} {:>11} {:>11} {:>11} {:>11}"
_MEMORY_ROW = "{:32} {:>13} {:>19} {:>19}"


def as_json(result: Any, command: str, machine: dict[str, Any]) -> dict[str, Any]:
    """The whole result, ready to be written: on what it was taken and how, then what it is."""
    return {
        "question": result.question,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "machine": machine,
        "versions": versions(),
        "options": asdict(result.options),
        "missing": [
            {"name": contender.name, "title": contender.title, "needs": contender.missing()}
            for contender in result.missing
        ],
        **result.as_json(),
    }


def write_rows(question: str, command: str, machine: dict[str, Any], **found: Any) -> None:
    """Write what a command without contenders has found, over its result of before."""
    result = {
        "question": question,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "machine": machine,
        "versions": versions(),
        **found,
    }
    (RESULTS / f"{question}.json").write_text(json.dumps(result, indent=1) + "\n")


def write(result: dict[str, Any], folder: Path) -> Path:
    """Write the result into `folder`, over the one of the same question, back end, event loop and CPU limit."""
    options = result["options"]
    parts = [
        result["question"],
        *([options["backend"]] if options["backend"] != "canned" else []),
        *([options["loop"]] if options["loop"] != "asyncio" else []),
        *([f"{options['cpus']}-cpus"] if options["cpus"] else []),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{'-'.join(parts)}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def as_text(result: dict[str, Any]) -> str:
    """The result as tables to read."""
    lines = _memory(result) if result["question"] == "memory" else _costs(result)
    machine = result["machine"]
    if machine["load"] > machine["cores"] / 2:
        lines.append(f"BUSY MACHINE (load {machine['load']}): wall times and latencies say little")
    lines += [
        f"MISSING {contender['title']}: not measured; {'; '.join(contender['needs'])}"
        for contender in result["missing"]
    ]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """A duration in the unit that suits it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _costs(result: dict[str, Any]) -> list[str]:
    lines = []
    for step, title in result["steps"].items():
        lines += ["", f"{result['question']}: {title} (× is times {result['base']})"]
        has_latency = "p50" in result["contenders"][0]["steps"][step]
        heads = (
            "CPU",
            "× CPU (min–max)",
            "wall",
            "per second",
            *(("p50", "p99") if has_latency else ("", "")),
        )
        lines.append(_ROW.format("", *heads).rstrip())
        lines += [_cost(contender["title"], contender["steps"][step]) for contender in result["contenders"]]
    return [*lines, "", *(_target(target) for target in result["targets"])]


def _cost(title: str, step: dict[str, Any]) -> str:
    ratio, wall = step["cpu_ratio"], step["wall_seconds"]["median"]
    latencies = [duration(step[name]["median"]) if name in step else "" for name in ("p50", "p99")]
    row = _ROW.format(
        title,
        duration(step["cpu_seconds"]["median"]),
        f"{ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})",
        duration(wall),
        f"{1 / wall:,.0f}",
        *latencies,
    )
    return row.rstrip()


def _target(target: dict[str, Any]) -> str:
    of, to, measured = target["of"], target["to"], target["measured"]
    return (
        f"{'met' if target['met'] else 'MISSED':6} {of['contender']}'s {of['step']} takes "
        f"{measured['median']:.2f} ({measured['min']:.2f}–{measured['max']:.2f}) × "
        f"the {target['cost']} of {to['contender']}'s {to['step']}; promised: at most {target['at_most']:.2f}"
    )


def _memory(result: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"memory: {result['options']['turns']:,} turns, each for a new user; growth in the second half",
    ]
    lines.append(_MEMORY_ROW.format("", "at the end", "bytes per turn", "objects per turn"))
    for contender in result["contenders"]:
        growth = contender["growth"]
        in_use = f"{contender['points'][-1]['bytes'] / 2**20:.1f} MiB"
        lines.append(
            _MEMORY_ROW.format(
                contender["title"], in_use, f"{growth['bytes']:+.2f}", f"{growth['objects']:+.4f}"
            )
        )
    return [*lines, ""]
