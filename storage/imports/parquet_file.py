"""Parquet files: typed columns, batch by batch."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import FileUnreadable, LayoutRefused
from storage.imports.chunks import Chunk
from storage.imports.text_file import opened, refuse_change, state_of

CHUNK_ROWS: Final = 50_000


class ParquetTable:
    """An open Parquet file. See `TableFile`."""

    delimiter = ""

    def __init__(self, path: Path, raw: io.FileIO, file: pq.ParquetFile) -> None:
        self.name = str(path)
        self._raw = raw
        self._state = state_of(raw.fileno())
        self._file = file
        self.header: tuple[str, ...] = tuple(file.schema_arrow.names)

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """See `TableFile.chunks`."""
        for name in wanted:
            kind = self._file.schema_arrow.field(name).type
            if pa.types.is_nested(kind) or pa.types.is_binary(kind):
                raise LayoutRefused(
                    f"{self.name}: column {name!r} holds {kind}, which is neither text nor "
                    "a number nor a date"
                )
        done = 0
        batches = self._file.iter_batches(CHUNK_ROWS, columns=list(dict.fromkeys(wanted)))
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException) as problem:
                raise FileUnreadable(
                    f"{self.name} could not be read on after row {done}: {problem}"
                ) from problem
            if batch is None:
                break
            if batch.num_rows:
                yield Chunk(
                    row=np.arange(done + 1, done + batch.num_rows + 1),
                    columns=dict(zip(batch.schema.names, batch.columns, strict=True)),
                )
            done += batch.num_rows
        refuse_change(self.name, self._state, self._raw.fileno())
        if not done:
            raise LayoutRefused(f"{self.name}: the file has columns but no rows")

    def sha256(self) -> str:
        """Digest of the whole file."""
        self._raw.seek(0)
        return hashlib.file_digest(self._raw, "sha256").hexdigest()


@contextmanager
def open_parquet(path: Path) -> Iterator[ParquetTable]:
    """Open a Parquet file and read its schema.

    Raises:
        FileUnreadable: not there, a directory, or no Parquet file.
    """
    with opened(path) as raw:
        try:
            file = pq.ParquetFile(path, pre_buffer=False)
        except (OSError, pa.ArrowException) as problem:
            raise FileUnreadable(f"{path} is not a Parquet file: {problem}") from problem
        with file:
            yield ParquetTable(path, raw, file)
