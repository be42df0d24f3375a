"""The one configuration of all commands, exit codes, and errors without a traceback."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from async_dynamo_store.cli.invocation import run_command
from tests.integration.cli import invoke, invoke_json, run

pytestmark = pytest.mark.one_engine


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def resource(*arguments: str) -> str:
    policy = json.loads(invoke("policy", *arguments).stdout)
    return str(policy["Statement"][0]["Resource"])


TOML = """
tableName = "OfFile"
createTableOnInit = false
[awsConfig]
region = "eu-west-2"
endpoint = "http://localhost:8000"
"""


def test_a_file_fills_in_what_the_environment_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("store.toml").write_text(TOML)
    as_json = {"table_name": "OfJson", "awsConfig": {"region": "eu-west-3"}}
    Path("store.json").write_text(json.dumps(as_json))
    assert resource("--config", "store.toml") == "arn:aws:dynamodb:eu-west-2:*:table/OfFile"
    assert resource("--config", "store.json") == "arn:aws:dynamodb:eu-west-3:*:table/OfJson"
    Path(".env").write_text("VOICE_DB_TABLE_NAME=OfDotenv\n")
    assert resource("--config", "store.toml") == "arn:aws:dynamodb:eu-west-2:*:table/OfDotenv"
    monkeypatch.setenv("VOICE_DB_TABLE_NAME", "OfEnvironment")
    monkeypatch.setenv("VOICE_DB_AWS_CONFIG__PROFILE", "nobody")
    assert resource("--config", "store.toml") == "arn:aws:dynamodb:eu-west-2:*:table/OfEnvironment"
    named = resource("--config", "store.toml", "--table", "Named")
    assert named == "arn:aws:dynamodb:eu-west-2:*:table/Named"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("absent.toml", None, "absent.toml cannot be read: No such file or directory."),
        ("a.toml", "table_name", "a.toml is not TOML."),
        ("a.json", "{", "a.json is not JSON."),
        ("a.json", "[]", "a.json does not contain an object of settings."),
        ("a.toml", 'tableName = "Users"\ntable_name = "Users"', "a.toml: table_name is given twice."),
        ("a.toml", 'table_name = "Users"\nlayot = "jovo4"', "layot: Extra inputs are not permitted"),
        ("a.toml", 'layout = "jovo4"', "no table is named"),
    ],
)
def test_a_file_that_does_not_fit(name: str, text: str | None, message: str) -> None:
    if text is not None:
        Path(name).write_text(text)
    failed = invoke("policy", "--config", name, exit_code=2)
    assert message in failed.stderr
    error = json.loads(invoke("policy", "--config", name, "--json", exit_code=2).stderr)
    assert error["error"] == "Failure"
    assert message in error["message"]


def test_missing_credentials_have_an_exit_code() -> None:
    failed = invoke("user", "show", "anna", "--table", "Users", exit_code=3)
    assert failed.output.startswith("No AWS region is set.")
    Path("a.toml").write_text('[aws_config]\nregion = "eu-west-1"')
    failed = invoke("user", "show", "anna", "--table", "Users", "--config", "a.toml", exit_code=4)
    assert failed.output.startswith("No AWS credentials were found.")


def test_a_user_id_that_is_none() -> None:
    Path("a.toml").write_text('[aws_config]\nregion = "eu-west-1"')
    assert (
        "A user id is"
        in invoke("user", "show", "", "--table", "Users", "--config", "a.toml", exit_code=2).output
    )


def test_ensure_table_as_json(aws_config: dict[str, str], table_name: str) -> None:
    settings = {"table_name": table_name, "aws_config": aws_config, "conversations": {}}
    Path("a.json").write_text(json.dumps(settings))
    made = invoke_json("ensure-table", "--config", "a.json")
    assert made["created"]
    assert made["conversations"]["name"] == f"{table_name}-conversations"
    lines = invoke("ensure-table", "--config", "a.json").output.splitlines()
    assert lines[1].startswith(f"{table_name}-conversations: ACTIVE, key userId (S, HASH), entry")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What runs in the background of a shell ignores Ctrl-C, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_command_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    with pytest.raises(typer.Exit) as ended:
        run_command(interrupted)
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_shell_can_complete() -> None:
    assert "complete -o default" in run("--show-completion", SHELL="/bin/bash").stdout
