"""The reference has every public name, and every public name a docstring."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import griffe
else:
    griffe = pytest.importorskip("griffe", reason="comes with mkdocstrings, of the dependency group docs")

ROOT = Path(__file__).parents[2]
PACKAGE = "async_dynamo_store"
SOURCE = ROOT / "src" / PACKAGE
MODULES = [PACKAGE, f"{PACKAGE}.testing", f"{PACKAGE}.dynamodb.observer"] + [
    f"{PACKAGE}.integrations.{path.stem}"
    for path in sorted((SOURCE / "integrations").glob("*.py"))
    if re.search(r"^__all__ =", path.read_text(encoding="utf-8"), re.MULTILINE)
]
"""The public modules; of the integrations, those that say what is public in them."""
DIRECTIVES = {
    name
    for page in (ROOT / "docs" / "reference").glob("*.md")
    for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
}


@pytest.fixture(scope="module")
def package() -> griffe.Object | griffe.Alias:
    """The package as mkdocstrings sees it: read, and not imported."""
    return griffe.load(PACKAGE, search_paths=[SOURCE.parent], allow_inspection=False)


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_has_every_public_name(package: griffe.Object | griffe.Alias, module: str) -> None:
    found = package[module.removeprefix(PACKAGE).removeprefix(".")] if module != PACKAGE else package
    names = [str(name) for name in found.exports or ()]
    assert names == sorted(names)
    assert module in DIRECTIVES or {f"{module}.{name}" for name in names} <= DIRECTIVES
    assert [name for name in names if not found[name].has_docstring] == []


def test_the_reference_has_no_other_names(package: griffe.Object | griffe.Alias) -> None:
    for name in DIRECTIVES:
        assert package[name.removeprefix(f"{PACKAGE}.")].has_docstring, name


def test_the_site_names_every_page() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    named = re.findall(r"(\S+\.md)$", navigation, re.MULTILINE)
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(named) == sorted(pages | {"changelog.md", "contributing.md", "security-policy.md"})


def test_the_pages_import_what_is_public() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    told = "".join(page.read_text(encoding="utf-8") for page in pages)
    imported = set(re.findall(rf"^ *from ({PACKAGE}(?:\.\w+)*) import", told, re.MULTILINE))
    assert imported <= {*MODULES, f"{PACKAGE}.config", f"{PACKAGE}.cli"}
