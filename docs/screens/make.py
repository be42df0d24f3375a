"""The screens of docs/operate.md, from the real command: `python docs/screens/make.py` with moto installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from moto.server import ThreadedMotoServer
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
WIDTH = 110
COMMAND = [sys.executable, "-c", "from async_dynamo_store.cli import main; main()"]
WITHOUT_FONTS = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def run(arguments: Sequence[str], directory: str, **environment: str) -> str:
    """What the command prints, in colour."""
    colour = {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    ended = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments],
        cwd=directory,
        env=os.environ | colour | environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return ended.stdout


def draw(name: str, arguments: Sequence[str], printed: str) -> None:
    """One screen."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - os.devnull is a str
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(f"$ async-dynamo-store {' '.join(arguments)}", style="bold", highlight=False)
        console.print(Text.from_ansi(printed.rstrip()))
    svg = console.export_svg(title="async-dynamo-store", code_format=WITHOUT_FONTS, unique_id=name)
    (HERE / f"{name}.svg").write_text(f"{svg.rstrip()}\n", encoding="utf-8")


def main() -> None:
    """All screens."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "VOICE_DB_TABLE_NAME": "Users",
        "VOICE_DB_TTL": '{"attribute": "expiresAt", "after_seconds": 31536000}',
        "VOICE_DB_AWS_CONFIG__REGION": "eu-west-1",
        "VOICE_DB_AWS_CONFIG__ENDPOINT_URL": f"http://{host}:{port}",
        "VOICE_DB_AWS_CONFIG__ACCESS_KEY_ID": "AKIAEXAMPLE",
        "VOICE_DB_AWS_CONFIG__SECRET_ACCESS_KEY": "secret",
    }
    with tempfile.TemporaryDirectory() as directory:
        run(["table", "create"], directory, **settings)
        users = [{"userId": f"user-{number}", "user": {"data": {"score": number}}} for number in range(40)]
        anna = {"name": "Anna", "address": {"city": "Rome", "zip": "00100"}, "scores": [30, 12.5]}
        users.append({"userId": "anna", "user": {"data": anna}, "createdAt": "2026-01-02T03:04:05.678Z"})
        file = Path(directory, "users.jsonl")
        file.write_text("\n".join(map(json.dumps, users)), encoding="utf-8")
        run(["import", file.name], directory, **settings)
        run(["user", "set", "anna", "visits", "7"], directory, **settings)
        for name, arguments in (
            ("doctor", ["doctor"]),
            ("user-show", ["user", "show", "anna"]),
            ("copy", ["copy", "--to", "UsersNew", "--to-layout", "ask-sdk"]),
        ):
            draw(name, arguments, run(arguments, directory, **settings))
    server.stop()


if __name__ == "__main__":
    main()
