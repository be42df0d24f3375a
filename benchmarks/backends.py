"""What the contenders talk to: the canned server, or Amazon's DynamoDB Local."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import boto3

from benchmarks.processes import ENVIRONMENT, Child, on_cpu, python
from benchmarks.user_item import user_item, with_decimals
from benchmarks.users import KEY_COLUMN, TABLE_NAME
from tests import engine_dynamodb_local
from tests.engine_process import engine_process

BACKENDS = ("canned", "dynamodb-local")


class CannedServer:
    """The running canned server."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.endpoint = f"http://127.0.0.1:{child.hear()}"

    def tally(self) -> dict[str, Any]:
        """What it has served since it was asked before: `calls` by operation, and the `last_write`."""
        served: dict[str, Any] = self._child.ask(None)
        return served

    def use_items_of(self, kind: int | str) -> None:
        """From now on, user items have so many bytes, or this shape."""
        self._child.ask(kind)


@contextmanager
def canned_server(size: int) -> Iterator[CannedServer]:
    """A server that answers from ready bytes."""
    with Child(python("benchmarks.canned_server", "--size", str(size)), serves=True) as child:
        yield CannedServer(child)


@contextmanager
def dynamodb_local(size: int, users: int) -> Iterator[str]:
    """The endpoint of the engine that the tests use, with `users` items; fetched if it is not there yet."""
    engine_dynamodb_local.fetch()
    with (
        tempfile.TemporaryDirectory() as scratch,
        on_cpu(last=True),
        chdir(scratch),  # it leaves a file where it is started
        engine_process(engine_dynamodb_local.command, Path(scratch) / "log") as endpoint,
    ):
        _fill(endpoint, size, users)
        yield endpoint


def _fill(endpoint: str, size: int, users: int) -> None:
    session = boto3.Session(ENVIRONMENT["AWS_ACCESS_KEY_ID"], ENVIRONMENT["AWS_SECRET_ACCESS_KEY"])
    dynamodb = session.resource("dynamodb", endpoint_url=endpoint, region_name=ENVIRONMENT["AWS_REGION"])
    table = dynamodb.create_table(
        TableName=TABLE_NAME,
        KeySchema=[{"AttributeName": KEY_COLUMN, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY_COLUMN, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table.wait_until_exists()
    for number in range(users):
        table.put_item(Item=with_decimals(user_item(size, number)))
