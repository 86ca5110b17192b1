"""Parquet files: typed columns, batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import FileUnreadable, LayoutRefused
from storage.imports.chunks import Chunk
from storage.imports.text_file import opened

CHUNK_ROWS: Final = 50_000


class ParquetTable:
    """An open Parquet file. See `TableFile`."""

    delimiter = ""

    def __init__(self, path: Path, file: pq.ParquetFile) -> None:
        self.name = str(path)
        self._path = path
        self._file = file
        self.header: tuple[str, ...] = tuple(file.schema_arrow.names)

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """See `TableFile.chunks`."""
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
        if not done:
            raise LayoutRefused(f"{self.name}: the file has columns but no rows")

    def sha256(self) -> str:
        """Digest of the whole file."""
        with opened(self._path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_parquet(path: Path) -> Iterator[ParquetTable]:
    """Open a Parquet file and read its schema.

    Raises:
        FileUnreadable: not there, a directory, or no Parquet file.
    """
    with opened(path):
        pass
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except (OSError, pa.ArrowException) as problem:
        raise FileUnreadable(f"{path} is not a Parquet file: {problem}") from problem
    with file:
        yield ParquetTable(path, file)
