"""`export`, `import` and `copy` on the command line."""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import itertools
import json
import os
import signal
import subprocess
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from async_dynamo_store.cli.transfer.run import Transfer
from async_dynamo_store.dynamodb.client import Client
from async_dynamo_store.errors import ThrottledError
from tests.faults.table import straight
from tests.integration.cli import COMMAND, invoke, invoke_json

pytestmark = [
    pytest.mark.others_in_soak,
    pytest.mark.usefixtures("engine_in_environment"),
    pytest.mark.engines("ministack", "dynamodb-local"),
]

Aws = dict[str, str]
Items = dict[str, dict[str, Any]]


def user(number: int, **parts: Any) -> dict[str, Any]:
    data = {
        "number": {"N": str(number)},
        "digits": {"N": "0.12345678901234567890123456789012345678"},
        "raw": {"B": b"\x00\xff"},
        "tags": {"SS": ["a", "b"]},
        "sizes": {"NS": ["1", "2.5"]},
        "blobs": {"BS": [b"a"]},
        "mark": {"M": {"$set": {"L": [{"NULL": True}]}}},
        "text": {"S": "Ü" * 50},
        "yes": {"BOOL": True},
    }
    return {
        "userId": {"S": f"user {number}"},
        "user": {"M": {"data": {"M": data}}},
        "createdAt": {"S": "2026-01-02T03:04:05.678Z"},
        "updatedAt": {"S": "2026-02-02T03:04:05.678Z"},
        "_store": {"M": {"id": {"S": f"{number:016x}"}}},
        **parts,
    }


def put_all(aws_config: Aws, table_name: str, items: list[dict[str, Any]]) -> None:
    async def put() -> None:
        async with straight(aws_config) as client:
            for start in range(0, len(items), 25):
                requests: Any = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
                await client.batch_write_item(RequestItems={table_name: requests})

    asyncio.run(put())


def stored(aws_config: Aws, table_name: str, key: str = "userId") -> Items:
    async def scan() -> Items:
        async with straight(aws_config) as client:
            found: Items = {}
            async for page in client.get_paginator("scan").paginate(
                TableName=table_name, ConsistentRead=True
            ):
                found |= {item[key]["S"]: same_form(item) for item in page["Items"]}
            return found

    return asyncio.run(scan())


def same_form(value: Any) -> Any:
    """Sets in one order."""
    if isinstance(value, dict):
        return {
            key: sorted(member) if key in ("SS", "NS", "BS") else same_form(member)
            for key, member in value.items()
        }
    return [same_form(member) for member in value] if isinstance(value, list) else value


@pytest.fixture
def users(aws_config: Aws, table_name: str) -> Items:
    """Sixty users in the test's table."""
    invoke("table", "create")
    items = [user(number) for number in range(60)]
    put_all(aws_config, table_name, items)
    return {item["userId"]["S"]: item for item in items}


@pytest.mark.parametrize("name", ["users.jsonl", "users.jsonl.gz"])
@pytest.mark.parametrize("form", ["plain", "dynamodb"])
def test_there_and_back(name: str, form: str, users: Items, aws_config: Aws, table_name: str) -> None:
    exported = invoke_json("export", name, "--format", form)
    assert (exported["read"], exported["written"], exported["agrees"]) == (60, 60, True)
    assert not list(Path().glob("*.checkpoint*"))
    other = f"{table_name}-2"
    told = invoke("import", name, "--table", other).output
    assert told.startswith("60 users read: 60 written, 0 already in the target, 0 differ and were kept")
    assert "the same as sent" in told
    assert stored(aws_config, other) == users
    again = invoke_json("import", name, "--table", other)
    assert (again["written"], again["same"], again["kept"], again["agrees"]) == (0, 60, 0, True)
    assert again["checksum"] == exported["checksum"]


