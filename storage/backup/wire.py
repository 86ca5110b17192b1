"""How a value stands in a backup: the same for both databases, exact, as JSON.

integer, text, boolean   as JSON has them
number                   the shortest decimal that is the same double; "NaN", "inf", "-inf"
date                     "2026-03-02"
time                     "2026-03-02T12:00:00.000000Z": microseconds, UTC
json                     the document as text, so that its digits stay as they were
bytes                    base64
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from storage.errors import BackupRefused

Convert: TypeAlias = Callable[[Any], Any]

_TYPES: Final = (
    (sa.Boolean, "boolean"),
    (sa.JSON, "json"),
    (sa.DateTime, "time"),
    (sa.Date, "date"),
    (sa.Integer, "integer"),
    (sa.Float, "number"),
    (sa.LargeBinary, "bytes"),
    (sa.String, "text"),
)


def type_of(column: sa.Column[Any]) -> str:
    """The type of a column's values in a backup.

    Raises:
        BackupRefused: the column is of a type that no backup keeps.
    """
    for kind, name in _TYPES:
        if isinstance(column.type, kind):
            return name
    raise BackupRefused(f"{column} is {column.type}, which no backup keeps")


def select_all(table: sa.Table, dialect: Dialect) -> str:
    """Reads a table by its key, with raw values: no type of SQLAlchemy changes them."""
    quote = dialect.identifier_preparer.quote
    columns = [
        f"CAST({quote(column.name)} AS TEXT)" if type_of(column) == "json" else quote(column.name)
        for column in table.columns
    ]
    key = ", ".join(quote(column.name) for column in table.primary_key)
    order = f" ORDER BY {key}" if key else ""
    return f"SELECT {', '.join(columns)} FROM {quote(table.name)}{order}"  # noqa: S608  (reflected)


def outward(types: Sequence[str]) -> list[tuple[int, Convert]]:
    """What makes a driver's values those of a backup, by place; the others stay as they are."""
    return [(place, _OUT[name]) for place, name in enumerate(types) if name in _OUT]


def inward(types: Sequence[str], dialect: str) -> list[tuple[int, Convert]]:
    """The way back, for a database of this dialect."""
    ways = {**_IN, **_IN_SQLITE} if dialect == "sqlite" else _IN
    return [(place, ways[name]) for place, name in enumerate(types) if name in ways]


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _time(value: datetime | str) -> str:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _day(value: date | str) -> str:
    return value if isinstance(value, str) else value.isoformat()


def _sqlite_time(value: str) -> str:
    return value.replace("T", " ").removesuffix("Z")


_OUT: Final[dict[str, Convert]] = {
    "boolean": bool,
    "number": _number,
    "time": _time,
    "date": _day,
    "bytes": lambda value: base64.b64encode(value).decode(),
}
_IN: Final[dict[str, Convert]] = {"number": float, "bytes": base64.b64decode}
_IN_SQLITE: Final[dict[str, Convert]] = {"time": _sqlite_time}
