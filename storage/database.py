"""Opening a database, its transactions, and its migrations.

    engine = open_engine("sqlite:///var/pricewright.db")
    migrate(engine)
    with writing(engine) as conn: ...   # commits at the end, or rolls back on an exception
    with reading(engine) as conn: ...   # one consistent state, never blocks a writer

Functions of this package take the connection and leave the transaction to the caller. Those that
write refuse a transaction that was not opened by `writing`: on SQLite such a transaction could
fail half-way, when another writer commits between its first read and its first write.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from storage.columns import json_text
from storage.errors import DatabaseUnavailable, NotMigrated, NotWriting, SettingsInvalid
from storage.private_files import private_file, private_folder
from storage.schema_version import VERSIONS, steps, stored_revision

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_TIMEOUT_MS: Final = 30_000
"""How long a SQLite writer waits for another one before it gives up."""

_WRITES: Final = "pricewright_writes"
_DURABLE: Final = "pricewright_durable"
_FILE: Final = "pricewright_file"
_LAST_UNRELEASED: Final = "0101"
"""The step before the squash into 0001, and its equal in every table."""
_TAKE_OVER: Final = "UPDATE alembic_version SET version_num = '0001'"


def engine_url(url: str) -> URL:
    """The URL with the driver that this program uses: sqlite3 or psycopg 3.

    Raises:
        SettingsInvalid: no URL at all, or of a database that is not supported.
    """
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise SettingsInvalid(
            f"DATABASE_URL {_hidden(url)!r} is not a database URL; write it like "
            "'sqlite:///var/pricewright.db' or 'postgresql://user:password@host/name'"
        ) from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database in {None, "", ":memory:"}:
            raise SettingsInvalid(
                "DATABASE_URL names no file; write it like 'sqlite:///var/pricewright.db'"
            )
        case "sqlite":
            return parsed.set(drivername="sqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+psycopg")
        case other:
            raise SettingsInvalid(
                f"DATABASE_URL names a {other!r} database; use sqlite:/// or postgresql://"
            )


def _hidden(url: str) -> str:
    """What of a text that is no URL can be repeated: before an @ there may be a password."""
    before, at, host = url.rpartition("@")
    return f"***{at}{host}" if before else url


def open_engine(url: str) -> Engine:
    """An engine for this database; connects at first use.

    Args:
        url: `sqlite:///path`, or `postgresql://...` (`postgres://` too). The folder of a SQLite
            file is made where it is missing.

    Raises:
        SettingsInvalid: the URL cannot be used.
        DatabaseUnavailable: the folder of the SQLite file cannot be made.
    """
    parsed = engine_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed)
    return sa.create_engine(
        parsed,
        pool_pre_ping=True,
        json_serializer=json_text,
        # Times without a zone in COPY and in literals mean UTC, as they do in SQLite.
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
    )


def _sqlite_engine(url: URL) -> Engine:
    folder = Path(url.database or ".").parent
    try:
        private_folder(folder)
    except OSError as problem:
        raise DatabaseUnavailable(
            f"cannot make the folder {str(folder)!r} of the database: {problem.strerror}"
        ) from problem
    engine = sa.create_engine(url, json_serializer=json_text)
    file = Path(url.database or ".").absolute()

    @sa.event.listens_for(engine, "do_connect")
    def only_for_its_owner(*_: object) -> None:
        """SQLite would make the file for all to read; its log beside it gets the same mode."""
        if not str(url.database).startswith("file:"):  # a URI names no path
            with suppress(OSError):  # SQLite says better what is wrong
                private_file(file)

    @sa.event.listens_for(engine, "checkout")
    def same_file(
        _: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection
    ) -> None:
        """A connection outlives its file: a backup put in its place would go unnoticed."""
        if entry.info[_FILE] != _identity(file):
            raise sa.exc.DisconnectionError("the database file is another one now")

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101  (narrows the type)
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            "foreign_keys = ON",
            "temp_store = FILE",
            "cache_size = -65536",
        ):
            connection.execute(f"PRAGMA {pragma}")
        entry.info[_FILE] = _identity(file)  # the file is there from the first statement on

    @sa.event.listens_for(engine, "begin")
    def begin(conn: Connection) -> None:
        if not _may_write(conn):
            conn.exec_driver_sql("BEGIN")
            return
        durable = conn.get_execution_options().get(_DURABLE, False)
        conn.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        conn.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells one file from another that takes its name; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def writing(engine: Engine, *, durable: bool = False) -> Iterator[Connection]:
    """A transaction that may write: committed at the end, rolled back on an exception.

    SQLite has one writer at a time: a second one waits here, up to BUSY_TIMEOUT_MS.

    Args:
        engine: the database.
        durable: on SQLite, wait until what is committed would outlive a power cut, as PostgreSQL
            always does; without it, only a crash of the program is outlived.

    Raises:
        DatabaseUnavailable: the database cannot be reached, or stays locked.
    """
    with _naming_failures(engine), engine.connect() as conn:
        conn.execution_options(**{_WRITES: True, _DURABLE: durable})
        with conn.begin():
            yield conn


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database throughout and writes nothing.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    with _naming_failures(engine), engine.connect() as conn:
        if engine.dialect.name == "postgresql":
            conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with conn.begin():
            yield conn


@contextmanager
def connected(engine: Engine) -> Iterator[Connection]:
    """A connection of one's own for several transactions, closed with its temporary tables.

    Begin a transaction with `conn.begin()` to fill temporary tables, which keeps no one waiting,
    and with `writing_on` to write.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    with _naming_failures(engine), engine.connect() as conn:
        conn.detach()
        yield conn