def test_a_copy_keeps_what_the_target_has(users: Items, aws_config: Aws, table_name: str) -> None:
    other = f"{table_name}-2"
    rehearsed = invoke("copy", "--to", other, "--dry-run").output
    assert rehearsed.startswith(
        "60 users read: 60 would be written, 0 already in the target, 0 differ and would be kept"
    )
    invoke("table", "create", "--table", other)
    newer = user(7, city={"S": "Rome"})
    put_all(aws_config, other, [newer, user(8), user(99)])
    rehearsed = invoke("copy", "--to", other, "--dry-run").output
    assert (
        "user 7: it differs in the target\n60 users read: 58 would be written, 1 already in the target, 1 differ and would"
        in rehearsed
    )
    assert len(stored(aws_config, other)) == 3
    copied = invoke_json("copy", "--to", other)
    assert (copied["written"], copied["same"], copied["kept"], copied["agrees"]) == (58, 1, 1, True)
    assert stored(aws_config, other) == users | {"user 7": newer, "user 99": user(99)}
    overwritten = invoke_json("copy", "--to", other, "--overwrite")
    assert (overwritten["written"], overwritten["agrees"]) == (60, True)
    assert stored(aws_config, other) == users | {"user 99": user(99)}


def test_a_copy_to_another_layout_and_other_keys(aws_config: Aws, table_name: str) -> None:
    Path("old.json").write_text(json.dumps({"layout": "jovo3", "primary_key_prefix": "v3-"}))
    settings = {
        "table_name": f"{table_name}-new",
        "aws_config": aws_config,
        "primary_key_column": "pk",
        "sort_key_column": "sk",
        "sort_key": "USER",
        "global_secondary_indexes": [
            {"index_name": "by-city", "keys": [{"attribute_name": "city", "path": "city"}]}
        ],
    }
    Path("new.json").write_text(json.dumps(settings))
    invoke("table", "create", "--config", "old.json")
    old = {
        "userId": {"S": "v3-anna"},
        "userData": {
            "M": {
                "data": {"M": {"city": {"S": "Rome"}}},
                "metaData": {
                    "M": {"createdAt": {"S": "2026-01-02T03:04:05.678Z"}, "sessionsCount": {"N": "3"}}
                },
                "session": {"M": {"id": {"S": "s"}}},
                "context": {"M": {}},
            }
        },
        "updatedAt": {"S": "2026-02-02T03:04:05.678Z"},
        "note": {"S": "kept"},
    }
    broken = {"userId": {"S": "v3-ben"}, "userData": {"S": "?"}}
    in_the_way = {"userId": {"S": "v3-cid"}, "userData": {"M": {}}, "user": {"S": "?"}}
    key_taken = {"userId": {"S": "v3-dan"}, "userData": {"M": {}}, "pk": {"S": "?"}}
    long_city = {"userId": {"S": "v3-eve"}, "userData": {"M": {"data": {"M": {"city": {"S": "x" * 3000}}}}}}
    stranger = {"userId": {"S": "other"}, "userData": {"M": {}}}
    put_all(aws_config, table_name, [old, broken, in_the_way, key_taken, long_city, stranger])
    target = ("--config", "old.json", "--to-config", "new.json", "--to-layout", "jovo4")
    result = invoke("copy", *target, exit_code=1)
    assert result.stdout.startswith("5 users read: 1 written")
    assert "4 could not be transferred" in result.stdout
    assert (
        "Left out, because the target's layout does not store it: userData.metaData (1 users)."
        in result.stdout
    )
    assert "1 other items were skipped." in result.stdout
    for line in (
        "v3-ben: the attribute userData of the stored item is not a map",
        "v3-cid: the attribute user of the stored item is not free for the layout 'jovo4'",
        "v3-dan: the item has an attribute 'pk', which is the target's key",
        "v3-eve: user.data.city has 3,000 bytes",
    ):
        assert result.stderr.count(line) == 1, line
    assert stored(aws_config, f"{table_name}-new", "pk") == {
        "anna": {
            "pk": {"S": "anna"},
            "sk": {"S": "USER"},
            "user": {"M": {"data": {"M": {"city": {"S": "Rome"}}}}},
            "createdAt": {"S": "2026-01-02T03:04:05.678Z"},
            "updatedAt": {"S": "2026-02-02T03:04:05.678Z"},
            "note": {"S": "kept"},
            "city": {"S": "Rome"},
        }
    }
    # And to a layout that has no times, from a table that is shared.
    there = ("--config", "new.json", "--table", f"{table_name}-new", "--to", f"{table_name}-ask")
    rehearsed = invoke_json("copy", *there, "--to-layout", "ask-sdk", "--dry-run")
    assert (rehearsed["missing"], rehearsed["left_out"]) == (1, {"createdAt": 1, "updatedAt": 1})


