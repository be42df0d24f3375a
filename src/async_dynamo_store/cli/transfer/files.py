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
"""Far longer than an item of 400 KB can become."""
_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_GZIP = b"\x1f\x8b"
_MANIFEST = "manifest-files.json"


class FileSource:
    """A file of lines, or a directory: DynamoDB's export to S3 as it is there, or else all files of lines in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def parts(self, segments: int) -> Sequence[str]:
        """The names of the files. Raises `Failure` for a file that is not there, or not as DynamoDB has exported it."""
        return await asyncio.to_thread(self._files)

    def size(self) -> int:
        """The bytes of all files. Raises `Failure` as `parts` does."""
        return sum(Path(part).stat().st_size for part in self._files())

    def _files(self) -> list[str]:
        if self._path.is_file():
            return [str(self._path)]
        if not self._path.is_dir():
            raise Failure(f"There is no {self._path}.", Exit.USAGE)
        manifest = self._path / _MANIFEST
        if manifest.is_file():
            return [self._exported(json.loads(line)) for line in manifest.read_text().splitlines() if line]
        found = sorted(str(path) for path in self._path.iterdir() if path.name.endswith(_SUFFIXES))
        if not found:
            raise Failure(f"In {self._path} is no {_MANIFEST} and no file of lines.", Exit.USAGE)
        return found

    def _exported(self, entry: dict[str, Any]) -> str:
        """A data file that the manifest of an export names, if it came here whole."""
        path = self._path / "data" / entry["dataFileS3Key"].rpartition("/")[2]
        if not path.name.endswith(_SUFFIXES):
            raise Failure(
                f"{path} is not in DynamoDB's JSON: export with the format DYNAMODB_JSON.", Exit.USAGE
            )
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "md5").digest()
        except OSError as error:
            raise Failure(f"{path} is in the manifest and cannot be read: {error.strerror}.") from error
        wanted = entry.get("md5Checksum")
        if wanted and base64.b64decode(wanted) != digest:
            raise Failure(f"{path} is not the file that DynamoDB has exported: its checksum is another.")
        return str(path)

    async def pages(self, part: str, position: Any) -> AsyncIterator[Page]:
        """The pages of a file; a position is the byte and the line."""
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
                raise Failure(f"{path} is damaged behind line {line}: {error}.") from error


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
    """A file of lines, written beside its place until it is whole. A name that ends in .gz is compressed."""

    def __init__(self, path: Path, form: Form, size: int) -> None:
        """Go on behind `size` bytes. Raises `Failure` when fewer are there, or the file cannot be written."""
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
            raise Failure(f"{self._part} is shorter than the checkpoint says. Remove both and begin again.")
        self._file.truncate(size)
        self._file.seek(size)

    def in_order(self) -> AbstractAsyncContextManager[Any]:
        """One page after the other: the file has those that are noted, and then perhaps a part of one more."""
        return self._lock

    def size(self) -> int:
        """The bytes of the pages so far."""
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
        # Members of their own, so that the file may be cut behind each.
        written = gzip.compress(lines, mtime=0) if self._is_compressed else lines
        self._file.write(written)
        return len(written)

    async def sync(self) -> None:
        """Have the system write what it holds."""
        await asyncio.to_thread(self._sync)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; what is not noted is cut off when it is opened again."""
        self._file.close()

    def finish(self) -> None:
        """Put the file in its place."""
        self._part.replace(self._path)

    def written(self) -> FileSource:
        """The file, to be read again."""
        return FileSource(self._part)
