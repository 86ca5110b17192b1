"""Jobs in warm child processes: kept, cancelled, killed, handed back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from api.work import room as rooms
from api.work.asking import ask
from api.work.room import RunningRoom, Warmth
from storage.database import reading, writing
from storage.jobs.leases import is_running
from storage.jobs.queue import StoredJob, cancel_job, job_best, job_log, job_result, read_job
from tests.api.conftest import eventually
from tests.api.work.toy_kinds import KINDS, Toy, effects_of
from tests.databases import url_of


@contextmanager
def room(engine: Engine, **how: Any) -> Iterator[RunningRoom]:  # noqa: ANN401
    running = RunningRoom(
        engine, url_of(engine), KINDS, {"compute": 1, "network": 1},
        every=timedelta(seconds=0.05), **how,
    )  # fmt: skip
    running.start()
    try:
        yield running
    finally:
        running.stop(timedelta(seconds=10))


def queued(engine: Engine, kind: str, **asked: Any) -> int:  # noqa: ANN401
    with writing(engine) as conn:
        return ask(conn, KINDS[kind], Toy(**asked), at=datetime.now(UTC), by="ada")


def read(engine: Engine, number: int) -> StoredJob:
    with reading(engine) as conn:
        return read_job(conn, number)


def ended(engine: Engine, number: int) -> StoredJob:
    assert eventually(lambda: not read(engine, number).open, 60.0), read(engine, number)
    return read(engine, number)


def begun(engine: Engine, number: int) -> bool:
    return eventually(lambda: read(engine, number).status == "running")


def log_of(engine: Engine, number: int) -> str:
    with reading(engine) as conn:
        return "\n".join(line for *_, line in job_log(conn, number))


def test_a_process_is_kept_from_job_to_job(database: Engine) -> None:
    with room(database) as running:
        pids = set()
        for _ in range(3):
            number = queued(database, "spin", seconds=0.01)
            running.wake()
            job = ended(database, number)
            assert job.status == "finished"
            pids.add(job.pid)
            assert "spun" in log_of(database, number)
            with reading(database) as conn:
                assert job_result(conn, number) == {"kind": "spin"}
                assert (job_best(conn, number) or {})["turns"] >= 1
        assert len(pids) == 1
        assert eventually(lambda: running.room.pids == tuple(pids))
    assert not any(is_running(pid) for pid in pids if pid is not None)
    assert set(effects_of(database).values()) == {1}


def test_a_process_ends_after_so_many_jobs(database: Engine) -> None:
    with room(database, warmth=Warmth(jobs=1)):
        pids = {ended(database, queued(database, "say", say="a")).pid for _ in range(2)}
    assert len(pids) == 2


def test_a_defect_is_logged_with_its_trace_and_the_next_job_is_done(database: Engine) -> None:
    with room(database):
        broken = ended(database, queued(database, "say", say="defect"))
        refused = ended(database, queued(database, "say", say="refuse"))
        assert broken.status == refused.status == "failed"
        assert (broken.error or {})["kind"] == "defect"
        assert refused.error == {"message": "not this", "kind": "Refused"}
        assert "ZeroDivisionError" in log_of(database, broken.job_id)
        assert ended(database, queued(database, "say", say="b")).pid == broken.pid


def test_a_running_job_is_cancelled_within_seconds_and_keeps_its_best(database: Engine) -> None:
    with room(database):
        for kind in ("spin", "orderly"):
            number = queued(database, kind, seconds=300.0)
            assert begun(database, number)
            asked_at = datetime.now(UTC)
            with writing(database) as conn:
                cancel_job(conn, number, at=asked_at)
            job = ended(database, number)
            assert (job.status, job.error) == ("cancelled", {"message": "cancelled"})
            assert job.finished_at is not None
            with reading(database) as conn:
                assert (job_best(conn, number) is not None) == (kind == "spin")
        assert effects_of(database) == {}


def test_a_job_that_hears_nothing_is_killed_and_told_so(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_DEAF", timedelta(seconds=1))
    with room(database):
        number = queued(database, "deaf", seconds=60)
        assert eventually(lambda: read(database, number).status == "running")
        with writing(database) as conn:
            cancel_job(conn, number, at=datetime.now(UTC))
        job = ended(database, number)
    assert job.status == "cancelled"
    assert "its process had to be killed" in (job.error or {})["message"]


@pytest.mark.parametrize(("kind", "status"), [("store", "finished"), ("once", "interrupted")])
def test_a_killed_process_is_told_and_its_job_begun_again_where_that_is_safe(
    database: Engine, kind: str, status: str
) -> None:
    with room(database):
        number = queued(database, kind, seconds=1.0)
        assert eventually(lambda: read(database, number).status == "running")
        os.kill(read(database, number).pid or 0, signal.SIGKILL)
        job = ended(database, number)
    assert (job.status, job.tries) == (status, 1)
    assert "was killed by signal 9" in log_of(database, number)
    assert effects_of(database) == ({number: 1} if status == "finished" else {})
    if status == "interrupted":
        assert "was killed by signal 9; ask again" in (job.error or {})["message"]


def test_a_room_that_stops_hands_its_jobs_back_and_the_next_one_goes_on(database: Engine) -> None:
    with room(database):
        spin = queued(database, "spin", seconds=3.0)
        orderly = queued(database, "orderly", seconds=3.0)
        assert eventually(
            lambda: all(read(database, n).status == "running" for n in (spin, orderly))
        )
        pids = [read(database, n).pid or 0 for n in (spin, orderly)]
    for number in (spin, orderly):
        job = read(database, number)
        assert (job.status, job.tries, job.worker) == ("queued", 0, None)
    assert not any(is_running(pid) for pid in pids)
    with room(database):
        assert ended(database, spin).status == ended(database, orderly).status == "finished"
    assert effects_of(database) == {spin: 1, orderly: 1}


def test_a_room_for_one_job_leaves_the_others(database: Engine) -> None:
    first, second = (queued(database, "say", say="a") for _ in range(2))
    with room(database, only=second):
        assert ended(database, second).status == "finished"
    assert read(database, first).status == "queued"