@contextmanager
def writing_on(conn: Connection) -> Iterator[None]:
    """As `writing`, on a connection that is open already and in no transaction."""
    conn.execution_options(**{_WRITES: True})
    with conn.begin():
        yield


def require_writer(conn: Connection) -> None:
    """Refuse a transaction that was not opened to write.

    Raises:
        NotWriting: see there.
    """
    if not _may_write(conn):
        raise NotWriting(
            "this transaction was opened to read; open it with storage.database.writing(engine)"
        )


def take_turns(conn: Connection, what: str) -> None:
    """Wait until no other transaction does the same kind of work; holds to the end of this one.

    On SQLite a writer is alone anyway.
    """
    require_writer(conn)
    if conn.dialect.name == "postgresql":
        conn.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"pricewright {what}")))
        )


def migrate(engine: Engine) -> None:
    """Bring the tables to this program's version, in one transaction; does nothing if they are.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
        NotMigrated: the tables come from a newer program, or from before the first release.
    """
    # Asked as a reader first: nobody who needs no migration waits for a writer.
    with reading(engine) as conn:
        require_released(conn)
        if stored_revision(conn) == steps()[-1]:
            return
    from alembic import command  # by who migrates: others start without

    with writing(engine) as conn:
        take_turns(conn, "migrate")
        require_released(conn)
        current = stored_revision(conn)
        if current is not None and current not in steps():
            raise NotMigrated(_newer(current))
        config = migration_config()
        config.attributes["connection"] = conn
        command.upgrade(config, "head")


def require_migrated(engine: Engine) -> None:
    """Check that the tables are those of this program.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
        NotMigrated: they are missing, older or newer; the message says what helps.
    """
    with reading(engine) as conn:
        require_released(conn)
        current = stored_revision(conn)
    if current == steps()[-1]:
        return
    if current is None:
        raise NotMigrated("the database has no tables yet; run `pricewright migrate`")
    if current in steps():
        raise NotMigrated(
            f"the database is at version {current}, this program needs "
            f"{steps()[-1]}; run `pricewright migrate`"
        )
    raise NotMigrated(_newer(current))


def migration_config() -> Config:
    """Alembic's configuration for the migrations that are shipped with this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent).replace("%", "%%"))
    return config


def require_released(conn: Connection) -> None:
    """Check that no program from before the first release made the tables.

    Its steps had the numbers that later ones have again, so the number alone does not tell: only
    the last of those steps made the table of events.

    Raises:
        NotMigrated: one did; the message says how the data come over.
    """
    revision = stored_revision(conn)
    if revision is None:
        return
    if revision == _LAST_UNRELEASED:
        raise NotMigrated(
            f"the database is at version {revision} of before the first release; its tables are "
            f"those of version 0001: execute `{_TAKE_OVER}` in it, then run `pricewright migrate`"
        )
    if not sa.inspect(conn).has_table("events"):
        raise NotMigrated(
            f"the database is at version {revision} of before the first release, which nothing "
            f"leads on from; bring it to version {_LAST_UNRELEASED} with a program of that time, "
            "or name a new one in DATABASE_URL, run `pricewright migrate` and import anew"
        )


def _newer(revision: str) -> str:
    return (
        f"the database is at version {revision}, which this program does not know; "
        "it was made by a newer one: upgrade the program"
    )


def _may_write(conn: Connection) -> bool:
    return bool(conn.get_execution_options().get(_WRITES, False))


@contextmanager
def _naming_failures(engine: Engine) -> Iterator[None]:
    """Turn what a driver says when a server is gone or a file is locked into our own error."""
    try:
        yield
    except (OperationalError, InterfaceError) as problem:
        raise _unavailable(engine, problem.orig) from problem
    except DatabaseError as problem:
        if type(problem) is not DatabaseError:  # what a statement did wrong has a class of its own
            raise
        raise _unavailable(engine, problem.orig) from problem
    except Exception as problem:
        if _comes_from_copy(problem):
            raise _unavailable(engine, problem) from problem
        raise


def _comes_from_copy(problem: Exception) -> bool:
    """Whether PostgreSQL's driver failed where COPY goes past SQLAlchemy.

    It is not imported for that: who uses SQLite starts without.
    """
    driver = sys.modules.get("psycopg")
    return driver is not None and isinstance(problem, driver.OperationalError)


def _unavailable(engine: Engine, problem: BaseException | None) -> DatabaseUnavailable:
    shown = engine.url.render_as_string(hide_password=True)
    return DatabaseUnavailable(f"the database {shown} failed: {str(problem).strip()}")
