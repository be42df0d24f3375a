"""`python -m benchmarks.transfer`: fill a table, move its users, print, write results."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.backends import dynamodb_local
from benchmarks.machine import machine
from benchmarks.processes import ENVIRONMENT, python, start
from benchmarks.scan.__main__ import fill
from benchmarks.user_item import SMALLEST
from benchmarks.users import TABLE_NAME


def ours(*arguments: str) -> list[str]:
    """The command `async-dynamo-store` of this environment."""
    return [str(Path(sys.executable).with_name("async-dynamo-store")), *arguments]


def measured(command: list[str]) -> dict[str, float]:
    """Run a command in a process of its own: its seconds, its CPU seconds, and the most memory that it had."""
    started = time.perf_counter()
    process = start(command)
    assert process.stdout
    process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
    }


def settings(folder: Path, name: str, endpoint: str) -> str:
    """The file of settings of a table."""
    aws = {
        "endpoint_url": endpoint,
        "region": ENVIRONMENT["AWS_REGION"],
        "access_key_id": ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        "secret_access_key": ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    }
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"table_name": name, "aws_config": aws, "timeout_seconds": 60}))
    return str(file)


def main() -> None:
    """Answer this question alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer")
    parser.add_argument("--users", type=int, default=20_000, help="in the table (%(default)s)")
    options = parser.parse_args()
    before, rows = machine(), list[dict[str, Any]]()
    with dynamodb_local(SMALLEST, 1) as endpoint, tempfile.TemporaryDirectory() as scratch:
        fill(endpoint, options.users)
        folder = Path(scratch)
        source = settings(folder, TABLE_NAME, endpoint)
        users = str(folder / "users.jsonl.gz")
        subprocess.run(ours("table", "create", "--config", settings(folder, "Plain", endpoint)), check=True)
        for kind, command in {
            "boto3 script": python("benchmarks.transfer.script", endpoint, "Plain"),
            "copy --overwrite": ours("copy", "--to", "Over", "--overwrite", "--config", source),
            "copy": ours("copy", "--to", "Copied", "--config", source),
            "export": ours("export", users, "--config", source),
            "import": ours("import", users, "--config", settings(folder, "Imported", endpoint)),
        }.items():
            row = {"kind": kind, **measured(command)}
            rows.append(row | {"users_per_second": options.users / row["seconds"]})
            print(rows[-1], flush=True)
    command_line = f"python -m benchmarks.transfer --users {options.users}"
    report.write_rows("transfer", command_line, before, users=options.users, item_bytes=SMALLEST, rows=rows)


if __name__ == "__main__":
    main()
