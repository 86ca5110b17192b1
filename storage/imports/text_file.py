"""CSV and its kin, also gzipped: read line by line, however long the file and bad its lines."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from storage.errors import BadRow, FileUnreadable, LayoutRefused
from storage.imports.chunks import Chunk
from storage.imports.mapping import looks_like

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE_BYTES: Final = 1 << 20
CHUNK_ROWS: Final = 50_000
CHUNK_CHARACTERS: Final = 16 << 20
"""Rows may be long: a chunk ends at so much text, too, so that no file fills the memory."""
_WIDE_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TextFile:
    """An open CSV file whose header was read.

    Attributes:
        name: its path as given.
        delimiter: what separates its columns.
        header: its column names.
    """

    def __init__(self, name: str, raw: _Hashing, stream: io.BufferedReader[Any], *,
                 delimiter: str, encoding: str) -> None:  # fmt: skip
        self.name = name
        self.delimiter = delimiter
        self._raw = raw
        self._meter = Meter()
        lines = _lines(name, stream, encoding, self._meter)
        self._reader = csv.reader(lines, delimiter=delimiter, strict=True)
        with _naming_place(name, self._reader):
            header = next(self._reader, None)
            while header == []:
                header = next(self._reader, None)
        if header is None:
            raise LayoutRefused(f"{name}: the file is empty; it needs a header and rows")
        self.header = tuple(column.strip() for column in header)

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """See `TableFile.chunks`."""
        places = [(column, self.header.index(column)) for column in wanted]
        any_row = False
        while True:
            lines, rows, misshapen = self._some_rows()
            if not rows and not misshapen:
                break
            any_row = True
            yield Chunk(
                row=np.array(lines, dtype=np.int64),
                columns={
                    name: pa.array([row[at] for row in rows], pa.string()) for name, at in places
                },
                misshapen=misshapen,
            )
        self._raw.refuse_change(self.name)
        if not any_row:
            raise LayoutRefused(f"{self.name}: the file has a header but no rows")

    def sha256(self) -> str:
        """Digest of the bytes read, compressed where the file is."""
        return self._raw.digest.hexdigest()

    def _some_rows(self) -> tuple[list[int], list[list[str]], list[BadRow]]:
        reader, width, meter = self._reader, len(self.header), self._meter
        enough = meter.characters + CHUNK_CHARACTERS
        lines: list[int] = []
        rows: list[list[str]] = []
        misshapen: list[BadRow] = []
        with _naming_place(self.name, reader):
            for row in reader:
                if len(row) == width:
                    lines.append(reader.line_num)
                    rows.append(row)
                elif row:
                    misshapen.append(self._misshapen(reader.line_num, row))
                if len(rows) + len(misshapen) >= CHUNK_ROWS or meter.characters >= enough:
                    break
        return lines, rows, misshapen

    def _misshapen(self, line: int, row: list[str]) -> BadRow:
        text = self.delimiter.join(row)
        reason = f"has {len(row)} fields where the header has {len(self.header)}"
        other = looks_like(text, self.delimiter)
        if len(row) > len(self.header):
            reason += "; put values that hold the delimiter in double quotes"
        elif other is not None:
            reason += f"; the row looks separated by {other!r}"
        return BadRow(row=line, column="(row)", value=text[:60], reason=reason)


@contextmanager
def open_text(
    path: Path, *, delimiter: str | None = None, encoding: str | None = None
) -> Iterator[TextFile]:
    """Open a CSV file, a FIFO or a gzip of one, and read its header.

    Args:
        path: where it is; `.gz` is unpacked on the way.
        delimiter: one character; a comma, or a tab for `.tsv`, where none is given.
        encoding: of the text; UTF-8 where none is given, with or without a byte-order mark.

    Raises:
        FileUnreadable: not there, a directory, not allowed, or an unknown encoding.
        LayoutRefused: empty, or a first line of more than MAX_LINE_BYTES.
    """
    name = str(path)
    if delimiter is None:
        delimiter = "\t" if ".tsv" in path.suffixes else ","
    if len(delimiter) != 1:
        raise LayoutRefused(f"delimiter {delimiter!r} must be one character, such as ';' or a tab")
    try:
        known = codecs.lookup(encoding or "utf-8").name
    except LookupError:
        raise FileUnreadable(
            f"encoding {encoding!r} is unknown; use one such as utf-8, latin-1 or cp1252"
        ) from None
    with opened(path) as file:
        raw = _Hashing(file)
        stream: io.BufferedReader[Any] = io.BufferedReader(raw, 1 << 16)
        if path.suffix == ".gz":
            stream = io.BufferedReader(gzip.GzipFile(fileobj=stream), 1 << 16)
        yield TextFile(name, raw, stream, delimiter=delimiter, encoding=known)


@contextmanager
def opened(path: Path) -> Iterator[io.FileIO]:
    """The bytes of a file.

    Raises:
        FileUnreadable: the message says what is wrong with the path.
    """
    if path.is_dir():
        raise FileUnreadable(f"{path} is a directory; name one file in it")
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise FileUnreadable(f"{path} does not exist; check the path") from None
    except OSError as problem:
        raise FileUnreadable(f"{path} cannot be opened: {problem.strerror}") from problem
    with file:
        yield file


def state_of(file: int) -> tuple[int, int] | None:
    """Size and time of change of an open file; None for a stream, which has neither."""
    status = os.fstat(file)
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def refuse_change(name: str, before: tuple[int, int] | None, file: int) -> None:
    """Refuse a file that another program cut, or still writes, while it was read.

    Raises:
        FileUnreadable: its size or time is not what it was.
    """
    if state_of(file) != before:
        raise FileUnreadable(f"{name} changed while it was read; import it when it is complete")


class _Hashing(io.RawIOBase):
    """Passes bytes through and digests them, so that a stream need not be read twice."""

    def __init__(self, source: io.FileIO) -> None:
        self._source = source
        self._state = state_of(source.fileno())
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def refuse_change(self, name: str) -> None:
        """Refuse a file that is not what it was when it was opened."""
        refuse_change(name, self._state, self._source.fileno())

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        size = self._source.readinto(buffer) or 0
        self.digest.update(memoryview(buffer)[:size])
        return size


class Meter:
    """How much text was read so far."""

    __slots__ = ("characters",)

    def __init__(self) -> None:
        self.characters = 0


def _lines(name: str, stream: io.BufferedReader[Any], encoding: str, meter: Meter) -> Iterator[str]:
    """Lines as text. A wide encoding has line ends that bytes do not show."""
    if "\n".encode(encoding) != b"\n":
        return _wide_lines(name, stream, encoding, meter)
    return _byte_lines(name, stream, encoding, meter)


def _byte_lines(
    name: str, stream: io.BufferedReader[Any], encoding: str, meter: Meter
) -> Iterator[str]:
    """Lines of a text whose line ends are one byte, cut and decoded a block at a time."""
    for text in _decoded_blocks(name, stream, encoding):
        meter.characters += len(text)
        # Rows of a CSV file end at "\n" only; a lone "\r" inside is the business of csv.reader.
        yield from io.StringIO(text, newline="\n")


def _decoded_blocks(name: str, stream: io.BufferedReader[Any], encoding: str) -> Iterator[str]:
    number = 1  # of the line that the next block begins with
    rest = b""
    for block in chain(iter(lambda: stream.read1(MAX_LINE_BYTES), b""), (b"",)):
        data = rest + block
        end = data.rfind(b"\n") + 1 if block else len(data)
        # A block is no longer than the longest line, so only its first line can be too long.
        first = data.find(b"\n") if end and b"\n" in data else len(data)
        if first > MAX_LINE_BYTES:
            raise LayoutRefused(_too_long(name, number))
        whole, rest = data[:end], data[end:]
        if number == 1 and whole:
            if whole.startswith(_WIDE_BOMS):
                raise FileUnreadable(f"{name} is UTF-16 text; pass --encoding utf-16")
            if encoding == "utf-8":
                whole = whole.removeprefix(codecs.BOM_UTF8)
        if b"\0" in whole:
            line = number + whole.count(b"\n", 0, whole.index(b"\0"))
            raise FileUnreadable(f"{name}, line {line} holds a zero byte; is this a text file?")
        try:
            yield whole.decode(encoding)
        except UnicodeDecodeError as problem:
            line = number + whole.count(b"\n", 0, problem.start)
            raise FileUnreadable(
                f"{name}, line {line}: byte 0x{whole[problem.start]:02X} is not {encoding} text; "
                "if the file comes from a spreadsheet on Windows pass --encoding cp1252, "
                "or --encoding latin-1"
            ) from None
        number += whole.count(b"\n")


def _wide_lines(
    name: str, stream: io.BufferedReader[Any], encoding: str, meter: Meter
) -> Iterator[str]:
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    number = 0
    while True:
        try:
            line = text.readline(MAX_LINE_BYTES + 1)
        except UnicodeError:
            raise FileUnreadable(
                f"{name}, near line {number + 1}: the bytes are not {encoding} text"
            ) from None
        number += 1
        meter.characters += len(line)
        if len(line) > MAX_LINE_BYTES:
            raise LayoutRefused(_too_long(name, number))
        if "\0" in line:
            raise FileUnreadable(f"{name}, line {number} holds a zero character")
        if not line:
            text.detach()
            return
        yield line


def _too_long(name: str, number: int) -> str:
    return f"{name}, line {number} is longer than {MAX_LINE_BYTES:,} bytes; is this a CSV file?"


@contextmanager
def _naming_place(name: str, reader: csv.reader) -> Iterator[None]:  # type: ignore[valid-type]
    """Give what the libraries raise the name of the file and the line."""
    line = reader.line_num  # type: ignore[attr-defined]
    try:
        yield
    except csv.Error as problem:
        line = reader.line_num  # type: ignore[attr-defined]
        raise LayoutRefused(
            f"{name}, line {line}: {problem}; a double quote may be left open or stand alone "
            '(write it twice inside quotes: "")'
        ) from problem
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise FileUnreadable(f"{name} cannot be unpacked after line {line}: {problem}") from problem
    except OSError as problem:
        raise FileUnreadable(
            f"{name} could not be read on after line {line}: {problem.strerror or problem}"
        ) from problem
