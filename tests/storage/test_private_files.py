"""What is made in `var/` is for its owner alone, whatever the umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.database import migrate, open_engine, writing
from storage.private_files import private_file, private_folder
from storage.products.markets import add_markets
from tests.storage.samples import ONLINE


@pytest.fixture(autouse=True)
def _everybody_may_read() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_database_its_log_and_its_folder(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/var/deep/shop.db")
    migrate(engine)
    with writing(engine) as conn:
        add_markets(conn, [ONLINE])
    made = list((tmp_path / "var" / "deep").iterdir())
    assert {path.name for path in made} == {"shop.db", "shop.db-wal", "shop.db-shm"}
    assert {mode(path) for path in made} == {0o600}
    assert [mode(tmp_path / "var"), mode(tmp_path / "var" / "deep")] == [0o700, 0o700]
    engine.dispose()


def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open" / "file").write_text("mine")
    (tmp_path / "open" / "file").chmod(0o644)
    private_folder(tmp_path / "open")
    private_file(tmp_path / "open" / "file")
    assert [mode(tmp_path / "open"), mode(tmp_path / "open" / "file")] == [0o755, 0o644]
    assert (tmp_path / "open" / "file").read_text() == "mine"
    with pytest.raises(NotADirectoryError):
        private_folder(tmp_path / "open" / "file")
    with pytest.raises(NotADirectoryError):
        private_folder(tmp_path / "open" / "file" / "sub")
