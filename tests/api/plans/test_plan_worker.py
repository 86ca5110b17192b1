"""The process that makes a plan, where the database is away for a while."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import Connection

from api.plans import queue as plan_queue
from api.plans import worker
from api.plans.kinds import Accepted, BestSoFar, PlanKind
from api.plans.queue import PlanWorkers
from api.work.progress import Progress
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable
from storage.jobs.plans import best_so_far, claim_plan, plan_result, read_plan, submit_plan
from tests.databases import url_of


@pytest.fixture
def claimed(engine: Engine) -> int:
    """A plan that the worker `w` has taken."""
    now = datetime.now(UTC)
    with writing(engine) as conn:
        number = submit_plan(conn, "markdown", {}, at=now, by="ada")
        assert claim_plan(conn, worker="w", at=now, most=1) == number
    return number


def test_a_result_outlives_a_database_that_is_away_for_a_while(
    engine: Engine, claimed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [True, True, False, True, False, False]

    @contextmanager
    def sometimes(engine: Engine) -> Iterator[Connection]:
        if away.pop(0):
            raise DatabaseUnavailable("locked")
        with writing(engine) as conn:
            yield conn

    def run(document: Mapping[str, Any], progress: Progress, best: BestSoFar) -> dict[str, Any]:
        progress("plan", 1, 1)
        best({"value": 7})
        return dict(document) | {"value": 8}

    kind = PlanKind("markdown", check=lambda _: None, run=run, accept=lambda *_: Accepted())
    monkeypatch.setattr(worker, "plan_kind", lambda _: kind)
    monkeypatch.setattr(worker, "writing", sometimes)
    monkeypatch.setattr(worker, "_PULSE_SECONDS", 0.01)
    pulse = worker.Pulse(engine, claimed, "w", leave=lambda: None)
    monkeypatch.setattr(pulse, "stop", lambda: None)  # its thread never began
    worker.work(engine, claimed, "w", pulse)
    with reading(engine) as conn:
        assert read_plan(conn, claimed).status == "finished"
        assert best_so_far(conn, claimed) == {"value": 7}
        assert plan_result(conn, claimed) == {"value": 8}
    assert away == []


def test_the_plan_of_a_process_that_had_to_be_killed_is_interrupted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as conn:
        number = submit_plan(conn, "markdown", {}, at=datetime.now(UTC), by="ada")
    started = subprocess.Popen

    def deaf(_command: list[str], **how: Any) -> subprocess.Popen[str]:  # noqa: ANN401
        return started([sys.executable, "-c", "import time; time.sleep(600)"], **how)

    monkeypatch.setattr(subprocess, "Popen", deaf)
    monkeypatch.setattr(plan_queue, "_LEAVE_SECONDS", 0.2)
    workers = PlanWorkers(engine, url_of(engine), most=1)
    workers.tick()
    with reading(engine) as conn:
        assert read_plan(conn, number).status == "running"
    workers.stop()
    with reading(engine) as conn:
        found = read_plan(conn, number)
    assert found.status == "interrupted"
    assert found.error is not None
    assert "ask again" in found.error["message"]
