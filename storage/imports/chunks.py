"""What a file is read as: chunks of columns, each row with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from models.arrays import IntArray
from storage.errors import BadRow


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some rows of a file.

    Attributes:
        row: (n,) place of each row: line of a text file, row of a Parquet file from 1.
        columns: (n,) Arrow columns by the name that the file gives them.
        misshapen: rows that could not be cut into columns, which are not in `columns`.
    """

    row: IntArray
    columns: Mapping[str, pa.Array]
    misshapen: Sequence[BadRow] = ()


class TableFile(Protocol):
    """A file with a header, read once from front to back in bounded memory."""

    name: str
    delimiter: str
    header: tuple[str, ...]

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """The rows, with these columns only.

        Raises:
            FileUnreadable, LayoutRefused: the file cannot be read on.
        """
        ...

    def sha256(self) -> str:
        """Digest of the file's bytes; valid once all chunks are read."""
        ...
