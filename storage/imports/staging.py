"""The way of an import into its table: aside first, then in one step, or not at all.

Rows go to a temporary table, on disk, of the connection; no one else is kept waiting. There the
database finds repeated keys exactly, however long the file. Then one transaction compares and
merges them, so that what stays the same is not written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from storage.arrow_rows import append
from storage.bulk import refresh_statistics
from storage.imports.rows import Target

ROW: Final = "file_row"
_STAGED: Final = "import_rows"
_Columns: TypeAlias = ReadOnlyColumnCollection[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """What a merge does, or would do."""

    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class RepeatedKey:
    """A key that more than one row of the file has, with the first and the last of them."""

    key: tuple[Any, ...]
    first_row: int
    last_row: int


class Staging:
    """The temporary table of one import.

    Args:
        conn: the connection that it lives in.
        target: where its rows will go.
        columns: the columns of the target that the file gives.
    """

    def __init__(self, conn: Connection, target: Target, columns: Sequence[str]) -> None:
        self._target = target
        self._columns = tuple(columns)
        self._table = sa.Table(
            _STAGED,
            sa.MetaData(),
            sa.Column(ROW, sa.BigInteger, nullable=False),
            *(sa.Column(name, target.table.c[name].type) for name in columns),
            prefixes=["TEMPORARY"],
        )
        self._table.create(conn)

    def add(self, conn: Connection, rows: dict[str, pa.Array]) -> None:
        """Put rows aside; `rows` has `file_row` and this import's columns."""
        append(conn, self._table, pa.table(rows))

    def repeated(self, conn: Connection, most: int) -> tuple[int, list[RepeatedKey]]:
        """How many rows repeat the key of an earlier row, and some of these keys."""
        key = [self._table.c[name] for name in self._target.key]
        sa.Index("import_rows_key", *key).create(conn)
        refresh_statistics(conn, self._table)
        groups = (
            sa.select(
                *key,
                sa.func.min(self._table.c[ROW]).label("first_row"),
                sa.func.max(self._table.c[ROW]).label("last_row"),
                (sa.func.count() - 1).label("surplus"),
            )
            .group_by(*key)
            .having(sa.func.count() > 1)
            .subquery()
        )
        count = conn.execute(sa.select(sa.func.sum(groups.c.surplus))).scalar_one() or 0
        if not count:
            return 0, []
        some = conn.execute(sa.select(groups).order_by(groups.c.first_row).limit(most))
        return int(count), [
            RepeatedKey(tuple(row[: len(key)]), row.first_row, row.last_row) for row in some
        ]

    def rows(self, conn: Connection) -> list[dict[str, Any]]:
        """All rows as dictionaries; for kinds of which there are few."""
        names = [self._table.c[name] for name in self._columns]
        return [dict(row) for row in conn.execute(sa.select(*names)).mappings()]

    def compare(self, conn: Connection) -> Counts:
        """What the merge would do to the target as it is now."""
        staged, target = self._table, self._target.table
        total = conn.execute(sa.select(sa.func.count()).select_from(staged)).scalar_one()
        if conn.execute(sa.select(sa.literal(1)).select_from(target).limit(1)).first() is None:
            return Counts(total, 0, 0)
        differs = self._differs(staged.c, target.c)
        changed = sa.func.coalesce(sa.func.sum(sa.case((differs, 1), else_=0)), 0)
        same_key = sa.and_(*(staged.c[name] == target.c[name] for name in self._target.key))
        known, updated = conn.execute(
            sa.select(sa.func.count(), changed).join_from(staged, target, same_key)
        ).one()
        return Counts(total - known, int(updated), known - int(updated))

    def merge(self, conn: Connection, extra: dict[str, Any], on_update: dict[str, Any]) -> None:
        """Write into the target what is new or differs.

        Args:
            conn: a transaction that writes.
            extra: values of further columns, for new rows.
            on_update: values of further columns, for rows that change.
        """
        staged, target = self._table, self._target.table
        extra = {name: value for name, value in extra.items() if name not in self._columns}
        rows = sa.select(
            *(staged.c[name] for name in self._columns),
            *(sa.literal(value, target.c[name].type) for name, value in extra.items()),
        ).where(sa.true())  # without a WHERE, SQLite takes ON CONFLICT for a join condition
        dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(target).from_select(
            [*self._columns, *extra],
            rows.order_by(*(staged.c[name] for name in self._target.key)),
            include_defaults=False,
        )
        new = statement.excluded
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=list(self._target.key),
                set_={**{name: new[name] for name in self._changing()}, **on_update},
                where=self._differs(new, target.c),
            )
        )
        refresh_statistics(conn, target)

    def _changing(self) -> list[str]:
        return [name for name in self._columns if name not in self._target.key]

    def _differs(self, new: _Columns, old: _Columns) -> sa.ColumnElement[bool]:
        return sa.or_(*(new[name].is_distinct_from(old[name]) for name in self._changing()))
