"""`python -m benchmarks.compiled`: count, print, write results. Needs Valgrind, mypyc and a C compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.backends import canned_server
from benchmarks.instructions.counting import warm_turns
from benchmarks.machine import machine
from benchmarks.processes import ROOT
from benchmarks.registry import OURS
from benchmarks.report import write_rows
from benchmarks.shapes.items import SHAPES
from benchmarks.user_item import user_item, wire_size

_PACKAGE = "async_dynamo_store"


def main() -> None:
    """Count the turns of each shape with the codec as it is, and compiled."""
    before = machine()
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        canned_server(wire_size(user_item(3700))) as server,
    ):
        compiled = _compiled(Path(folder))
        for shape in SHAPES:
            server.use_items_of(shape)
            pure, with_compiled = (
                warm_turns((OURS,), "turn", server.endpoint, variables)[OURS] / 1e3
                for variables in ({}, compiled)
            )
            row = {
                "shape": shape,
                "pure_thousands": round(pure, 1),
                "compiled_thousands": round(with_compiled, 1),
                "compiled_to_pure": round(with_compiled / pure, 3),
            }
            rows.append(row)
            print(row, flush=True)
    write_rows("compiled", "python -m benchmarks.compiled", before, rows=rows)


def _compiled(folder: Path) -> dict[str, str]:
    """The environment in which Python imports a copy of this package whose `wire` is compiled."""
    package = folder / _PACKAGE
    shutil.copytree(ROOT / "src" / _PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    modules = [str(path.relative_to(folder)) for path in sorted((package / "wire").glob("*.py"))]
    subprocess.run(
        ["mypyc", "--ignore-missing-imports", *modules],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(folder)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return {"PYTHONPATH": str(folder)}


if __name__ == "__main__":
    main()
