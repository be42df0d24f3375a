"""`user`: one user on the command line."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from async_dynamo_store import AsyncDynamoStore
from tests.faults.table import straight
from tests.integration.cli import invoke, invoke_json

pytestmark = [pytest.mark.others_in_soak, pytest.mark.usefixtures("engine_in_environment")]

Aws = dict[str, str]
DATA = {
    "name": "Änna \x1b[31m",
    "scores": [1, Decimal("2.5")],
    "raw": b"\x00\xff",
    "tags": {"b", "a"},
    "no": None,
    "digits": Decimal("0.12345678901234567890123"),
}


def store_user(aws_config: Aws, table_name: str, **options: Any) -> None:
    async def save() -> None:
        config = {"table_name": table_name, "aws_config": aws_config, "timeout_seconds": 60, **options}
        async with AsyncDynamoStore(config) as store:
            await store.update("anna", lambda user: user.data.update(DATA))
            if options.get("conversations") is not None:
                await store.conversation("anna", "call 1").append([{"role": "user", "content": "Hi"}])

    asyncio.run(save())


def stored(aws_config: Aws, table_name: str) -> dict[str, Any]:
    async def read() -> dict[str, Any]:
        async with straight(aws_config) as client:
            return (await client.get_item(TableName=table_name, Key={"userId": {"S": "anna"}})).get(
                "Item", {}
            )

    return asyncio.run(read())


def test_a_user_as_a_person_reads_it(
    aws_config: Aws, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    elements = {"session": True, "history": True}
    store_user(aws_config, table_name, stored_elements=elements)
    item = stored(aws_config, table_name)
    item |= {
        "session": {"M": {"id": {"S": "s-1"}}},
        "history": {"M": {"items": {"L": [{"M": {"output": {"S": "Hello"}}}]}}},
        "city": {"S": "Rome"},
    }
    asyncio.run(put(aws_config, table_name, item))
    output = invoke("user", "show", "anna").output
    assert "\x1b" not in output
    for words in (
        '"Änna \\u001b[31m"',
        "[1,2.5]",
        '"AP8="',
        '["a","b"]',
        '"s-1"',
        '{"output":"Hello"}',
        '"Rome"',
    ):
        assert words in output, words
    assert "of the limit of an item" in output
    read = invoke_json("user", "show", "anna")
    assert read["data"] == {
        "name": DATA["name"],
        "scores": [1, 2.5],
        "raw": "AP8=",
        "tags": ["a", "b"],
        "no": None,
        "digits": 0.12345678901234567890123,
    }
    assert read["created_at"].endswith("Z")
    assert '"digits": 0.12345678901234567890123' in invoke("show", "anna").output
    assert read["session"] == {"id": "s-1"}
    assert read["history"] == [{"output": "Hello"}]
    assert json.loads(invoke("show", "anna").output) == read["data"]
    raw = json.loads(invoke("user", "show", "anna", "--raw").output)
    assert raw["user"]["M"]["data"]["M"]["scores"] == {"L": [{"N": "1"}, {"N": "2.5"}]}


async def put(aws_config: Aws, table_name: str, item: dict[str, Any]) -> None:
    async with straight(aws_config) as client:
        await client.put_item(TableName=table_name, Item=item)


def test_a_user_of_another_layout_is_shown_raw(aws_config: Aws, table_name: str) -> None:
    store_user(aws_config, table_name)
    asyncio.run(put(aws_config, table_name, {"userId": {"S": "anna"}, "userData": {"M": {}}}))
    failed = invoke("user", "show", "anna", exit_code=1)
    assert "`user show --raw` shows the stored item" in failed.output
    assert json.loads(invoke("user", "show", "anna", "--raw").output)["userData"] == {"M": {}}


def test_a_user_whose_session_and_history_have_no_place(
    aws_config: Aws, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_DB_LAYOUT", "jovo1")
    store_user(aws_config, table_name, layout="jovo1")
    read = invoke_json("user", "show", "anna")
    assert (read["session"], read["history"], read["created_at"]) == (None, [], None)
    assert "created" not in invoke("user", "show", "anna").output


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["score", "30"], {"N": "30"}),
        (["score", "0.12345678901234567890123"], {"N": "0.12345678901234567890123"}),
        (["score", "Anna"], {"S": "Anna"}),
        (["score", "30", "--text"], {"S": "30"}),
        (["score", '{"SS": ["a"]}', "--raw"], {"SS": ["a"]}),
        (["score", '{"B": "AP8="}', "--raw"], {"B": b"\x00\xff"}),
        (['["score"]', "[]"], {"L": []}),
    ],
)
def test_set(arguments: list[str], value: Any, aws_config: Aws, table_name: str) -> None:
    assert invoke("user", "set", "anna", *arguments).output == f"{arguments[0]} is set.\n"
    assert stored(aws_config, table_name)["user"]["M"]["data"]["M"] == {"score": value}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", '{"XS": []}', "--raw"], "VALUE is not in DynamoDB's JSON: an attribute is not"),
        (["score", "{", "--raw"], "VALUE is not in DynamoDB's JSON: it is not JSON (Expecting property"),
        (["[score", "1"], "PATH must be keys"),
        (["score", "NaN"], "score"),
        (["", "1"], "PATH must be keys"),
        (["[]", "1"], "PATH must be keys"),
        (["[[]]", "1"], "PATH must be keys"),
        (["[{}]", "1"], "PATH must be keys"),
    ],
)
def test_set_what_cannot_be(arguments: list[str], message: str) -> None:
    failed = invoke("user", "set", "anna", *arguments, exit_code=2)
    assert message in failed.output
    error = json.loads(invoke("user", "set", "anna", *arguments, "--json", exit_code=2).stderr)
    assert message in error["message"]


def test_unset(aws_config: Aws, table_name: str) -> None:
    store_user(aws_config, table_name)
    assert invoke("user", "unset", "anna", "scores.0").output == "scores.0 is removed.\n"
    assert stored(aws_config, table_name)["user"]["M"]["data"]["M"]["scores"] == {"L": [{"N": "2.5"}]}
    assert (
        invoke("user", "unset", "ben", "scores", exit_code=1).output == "Nothing is stored for this user.\n"
    )


def test_delete_asks(aws_config: Aws, table_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store_user(aws_config, table_name)
    assert "pass --yes" in invoke("user", "delete", "anna", exit_code=2).output
    assert stored(aws_config, table_name)
    assert invoke_json("user", "delete", "anna", "--yes") == {"user_id": "anna", "deleted": True}
    assert not stored(aws_config, table_name)
    assert (
        invoke("user", "delete", "anna", "--yes", exit_code=1).output == "Nothing is stored for this user.\n"
    )


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_is_asked(
    answer: str, monkeypatch: pytest.MonkeyPatch, aws_config: Aws, table_name: str
) -> None:
    store_user(aws_config, table_name)
    monkeypatch.setattr("async_dynamo_store.cli.invocation.is_interactive", lambda: True)
    asked = invoke("user", "delete", "anna", answer=answer, exit_code=0 if answer == "y" else 1)
    assert f"Delete this user's item from the table {table_name}? [y/N]: {answer}" in asked.output
    assert bool(stored(aws_config, table_name)) == (answer == "n")


def test_export_and_forget(
    aws_config: Aws, table_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_DB_CONVERSATIONS", "{}")
    store_user(aws_config, table_name, conversations={})
    exported = json.loads(invoke("user", "export", "anna").stdout)
    assert exported["item"]["user"]["data"]["tags"] == {"$set": ["a", "b"]}
    assert exported["item"]["user"]["data"]["raw"] == {"$binary": "AP8="}
    (conversation,) = exported["conversations"]
    assert conversation["id"] == "call 1"
    assert conversation["messages"] == [{"role": "user", "content": "Hi"}]
    assert "created_at" in conversation
    out = tmp_path / "anna.json"
    assert invoke_json("user", "export", "anna", "--raw", "--out", str(out)) == {
        "item": True,
        "conversations": 1,
        "file": str(out),
    }
    assert json.loads(out.read_text())["item"]["user"]["M"]["data"]["M"]["raw"] == {"B": "AP8="}
    assert "cannot be written" in invoke("user", "export", "anna", "--out", str(out), exit_code=2).output
    told = invoke("user", "forget", "anna", "--yes").output
    assert told == "Deleted: the user item, 1 conversations (2 items).\n"
    again = invoke("user", "forget", "anna", "--yes").output
    assert again == "Deleted: no user item (there was none), 0 conversations (0 items).\n"
    assert invoke("user", "export", "anna", exit_code=1).output == "Nothing is stored for this user.\n"


def test_export_without_conversations(aws_config: Aws, table_name: str, tmp_path: Path) -> None:
    store_user(aws_config, table_name)
    told = invoke("user", "export", "anna", "--out", str(tmp_path / "anna.json")).output
    assert told.startswith("The user item and 0 conversations are in ")
    assert invoke("user", "show", "ben", "--raw", exit_code=1).output == "Nothing is stored for this user.\n"
    assert invoke("user", "show", "ben", exit_code=1).output == "Nothing is stored for this user.\n"
