"""Jobs whose processes are killed at random moments: each ends once, its effect is there once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from api.work.asking import ask
from storage.database import reading, writing
from storage.jobs.leases import is_running
from storage.jobs.queue import list_jobs, running_jobs
from tests.api.conftest import eventually
from tests.api.work.conftest import working
from tests.api.work.toy_kinds import KINDS, Toy, effects_of

KINDS_TRIED = ("store", "spin", "orderly", "alone")


def survive(engine: Engine, jobs: int, kills: int, rng: random.Random) -> None:
    """Kill child, worker or both again and again while jobs are worked on, and look at the end."""
    with writing(engine) as conn:
        for number in range(jobs):
            request = Toy(seconds=rng.uniform(0.0, 0.4))
            kind = KINDS[KINDS_TRIED[number % 4]]
            ask(conn, kind, request, at=datetime.now(UTC), by="ada")
    children: set[int] = set()

    def open_jobs() -> int:
        with reading(engine) as conn:
            children.update(job.pid for job in running_jobs(conn) if job.pid is not None)
            return len(list_jobs(conn, statuses=("queued", "running"), limit=jobs))

    with ExitStack() as workers:
        worker = workers.enter_context(working(engine))
        for _ in range(kills):
            until = time.monotonic() + rng.uniform(0.2, 1.5)
            while time.monotonic() < until and open_jobs():
                time.sleep(0.02)
            with reading(engine) as conn:
                running = [job.pid for job in running_jobs(conn) if job.pid is not None]
            who = rng.choice(("child", "worker", "both"))
            if who != "worker":
                for pid in running:
                    _kill(pid)
            if who != "child":
                _kill(worker.pid)
                worker.wait()
                worker = workers.enter_context(working(engine))
        assert eventually(lambda: open_jobs() == 0, 240.0)
        stopped: subprocess.Popen[str] = worker
    assert stopped.returncode == 0
    with reading(engine) as conn:
        ended = list_jobs(conn, limit=jobs)
    assert {job.status for job in ended} == {"finished"}, [job for job in ended if job.error]
    assert effects_of(engine) == {job.job_id: 1 for job in ended}
    assert eventually(lambda: not any(is_running(pid) for pid in children), 30.0), "orphans"


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_jobs_survive_kills_and_do_nothing_twice(database: Engine) -> None:
    survive(database, jobs=12, kills=4, rng=random.Random(7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_hundred_jobs_survive_many_kills(database: Engine, seed: int) -> None:
    survive(database, jobs=100, kills=30, rng=random.Random(seed))
