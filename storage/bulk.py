"""Many rows at once: the fastest way into and out of a table that each engine has.

The border is columns: Arrow going in, numpy coming out. Dates go in as ISO text, which both
engines take. In the database a missing number is NULL; in arrays it is NaN, or UNKNOWN for money.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from models.arrays import FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from storage.columns import json_text

BATCH: Final = 50_000
"""Rows that are held as Python objects at one time."""

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

Kind: TypeAlias = Literal["int", "float", "money", "bool", "str", "day"]

_DTYPES: Final[dict[Kind, Any]] = {
    "int": np.int64,
    "float": np.float64,
    "money": np.int64,
    "bool": np.bool_,
    "str": np.str_,
    "day": np.dtype("datetime64[D]"),
}


def append(conn: Connection, table: sa.Table, rows: pa.Table) -> None:
    """Insert all rows: executemany on SQLite, COPY on PostgreSQL.

    Args:
        conn: an open transaction.
        table: where to.
        rows: columns named as those of `table`; columns that are left out get their default.
    """
    names = ", ".join(rows.column_names)
    if conn.dialect.name == "postgresql":
        import pyarrow.csv as pa_csv  # here, so that a crawl's process starts without

        raw = cast("psycopg.Connection[Any]", conn.connection.dbapi_connection)
        with (
            raw.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)".encode()) as copy,
        ):
            for batch in rows.to_batches(max_chunksize=BATCH):
                text = io.BytesIO()
                pa_csv.write_csv(batch, text, pa_csv.WriteOptions(include_header=False))
                copy.write(text.getvalue())
        return
    marks = ", ".join("?" * rows.num_columns)
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
    for batch in rows.to_batches(max_chunksize=BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        conn.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def refresh_statistics(conn: Connection, table: sa.Table) -> None:
    """Tell PostgreSQL's planner at once how many rows a table has now.

    It would find out by itself a minute later; until then a join of two tables that have just
    been filled is planned as if they were empty, and may take hours.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text(f"ANALYZE {table.name}"))


def floats_in(values: FloatArray) -> pa.Array:
    """A column of numbers, NaN as missing."""
    import pyarrow as pa

    return pa.array(values, type=pa.float64(), from_pandas=True)


def money_in(minor: IntArray) -> pa.Array:
    """A column of minor units, UNKNOWN as missing."""
    import pyarrow as pa

    return pa.array(minor, type=pa.int64(), mask=minor == UNKNOWN)


def constant_in(value: int | str | None, n: int) -> pa.Array:
    """A column of one value."""
    import pyarrow as pa

    return pa.repeat(pa.scalar(value), n) if value is not None else pa.nulls(n)


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
    result = conn.execute(statement.execution_options(yield_per=BATCH))
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
