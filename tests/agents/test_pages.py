"""The Python of the pages on agents, with the frameworks that it imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from agents.testing import ScriptedModel
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from tests.conftest import Engine
from tests.pages import PAGES, needs_agents, page_id, running

pytestmark = pytest.mark.one_engine

AGENTS = [page for page in PAGES if needs_agents(page)]


@pytest.mark.parametrize("page", AGENTS, ids=page_id)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, default_chain: Engine) -> None:
    with running(page, tmp_path, default_chain.endpoint_url):
        pass


def test_the_agent_of_the_page_remembers(tmp_path: Path, default_chain: Engine) -> None:
    (page,) = [page for page in AGENTS if page.name == "agents.md"]
    with running(page, tmp_path, default_chain.endpoint_url) as (names, runner):
        part = ResponseOutputText(text="In Linz.", type="output_text", annotations=[])
        line = ResponseOutputMessage(
            id="m", type="message", role="assistant", content=[part], status="completed"
        )
        names["agent"].model = ScriptedModel([[line], [line]])
        for _ in range(2):
            assert runner.run(names["answer"]("ada", "Where is my parcel?")) == "In Linz."
        messages = runner.run(names["store"].conversation("ada", "support-1").messages())
        assert [message["role"] for message in messages] == ["user", "assistant"] * 2
