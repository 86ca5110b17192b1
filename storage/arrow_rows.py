"""Many rows at once into a table, the fastest way that each engine has: Arrow columns.

Dates go in as ISO text, which both engines take. In the database a missing number is NULL; in
arrays it is NaN, or UNKNOWN for money.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, cast

import pyarrow as pa
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import FloatArray, IntArray
from pricing.catalogue import UNKNOWN

if TYPE_CHECKING:
    import psycopg

_BATCH: Final = 50_000
"""Rows that are held as Python objects at one time."""


def append(conn: Connection, table: sa.Table, rows: pa.Table) -> None:
    """Insert all rows: executemany on SQLite, COPY on PostgreSQL.

    Args:
        conn: an open transaction.
        table: where to.
        rows: columns named as those of `table`; columns that are left out get their default.
    """
    names = ", ".join(rows.column_names)
    if conn.dialect.name == "postgresql":
        raw = cast("psycopg.Connection[Any]", conn.connection.dbapi_connection)
        with (
            raw.cursor() as cursor,
            cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)".encode()) as copy,
        ):
            for batch in rows.to_batches(max_chunksize=_BATCH):
                text = io.BytesIO()
                pa_csv.write_csv(batch, text, pa_csv.WriteOptions(include_header=False))
                copy.write(text.getvalue())
        return
    marks = ", ".join("?" * rows.num_columns)
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
    for batch in rows.to_batches(max_chunksize=_BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        conn.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def floats_in(values: FloatArray) -> pa.Array:
    """A column of numbers, NaN as missing."""
    return pa.array(values, type=pa.float64(), from_pandas=True)


def money_in(minor: IntArray) -> pa.Array:
    """A column of minor units, UNKNOWN as missing."""
    return pa.array(minor, type=pa.int64(), mask=minor == UNKNOWN)


def constant_in(value: int | str | None, n: int) -> pa.Array:
    """A column of one value."""
    return pa.repeat(pa.scalar(value), n) if value is not None else pa.nulls(n)
