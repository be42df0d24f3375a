"""The examples of agents, as they are, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
SAID = {
    "livekit_call": [
        "room 1: 0 messages are known, and the user's {}",
        "room 2: 2 messages are known, and the user's {'calls': 1}",
    ],
    "openai_session": [
        "Where is my parcel? It is in Linz.",
        "Where again? As I said: in Linz.",
        "4 messages are stored.",
    ],
    "pipecat_call": ["call 1: 0 messages are known", "call 2: 2 messages are known"],
}


def test_every_example_is_tried_here() -> None:
    assert sorted(each.stem for each in EXAMPLES.glob("*.py")) == sorted(SAID)


@pytest.mark.parametrize("name", SAID)
def test_an_example(name: str) -> None:
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == SAID[name]
