"""The code of the pages in docs/ and beside it, and how it is run. CONTRIBUTING.md has the rule for whoever writes a page.

The Python blocks of a page continue each other. Those that begin with a file's name (`# skill.py`) are files of one project.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from async_dynamo_store import AsyncDynamoStore, VoiceApp
from async_dynamo_store.integrations.aws_lambda import LambdaHandler

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
OF_AGENTS = re.compile(r"^ *(?:from|import) (?:agents|livekit|pipecat)\b", re.MULTILINE)
ENGINE = re.compile(r"http://(?:localhost|127\.0\.0\.1):8000")
FILE = re.compile(r"# (\S+\.\w+)\n")
HANDLER = re.compile(r"^@(\w+)\.(?:(launch)|(fallback)|intent\((.+)\))$", re.MULTILINE)
ENTITY = re.compile(r"entities(?:\.get\(|\[)\"(\w+)\"")


@dataclass(frozen=True)
class Block:
    """One block of code; `language` is empty for an indented one."""

    page: Path
    line: int
    language: str
    source: str

    @property
    def file(self) -> str | None:
        """The file that this is (a part of)."""
        named = FILE.match(self.source) if self.language in {"python", "toml", "yaml"} else None
        return named[1] if named else None

    def run(self, names: dict[str, Any]) -> Coroutine[Any, Any, None] | None:
        """Run it with these names, to which it adds; what it awaits is left to be awaited."""
        padded = "\n" * self.line + self.source
        code = compile(padded, str(self.page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        outcome = eval(code, names)
        return outcome if inspect.iscoroutine(outcome) else None


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """The blocks of a page, of these languages if any are named."""
    return [block for block in every_block(page) if not languages or block.language in languages]


@cache
def every_block(page: Path) -> list[Block]:
    """Parsed once for the many tests of a page."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return [
        Block(page, token.map[0] + (token.type == "fence"), token.info.partition(" ")[0], token.content)
        for token in tokens
        if token.type in {"fence", "code_block"} and token.map
    ]


def project(page: Path) -> dict[str, str]:
    """The files of a page's project."""
    files: defaultdict[str, str] = defaultdict(str)
    for block in blocks(page):
        if block.file:
            files[block.file] += block.source
    return files


def write_project(page: Path, folder: Path, endpoint_url: str) -> dict[str, str]:
    """Write the files of a page's project, with the address of the engine in them."""
    files = {name: ENGINE.sub(endpoint_url, source) for name, source in project(page).items()}
    for name, source in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return files


def needs_agents(page: Path) -> bool:
    """Whether a page's code needs the frameworks of agents, which have an environment of their own: `make agents`."""
    return any(OF_AGENTS.search(block.source) for block in blocks(page, "python"))


@contextmanager
def running(page: Path, folder: Path, endpoint_url: str) -> Generator[tuple[dict[str, Any], asyncio.Runner]]:
    """The names that a page's Python leaves behind, and the event loop that it ran in.

    `folder` gets the files, and is where it runs. What it makes is closed in the end.
    """
    files = write_project(page, folder, endpoint_url)
    modules = [
        name.removesuffix(".py").replace("/", ".")
        for name in files
        if name.endswith(".py") and not re.search(r"(^|/)(test_\w+|conftest)\.py$", name)
    ]
    names: dict[str, Any] = {"__name__": page.stem}
    made: list[Any] = []
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        try:
            for module in modules:
                names |= vars(importlib.import_module(module))
            for block in blocks(page, "python"):
                here = replace(block, source=ENGINE.sub(endpoint_url, block.source))
                if not block.file and (outcome := here.run(names)):
                    runner.run(outcome)
                made += names.values()
            yield names, runner
        finally:
            for module in modules:
                sys.modules.pop(module, None)
            close(made, runner)


def close(made: list[Any], runner: asyncio.Runner) -> None:
    """Close what a page made: functions of Lambda, apps, stores."""
    for value in made:
        if isinstance(handler := inspect.unwrap(value) if callable(value) else None, LambdaHandler):
            handler.close()
    for value in made:
        if isinstance(value, VoiceApp):
            runner.run(value.__aexit__(None, None, None))
        if isinstance(value, AsyncDynamoStore):
            runner.run(value.aclose())


def handlers(page: Path) -> list[tuple[str, str]]:
    """The handlers of a page's apps: the name of the app, and an intent (`""` for the launch)."""
    found = []
    for block in blocks(page, "python"):
        for app, launch, fallback, intents in HANDLER.findall(block.source):
            named = [""] if launch else ["AnyIntent"] if fallback else re.findall(r'"([\w.]+)"', intents)
            found += [(app, intent) for intent in named]
    return found


def entities(page: Path) -> dict[str, str]:
    """A value for each entity that a page's handlers ask for."""
    return dict.fromkeys(ENTITY.findall("".join(block.source for block in blocks(page, "python"))), "30")
