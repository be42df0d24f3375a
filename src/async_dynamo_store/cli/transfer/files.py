"""Files of JSON lines as source and as target."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from async_dynamo_store.cli.json_text import NotAnItemError
from async_dynamo_store.cli.mistakes import Exit, Failure

from .lines import Form, item_of, line_of
from .pages import Page, Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from async_dynamo_store.wire.values import Item

    from .pages import Totals

_PAGE_LINES = 500
_PAGE_BYTES = 1 << 20
_LONGEST_LINE = 16 << 20
"""Far longer than the line of an item of 400 KB."""
_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_GZIP = b"\x1f\x8b"
_MANIFEST = "manifest-files.json"


class FileSource:
    """A file of JSON lines, or a directory: DynamoDB's export to S3, or else all files of JSON lines in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def parts(self, segments: int) -> Sequence[str]:
        """The names of the files. Raises `Failure` if one is missing, or is not the file that DynamoDB exported."""
        return await asyncio.to_thread(self._files)

    def size(self) -> int:
        """The bytes of all files. Raises `Failure` as `parts` does."""
        return sum(Path(part).stat().st_size for part in self._files())

    def _files(self) -> list[str]:
        if self._path.is_file():
            return [str(self._path)]
        if not self._path.is_dir():
            raise Failure(f"{self._path} does not exist.", Exit.USAGE)
        manifest = self._path / _MANIFEST
        if manifest.is_file():
            return [self._exported(json.loads(line)) for line in manifest.read_text().splitlines() if line]
        found = sorted(str(path) for path in self._path.iterdir() if path.name.endswith(_SUFFIXES))
        if not found:
            raise Failure(f"{self._path} has no {_MANIFEST} and no file of JSON lines.", Exit.USAGE)
        return found

    def _exported(self, entry: dict[str, Any]) -> str:
        """A data file that the export's manifest names. Raises `Failure` if its checksum differs."""
        path = self._path / "data" / entry["dataFileS3Key"].rpartition("/")[2]
        if not path.name.endswith(_SUFFIXES):
            raise Failure(
                f"{path} is not in DynamoDB's JSON: export with the format DYNAMODB_JSON.", Exit.USAGE
            )
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "md5").digest()
        except OSError as error:
            raise Failure(f"{path} is in the manifest, but cannot be read: {error.strerror}.") from error
        wanted = entry.get("md5Checksum")
        if wanted and base64.b64decode(wanted) != digest:
            raise Failure(f"{path} is not the file that DynamoDB exported: its checksum differs.")
        return str(path)

    async def pages(self, part: str, position: Any) -> AsyncIterator[Page]:
        """The pages of a file; a position is a byte offset and a line number."""
        offset, line = position or (0, 0)
        path = Path(part)
        with _opened(path) as file:
            try:
                await asyncio.to_thread(file.seek, offset)
                while True:
                    page, offset, line = await asyncio.to_thread(_read_page, file, path, offset, line)
                    yield page
                    if page.position is None:
                        return
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise Failure(f"{path} is damaged after line {line}: {error}.") from error


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        is_compressed = file.read(2) == _GZIP
    return cast("BinaryIO", gzip.open(path)) if is_compressed else path.open("rb")


def _read_page(file: BinaryIO, path: Path, offset: int, line: int) -> tuple[Page, int, int]:
    items: list[Item] = []
    problems: list[Problem] = []
    first = offset
    for _ in range(_PAGE_LINES):
        text = file.readline(_LONGEST_LINE)
        if not text:
            return Page(items, None, problems), offset, line
        line += 1
        offset += len(text)
        while len(text) == _LONGEST_LINE and not text.endswith(b"\n"):
            text = b"!" + file.readline(_LONGEST_LINE - 1)
            offset += len(text) - 1
        if text.strip():
            try:
                items.append(item_of(text))
            except NotAnItemError as error:
                problems.append(Problem(f"{path}, line {line}", str(error)))
        if offset - first > _PAGE_BYTES:
            break
    return Page(items, [offset, line], problems), offset, line


class FileTarget:
    """A file of JSON lines, which has the suffix .part until it is complete. It is compressed if its name ends in .gz."""

    def __init__(self, path: Path, form: Form, size: int) -> None:
        """Continue after `size` bytes. Raises `Failure` if the file is shorter, or cannot be written."""
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._form = form
        self._is_compressed = path.suffix == ".gz"
        self._lock = asyncio.Lock()
        self._size = size
        try:
            self._file = self._part.open("r+b" if size else "wb")
        except OSError as error:
            raise Failure(f"{self._part} cannot be written: {error.strerror}.", Exit.USAGE) from error
        if self._file.seek(0, os.SEEK_END) < size:
            self._file.close()
            raise Failure(f"{self._part} is shorter than the checkpoint says. Remove both and start over.")
        self._file.truncate(size)
        self._file.seek(size)

    def in_order(self) -> AbstractAsyncContextManager[Any]:
        """A lock: pages are written one by one, so that the file has at most part of one unrecorded page at its end."""
        return self._lock

    def size(self) -> int:
        """The bytes of the pages written so far."""
        return self._size

    async def write(self, items: Sequence[Item], totals: Totals) -> list[Problem]:
        """Write the lines of the items."""
        self._size += await asyncio.to_thread(self._write, items)
        for item in items:
            totals.written += 1
            totals.have(item)
        return []

    def _write(self, items: Sequence[Item]) -> int:
        lines = b"".join(line_of(item, self._form) for item in items)
        # Each page is a separate gzip member, so that the file can be truncated after any page.
        written = gzip.compress(lines, mtime=0) if self._is_compressed else lines
        self._file.write(written)
        return len(written)

    async def sync(self) -> None:
        """Flush the file to disk."""
        await asyncio.to_thread(self._sync)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file. Opening it again truncates it to the recorded pages."""
        self._file.close()

    def finish(self) -> None:
        """Rename the file to its final name."""
        self._part.replace(self._path)

    def written(self) -> FileSource:
        """The written file, as a source."""
        return FileSource(self._part)