def test_lines_that_are_no_users(aws_config: Aws, table_name: str) -> None:
    lines = [
        b'{"userId": "anna", "user": {"data": {"score": 1}}}',
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"userId": 7}',
        b'{"Item": {"userId": {"S": "ben"}, "x": {"N": "one"}}}',
        b'{"Item": {"userId": {"S": "ben"}, "x": {"N": "Infinity"}}}',
        b'{"Item": {"userId": {"S": 1}}}',
        b'{"Item": {"userId": {"S": "ben"}, "x": {"SS": []}}}',
        b'{"Item": {"userId": {"S": "ben"}, "x": {"Q": "1"}}}',
        b'{"userId": "ben", "x": {"$binary": "?"}}',
        b'{"userId": "ben", "x": {"$set": []}}',
        b'{"userId": "ben", "x": {"$set": [1, "a"]}}',
        b'{"userId": "ben", "x": {"$set": 1}}',
        b'{"userId": "ben", "x": NaN}',
        b'{"userId": "\xff"}',
        b'{"userId": "ben", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"userId": "' + b"x" * 3000 + b'"}',
        b'{"userId": "cid", "user": {"data": {"raw": {"$binary": "AP8="}}}}',
    ]
    Path("users.jsonl").write_bytes(b"\n".join(lines))
    result = invoke("import", "users.jsonl", exit_code=1)
    assert result.stdout.startswith("19 users read: 2 written"), result.stdout
    told = [line for line in result.stderr.splitlines() if "users.jsonl, line" in line]
    assert len(told) == 15, result.stderr
    assert "users.jsonl, line 3: it is not JSON (" in told[0]
    assert set(stored(aws_config, table_name)) == {"anna", "cid"}
    over = invoke_json("import", "users.jsonl", "--overwrite", exit_code=1)
    assert (over["written"], over["unreadable"], over["agrees"]) == (2, 17, True)


