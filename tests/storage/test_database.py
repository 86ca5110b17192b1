from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Engine

from pricing.catalogue import Market
from storage.database import (
    engine_url,
    migrate,
    migration_config,
    open_engine,
    reading,
    require_migrated,
    writing,
)
from storage.errors import DatabaseUnavailable, NotMigrated, NotWriting, SettingsInvalid
from storage.events.tables import events, outbox
from storage.products.markets import add_markets, list_markets
from storage.tables import metadata
from tests.databases import empty_postgres_url, sqlite_engine, url_of

ONLINE = Market("online", "EUR")
STORE = Market("store-01", "EUR", channel="store")


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///a.db", "sqlite"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg2://u:p@h/d", "postgresql+psycopg"),
    ],
)
def test_a_url_gets_the_driver_that_the_program_uses(given: str, driver: str) -> None:
    assert engine_url(given).drivername == driver


@pytest.mark.parametrize(
    "given",
    ["", "var/pricewright.db", "mysql://u:p@h/d", "sqlite", "sqlite://", "sqlite:///:memory:"],
)
def test_an_unusable_url_is_refused_with_the_name_of_the_variable(given: str) -> None:
    with pytest.raises(SettingsInvalid, match="DATABASE_URL"):
        open_engine(given)


def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/deep/er/shop.db")
    migrate(engine)
    require_migrated(engine)
    engine.dispose()
    assert (tmp_path / "deep" / "er" / "shop.db").is_file()


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatabaseUnavailable, match="file/sub"):
        open_engine(f"sqlite:///{tmp_path}/file/sub/shop.db")


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    engine = open_engine("postgresql://shop:secret@127.0.0.1:1/shop")
    with (
        pytest.raises(DatabaseUnavailable, match="127") as caught,
        reading(engine),
    ):
        pass
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are my notes, not a database\n" * 100)
    engine = open_engine(f"sqlite:///{tmp_path}/notes.db")
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        migrate(engine)
    engine.dispose()


def test_migrations_make_exactly_the_tables_of_the_program(engine: Engine) -> None:
    with reading(engine) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def _parts(statement: str) -> list[str]:
    """The lines of a statement; a column that was added later stands on a line of its own."""
    return re.sub(r", (?=[a-z_]+ [A-Z]+)", ",\n", statement).splitlines()


def test_migrations_make_the_same_checks_and_options_as_the_tables(tmp_path: Path) -> None:
    """Alembic compares neither CHECK constraints nor WITHOUT ROWID: the SQL itself is compared."""
    migrated = open_engine(f"sqlite:///{tmp_path}/migrated.db")
    migrate(migrated)
    declared = open_engine(f"sqlite:///{tmp_path}/declared.db")
    metadata.create_all(declared)
    query = sa.text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'")
    schemas = []
    for engine in (migrated, declared):
        with reading(engine) as conn:
            rows = conn.execute(query).all()
        schemas.append(
            {
                row.name: sorted(part.strip().rstrip(",") for part in _parts(row.sql))
                for row in rows
                if row.sql
            }
        )
        engine.dispose()
    assert schemas[0] == schemas[1]


