"""The tables as a database has them: a backup may be older than this program's."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import migration_config, require_released
from storage.schema_version import steps, stored_revision


def revision_of(conn: Connection) -> str | None:
    """At which step of the migrations the tables stand; None where there are none.

    Raises:
        NotMigrated: they come from before the first release.
    """
    require_released(conn)
    return stored_revision(conn)


def known_revisions() -> frozenset[str]:
    """The steps that this program has."""
    return frozenset(steps())


def bring_to(conn: Connection, revision: str) -> None:
    """The tables of this step, or of `head`, in the transaction that the connection is in."""
    from alembic import command

    config = migration_config()
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


@cache
def tables_at(revision: str) -> tuple[str, ...]:
    """The names of the tables that this step has: ours, whatever else a database holds."""
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as conn:
            bring_to(conn, revision)
            return tuple(n for n in sa.inspect(conn).get_table_names() if n != "alembic_version")
    finally:
        engine.dispose()


def reflected(conn: Connection, revision: str) -> list[sa.Table]:
    """The tables of this step as they are, each after those that it refers to."""
    found = sa.MetaData()
    found.reflect(conn, only=tables_at(revision))
    return found.sorted_tables


def counted_columns(conn: Connection, tables: list[sa.Table]) -> list[tuple[sa.Column[Any], str]]:
    """On PostgreSQL, the columns that a sequence numbers, with its name; none on SQLite."""
    if conn.dialect.name != "postgresql":
        return []
    query = sa.text("SELECT pg_get_serial_sequence(:table, :column)")
    quote = conn.dialect.identifier_preparer.quote
    found = []
    for column in (column for table in tables for column in table.primary_key):
        names = {"table": quote(column.table.name), "column": column.name}
        sequence = conn.scalar(query, names)
        if sequence is not None:
            found.append((column, sequence))
    return found
