"""A restore is one transaction: the tables are made anew, filled, brought up to date. Or nothing.

Until it is committed, everybody else sees the database as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError

from storage.access.tables import login_journeys, sessions
from storage.backup.archive import Archive, Part, opened_archive
from storage.backup.making import BackupReport, Progress, report_of
from storage.backup.schema import (
    bring_to,
    counted_columns,
    known_revisions,
    reflected,
    revision_of,
    tables_at,
)
from storage.backup.wire import inward, type_of
from storage.database import take_turns, writing
from storage.errors import BackupRefused, NotMigrated

if TYPE_CHECKING:
    import psycopg

_BATCH: Final = 5_000


def restore_backup(
    engine: Engine, path: Path, *, replace: bool = False, progress: Progress = lambda *_: None
) -> BackupReport:
    """Bring a backup into a database of either kind, and its tables up to this program's step.

    Nobody is logged in afterwards: a session of the backup may have been ended since.

    Args:
        engine: the database.
        path: of the file; its checksum is compared first.
        replace: what the database holds is dropped; without, it must hold no rows.
        progress: told how far it is; what it raises ends the work, and nothing has changed.

    Raises:
        BackupRefused: the file is damaged or was made by a newer program; the database holds rows,
            or cannot hold those of the file.
        NotMigrated: the database itself was made by a newer program, or before the first release.
        DatabaseUnavailable: it went away, or its disk is full.
    """
    with opened_archive(path) as archive:
        revision = archive.manifest.revision
        if revision not in known_revisions():
            raise BackupRefused(
                f"{path} was made by version {archive.manifest.product_version}, at step "
                f"{revision}, which this program does not know; upgrade the program"
            )
        with _named(path), writing(engine, durable=True) as conn:
            take_turns(conn, "migrate")
            _clear(conn, replace=replace)
            bring_to(conn, revision)
            _fill(conn, archive, progress)
            bring_to(conn, "head")
            _log_everybody_out(conn)
        return report_of(archive)


def _clear(conn: Connection, *, replace: bool) -> None:
    """Drop our tables; those of other programs in the same database stay."""
    there = set(sa.inspect(conn).get_table_names())
    revision = revision_of(conn)
    if revision is None:
        theirs = sorted(there & set(tables_at("head")))
        if theirs:
            raise BackupRefused(
                f"the database holds a table {theirs[0]!r} that is not this program's; "
                "name another database"
            )
        return
    if revision not in known_revisions():
        raise NotMigrated(
            f"the database is at version {revision}, which this program does not know; "
            "upgrade the program, or name an empty database"
        )
    tables = reflected(conn, revision)
    full = [table.name for table in tables if conn.scalar(sa.select(sa.exists(table.select())))]
    if full and not replace:
        raise BackupRefused(
            f"the database is not empty: there are rows in {', '.join(full[:5])}; restore into an "
            "empty one, or say `--replace` to drop what it holds"
        )
    for table in reversed(tables):
        table.drop(conn)
    conn.execute(sa.text("DELETE FROM alembic_version"))


def _fill(conn: Connection, archive: Archive, progress: Progress) -> None:
    tables = {table.name: table for table in reflected(conn, archive.manifest.revision)}
    parts = {part.table: part for part in archive.manifest.parts}
    if set(parts) != set(tables):
        odd = sorted(set(parts) ^ set(tables))
        raise BackupRefused(f"{archive.path} holds other tables than its step has: {odd[0]}")
    total = sum(part.rows for part in parts.values())
    done = 0
    with _references_checked_at_the_end(conn, list(tables.values())):
        for name, table in tables.items():
            part = parts[name]
            _require_same_columns(archive.path, table, part)
            for rows in archive.rows(part, _BATCH):
                progress(name, done, total)
                _insert(conn, table, part, rows)
                done += len(rows)
            progress(name, done, total)
    _count_on(conn, list(tables.values()), archive)


def _log_everybody_out(conn: Connection) -> None:
    """Sessions and log-ins under way are of the time of the backup; who ended one meant it."""
    for table in (sessions, login_journeys):
        conn.execute(table.delete())


def _require_same_columns(path: Path, table: sa.Table, part: Part) -> None:
    said = {column.name: column.type for column in part.columns}
    if said != {column.name: type_of(column) for column in table.columns}:
        raise BackupRefused(f"{path}: {part.table} has other columns than its step has")


def _insert(conn: Connection, table: sa.Table, part: Part, rows: list[list[object]]) -> None:
    if not rows:
        return
    changes = inward([column.type for column in part.columns], conn.dialect.name)
    for row in rows:
        for place, change in changes:
            if row[place] is not None:
                row[place] = change(row[place])
    quote = conn.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in part.columns)
    if conn.dialect.name == "postgresql":
        raw = cast("psycopg.Connection[Any]", conn.connection.dbapi_connection)
        copy_in = f"COPY {quote(table.name)} ({names}) FROM STDIN".encode()
        with raw.cursor() as cursor, cursor.copy(copy_in) as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(part.columns))
    statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608
    conn.exec_driver_sql(statement, [tuple(row) for row in rows])


@contextmanager
def _references_checked_at_the_end(conn: Connection, tables: list[sa.Table]) -> Iterator[None]:
    """Rows may come before those that they refer to; in the end all must be there."""
    if conn.dialect.name == "sqlite":
        conn.execute(sa.text("PRAGMA defer_foreign_keys = ON"))  # to the end of the transaction
        yield
        broken = conn.execute(sa.text("PRAGMA foreign_key_check")).first()
        if broken is not None:
            raise BackupRefused(
                f"a row of {broken[0]} refers to one of {broken[2]} that is missing"
            )
        return
    quote = conn.dialect.identifier_preparer.quote
    query = sa.text(
        "SELECT conrelid::regclass::text AS source, conname, pg_get_constraintdef(oid) AS made "
        "FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY "
        "(CAST(CAST(:names AS text[]) AS regclass[]))"
    )
    found = conn.execute(query, {"names": [quote(table.name) for table in tables]}).all()
    for row in found:
        conn.execute(sa.text(f"ALTER TABLE {row.source} DROP CONSTRAINT {quote(row.conname)}"))
    yield
    for row in found:
        conn.execute(
            sa.text(f"ALTER TABLE {row.source} ADD CONSTRAINT {quote(row.conname)} {row.made}")
        )
    for table in tables:
        # Until the planner knows how many rows there are, a join may take hours.
        conn.execute(sa.text(f"ANALYZE {quote(table.name)}"))


def _count_on(conn: Connection, tables: list[sa.Table], archive: Archive) -> None:
    """The next number is one that was never given out; SQLite sees to that by itself."""
    for column, sequence in counted_columns(conn, tables):
        counted = archive.manifest.counters.get(f"{column.table.name}.{column.name}", 0)
        highest = max(counted, conn.scalar(sa.select(sa.func.max(column))) or 0)
        if highest:
            conn.execute(
                sa.text("SELECT setval(CAST(:name AS regclass), :value)"),
                {"name": sequence, "value": highest},
            )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What the database says of rows that it cannot hold, as a refusal of the file."""
    try:
        yield
    except (DataError, IntegrityError) as error:
        raise BackupRefused(f"{path} holds what this database cannot: {error.orig}") from error
    except Exception as error:
        if type(error).__module__.startswith("psycopg"):  # COPY goes past SQLAlchemy
            raise BackupRefused(f"{path} holds what this database cannot: {error}") from error
        raise
