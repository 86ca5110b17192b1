"""A database that takes no writes is told, with the cure, before anybody writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from storage.writability import MIB, why_not_writable
from tests.databases import postgres_engine, sqlite_engine

# As a user to whom rights of files mean something, which they do not to root.
ASKED = """
import os, sys
from storage.database import open_engine
from storage.writability import why_not_writable
engine = open_engine(sys.argv[1])
if os.geteuid() == 0:
    os.setuid(65_534)
print(why_not_writable(engine, 0))
"""


def test_a_database_that_takes_writes_has_nothing_against_it(engine: Engine) -> None:
    assert why_not_writable(engine, 0) is None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, as those of tests may not."""
    folder = Path(tempfile.mkdtemp(prefix="pricewright-open-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_file_or_folder_is_told_with_its_name(open_folder: Path, what: str) -> None:
    with sqlite_engine(open_folder) as engine:
        file = Path(engine.url.database or "")
    named = file if what == "file" else open_folder
    for each in open_folder.iterdir():
        each.chmod(0o444 if what == "file" else 0o666)
    open_folder.chmod(0o777 if what == "file" else 0o555)
    done = subprocess.run(
        [sys.executable, "-c", ASKED, f"sqlite:///{file}"],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"its {what} {str(named)!r} is read-only; give the user" in done.stdout, done.stderr


def test_a_full_disk_is_told_with_the_setting(tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as engine:
        free = shutil.disk_usage(tmp_path).free
        assert why_not_writable(engine, free // 2) is None
        why = why_not_writable(engine, free + 1_000 * MIB)
    assert why is not None
    assert f"{str(tmp_path)!r} is full" in why
    assert "PRICEWRIGHT_LEAST_FREE_MIB" in why


def test_a_server_that_is_read_only_by_default_is_told() -> None:
    with postgres_engine() as engine:
        name = engine.url.database
        with engine.connect() as conn:
            conn.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            conn.commit()
        engine.dispose()  # it holds for sessions that begin
        why = why_not_writable(engine, 0)
    assert why is not None
    assert "default_transaction_read_only is on; set it off" in why
