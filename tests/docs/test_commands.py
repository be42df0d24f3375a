"""The commands on the pages: the targets of make, our own command with its options, and the extras of what is installed."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from async_dynamo_store.cli.commands import commands
from tests.pages import PAGES, ROOT, Block, blocks, page_id

OURS = get_command(commands)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):(?!=)", MAKEFILE, re.MULTILINE))
EXTRAS = set(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
)
OF_OTHERS = {
    "aws",
    "cd",
    "curl",
    "docker",
    "echo",
    "export",
    "git",
    "pip",
    "python",
    "pytest",
    "sam",
    "source",
    "uv",
    "uvicorn",
}
"""Whose own command lines are not checked."""
COMMAND = re.compile(r"^(?:async-dynamo-store|make|pip|uv) ")
"""What begins a line of commands in an indented block, which may also be a drawing."""
END = re.compile(r"^(?:[|;&]+|\d?>+)$")


def command_lines(block: Block) -> Iterator[str]:
    """The commands of a block: in `console` what follows a prompt, in `bash` each line."""
    for line in block.source.replace("\\\n", " ").splitlines():
        if block.language == "console":
            if line.startswith("$ "):
                yield line.removeprefix("$ ")
        elif block.language == "bash" or COMMAND.match(line):
            yield line


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each command in a line, without the variables before it and what is said about it after it."""
    told = re.split(r" {2,}", line)[0]
    lexer = shlex.shlex(told, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if END.match(word):
            yield words
            words = ["echo"] if ">" in word else []  # the file that is written
        elif words or not re.match(r"\w+=", word):
            words.append(word)


COMMANDS = [
    pytest.param(words, id=f"{page_id(page)}:{block.line + number + 1}")
    for page in PAGES
    for block in blocks(page, "", "bash", "console")
    for number, line in enumerate(command_lines(block))
    for words in simple_commands(line)
    if words
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_is_there(words: list[str]) -> None:
    name, *arguments = words
    if name == "make":
        assert {word for word in arguments if "=" not in word} <= TARGETS
    elif name == "async-dynamo-store":
        parse(arguments)
    else:
        assert name in OF_OTHERS


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_the_extras_of_a_page_are_there(page: Path) -> None:
    named = re.findall(r"async-dynamo-store\[([\w,-]+)\]", page.read_text(encoding="utf-8"))
    assert {extra for extras in named for extra in extras.split(",")} <= EXTRAS


def parse(arguments: list[str]) -> None:
    """Read a command line as the command does. Raises what it raises for one that it does not take."""
    command, context, rest = OURS, Context(OURS, info_name="async-dynamo-store"), arguments
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name, found, rest = command.resolve_command(context, rest)
        assert found
        command, context = found, Context(found, parent=context, info_name=name)
    options = {name for parameter in command.get_params(context) for name in parameter.opts}
    if set(rest) <= options & {"--help", "--install-completion", "--show-completion"}:
        return  # which end the process
    command.make_context(context.info_name, list(rest), parent=context.parent)


@pytest.mark.parametrize(
    "line", ["frobnicate", "table create --as pulumi", "user set ID", "copy --too Users"]
)
def test_a_command_line_that_is_not_ours_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"No such|is not one of|Missing parameter"):
        parse(shlex.split(line))
