"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Green: it works. Yellow: it works but could be better, or it could not be checked. Red: it does not work."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: what was found, and what to do about it."""

    name: str
    level: Level
    found: str
    remedy: str = ""


def green(name: str, found: str) -> Check:
    """It works."""
    return Check(name, Level.GREEN, found)


def yellow(name: str, found: str, remedy: str) -> Check:
    """It works but could be better."""
    return Check(name, Level.YELLOW, found, remedy)


def red(name: str, found: str, remedy: str) -> Check:
    """It does not work."""
    return Check(name, Level.RED, found, remedy)