def test_migrations_go_down_to_nothing_and_up_again(engine: Engine) -> None:
    _step_to(engine, "base")
    with reading(engine) as conn:
        assert set(sa.inspect(conn).get_table_names()) == {"alembic_version"}
    with pytest.raises(NotMigrated, match="pricewright migrate"):
        require_migrated(engine)
    migrate(engine)
    require_migrated(engine)
    with reading(engine) as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_migrated_database_is_not_kept_waiting_by_a_writer(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as one:
        other = open_engine(url_of(one))
        with writing(one):
            migrate(other)  # as a writer it would wait half a minute, and then fail
        other.dispose()


def test_a_backup_put_in_place_of_the_file_is_the_database_from_then_on(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as shop, sqlite_engine(tmp_path) as backup:
        for engine, market in ((shop, ONLINE), (backup, STORE)):
            with writing(engine) as conn:
                add_markets(conn, [market])
        backup.dispose()
        for rest in tmp_path.glob(f"{Path(str(shop.url.database)).name}-*"):
            rest.unlink()  # as whoever restores a SQLite backup must
        Path(str(backup.url.database)).replace(str(shop.url.database))
        with reading(shop) as conn:
            assert [market.code for market in list_markets(conn)] == [STORE.code]


def test_a_database_of_a_newer_program_is_not_touched(engine: Engine) -> None:
    with writing(engine) as conn:
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for check in (migrate, require_migrated):
        with pytest.raises(NotMigrated, match="newer"):
            check(engine)


@pytest.mark.parametrize("revision", ["0001", "0016", "0100"])
def test_a_database_of_before_the_first_release_is_refused_with_the_way_over(
    engine: Engine, revision: str
) -> None:
    """Also where its number is one that a released step has again."""
    with writing(engine) as conn:
        outbox.drop(conn)
        events.drop(conn)
        conn.execute(sa.text(f"UPDATE alembic_version SET version_num = '{revision}'"))  # noqa: S608
    for check in (migrate, require_migrated):
        with pytest.raises(NotMigrated, match=f"version {revision} of before.*import anew"):
            check(engine)
    with pytest.raises(NotMigrated, match="import anew"):
        _step_to(engine, "base")  # Alembic itself says it, too


def test_the_last_tables_of_before_the_first_release_are_taken_over_as_the_refusal_says(
    engine: Engine,
) -> None:
    _step_to(engine, "0001")
    with writing(engine) as conn:
        add_markets(conn, [ONLINE])
        conn.execute(sa.text("UPDATE alembic_version SET version_num = '0101'"))
    with pytest.raises(NotMigrated) as caught:
        migrate(engine)
    (cure,) = re.findall(r"`(UPDATE .*?)`", str(caught.value))
    with writing(engine) as conn:
        conn.execute(sa.text(cure))
    migrate(engine)
    require_migrated(engine)
    with reading(engine) as conn:
        assert list_markets(conn) == (ONLINE,)


def _step_to(engine: Engine, revision: str) -> None:
    with writing(engine) as conn:
        config = migration_config()
        config.attributes["connection"] = conn
        command.downgrade(config, revision)


def test_an_empty_database_is_told_from_a_migrated_one(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(NotMigrated, match="no tables"):
        require_migrated(engine)
    engine.dispose()


def test_two_processes_that_migrate_at_once_do_it_once() -> None:
    with empty_postgres_url() as url:
        engines = [open_engine(url) for _ in range(4)]
        workers = [threading.Thread(target=migrate, args=(engine,)) for engine in engines]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        for engine in engines:
            require_migrated(engine)
            engine.dispose()


def test_what_raises_is_rolled_back(engine: Engine) -> None:
    def add_and_fail() -> None:
        with writing(engine) as conn:
            add_markets(conn, [ONLINE])
            raise KeyError

    with pytest.raises(KeyError):
        add_and_fail()
    with reading(engine) as conn:
        assert list_markets(conn) == ()


def test_a_transaction_that_reads_may_not_write(engine: Engine) -> None:
    with pytest.raises(NotWriting, match="writing"), reading(engine) as conn:
        add_markets(conn, [ONLINE])


def test_a_reader_sees_one_state_while_another_writes(engine: Engine) -> None:
    with reading(engine) as before:
        assert list_markets(before) == ()
        with writing(engine) as conn:
            add_markets(conn, [ONLINE])
        assert list_markets(before) == ()
    with reading(engine) as after:
        assert list_markets(after) == (ONLINE,)


def test_a_second_sqlite_writer_waits_for_the_first(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/shop.db")
    migrate(engine)
    started = threading.Event()

    def second() -> None:
        started.set()
        with writing(engine) as conn:
            add_markets(conn, [STORE])

    worker = threading.Thread(target=second)
    with writing(engine) as conn:
        worker.start()
        started.wait()
        add_markets(conn, [ONLINE])
    worker.join()
    with reading(engine) as conn:
        assert list_markets(conn) == (ONLINE, STORE)
    engine.dispose()


def test_a_durable_transaction_waits_for_the_disk_and_the_next_one_need_not(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/shop.db")
    for durable, level in ((False, 1), (True, 2), (False, 1)):
        with writing(engine, durable=durable) as conn:
            assert conn.exec_driver_sql("PRAGMA synchronous").scalar_one() == level
    engine.dispose()
