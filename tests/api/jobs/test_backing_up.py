"""Backups as jobs, commands and schedules, and the way back."""

from __future__ import annotations

import json
import os
import stat
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.jobs.backing_up import backup_file, keep_newest
from api.jobs.kinds import KINDS
from api.settings import load_settings
from api.work.carrying_out import carry_out
from api.work.context import Context
from api.work.database import DatabaseConnector
from storage.backup.making import check_backup
from storage.database import reading, writing
from storage.jobs.queue import Worker, job_result, lose_job, read_job
from tests.api.conftest import eventually
from tests.api.jobs.test_kinds import NOW, begun, done
from tests.api.shop import open_shop
from tests.databases import postgres_engine, url_of
from tests.end_to_end.command_line import CommandLine


@pytest.fixture
def line(engine: Engine, tmp_path: Path) -> CommandLine:
    open_shop(engine)
    return CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})


def test_a_job_makes_a_file_of_its_own_time_in_the_folder(engine: Engine, tmp_path: Path) -> None:
    open_shop(engine)
    result = done(engine, "backup", {})
    file = tmp_path / "backups" / f"pricewright-{NOW:%Y%m%dT%H%M%SZ}.zip"
    assert result["file"] == str(file)
    report = check_backup(file)
    assert (result["sha256"], result["rows"]) == (report.sha256, sum(report.rows.values()))
    assert [stat.S_IMODE(p.stat().st_mode) for p in (file, file.parent)] == [0o600, 0o700]


def test_a_job_that_died_after_its_file_was_there_makes_no_second_one(
    engine: Engine, tmp_path: Path
) -> None:
    """Begun again it finds what it made; a file of somebody else it does not touch."""
    for request in ({}, {"out": str(tmp_path / "mine.zip")}):
        number, context = begun(engine, "backup", request)
        first = KINDS["backup"].run(KINDS["backup"].read(request), context)
        with writing(engine) as conn:
            assert lose_job(conn, number, worker=context.worker, at=NOW, why="killed")
        connector = DatabaseConnector(engine, KINDS)
        assert connector.claim(Worker("next", "here", 1), at=NOW, lanes=["compute"], only=number)
        again = Context(number, "next", connector, clock=lambda: NOW, engine=engine,
                        given=context.given)  # fmt: skip
        carry_out(KINDS, "backup", connector, again, quiet=lambda: None)
        with reading(engine) as conn:
            assert job_result(conn, number) == first
    (tmp_path / "theirs.zip").write_text("theirs")
    number, context = begun(engine, "backup", {"out": str(tmp_path / "theirs.zip")})
    carry_out(KINDS, "backup", DatabaseConnector(engine, KINDS), context, quiet=lambda: None)
    with reading(engine) as conn:
        job = read_job(conn, number)
    assert (job.status, "there already" in str(job.error)) == ("failed", True)
    assert (tmp_path / "theirs.zip").read_text() == "theirs"


def test_the_newest_are_kept_and_what_is_not_a_backup_is_left_alone(tmp_path: Path) -> None:
    files = [backup_file(tmp_path, NOW + timedelta(days=day)) for day in range(4)]
    others = [
        tmp_path / "shop.db",
        tmp_path / "pricewright-old.zip",
        tmp_path / ".pricewright-new.part",
    ]
    stale = tmp_path / ".pricewright-x.part"
    for file in (*files, *others, stale):
        file.touch()
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(stale, (long_ago, long_ago))
    assert keep_newest(tmp_path, 2) == files[:2]
    assert sorted(tmp_path.iterdir()) == sorted([*files[2:], *others])
    assert keep_newest(tmp_path, 9) == []


def test_over_http_it_is_asked_for_and_scheduled_but_no_file_is_named(
    client: httpx.Client, tmp_path: Path
) -> None:
    refused = client.post("/v1/jobs", json={"kind": "backup", "request": {"out": "/etc/x.zip"}})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.request.out")
    job = client.post("/v1/jobs", json={"kind": "backup", "request": {"keep": 3}}).json()["job"]
    ended = ("finished", "failed", "interrupted")
    assert eventually(lambda: client.get(f"/v1/jobs/{job}").json()["status"] in ended)
    found = client.get(f"/v1/jobs/{job}").json()
    assert found["status"] == "finished", found["error"]
    assert check_backup(Path(found["result"]["file"])).sha256 == found["result"]["sha256"]
    assert Path(found["result"]["file"]).parent == tmp_path / "backups"
    nightly = {"kind": "backup", "cron": "0 2 * * *", "request": {"keep": 14}}
    assert client.put("/v1/jobs/schedules/backup", json=nightly).status_code == 200


def test_on_the_command_line_it_is_made_checked_and_restored(
    line: CommandLine, engine: Engine, tmp_path: Path
) -> None:
    said = line.succeed("backup")
    (file,) = (tmp_path / "backups").iterdir()
    assert f"backed up: {file}" in said
    assert line.succeed("backup", file, "--check") == said.replace("backed up", "whole")
    assert "backed up: mine.zip" in line.succeed("backup", "mine.zip")
    assert "there already" in line("backup", "mine.zip").err
    assert "deleted: 0" in line.succeed("backup", "--keep", "5")
    told = line("restore", "mine.zip")
    assert (told.status, "--replace" in told.err) == (1, True)
    assert "restored: mine.zip" in line.succeed("restore", "mine.zip", "--replace")
    bad = bytearray((tmp_path / "mine.zip").read_bytes())
    bad[len(bad) // 2] ^= 1
    (tmp_path / "mine.zip").write_bytes(bad)
    for words in (("restore", "mine.zip", "--replace"), ("backup", "mine.zip", "--check")):
        told = line(*words)
        assert (told.status, "damaged" in told.err) == (1, True)
    assert line("backup", "--check").status != 0
    assert line("backup", "x.zip", "--keep", "2").status != 0
    for command in ("backup", "restore"):
        assert "service" in line.succeed(command, "--help")


def test_a_shop_moves_from_one_database_to_the_other_and_serves_the_same_prices(
    line: CommandLine, tmp_path: Path
) -> None:
    line.succeed("backup", "shop.zip")
    shown = line.succeed("price-books", "list")
    with postgres_engine() as engine:
        there = CommandLine(tmp_path, {"DATABASE_URL": url_of(engine)})
        there.succeed("restore", "shop.zip")
        assert there.succeed("price-books", "list") == shown
        there.succeed("backup", "back.zip")
    back = CommandLine(tmp_path, {"DATABASE_URL": f"sqlite:///{tmp_path}/again/shop.db"})
    back.succeed("restore", "back.zip")
    assert back.succeed("price-books", "list") == shown
    assert json.loads(back.succeed("jobs", "run", "backup"))["tables"] > 40


def test_where_backups_go_is_a_setting(line: CommandLine, tmp_path: Path) -> None:
    elsewhere = CommandLine(
        tmp_path, {**line.environment, "PRICEWRIGHT_BACKUP_FOLDER": str(tmp_path / "safe")}
    )
    elsewhere.succeed("backup")
    assert len(list((tmp_path / "safe").iterdir())) == 1
    (tmp_path / "file").touch()
    blocked = CommandLine(
        tmp_path, {**line.environment, "PRICEWRIGHT_BACKUP_FOLDER": str(tmp_path / "file" / "x")}
    )
    assert "Not a directory" in blocked("backup").err
    assert load_settings(None).backup_folder is None
