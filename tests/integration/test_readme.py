"""The README and the pages beside it say what is so: their examples run, their tables are the code's."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

import async_dynamo_store
from async_dynamo_store import AwsConfig, DynamoDbConfig, StoreError
from async_dynamo_store.config import GlobalSecondaryIndex, IndexKey, StoredElements, Ttl
from async_dynamo_store.dynamodb.policy import iam_policy
from tests import pages
from tests.integration.conftest import alexa, spoken
from tests.pages import ROOT, Block

pytestmark = [pytest.mark.one_engine, pytest.mark.unmeasured]

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
LINKING = [*pages.PAGES, ROOT / "CHANGELOG.md", ROOT / "benchmarks" / "README.md"]


def blocks(language: str) -> list[Block]:
    """Those of the README, and of the pages that it sends on to."""
    told = (ROOT / "README.md", ROOT / "docs" / "handlers.md", ROOT / "docs" / "configuration.md")
    return [block for page in told for block in pages.blocks(page, language)]


CONVERSATIONS: dict[str, dict[str, list[str | None]]] = {
    "async def score": {"ScoreIntent": ["You have 10 points. Play on?", "You have 20 points. Play on?"]},
    "async def anything": {
        "AnyIntent": [
            "Hello! This is your visit number 1.",
            "Hello! This is your visit number 2.",
        ]
    },
    "async def welcome": {
        "LaunchRequest": ["Welcome! What is your name?"],
        "MyNameIsIntent": ["Thank you."],
        "ForgetMeIntent": [None],
    },
}
"""What the apps of the examples with these words in them are asked, and what they say."""


@pytest.mark.usefixtures("default_chain")
@pytest.mark.parametrize("example", blocks("python"), ids=lambda block: block.line)
def test_the_app_of_an_example_answers(example: Block) -> None:
    names: dict[str, Any] = {}
    with asyncio.Runner() as runner:
        if outcome := example.run(names):
            runner.run(outcome)
        if "app" not in names:
            return
        app = names["app"]
        handle = names.get("handler") or (lambda event, context: runner.run(app.handle(event)))
        asked = [asked for words, asked in CONVERSATIONS.items() if words in example.source] or [
            {"Any": [None]}
        ]
        try:
            for intent, answers in asked[0].items():
                assert [spoken(handle(alexa(intent), None)) for _ in answers] == answers
        finally:
            runner.run(app.store.aclose())


def test_each_conversation_is_of_one_example() -> None:
    assert [sum(words in block.source for block in blocks("python")) for words in CONVERSATIONS] == [1, 1, 1]


def rows(heading: str) -> list[list[str]]:
    """The table under a heading, without its own."""
    section = CONFIGURATION.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_configuration_table_has_every_field_with_its_default() -> None:
    told = {name.strip("`"): default for name, default, _ in rows("Fields")}
    assert list(told) == list(DynamoDbConfig.model_fields)
    for name, field in DynamoDbConfig.model_fields.items():
        assert (
            told[name] in {"required", "see meaning"}
            or ast.literal_eval(told[name].strip("`")) == field.default
        )
        assert (told[name] == "required") == field.is_required()


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ("aws_config", set(AwsConfig.model_fields)),
        ("stored_elements", {*StoredElements.model_fields, "expires_after_seconds", "size"}),
        ("ttl", set(Ttl.model_fields)),
        ("global_secondary_indexes", set(GlobalSecondaryIndex.model_fields) | set(IndexKey.model_fields)),
    ],
)
def test_the_configuration_table_names_what_is_inside_a_field(field: str, names: set[str]) -> None:
    (meaning,) = [meaning for name, _, meaning in rows("Fields") if name == f"`{field}`"]
    assert set(re.findall(r"`(\w+)`", meaning)) == names


def test_the_policy_is_the_one_that_the_defaults_need() -> None:
    (policy,) = blocks("json")
    assert json.loads(policy.source) == iam_policy(DynamoDbConfig(table_name="Users"))


def test_the_errors_are_all_told_and_no_others() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    public = [getattr(async_dynamo_store, name) for name in async_dynamo_store.__all__]
    assert set(told) == {
        kind.__name__ for kind in public if isinstance(kind, type) and issubclass(kind, StoreError)
    }
    assert len(told) == len(set(told))


def test_the_page_on_architecture_names_every_package_and_module_at_the_root() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    package = ROOT / "src" / "async_dynamo_store"
    at_the_root = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    assert told == at_the_root - {"__init__"}
    assert len(told) <= 12


def test_no_module_is_longer_than_350_lines() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "src").rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > 350} == {}


@pytest.mark.parametrize("page", LINKING, ids=pages.page_id)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
    for target, anchor in links:
        there = page.parent / target
        assert there.exists(), target
        headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_the_threats_name_tests_that_there_are() -> None:
    section = (ROOT / "docs/security.md").read_text(encoding="utf-8").partition("## Threats\n")[2]
    named = re.findall(r"\[(test_\w+)\]\(\.\./(tests/\S+\.py)\)", section.partition("\n## ")[0])
    assert named
    assert [
        (test, path)
        for test, path in named
        if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")
    ] == []


COLUMNS = {
    "this": "async-dynamo-store",
    "Jovo v4": "jovo4",
    "ASK SDK adapter": "ask-sdk-threads",
    "aiodynamo": "aiodynamo-update",
    "pydynox": "pydynox-update",
    "aioboto3": "aioboto3-client",
}


def test_the_processor_times_are_those_of_the_result_file() -> None:
    result = json.loads((ROOT / "benchmarks/results/turn.json").read_text(encoding="utf-8"))
    assert result["base"] == "floor"
    measured = {
        contender["name"]: [
            f"{contender['steps'][step]['cpu_ratio']['median']:.1f} ×" for step in ("turn", "read")
        ]
        for contender in result["contenders"]
    }
    (titles,) = re.findall(r"^\| \| (.*) \|$", README, re.MULTILINE)
    (times,) = re.findall(r"^\| CPU of a turn.*? \| (.*) \|$", README, re.MULTILINE)
    told = dict(zip(titles.split(" | "), times.split(" | "), strict=True))
    assert told.pop("PynamoDB") == "not measured"
    assert told == {title: measured[name][0] for title, name in COLUMNS.items()}
    table = "\n".join(
        f"| {contender['title']} | {' | '.join(measured[contender['name']])} |"
        for contender in result["contenders"]
    )
    assert table in (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "file", "digits"), [("CPU of a turn", "turn", 1), ("CPU from process start", "cold_start", 2)]
)
def test_the_comparison_has_the_processor_times_of_the_result_files(row: str, file: str, digits: int) -> None:
    page = (ROOT / "docs/compare.md").read_text(encoding="utf-8")
    result = json.loads((ROOT / f"benchmarks/results/{file}.json").read_text(encoding="utf-8"))
    measured = {
        contender["name"]: f"{contender['steps']['turn']['cpu_ratio']['median']:.{digits}f} ×"
        for contender in result["contenders"]
    }
    told: dict[str, str] = {}
    for table in re.findall(r"^\| \| this \|.*\n(?:\|.*\n)+", page, re.MULTILINE):
        (titles,) = re.findall(r"^\| \| (.*) \|$", table, re.MULTILINE)
        for times in re.findall(rf"^\| {row}.*? \| (.*) \|$", table, re.MULTILINE):
            told |= dict(zip(titles.split(" | "), times.split(" | "), strict=True))
    assert "this" in told
    assert told == {title: measured.get(COLUMNS.get(title, ""), "not measured") for title in told}


def test_the_times_of_moving_all_users_are_those_of_the_result_file() -> None:
    result = json.loads((ROOT / "benchmarks/results/transfer.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| .+ \| (\d+) \| (\d+) \| (\d+) MB \|$", page, re.MULTILINE)
    assert told == [
        tuple(f"{row[name]:.0f}" for name in ("seconds", "users_per_second", "megabytes"))
        for row in result["rows"]
    ]
    assert f"{result['users']:,} users of {result['item_bytes']:,} bytes" in page


def test_the_instructions_are_those_of_the_result_file() -> None:
    result = json.loads((ROOT / "benchmarks/results/instructions.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs/aws-lambda.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| (.+) \| ([\d,]+) million \| (\d\.\d\d) × \|$", page, re.MULTILINE)
    assert told == [(row["start"], f"{row['millions']:,}", f"{row['ratio']:.2f}") for row in result["starts"]]
    page = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    floor = [f"{row['thousands']:.0f} thousand" for row in result["turns"] if "posts" in row["contender"]]
    assert f"| two bare aiohttp posts | {' | '.join(floor)} |" in page
    for title in ("async-dynamo-store", "pydynox, get + update", "aiodynamo, get + update"):
        ratios = [f"{row['to_floor']:.2f} ×" for row in result["turns"] if row["contender"] == title]
        assert f"| {title} | {' | '.join(ratios)} |" in page


def test_the_instructions_of_shapes_and_parts_are_those_of_the_result_file() -> None:
    result = json.loads((ROOT / "benchmarks/results/instructions.json").read_text(encoding="utf-8"))
    page = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    shapes: dict[str, list[str]] = {}
    for row in result["shapes"]:
        cells = shapes.setdefault(f"{row['shape']} | {row['bytes']:,}", [])
        if "posts" not in row["contender"]:
            cells.append(f"{row['to_floor']:.2f} ×")
    for user, (ours, pydynox, aiodynamo, model) in shapes.items():
        assert f"| {user} | {ours} | {model} | {pydynox} | {aiodynamo} |" in page
    for row in result["parts"]:
        assert f"| {row['part']} | {row['thousands']:.0f} |" in page
    first = result["first_turn"]
    whole, connection = (f"{first[name]:,.0f}" for name in ("thousands", "connection"))
    rest = f"{first['without_connection_to_warm']:.2f} times a warm turn"
    assert f"takes {whole} thousand, {connection} of them for its connection; the rest is {rest}" in page


def test_a_compiled_codec_brings_what_the_result_file_says() -> None:
    result = json.loads((ROOT / "benchmarks/results/compiled.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs/fast-path.md").read_text(encoding="utf-8")
    spared = sorted(round(100 * (1 - row["compiled_to_pure"])) for row in result["rows"])
    assert f"{spared[0]} to {spared[-1]} %" in page


def test_the_plot_is_there_and_the_page_is_short() -> None:
    (plot,) = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert (ROOT / plot).is_file()
    assert len(README.splitlines()) < 150
