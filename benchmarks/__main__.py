"""`python -m benchmarks`: measure, print, write results, draw."""

from __future__ import annotations

import argparse
import compileall
import shlex
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import async_dynamo_store
from benchmarks import (
    asgi,
    aws_lambda,
    codec,
    cold_start,
    concurrency,
    event_loop,
    loop_stall,
    memory,
    report,
    shapes,
    size,
    turn,
    voice_app,
)
from benchmarks.asgi import question as asgi_question
from benchmarks.aws_lambda import question as aws_lambda_question
from benchmarks.backends import BACKENDS
from benchmarks.codec import question as codec_question
from benchmarks.cold_start import question as cold_start_question
from benchmarks.concurrency import question as concurrency_question
from benchmarks.loop_stall import question as loop_stall_question
from benchmarks.machine import machine
from benchmarks.memory import question as memory_question
from benchmarks.memory.question import MemoryResult
from benchmarks.question import Options, Result, progress
from benchmarks.registry import APPS, CODEC, CONCURRENT, SHAPED, TURN
from benchmarks.shapes import question as shapes_question
from benchmarks.size import question as size_question
from benchmarks.turn import question as turn_question
from benchmarks.voice_app import question as voice_app_question

QUESTIONS: dict[str, tuple[str | None, Callable[[Options], Result | MemoryResult]]] = {
    "turn": (turn.__doc__, turn_question.run),
    "voice_app": (voice_app.__doc__, voice_app_question.run),
    "codec": (codec.__doc__, codec_question.run),
    "cold_start": (cold_start.__doc__, cold_start_question.run),
    "loop_stall": (loop_stall.__doc__, loop_stall_question.run),
    "aws_lambda": (aws_lambda.__doc__, aws_lambda_question.run),
    "asgi": (asgi.__doc__, asgi_question.run),
    "size": (size.__doc__, size_question.run),
    "shapes": (shapes.__doc__, shapes_question.run),
    "concurrency": (concurrency.__doc__, concurrency_question.run),
    "memory": (memory.__doc__, memory_question.run),
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    defaults = Options()
    contenders = sorted({contender.name for contender in (*TURN, *SHAPED, *CONCURRENT, *APPS, *CODEC)})
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure this store beside the other ways to keep a user in DynamoDB.",
        epilog=" ".join(f"{name}: {text}" for name, (text, _) in QUESTIONS.items()),
    )
    add = made.add_argument
    add("questions", nargs="*", metavar="QUESTION", help=f"{', '.join(QUESTIONS)}; none: all")
    add(
        "--rounds",
        type=int,
        default=defaults.rounds,
        help="how often each is measured (%(default)s)",
    )
    add("--seconds", type=float, default=defaults.seconds, help="for how long each time (%(default)s)")
    add("--size", type=int, default=defaults.size, help="bytes of the user item on the wire (%(default)s)")
    add("--in-flight", type=int, default=defaults.in_flight, help="turns at once (%(default)s)")
    add("--turns", type=int, default=defaults.turns, help="turns while memory is watched (%(default)s)")
    add("--loop", choices=event_loop.LOOPS, default=defaults.loop, help="the contenders' event loop")
    add(
        "--backend",
        choices=BACKENDS,
        default=defaults.backend,
        help="what `turn` and `asgi` talk to (%(default)s)",
    )
    add(
        "--cpus",
        type=float,
        default=defaults.cpus,
        help="the share of a CPU that `aws_lambda` gives a function's process; needs a cgroup that may be written",
    )
    add("--only", nargs="+", choices=contenders, default=[], metavar="NAME", help=", ".join(contenders))
    add("--base", choices=contenders, default="", metavar="NAME", help="compare with this one")
    add("--results", type=Path, default=report.RESULTS, help="the folder to write to")
    return made


def main() -> None:
    """Answer the questions that were asked."""
    command_line = parser()
    arguments = command_line.parse_args()
    if unknown := set(arguments.questions) - set(QUESTIONS):
        command_line.error(f"no question {', '.join(sorted(unknown))}; there are {', '.join(QUESTIONS)}")
    options = Options(
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        size=arguments.size,
        in_flight=arguments.in_flight,
        turns=arguments.turns,
        loop=arguments.loop,
        backend=arguments.backend,
        cpus=arguments.cpus,
        only=tuple(arguments.only),
        base=arguments.base,
    )
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    # As an installer does with all the others; a checkout is run as it is.
    compileall.compile_dir(Path(async_dynamo_store.__file__).parent, quiet=1)
    before = machine()
    for name in arguments.questions or QUESTIONS:
        _, run = QUESTIONS[name]
        result = report.as_json(run(options), command, before)
        print(report.as_text(result), flush=True)
        written = report.write(result, arguments.results)
        if find_spec("matplotlib"):
            import_module("benchmarks.plots").draw(result, written.with_suffix(".svg"))
        else:
            progress("no plot drawn: install matplotlib")
        progress(f"written to {written.name}")


if __name__ == "__main__":
    main()
