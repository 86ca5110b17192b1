"""One file that holds every table: a ZIP archive whose last 64 bytes are its own checksum.

    tables/markets.jsonl    a JSON array a row, in the order of the manifest's columns
    ...
    manifest.json           what the file is, and the SHA-256 of each part
    (comment)               sha256: and the SHA-256 of every byte before these 64 digits

Any unzip program reads it. Nothing in it is believed before the checksum has been compared, and
nothing is read into memory that is longer than a limit of our own, whatever its headers say.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final, cast

import msgspec

from storage.errors import BackupRefused

FORMAT: Final = 1
PRODUCT: Final = "pricewright"
MOST_OF_A_ROW: Final = 256 << 20
"""Bytes of one row; more is neither written nor read."""

_MANIFEST: Final = "manifest.json"
_MOST_OF_A_MANIFEST: Final = 16 << 20
_MARK: Final = b"sha256:"
_DIGITS: Final = 64
_LEVEL: Final = 3  # of compression: the database is the slower one from here on
_BUFFER: Final = 1 << 20
_UNREADABLE: Final = (
    zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError,
    ValueError, OverflowError,
)  # fmt: skip


class PartColumn(msgspec.Struct, frozen=True):
    """A column of a part: its name, and the type of its values (see `storage.backup.wire`)."""

    name: str
    type: str


class Part(msgspec.Struct, frozen=True):
    """A table in the file.

    Attributes:
        table: its name.
        columns: in the order of the values of a row.
        rows, bytes, sha256: of the part, not compressed.
    """

    table: str
    columns: tuple[PartColumn, ...]
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a file is.

    Attributes:
        format: of the file; this program writes and reads FORMAT.
        product, product_version: of the program that made it.
        revision: step of the migrations at which the tables stand.
        dialect: of the database that it was made from: `sqlite` or `postgresql`.
        made_at: when, UTC.
        parts: one a table, in the order in which they can be filled.
        counters: by `table.column`, the highest number that the database has given out.
    """

    format: int
    product: str
    product_version: str
    revision: str
    dialect: str
    made_at: datetime
    parts: tuple[Part, ...]
    counters: Mapping[str, int]


class PartWriter:
    """Takes the lines of one table."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.rows = self.bytes = 0

    def write(self, lines: bytes, rows: int) -> None:
        """So many rows, each with its line end."""
        self._stream.write(lines)
        self._digest.update(lines)
        self.rows += rows
        self.bytes += len(lines)

    def part(self, table: str, columns: Sequence[PartColumn]) -> Part:
        """What was written."""
        return Part(table, tuple(columns), self.rows, self.bytes, self._digest.hexdigest())


class ArchiveWriter:
    """Writes the parts, then the manifest."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    @contextmanager
    def part(self, table: str) -> Iterator[PartWriter]:
        """The part of this table."""
        with self._archive.open(_member(table), "w", force_zip64=True) as stream:
            yield PartWriter(stream)

    def end(self, manifest: Manifest) -> None:
        """What the file is; the last thing that is written."""
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        self._archive.writestr(_MANIFEST, text)
        self._archive.comment = _MARK + b"0" * _DIGITS


