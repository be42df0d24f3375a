"""The command line, run as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from async_dynamo_store.cli.commands import commands

if TYPE_CHECKING:
    from typer.testing import Result

COMMAND = [sys.executable, "-c", "from async_dynamo_store.cli import main; main()"]


def invoke(*arguments: str, exit_code: int = 0, answer: str | None = None) -> Result:
    """The command in this process, where it costs a tenth; it has to end with `exit_code`."""
    result = CliRunner().invoke(commands, arguments, input=answer)
    assert result.exit_code == exit_code, (result.output, result.exception)
    return result


def invoke_json(*arguments: str, exit_code: int = 0) -> Any:
    """What the command prints with `--json`."""
    return json.loads(invoke(*arguments, "--json", exit_code=exit_code).stdout)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )


def variables(aws_config: dict[str, str]) -> dict[str, str]:
    """The engine in the environment."""
    return {f"VOICE_DB_AWS_CONFIG__{name.upper()}": value for name, value in aws_config.items()}
