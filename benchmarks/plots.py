"""Results as pictures. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.registry import OURS
from benchmarks.report import duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDEST_LINEAR = 100
_INK, _OURS_COLOUR, _OTHER_COLOUR = "#475569", "#c2410c", "#94a3b8"
mpl.rcParams |= {"svg.hashsalt": "benchmarks", "svg.fonttype": "none", "font.size": 9}
mpl.rcParams |= {"axes.spines.top": False, "axes.spines.right": False}
mpl.rcParams |= {"axes.titlelocation": "left", "axes.titleweight": "bold"}


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the result as an SVG at `path`."""
    figures = {"size": _cost_against_size, "concurrency": _latency_against_load, "memory": _memory_over_turns}
    figure = figures.get(result["question"], _ratio_bars)(result)
    figure.text(0.005, -0.02, _footnote(result), va="top", fontsize=7, color=_INK)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _ratio_bars(result: dict[str, Any]) -> Figure:
    steps = result["steps"]
    first = next(iter(steps))
    contenders = sorted(result["contenders"], key=lambda one: one["steps"][first]["cpu_seconds"]["median"])
    figure = Figure(figsize=(5.2 * len(steps), 1.5 + 0.32 * len(contenders)), layout="constrained")
    all_axes = figure.subplots(1, len(steps), sharey=True, squeeze=False)[0]
    for axes, (step, title) in zip(all_axes, steps.items(), strict=True):
        _bars(axes, contenders, step)
        axes.set_title(title)
        axes.set_xlabel(f"CPU, × that of {result['base']}")
    return figure


def _bars(axes: Axes, contenders: list[dict[str, Any]], step: str) -> None:
    ratios = [contender["steps"][step]["cpu_ratio"] for contender in contenders]
    lowest, highest = min(ratio["min"] for ratio in ratios), max(ratio["max"] for ratio in ratios)
    if highest > _WIDEST_LINEAR * lowest:
        axes.set_xscale("log")
        left, right = lowest / 2, highest * (highest / lowest) ** 0.4
    else:
        left, right = 0, highest * 1.4
    axes.set_xlim(left, right)
    axes.xaxis.set_major_formatter("{x:g} ×")
    axes.axvline(1, color=_INK, linewidth=0.8)
    for place, (contender, ratio) in enumerate(zip(contenders, ratios, strict=True)):
        median = ratio["median"]
        axes.barh(
            place,
            median - left,
            left=left,
            xerr=[[median - ratio["min"]], [ratio["max"] - median]],
            color=_colour(contender),
            error_kw={"elinewidth": 0.8},
        )
        cost = duration(contender["steps"][step]["cpu_seconds"]["median"])
        axes.annotate(
            f"{median:.2f} ×  {cost}",
            (ratio["max"], place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(contenders)), [contender["title"] for contender in contenders])
    axes.yaxis.set_inverted(True)


def _cost_against_size(result: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    _lines(axes, result, "cpu_seconds")
    axes.set_title("CPU of a turn against the size of the user")
    axes.set_xlabel("bytes of the user item on the wire")
    axes.legend(frameon=False)
    return figure


def _latency_against_load(result: dict[str, Any]) -> Figure:
    percentiles = ("p50", "p90", "p99")
    figure = Figure(figsize=(4.2 * len(percentiles), 4), layout="constrained")
    for axes, percentile in zip(figure.subplots(1, len(percentiles), sharey=True), percentiles, strict=True):
        _lines(axes, result, percentile)
        axes.set_title(f"latency of a turn, {percentile}")
        axes.set_xlabel("turns in flight")
    figure.axes[0].legend(frameon=False)
    return figure


def _lines(axes: Axes, result: dict[str, Any], of: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter(lambda seconds, _: duration(seconds))
    for contender, marker in zip(result["contenders"], "osv^D", strict=False):
        points = [contender["steps"][step][of]["median"] for step in result["steps"]]
        steps = [int(step) for step in result["steps"]]
        axes.plot(steps, points, marker=marker, color=_colour(contender), label=contender["title"])


def _memory_over_turns(result: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    for contender in result["contenders"]:
        turns = [point["turns"] for point in contender["points"]]
        in_use = [point["bytes"] / 2**20 for point in contender["points"]]
        axes.plot(turns, in_use, color=_colour(contender), label=contender["title"])
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_title("memory in use")
    axes.set_xlabel("turns, each for a new user")
    axes.set_ylabel("MiB")
    axes.legend(frameon=False)
    return figure


def _colour(contender: dict[str, Any]) -> str:
    name: str = contender["name"]
    return _OURS_COLOUR if name.startswith(OURS) else _OTHER_COLOUR


def _footnote(result: dict[str, Any]) -> str:
    machine, options = result["machine"], result["options"]
    rounds = f"{options['rounds']} rounds (min to max), " if "samples" in result else ""
    lines = [
        f"{result['date'][:10]}, {machine['cpu']}, {result['versions']['python']}, load {machine['load']}",
        f"{rounds}{options['in_flight']} in flight, {options['size']:,} byte user, {options['backend']}",
    ]
    if result["missing"]:
        lines.append(f"Not installed: {', '.join(contender['title'] for contender in result['missing'])}.")
    return "\n".join(lines)
