"""What is backed up and restored is the same, row by row, on both databases and across them."""

from __future__ import annotations

import json
import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from storage.backup.making import check_backup, make_backup
from storage.backup.restoring import restore_backup
from storage.backup.schema import known_revisions, tables_at
from storage.database import migrate, open_engine, reading, require_migrated, writing
from storage.errors import BackupRefused, NotMigrated
from storage.jobs.job_tables import jobs
from storage.jobs.queue import NewJob, submit_job
from storage.tables import metadata
from tests.databases import empty_postgres_url, postgres_engine, sqlite_engine
from tests.storage.backup.full_tables import fill, stored
from tests.storage.samples import NOW, add_shop

DIALECTS = ("sqlite", "postgres")


@contextmanager
def opened(dialect: str, folder: Path) -> Iterator[Engine]:
    with sqlite_engine(folder) if dialect == "sqlite" else postgres_engine() as engine:
        yield engine


@contextmanager
def bare(dialect: str, folder: Path) -> Iterator[Engine]:
    """A database without any tables."""
    if dialect == "sqlite":
        engine = open_engine(f"sqlite:///{folder}/bare/shop.db")
        yield engine
        engine.dispose()
        return
    with empty_postgres_url() as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


def plain(rows: dict[str, list[tuple[object, ...]]]) -> dict[str, list[list[object]]]:
    """Rows as both databases would show them: times in UTC, documents by what they say."""

    def one(value: object) -> object:
        if isinstance(value, str) and value[:1] in '{["n':
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value.isoformat()[:26] if hasattr(value, "isoformat") else value

    return {
        name: sorted(([one(value) for value in row] for row in found), key=repr)
        for name, found in rows.items()
    }


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("source", DIALECTS)
def test_every_row_of_every_table_comes_back_but_sessions(
    source: str, target: str, tmp_path: Path
) -> None:
    file = tmp_path / "shop.zip"
    with opened(source, tmp_path) as engine:
        fill(engine)
        before = stored(engine)
        made = make_backup(engine, file, now=NOW)
        with bare(target, tmp_path) as other:
            assert restore_backup(other, file) == made == check_backup(file)
            require_migrated(other)
            after = stored(other)
    assert all(before.values()), "every table has rows"
    assert {name: len(rows) for name, rows in before.items()} == made.rows
    for name in ("sessions", "login_journeys"):  # they are there, and are ended by a restore
        assert before.pop(name)
        assert after.pop(name) == []
    if source == target:
        assert after == before
    assert plain(after) == plain(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_backup_holds_every_table_of_the_program(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as engine:
        made = make_backup(engine, tmp_path / "shop.zip", now=NOW)
    assert set(made.rows) == set(metadata.tables)


def test_any_unzip_program_reads_it(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as engine:
        add_shop(engine)
        make_backup(engine, tmp_path / "shop.zip", now=NOW)
    with zipfile.ZipFile(tmp_path / "shop.zip") as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        lines = archive.read("tables/markets.jsonl").splitlines()
    assert (manifest["product"], manifest["dialect"]) == ("pricewright", "sqlite")
    assert {json.loads(line)[1] for line in lines} == {"online", "tokyo"}


def test_it_is_one_state_while_others_write(engine: Engine, tmp_path: Path) -> None:
    """A writer adds a market and a product of its name in each transaction: never one alone."""
    with writing(engine) as conn:
        conn.execute(sa.text(_COUNTED), {"n": 0})
        conn.execute(sa.text(_PRODUCT), {"n": 0})
    over = threading.Event()
    written = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            with writing(engine) as conn:
                conn.execute(sa.text(_COUNTED), {"n": number})
                conn.execute(sa.text(_PRODUCT), {"n": number})
            written.set()

    writer = threading.Thread(target=write)
    writer.start()

    def wait_for_the_writer(_: str, __: int, ___: int | None) -> None:
        written.clear()
        assert written.wait(30), "the writer is kept waiting by the backup"

    try:
        made = make_backup(engine, tmp_path / "a.zip", now=NOW, progress=wait_for_the_writer)
    finally:
        over.set()
        writer.join()
    with reading(engine) as conn:
        assert (conn.scalar(sa.text("SELECT count(*) FROM products")) or 0) > made.rows["products"]
    with bare("sqlite", tmp_path) as other:
        restore_backup(other, tmp_path / "a.zip")
        with reading(other) as conn:
            markets = set(conn.scalars(sa.text("SELECT code FROM markets")))
            products = set(conn.scalars(sa.text("SELECT sku FROM products")))
    assert markets == products == {f"n{k}" for k in range(len(products))}


_COUNTED = (
    "INSERT INTO markets (market_id, code, name, channel, currency, time_zone, tax_rate) "
    "VALUES (:n, 'n' || CAST(:n AS INTEGER), '', 'web', 'EUR', 'UTC', 0)"
)
_PRODUCT = (
    "INSERT INTO products (sku, title, category, created_at, updated_at) VALUES ('n' || "
    "CAST(:n AS INTEGER), '', '', '2026-03-02 12:00:00.000000', '2026-03-02 12:00:00.000000')"
)


@pytest.mark.parametrize("target", DIALECTS)
@pytest.mark.parametrize("source", DIALECTS)
def test_a_number_that_was_given_out_does_not_come_again(
    source: str, target: str, tmp_path: Path
) -> None:
    with opened(source, tmp_path) as engine:
        with writing(engine) as conn:
            numbers = [submit_job(conn, NewJob("fit", {}, NOW, "ada")) for _ in range(4)]
        if source == "postgres":  # SQLite itself gives the highest number again
            with writing(engine) as conn:
                conn.execute(jobs.delete().where(jobs.c.job_id == numbers[-1]))
        make_backup(engine, tmp_path / "a.zip", now=NOW)
    with bare(target, tmp_path) as other:
        restore_backup(other, tmp_path / "a.zip")
        with writing(other) as conn:
            number = submit_job(conn, NewJob("fit", {}, NOW, "ada"))
    if (source, target) == ("postgres", "sqlite"):
        assert number not in numbers[:-1], "SQLite counts from the highest row that is there"
    else:
        assert number == numbers[-1] + 1


def test_a_database_with_rows_is_kept_unless_it_is_said(engine: Engine, tmp_path: Path) -> None:
    fill(engine, seed=2)
    make_backup(engine, tmp_path / "a.zip", now=NOW)
    before = stored(engine)
    with writing(engine) as conn:
        conn.execute(jobs.update().values(created_by="since then"))
    since = stored(engine)
    with pytest.raises(BackupRefused, match=r"not empty.*--replace"):
        restore_backup(engine, tmp_path / "a.zip")
    assert stored(engine) == since
    restore_backup(engine, tmp_path / "a.zip", replace=True)
    assert stored(engine) == {**before, "sessions": [], "login_journeys": []}


def test_tables_of_another_program_stay(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as shop:
        make_backup(shop, tmp_path / "a.zip", now=NOW)
    with postgres_engine() as engine:
        with writing(engine) as conn:
            conn.execute(sa.text("CREATE TABLE theirs (n INTEGER)"))
            conn.execute(sa.text("INSERT INTO theirs VALUES (7)"))
        restore_backup(engine, tmp_path / "a.zip", replace=True)
        with reading(engine) as conn:
            assert conn.scalar(sa.text("SELECT n FROM theirs")) == 7
    with bare("postgres", tmp_path) as engine:
        with writing(engine) as conn:
            conn.execute(sa.text("CREATE TABLE products (n INTEGER)"))
        with pytest.raises(BackupRefused, match="table 'products' that is not this program's"):
            restore_backup(engine, tmp_path / "a.zip", replace=True)


def test_what_a_newer_program_made_is_refused(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotMigrated, match="9999"):
        make_backup(engine, tmp_path / "a.zip", now=NOW)
    assert list(tmp_path.glob("*.zip")) == []
    with sqlite_engine(tmp_path) as shop:
        make_backup(shop, tmp_path / "b.zip", now=NOW)
    with pytest.raises(NotMigrated, match="9999"):
        restore_backup(engine, tmp_path / "b.zip", replace=True)


def test_an_older_backup_is_brought_up_to_date(tmp_path: Path) -> None:
    """Made at every step that there is, restored at the newest."""
    from storage.backup.schema import bring_to

    for revision in sorted(known_revisions()):
        engine = open_engine(f"sqlite:///{tmp_path}/{revision}.db")
        with writing(engine) as conn:
            bring_to(conn, revision)
        add_shop(engine)
        made = make_backup(engine, tmp_path / f"{revision}.zip", now=NOW)
        assert (made.revision, set(made.rows)) == (revision, set(tables_at(revision)))
        engine.dispose()
        with bare("sqlite", tmp_path / revision) as other:
            restore_backup(other, tmp_path / f"{revision}.zip")
            require_migrated(other)
            with reading(other) as conn:
                assert conn.scalar(sa.text("SELECT count(*) FROM products")) == 3


def test_nothing_is_written_over_and_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("mine")
    with sqlite_engine(tmp_path) as engine:
        with pytest.raises(BackupRefused, match="there already"):
            make_backup(engine, tmp_path / "a.zip", now=NOW)
        with pytest.raises(BackupRefused, match="No such file"):
            make_backup(engine, tmp_path / "nowhere" / "a.zip", now=NOW)
    assert (tmp_path / "a.zip").read_text() == "mine"
    with bare("sqlite", tmp_path) as engine, pytest.raises(NotMigrated, match="no tables"):
        make_backup(engine, tmp_path / "b.zip", now=NOW)


def test_a_text_that_postgresql_cannot_keep_is_refused_and_nothing_is_restored(
    tmp_path: Path,
) -> None:
    with sqlite_engine(tmp_path) as shop:
        add_shop(shop)
        with writing(shop) as conn:
            conn.execute(sa.text("UPDATE products SET title = char(97, 0, 98)"))
        make_backup(shop, tmp_path / "a.zip", now=NOW)
    with bare("postgres", tmp_path) as engine:
        with pytest.raises(BackupRefused, match="cannot"):
            restore_backup(engine, tmp_path / "a.zip")
        with reading(engine) as conn:
            assert sa.inspect(conn).get_table_names() == []
        migrate(engine)
