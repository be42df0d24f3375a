"""`python -m benchmarks.scan`: fill a table, read it, print, write results."""

from __future__ import annotations

import argparse
import json
import subprocess
from typing import Any

import boto3

from benchmarks import report
from benchmarks.backends import dynamodb_local
from benchmarks.machine import machine
from benchmarks.processes import ENVIRONMENT, python, start
from benchmarks.scan.worker import KINDS
from benchmarks.user_item import SMALLEST, user_item, wire_form
from benchmarks.users import KEY_COLUMN, TABLE_NAME, user_id


def fill(endpoint: str, users: int) -> None:
    """Users 1 to `users` - 1: user 0 is there."""
    client: Any = boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=ENVIRONMENT["AWS_REGION"],
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    )
    item = wire_form(user_item(SMALLEST))
    for first in range(1, users, 25):
        numbers = range(first, min(first + 25, users))
        puts = [{"PutRequest": {"Item": item | {KEY_COLUMN: {"S": user_id(number)}}}} for number in numbers]
        left = client.batch_write_item(RequestItems={TABLE_NAME: puts})["UnprocessedItems"]
        assert not left


def measured(kind: str, endpoint: str, users: int) -> dict[str, Any]:
    """What a process of its own measured."""
    process = start(python("benchmarks.scan.worker", kind, endpoint, str(users)))
    output, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, kind)
    found: dict[str, Any] = json.loads(output)
    return found


def main() -> None:
    """Answer this question alone."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan")
    parser.add_argument("--users", type=int, default=100_000, help="in the table (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    options = parser.parse_args()
    before, rows = machine(), list[dict[str, Any]]()
    with dynamodb_local(SMALLEST, 1) as endpoint:
        fill(endpoint, options.users)
        for number in range(options.rounds):
            for kind in KINDS:
                row = measured(kind, endpoint, options.users) | {"round": number}
                rows.append(row)
                print(row, flush=True)
    command = f"python -m benchmarks.scan --users {options.users} --rounds {options.rounds}"
    report.write_rows("scan", command, before, item_bytes=SMALLEST, rows=rows)


if __name__ == "__main__":
    main()
