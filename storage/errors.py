"""Errors of the `storage` package.

    StorageError
    ├── SettingsInvalid         a variable of the environment or `.env` that cannot be used
    ├── DatabaseUnavailable     the server or the file cannot be reached
    ├── NotMigrated             the tables are missing, old, or newer than this program
    ├── NotWriting              a function that writes was given a transaction that only reads
    ├── InvalidRecord           a value that its table cannot hold
    ├── NotStored               something asked for by name that is not there
    │   ├── UnknownMarket
    │   ├── UnknownProduct
    │   ├── UnknownSite
    │   ├── CrawlNotFound
    │   ├── FitNotFound
    │   ├── RunNotFound
    │   ├── DecisionNotFound
    │   └── PriceBookNotFound
    └── ImportRefused           a file that is not brought in; nothing of it was written
        ├── FileUnreadable      not there, a directory, cut short, or in another encoding
        ├── LayoutRefused       the header, the delimiter or the column mapping does not fit
        └── RowsRefused         rows with values that cannot be right, listed with their place

Each message names the file, the field or the variable, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StorageError(Exception):
    """Anything that `storage` refuses."""


class SettingsInvalid(StorageError, ValueError):
    """A setting cannot be used; the message names its variable."""


class DatabaseUnavailable(StorageError):
    """The database cannot be reached; check DATABASE_URL and that the server runs."""


class NotMigrated(StorageError):
    """The tables do not fit this version of the program."""


class NotWriting(StorageError, RuntimeError):
    """A function that writes needs a transaction opened by `storage.database.writing`."""


class InvalidRecord(StorageError, ValueError):
    """A value that its table cannot hold."""


class NotStored(StorageError, LookupError):
    """Something asked for by name or number is not in the database."""


class UnknownMarket(NotStored):
    """No market has this code."""


class UnknownProduct(NotStored):
    """No product has this SKU."""


class UnknownSite(NotStored):
    """No competitor site has this name."""


class CrawlNotFound(NotStored):
    """No crawl has this number."""


class FitNotFound(NotStored):
    """No demand fit has this number, or nothing was fitted yet."""


class RunNotFound(NotStored):
    """No decision run has this number, or nothing was decided yet."""


class DecisionNotFound(NotStored):
    """No run decided a price for this key."""


class PriceBookNotFound(NotStored):
    """No price book has this version, or none was published yet."""


class ImportRefused(StorageError, ValueError):
    """A file was not brought in, and nothing of it was written."""


class FileUnreadable(ImportRefused):
    """The file is not there, is no file, ends too early, or is in another encoding."""


class LayoutRefused(ImportRefused):
    """The header, the delimiter or the column mapping does not fit."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """One refused value of an import, with its place.

    Attributes:
        row: line in a text file (the header is line 1), or row in a Parquet file (from 1).
        column: the column as the file calls it.
        value: what stands there, shortened.
        reason: what is wrong with it and what would be right.
    """

    row: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column!r}: {self.value!r} {self.reason}"


class RowsRefused(ImportRefused):
    """Some rows hold values that cannot be right.

    Attributes:
        file_name: the file.
        count: how many rows were refused in all.
        first: what is wrong with the first of them, at most 20 values.
    """

    def __init__(self, file_name: str, count: int, first: Sequence[BadRow]) -> None:
        self.file_name = file_name
        self.count = count
        self.first = tuple(first)
        noun = "row" if count == 1 else "rows"
        lines = [f"{file_name}: {count} {noun} refused; nothing was imported"]
        lines += [f"  {file_name}, {bad}" for bad in self.first]
        shown = len({bad.row for bad in self.first})
        if count > shown:
            lines.append(f"  ... and {count - shown} more")
        super().__init__("\n".join(lines))
