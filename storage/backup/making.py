"""A backup is made in one reading transaction, so that it is one state while others write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from storage.backup.archive import (
    FORMAT,
    MOST_OF_A_ROW,
    PRODUCT,
    Archive,
    ArchiveWriter,
    Manifest,
    Part,
    PartColumn,
    new_archive,
    opened_archive,
)
from storage.backup.schema import counted_columns, known_revisions, reflected, revision_of
from storage.backup.wire import outward, select_all, type_of
from storage.database import reading
from storage.errors import BackupRefused, NotMigrated

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Told the table, how many rows of all are done, and how many there are."""

_BATCH: Final = 5_000


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup file.

    Attributes:
        path: where it is.
        sha256: its checksum.
        bytes: its length.
        made_at: of which moment it is.
        product_version, revision, dialect: of what it was made by and from.
        rows: how many of each table.
    """

    path: Path
    sha256: str
    bytes: int
    made_at: datetime
    product_version: str
    revision: str
    dialect: str
    rows: dict[str, int]


def make_backup(
    engine: Engine, path: Path, *, now: datetime, progress: Progress = lambda *_: None
) -> BackupReport:
    """Write every table to a new file, of mode 0600; readers and writers go on.

    Args:
        engine: the database; at any step that this program knows.
        path: of the file; it is there whole in the end, or not at all.
        now: the time.
        progress: told how far it is; what it raises ends the work.

    Raises:
        BackupRefused: the file is there, or cannot be written.
        NotMigrated: there are no tables, or this program does not know them.
        DatabaseUnavailable: the database went away.
    """
    with reading(engine) as conn:
        revision = revision_of(conn)
        if revision is None:
            raise NotMigrated("the database has no tables yet; there is nothing to back up")
        if revision not in known_revisions():
            raise NotMigrated(
                f"the database is at version {revision}, which this program does not know; "
                "make the backup with the program that made it"
            )
        tables = reflected(conn, revision)
        count = sa.select(sa.func.count())
        total = sum(conn.scalar(count.select_from(table)) or 0 for table in tables)
        with new_archive(path) as archive:
            parts: list[Part] = []
            done = 0
            for table in tables:
                part = _write(conn, table, archive, lambda n: progress(table.name, done + n, total))  # noqa: B023
                parts.append(part)
                done += part.rows
            archive.end(
                Manifest(
                    FORMAT, PRODUCT, version(PRODUCT), revision, conn.dialect.name,
                    now.astimezone(UTC), tuple(parts), _counters(conn, tables),
                )
            )  # fmt: skip
    return check_backup(path)


def check_backup(path: Path) -> BackupReport:
    """Compare the checksum of a file, and tell what it is.

    Raises:
        BackupRefused: it is not there, is no backup, or is damaged.
    """
    with opened_archive(path) as archive:
        return report_of(archive)


def report_of(archive: Archive) -> BackupReport:
    """What an opened file is."""
    said = archive.manifest
    rows = {part.table: part.rows for part in said.parts}
    return BackupReport(
        archive.path, archive.sha256, archive.bytes, said.made_at, said.product_version,
        said.revision, said.dialect, rows,
    )  # fmt: skip


def _write(
    conn: Connection, table: sa.Table, archive: ArchiveWriter, told: Callable[[int], None]
) -> Part:
    columns = [PartColumn(str(column.name), type_of(column)) for column in table.columns]
    changes = outward([column.type for column in columns])
    encoder = msgspec.json.Encoder()
    query = sa.text(select_all(table, conn.dialect))
    with (
        conn.execute(query.execution_options(yield_per=_BATCH)) as result,
        archive.part(table.name) as part,
    ):
        told(0)
        for rows in result.partitions():
            lines = []
            for row in map(list, rows):
                for place, change in changes:
                    if row[place] is not None:
                        row[place] = change(row[place])
                lines.append(encoder.encode(row) + b"\n")
            if max(map(len, lines)) > MOST_OF_A_ROW:
                raise BackupRefused(f"a row of {table.name} is longer than {MOST_OF_A_ROW:,} bytes")
            part.write(b"".join(lines), len(lines))
            told(part.rows)
    return part.part(str(table.name), columns)


def _counters(conn: Connection, tables: list[sa.Table]) -> dict[str, int]:
    """A number that was given out and deleted since must not come again after a restore."""
    found = {}
    for column, sequence in counted_columns(conn, tables):
        last = conn.execute(sa.text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608
        if last.is_called:
            found[f"{column.table.name}.{column.name}"] = int(last.last_value)
    return found
