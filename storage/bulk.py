"""Many rows at once out of a table, the fastest way that each engine has: numpy columns.

In the database a missing number is NULL; in arrays it is NaN, or UNKNOWN for money. The way in is
`storage.arrow_rows`, apart from here so that who only reads starts without Arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from pricing.catalogue import UNKNOWN
from storage.columns import json_text

_BATCH: Final = 2_000
"""Rows that are held as Python objects at one time: of more, most of the time goes to memory that
is far from the processor, and to the collector that looks at them again and again."""

Kind: TypeAlias = Literal["int", "float", "money", "bool", "str", "day"]

_DTYPES: Final[dict[Kind, Any]] = {
    "int": np.int64,
    "float": np.float64,
    "money": np.int64,
    "bool": np.bool_,
    "str": np.str_,
    "day": np.dtype("datetime64[D]"),
}


def refresh_statistics(conn: Connection, table: sa.Table) -> None:
    """Tell PostgreSQL's planner at once how many rows a table has now.

    It would find out by itself a minute later; until then a join of two tables that have just
    been filled is planned as if they were empty, and may take hours.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text(f"ANALYZE {table.name}"))


def read_columns(
    conn: Connection, statement: sa.Executable, kinds: Sequence[Kind]
) -> list[NDArray[Any]]:
    """The result of a query as one array a column, without all rows as objects at one time.

    Args:
        conn: an open transaction.
        statement: the query.
        kinds: what each column becomes: `int`, `float` (NULL is NaN), `money` (int, NULL is
            UNKNOWN), `bool`, `str` (no NULL), `day` (datetime64[D]).
    """
    chunks: list[list[NDArray[Any]]] = [[] for _ in kinds]
    result = conn.execute(statement.execution_options(yield_per=_BATCH))
    for rows in result.partitions():
        for chunk, kind, values in zip(chunks, kinds, zip(*rows, strict=True), strict=True):
            chunk.append(_array(values, kind))
    return [
        np.concatenate(chunk) if chunk else np.empty(0, _DTYPES[kind])
        for chunk, kind in zip(chunks, kinds, strict=True)
    ]


def _array(values: Sequence[Any], kind: Kind) -> NDArray[Any]:
    if kind == "money":
        values = [UNKNOWN if value is None else value for value in values]
    return np.array(values, dtype=_DTYPES[kind])


def listed(conn: Connection, values: Iterable[str]) -> sa.Select[str]:
    """A sub-select of these texts, for `column.in_(...)`: any number of them in one parameter."""
    text = sa.literal(json_text(sorted(set(values))), sa.Text)
    if conn.dialect.name == "postgresql":
        rows = sa.func.jsonb_array_elements_text(sa.cast(text, postgresql.JSONB))
    else:
        rows = sa.func.json_each(text)
    column: sa.ColumnClause[str] = sa.column("value", sa.Text)
    return sa.select(rows.table_valued(column).c.value)
