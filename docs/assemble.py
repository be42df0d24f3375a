"""Put the site's sources together: `python docs/assemble.py FOLDER` copies docs/ there, and what the site has besides.

That is the repository's own pages, its plots, and the help of the command. A link that leads out of docs/ becomes one to the page
of the site, or else to the file in the repository.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/async-dynamo-store/async-dynamo-store"
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
}
"""Of the repository's files, those that are pages of the site, by the names that they have there."""
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)(?P<target>[^)#\s]+)")
HELP = ("-m", "typer", "async_dynamo_store.cli.commands", "utils", "docs", "--name", "async-dynamo-store")


def assemble(folder: Path) -> None:
    """Make `folder` anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    places = PAGES | {
        path.relative_to(ROOT).as_posix(): path.relative_to(ROOT).as_posix()
        for path in (ROOT / "benchmarks" / "results").glob("*.svg")
    }
    for source, name in places.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, folder / name)
    for page in folder.rglob("*.md"):
        name = page.relative_to(folder).as_posix()
        text = page.read_text(encoding="utf-8")
        page.write_text(with_links_of_the_site(text, name, places), encoding="utf-8")
    with (folder / "reference" / "cli.md").open("a", encoding="utf-8") as commands:
        commands.write(help_of_the_commands())


def with_links_of_the_site(text: str, name: str, places: dict[str, str]) -> str:
    """A page's text. `places` are the names on the site of files outside docs/. Ends for a link that leads nowhere."""
    source = next((source for source, place in places.items() if place == name), f"docs/{name}")

    def on_the_site(link: re.Match[str]) -> str:
        target = normpath(join(dirname(source), link["target"]))
        there = ROOT / target
        if not there.exists():
            raise SystemExit(f"{source}: the link to {link['target']} leads nowhere")
        if target in places or target.startswith("docs/"):
            place = places.get(target, target.removeprefix("docs/"))
            return relpath(place, dirname(name) or ".")
        return f"{REPOSITORY}/{'tree' if there.is_dir() else 'blob'}/main/{target}"

    return LINK.sub(on_the_site, text)


def help_of_the_commands() -> str:
    """The help of every command, one heading below the page's."""
    told = subprocess.run(  # noqa: S603 - typer's own command
        [sys.executable, *HELP], capture_output=True, check=True, encoding="utf-8"
    ).stdout
    return re.sub("^#", "##", told, flags=re.MULTILINE)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
