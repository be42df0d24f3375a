"""The examples, as they are."""

from __future__ import annotations

import asyncio
import runpy
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.unit.requests.sample import sample

EXAMPLES = Path(__file__).parents[2] / "examples" / "asgi"


@contextmanager
def running(example: str) -> Generator[TestClient]:
    names = runpy.run_path(str(EXAMPLES / example))
    with TestClient(names["app"]) as client:
        yield client
    store = names["store"] if "store" in names else names["skill"].store
    asyncio.run(store.aclose())  # and with it the database inside this process


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    with running(request.param) as client:
        yield client


def test_every_example_is_tried_here() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_file()) == ["skill.py", "web.py"]


def test_the_skill_counts_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERIFY", "off")
    with running("skill.py") as client:

        def say(name: str, **changed: Any) -> str:
            raw = sample(name)
            raw["request"] |= changed
            return client.post("/", json=raw).text

        assert "Welcome!" in say("alexa/launch")
        assert "visit number 2" in say("alexa/launch")
        assert "nothing else" in say("alexa/intent")
        assert "Goodbye" in say("alexa/launch", type="IntentRequest", intent={"name": "AMAZON.StopIntent"})


def test_the_skill_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError, match="ALEXA_SKILL_ID"):
        runpy.run_path(str(EXAMPLES / "skill.py"))
    monkeypatch.setenv("ALEXA_SKILL_ID", "amzn1.ask.skill.MINE")
    with running("skill.py") as client:
        assert client.post("/", json=sample("alexa/launch")).status_code == 403


@pytest.mark.parametrize("client", ["web.py"], indirect=True)
def test_the_web_app_keeps_points(client: TestClient) -> None:
    anna = {"x-user": "anna"}
    assert client.post("/points/10", headers=anna).json() == {"points": 10}
    with client.websocket_connect("/play", headers=anna) as socket:
        socket.send_text("5")
        assert socket.receive_json() == 15
    assert client.get("/points", headers=anna).json() == {"points": 15}
    assert client.get("/points", headers={"x-user": "ben"}).json() == {"points": 0}
    assert client.get("/points").status_code == 401