@pytest.mark.engines("dynamodb-local")
@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_what_dynamodb_refuses_does_not_end_the_run(
    overwrite: tuple[str, ...], aws_config: Aws, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = {"index_name": "by-city", "keys": [{"attribute_name": "city", "path": "city"}]}
    with monkeypatch.context() as patch:
        patch.setenv("VOICE_DB_GLOBAL_SECONDARY_INDEXES", json.dumps([index]))
        invoke("table", "create")
    lines = [
        '{"userId": "anna"}',
        '{"userId": "ben", "city": 7}',
        '{"userId": "cid"}',
        '{"userId": "cid"}',
        "",
    ]
    Path("users.jsonl").write_text("\n".join(lines))
    result = invoke("import", "users.jsonl", *overwrite, exit_code=1)
    assert "ben: DynamoDB refused PutItem" in result.stderr
    assert "1 could not be transferred" in result.stdout
    assert "the same as sent" in result.stdout
    assert set(stored(aws_config, table_name)) == {"anna", "cid"}


def test_users_of_many_pages(aws_config: Aws, table_name: str) -> None:
    lines = [json.dumps({"userId": f"user {number}", "x": "x" * 300_000}) for number in range(9)]
    Path("users.jsonl").write_text("\n".join(lines))
    assert invoke_json("import", "users.jsonl")["written"] == 9
    assert invoke_json("export", "out.jsonl", "--segments", "1")["agrees"]
    assert sorted(Path("out.jsonl").read_text().splitlines()) == [
        json.dumps(json.loads(line), separators=(",", ":")) for line in lines
    ]


@pytest.mark.one_engine
def test_a_rehearsal_tells_of_what_cannot_be_read() -> None:
    Path("users.jsonl").write_text('{"userId": "anna"}\n{')
    result = invoke("import", "users.jsonl", "--dry-run", exit_code=1)
    assert "users.jsonl, line 2: it is not JSON" in result.stderr
    assert "1 would be written" in result.stdout


def test_a_line_longer_than_any_item(
    aws_config: Aws, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_dynamo_store.cli.transfer.files._LONGEST_LINE", 100)
    lines = ['{"userId": "anna"}', json.dumps({"userId": "ben", "x": "x" * 450}), '{"userId": "cid"}', ""]
    Path("users.jsonl").write_text("\n".join(lines))
    result = invoke("import", "users.jsonl", exit_code=1)
    assert "users.jsonl, line 2: it is not JSON" in result.stderr
    assert set(stored(aws_config, table_name)) == {"anna", "cid"}


def test_an_export_to_s3_is_imported(aws_config: Aws, table_name: str) -> None:
    data = Path("export/data")
    data.mkdir(parents=True)
    manifest = []
    for number in range(3):
        line = json.dumps({"Item": {"userId": {"S": f"user {number}"}, "user": {"M": {"data": {"M": {}}}}}})
        content = gzip.compress(f"{line}\n".encode())
        (data / f"{number}.json.gz").write_bytes(content)
        digest = b64encode(hashlib.md5(content).digest()).decode()
        key = f"AWSDynamoDB/01/data/{number}.json.gz"
        manifest.append(json.dumps({"itemCount": 1, "md5Checksum": digest, "dataFileS3Key": key}))
    Path("export/manifest-files.json").write_text("\n".join(manifest))
    assert invoke_json("import", "export")["written"] == 3
    assert len(stored(aws_config, table_name)) == 3
    (data / "1.json.gz").write_bytes(b"")
    assert "its checksum differs" in invoke("import", "export", exit_code=1).output
    (data / "1.json.gz").unlink()
    assert "is in the manifest, but cannot be read" in invoke("import", "export", exit_code=1).output
    Path("export/manifest-files.json").write_text('{"dataFileS3Key": "data/0.ion.gz"}')
    assert "DYNAMODB_JSON" in invoke("import", "export", exit_code=2).output
    Path("export/manifest-files.json").unlink()
    assert "and no file of JSON lines" in invoke("import", "export", exit_code=2).output
    assert "does not exist" in invoke("import", "nowhere", exit_code=2).output
    assert invoke_json("import", "export/data")["read"] == 2


SLOWLY = {
    "copy": ("--max-rcu", "1"),
    "export": ("--max-rcu", "1"),
    "import": ("--max-wcu", "150"),
}
"""At these rates a transfer takes much longer than it takes to kill it."""


@pytest.mark.parametrize("arguments", [("copy",), ("import", "users.jsonl.gz"), ("export", "users.jsonl.gz")])
def test_killed_and_run_again(
    arguments: tuple[str, ...], users: Items, aws_config: Aws, table_name: str
) -> None:
    other = f"{table_name}-2"
    command, *file = arguments
    call: tuple[str, ...] = (*arguments, "--segments", "2")
    if command == "copy":
        call += ("--to", other)
    elif command == "import":
        invoke("export", *file)
        lines = gzip.decompress(Path(*file).read_bytes()) * 20
        Path(*file).write_bytes(gzip.compress(lines))
        call += ("--table", other)
    kill_halfway(*call, *SLOWLY[command])
    result = invoke(*call)
    assert "Resuming from " in result.stderr
    assert "the same as sent" in result.stdout
    assert "NOT" not in result.stdout
    assert not list(Path().glob("*.checkpoint*"))
    if command == "export":
        exported = gzip.decompress(Path(*file).read_bytes()).splitlines()
        assert sorted(json.loads(line)["userId"] for line in exported) == sorted(users)
    else:
        assert stored(aws_config, other) == users


@pytest.mark.one_engine
def test_ctrl_c_keeps_the_way_so_far(users: Items, aws_config: Aws, table_name: str) -> None:
    copy = ("copy", "--to", f"{table_name}-2", "--segments", "2")
    kill_halfway(*copy, *SLOWLY["copy"], by=signal.SIGINT, ends_with=130)
    result = invoke(*copy)
    assert "Resuming from " in result.stderr
    assert "the same as sent" in result.stdout
    assert stored(aws_config, f"{table_name}-2") == users


def hear_ctrl_c() -> None:
    """What runs in the background of a shell ignores Ctrl-C, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def kill_halfway(
    *arguments: str, by: signal.Signals = signal.SIGKILL, ends_with: int = -signal.SIGKILL
) -> dict[str, Any]:
    """Start the command, end it when a checkpoint says that a page is done, and return what that says."""
    process = subprocess.Popen([*COMMAND, *arguments], env=os.environ, preexec_fn=hear_ctrl_c)  # noqa: PLW1509 - no threads here
    try:
        while True:
            assert process.poll() is None, "it was over before it could be killed"
            for path in Path().glob("*.checkpoint"):
                state: dict[str, Any] = json.loads(path.read_text())
                if state["totals"]["read"]:
                    return state
            time.sleep(0.01)
    finally:
        process.send_signal(by)
        assert process.wait() == ends_with


def test_a_file_that_is_cut_off_or_gone(users: Items, aws_config: Aws, table_name: str) -> None:
    invoke("export", "users.jsonl.gz")
    whole = Path("users.jsonl.gz").read_bytes()
    Path("cut.gz").write_bytes(whole[:-20])
    failed = invoke("import", "cut.gz", "--table", f"{table_name}-2", exit_code=1)
    assert "cut.gz is damaged after line 0" in failed.output
    assert "To resume from" in failed.output
    assert (
        "cannot be written: No such file or directory"
        in invoke("export", "no/users.jsonl", exit_code=2).output
    )


def test_a_checkpoint_whose_file_is_too_short(users: Items) -> None:
    kill_halfway("export", "users.jsonl", "--segments", "1", *SLOWLY["export"])
    part = Path("users.jsonl.part")
    part.write_bytes(part.read_bytes()[:10])
    assert "is shorter than the checkpoint says" in invoke("export", "users.jsonl", exit_code=1).output


@pytest.mark.one_engine
def test_a_full_disk(users: Items, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, items: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "users.jsonl.part")

    with monkeypatch.context() as patch:
        patch.setattr("async_dynamo_store.cli.transfer.files.FileTarget._write", full)
        failed = invoke("export", "users.jsonl", exit_code=1)
    assert "users.jsonl.part cannot be written: No space left on device." in failed.output
    assert invoke_json("export", "users.jsonl")["agrees"]


@pytest.mark.one_engine
def test_what_changes_behind_a_copy_is_seen(
    users: Items, aws_config: Aws, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare = Transfer.compare

    async def compare_later(self: Transfer, *arguments: Any, **options: Any) -> Any:
        async with straight(aws_config) as client:
            await client.delete_item(TableName=f"{table_name}-2", Key={"userId": {"S": "user 3"}})
        return await compare(self, *arguments, **options)

    monkeypatch.setattr(Transfer, "compare", compare_later)
    result = invoke("copy", "--to", f"{table_name}-2", exit_code=1)
    assert "user 3: it is not in the target" in result.stderr
    assert "NOT the same as sent" in result.stdout


def test_throttled_and_unprocessed_writes_are_repeated(
    users: Items, aws_config: Aws, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third of the calls is throttled, and of each batch a part is left over, as DynamoDB does under load."""
    calls = itertools.count()
    call = Client.call

    async def sometimes(self: Client, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        if operation in ("scan", "put_item", "batch_write_item", "batch_get_item") and next(calls) % 3 == 0:
            raise ThrottledError("too fast")
        requests = parameters.get("RequestItems", {})
        for table, asked in requests.items():
            if operation == "batch_write_item" and len(asked) > 1:
                answer = await call(self, operation, parameters | {"RequestItems": {table: asked[:-1]}})
                return answer | {"UnprocessedItems": {table: asked[-1:]}}
            if operation == "batch_get_item" and len(asked["Keys"]) > 1:
                less = asked | {"Keys": asked["Keys"][:-1]}
                answer = await call(self, operation, parameters | {"RequestItems": {table: less}})
                return answer | {"UnprocessedKeys": {table: asked | {"Keys": asked["Keys"][-1:]}}}
        return await call(self, operation, parameters)

    monkeypatch.setattr(Client, "call", sometimes)
    copied = invoke_json("copy", "--to", f"{table_name}-2", "--overwrite")
    assert (copied["written"], copied["agrees"]) == (60, True)
    assert stored(aws_config, f"{table_name}-2") == users
    assert invoke_json("copy", "--to", f"{table_name}-2")["same"] == 60


def test_keys_with_a_platform_lose_it(aws_config: Aws, table_name: str) -> None:
    Path("old.json").write_text('{"prefix_primary_key_with_platform": true}')
    Path("new.json").write_text(json.dumps({"table_name": f"{table_name}-2", "aws_config": aws_config}))
    invoke("table", "create")
    put_all(aws_config, table_name, [user(1, userId={"S": "Alexa::anna"}), user(2, userId={"S": "ben"})])
    assert invoke_json("copy", "--config", "old.json", "--to-config", "new.json")["written"] == 2
    assert set(stored(aws_config, f"{table_name}-2")) == {"anna", "ben"}


@pytest.mark.one_engine
def test_a_layout_that_does_not_fit_the_settings(table_name: str) -> None:
    Path("a.json").write_text('{"ttl": {"attribute": "attributes", "after_seconds": 9}}')
    failed = invoke("copy", "--config", "a.json", "--to", "Other", "--to-layout", "ask-sdk", exit_code=2)
    assert "the attribute 'attributes' is reserved by the layout 'ask-sdk'" in failed.output
    Path("b.json").write_text('{"layout": "jovo4"}')
    assert "table_name: Field required" in invoke("copy", "--to-config", "b.json", exit_code=2).output


def test_a_transfer_that_does_not_fit() -> None:
    assert "The target is missing" in invoke("copy", exit_code=2).output
    Path("same.json").write_text(json.dumps({"table_name": os.environ["VOICE_DB_TABLE_NAME"]}))
    table = os.environ["VOICE_DB_TABLE_NAME"]
    assert "are the same table" in invoke("copy", "--to", table, exit_code=2).output
    Path("users.jsonl").write_text("")
    assert "already exists" in invoke("export", "users.jsonl", exit_code=2).output
    Path("users.jsonl.checkpoint").write_text("{")
    assert "is not a readable checkpoint" in invoke("import", "users.jsonl", exit_code=1).output
    Path("users.jsonl.checkpoint").write_text("{}")
    assert "is the checkpoint of another transfer" in invoke("import", "users.jsonl", exit_code=2).output
    Path("platform.json").write_text('{"table_name": "Other", "prefix_primary_key_with_platform": true}')
    assert "do not name it" in invoke("copy", "--to-config", "platform.json", exit_code=2).output
