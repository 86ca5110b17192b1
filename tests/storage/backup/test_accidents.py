"""Damaged files, full disks and killed processes: nothing is lost, nothing is half there."""

from __future__ import annotations

import hashlib
import io
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from sqlalchemy.engine import Engine

from storage.backup.making import check_backup, make_backup
from storage.backup.restoring import restore_backup
from storage.database import open_engine
from storage.errors import BackupRefused, DatabaseUnavailable
from tests.databases import sqlite_engine, url_of
from tests.storage.backup.full_tables import fill, stored
from tests.storage.samples import NOW, add_shop

Damage = Callable[[bytes], bytes]


def _signed(parts: dict[str, bytes]) -> bytes:
    """A file of these parts whose own checksum is right."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        archive.comment = b"sha256:" + b"0" * 64
    body = memory.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def _parts(whole: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _changed(whole: bytes, **manifest: object) -> bytes:
    parts = _parts(whole)
    said = json.loads(parts["manifest.json"])
    return _signed({**parts, "manifest.json": json.dumps({**said, **manifest}).encode()})


def _bomb(whole: bytes) -> bytes:
    """A part of a quarter of a gigabyte of zeros where the manifest says a few rows."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _parts(whole).items():
            with archive.open(name, "w") as part:
                part.write(content if name != "tables/markets.jsonl" else b"")
                for _ in range(256 if name == "tables/markets.jsonl" else 0):
                    part.write(bytes(1 << 20))
        archive.comment = b"sha256:" + b"0" * 64
    body = memory.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def _says_petabytes(whole: bytes) -> bytes:
    parts = _parts(whole)
    said = json.loads(parts["manifest.json"])
    for part in said["parts"]:
        part["bytes"] = part["rows"] = 1 << 60
    return _signed({**parts, "manifest.json": json.dumps(said).encode()})


def _without_a_part(whole: bytes) -> bytes:
    parts = _parts(whole)
    del parts["tables/products.jsonl"]
    return _signed(parts)


def _with_another_row(whole: bytes) -> bytes:
    parts = _parts(whole)
    parts["tables/markets.jsonl"] += b"[9]\n"
    return _signed(parts)


DAMAGE: dict[str, tuple[Damage, str]] = {
    "empty": (lambda _: b"", "no backup"),
    "cut short": (lambda whole: whole[: len(whole) // 2], "no backup, or its end is missing"),
    "the last byte is missing": (lambda whole: whole[:-1], "no backup, or its end is missing"),
    "something behind it": (lambda whole: whole + b"\n", "no backup, or its end is missing"),
    "a text": (lambda _: b"to whom it may concern\n" * 99, "no backup"),
    "a foreign archive": (lambda _: _signed({"a.txt": b"a"}), "cannot be read"),
    "a foreign manifest": (lambda _: _signed({"manifest.json": b"[]"}), "no backup of this"),
    "a newer format": (lambda whole: _changed(whole, format=2), "has format 2"),
    "a newer step": (lambda whole: _changed(whole, revision="9999"), "upgrade the program"),
    "a part is missing": (_without_a_part, "does not hold the parts"),
    "a row too many": (_with_another_row, "is no row of it|not what the manifest says"),
    "a bomb": (_bomb, "is no row of it|cannot be read|not what the manifest says"),
    "petabytes, it says": (_says_petabytes, "not what the manifest says"),
    "a manifest without end": (
        lambda whole: _signed({**_parts(whole), "manifest.json": b" " * (17 << 20)}),
        "longer than any",
    ),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A good backup."""
    folder = tmp_path_factory.mktemp("good")
    with sqlite_engine(folder) as engine:
        add_shop(engine)
        make_backup(engine, folder / "good.zip", now=NOW)
    return (folder / "good.zip").read_bytes()


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_file_is_refused_and_nothing_changes(
    what: str, whole: bytes, tmp_path: Path
) -> None:
    damage, says = DAMAGE[what]
    file = tmp_path / "bad.zip"
    file.write_bytes(damage(whole))
    with sqlite_engine(tmp_path) as engine:
        fill(engine, rows=1)
        before = stored(engine)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(BackupRefused, match=says):
            restore_backup(engine, file, replace=True)
        assert stored(engine) == before
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown < 64 << 10, "no header makes it take memory as it likes (KiB)"


def test_no_byte_can_be_another(whole: bytes, tmp_path: Path) -> None:
    """Any one bit of the file, wherever it stands: the checksum covers all, itself included."""
    random = Random(1)
    places = {0, 1, len(whole) - 1, len(whole) - 64, len(whole) - 65, len(whole) - 71}
    places |= {random.randrange(len(whole)) for _ in range(200)}
    file = tmp_path / "flipped.zip"
    for place in places:
        bad = bytearray(whole)
        bad[place] ^= 1 << random.randrange(8)
        file.write_bytes(bad)
        with pytest.raises(BackupRefused, match=r"damaged|no backup"):
            check_backup(file)


@contextmanager
def _little_room(size: int) -> Iterator[None]:
    """Files may grow to this size and no further, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_full_disk_leaves_no_half_backup(whole: bytes, share: float, tmp_path: Path) -> None:
    with sqlite_engine(tmp_path) as engine:
        add_shop(engine)
        with (
            _little_room(int(len(whole) * share)),
            pytest.raises(BackupRefused, match="File too large"),
        ):
            make_backup(engine, tmp_path / "a.zip", now=NOW)
        assert [path.name for path in tmp_path.iterdir() if "zip" in path.name] == []
        make_backup(engine, tmp_path / "a.zip", now=NOW)


def test_a_full_disk_leaves_the_database_as_it_was(whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(whole)
    with sqlite_engine(tmp_path) as engine:
        fill(engine)
        before = stored(engine)
        engine.dispose()
        size = Path(str(engine.url.database)).stat().st_size
        with _little_room(size // 4), pytest.raises(DatabaseUnavailable):
            restore_backup(engine, tmp_path / "a.zip", replace=True)
        engine.dispose()
        assert stored(engine) == before


_SLOWLY = """
import sys, time
from datetime import datetime, timezone
from pathlib import Path
from storage.backup.making import make_backup
from storage.backup.restoring import restore_backup
from storage.database import open_engine

what, url, file = sys.argv[1:]
def told(table, done, total):
    print(table, done, total, flush=True)
    if total and done > total / 2:
        time.sleep(600)
if what == "backup":
    make_backup(open_engine(url), Path(file), now=datetime.now(timezone.utc), progress=told)
else:
    restore_backup(open_engine(url), Path(file), replace=True, progress=told)
"""


def _killed_half_way(what: str, engine: Engine, file: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOWLY, what, url_of(engine), str(file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            _, done, total = line.split()
            if int(done) > int(total) / 2:
                break
        process.kill()
    assert process.returncode == -9


def test_a_killed_backup_leaves_no_file_and_the_database_whole(
    engine: Engine, tmp_path: Path
) -> None:
    fill(engine)
    before = stored(engine)
    _killed_half_way("backup", engine, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    assert stored(engine) == before
    make_backup(engine, tmp_path / "a.zip", now=NOW)


def test_a_killed_restore_leaves_the_database_as_it_was(
    engine: Engine, whole: bytes, tmp_path: Path
) -> None:
    (tmp_path / "a.zip").write_bytes(whole)
    fill(engine)
    before = stored(engine)
    engine.dispose()
    _killed_half_way("restore", engine, tmp_path / "a.zip")
    again = open_engine(url_of(engine))
    assert stored(again) == before
    restore_backup(again, tmp_path / "a.zip", replace=True)
    again.dispose()