@contextmanager
def new_archive(path: Path) -> Iterator[ArchiveWriter]:
    """A file that is there whole at the end of the block, or not at all; mode 0600.

    Raises:
        BackupRefused: a file of this name is there, or the place cannot be written.
    """
    if path.exists():
        raise BackupRefused(f"{path} is there already; name another file")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=".part")
    except OSError as error:
        raise BackupRefused(f"{path} cannot be written: {error.strerror or error}") from error
    draft = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
                yield ArchiveWriter(archive)
            file.seek(0)
            digest = _digest_but_for_the_end(file)
            file.seek(-_DIGITS, os.SEEK_END)
            file.write(digest.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise BackupRefused(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


class Archive:
    """A file whose checksum is right.

    Attributes:
        path: where it is.
        sha256: its checksum.
        bytes: its length.
        manifest: what it says it is.
    """

    def __init__(self, path: Path, file: IO[bytes], sha256: str) -> None:
        self.path, self.sha256 = path, sha256
        self.bytes = os.fstat(file.fileno()).st_size
        with self._readable():
            self._archive = zipfile.ZipFile(file)
            self.manifest = self._read_manifest()

    def rows(self, part: Part, batch: int) -> Iterator[list[list[object]]]:
        """The rows of a table, so many at a time.

        Raises:
            BackupRefused: it is not what the manifest says.
        """
        digest, rows, length = hashlib.sha256(), 0, 0
        decoder = msgspec.json.Decoder(list[object])
        width = len(part.columns)
        found: list[list[object]] = []
        with self._readable(), self._archive.open(_member(part.table)) as member:
            stream = io.BufferedReader(cast("io.RawIOBase", member), _BUFFER)
            # A byte more than the manifest allows is enough to know that it is not true.
            while line := stream.readline(min(MOST_OF_A_ROW, max(0, part.bytes - length)) + 1):
                digest.update(line)
                rows, length = rows + 1, length + len(line)
                row = decoder.decode(line) if length <= part.bytes else []
                if len(row) != width:
                    raise BackupRefused(f"{self.path}: row {rows} of {part.table} is no row of it")
                found.append(row)
                if len(found) == batch:
                    yield found
                    found = []
        if (rows, length, digest.hexdigest()) != (part.rows, part.bytes, part.sha256):
            raise BackupRefused(f"{self.path}: {part.table} is not what the manifest says")
        yield found

    def _read_manifest(self) -> Manifest:
        with self._archive.open(_MANIFEST) as stream:
            text = stream.read(_MOST_OF_A_MANIFEST + 1)
        if len(text) > _MOST_OF_A_MANIFEST:
            raise BackupRefused(f"{self.path}: its manifest is longer than any")
        kind = msgspec.json.decode(text)
        if not isinstance(kind, dict) or kind.get("product") != PRODUCT:
            raise BackupRefused(f"{self.path} is no backup of this program")
        if kind.get("format") != FORMAT:
            raise BackupRefused(
                f"{self.path} has format {kind.get('format')}, this program reads {FORMAT}; "
                f"restore it with version {kind.get('product_version')} or newer"
            )
        manifest = msgspec.json.decode(text, type=Manifest)
        held = sorted(self._archive.namelist())
        if held != sorted([_MANIFEST, *(_member(part.table) for part in manifest.parts)]):
            raise BackupRefused(f"{self.path} does not hold the parts that its manifest names")
        return manifest

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except BackupRefused:
            raise
        except _UNREADABLE as error:  # msgspec's errors are ValueErrors
            raise BackupRefused(f"{self.path} cannot be read: {error}") from error


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """A backup file whose checksum has been compared.

    Raises:
        BackupRefused: it is not there, is no backup, or is damaged.
    """
    try:
        with path.open("rb") as file:
            yield Archive(path, file, _compared(path, file))
    except OSError as error:
        raise BackupRefused(f"{path} cannot be read: {error.strerror or error}") from error


def _compared(path: Path, file: IO[bytes]) -> str:
    length = os.fstat(file.fileno()).st_size
    end = len(_MARK) + _DIGITS
    if length >= end:
        file.seek(-end, os.SEEK_END)
        mark, said = file.read(len(_MARK)), file.read(_DIGITS)
        if mark == _MARK:
            file.seek(0)
            found = _digest_but_for_the_end(file)
            if found.encode() == said:
                return found
            raise BackupRefused(
                f"{path} is damaged: its checksum is {found}, and not {said!r} as it says; "
                "take another copy"
            )
    raise BackupRefused(f"{path} is no backup, or its end is missing; take another copy")


def _digest_but_for_the_end(file: IO[bytes]) -> str:
    """SHA-256 of what is there but for the last 64 bytes."""
    left = os.fstat(file.fileno()).st_size - _DIGITS
    digest = hashlib.sha256()
    while left and (chunk := file.read(min(left, _BUFFER))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"


def _sync_folder(folder: Path) -> None:
    """Let the new name outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
