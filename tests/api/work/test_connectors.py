"""Jobs in a database behave as jobs in memory do: the same steps, the same answers."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api.work.asking import ask
from api.work.connector import SILENCE, Connector
from api.work.database import DatabaseConnector
from api.work.errors import RequestInvalid
from storage.database import reading, writing
from storage.errors import ScopeTaken
from storage.jobs.leases import this_machine
from storage.jobs.queue import Beat, Worker, cancel_job, list_jobs, submit_job
from storage.jobs.schedules import Schedule, list_schedules, save_schedule
from tests.api.work.memory import MemoryConnector
from tests.api.work.toy_kinds import KINDS, SAY, Refused, Toy
from tests.databases import postgres_engine, sqlite_engine

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
FAR = Worker("far", "another machine", 1)


class Jobs:
    """A connector, and the ways of asking that it has."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector

    def ask(self, scope: str | None = None) -> int:
        new = SAY.new_job(Toy(scope=scope), at=NOW, by="ada")
        if isinstance(self.connector, MemoryConnector):
            return self.connector.submit(new)
        assert isinstance(self.connector, DatabaseConnector)
        with writing(self.connector.engine) as conn:
            return submit_job(conn, new)

    def cancel(self, number: int) -> None:
        if isinstance(self.connector, MemoryConnector):
            self.connector.cancel(number, at=NOW)
        elif isinstance(self.connector, DatabaseConnector):
            with writing(self.connector.engine) as conn:
                cancel_job(conn, number, at=NOW)

    def schedule(self, schedule: Schedule) -> None:
        if isinstance(self.connector, MemoryConnector):
            self.connector.schedules[schedule.name] = schedule
        elif isinstance(self.connector, DatabaseConnector):
            with writing(self.connector.engine) as conn:
                save_schedule(conn, schedule)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    """Jobs in memory and in both databases."""
    if request.param == "memory":
        yield Jobs(MemoryConnector(KINDS))
        return
    opened = sqlite_engine(tmp_path) if request.param == "sqlite" else postgres_engine()
    with opened as engine:
        yield Jobs(DatabaseConnector(engine, KINDS))


def test_a_job_goes_from_the_queue_to_its_end(jobs: Jobs) -> None:
    connector = jobs.connector
    assert not connector.any_open()
    first, second = jobs.ask("a"), jobs.ask("a")
    assert connector.any_open()
    assert connector.any_waiting(at=NOW, lanes=["compute"])
    assert not connector.any_waiting(at=NOW, lanes=["network"])
    assert connector.claim(FAR, at=NOW, lanes=["compute"], only=second + 1) is None
    job = connector.claim(FAR, at=NOW, lanes=["compute"])
    assert job is not None
    assert (job.job_id, job.status, job.worker) == (first, "running", "far")
    assert connector.request(first) == {"seconds": 0.0, "scope": "a", "say": ""}
    assert not connector.any_waiting(at=NOW, lanes=["compute"]), "its scope is taken"
    told = connector.beat(first, worker="far", at=LATER, beat=Beat("read", 1, 2))
    assert told is not None
    assert (told.step, told.heartbeat_at, told.cancel_wanted) == ("read", LATER, False)
    assert connector.beat(first, worker="near", at=LATER, beat=Beat()) is None
    assert connector.end(first, worker="far", at=LATER, status="finished", result={"a": 1})
    assert not connector.end(first, worker="far", at=LATER, status="failed")
    assert connector.read(first).status == "finished"
    assert connector.any_waiting(at=NOW, lanes=["compute"])


def test_who_is_silent_loses_his_job_and_who_is_told_to_stop_is_not_begun_again(
    jobs: Jobs,
) -> None:
    connector = jobs.connector
    first, second = jobs.ask(), jobs.ask()
    for worker in ("far", "near"):
        assert connector.claim(Worker(worker, "another machine", 1), at=NOW, lanes=["compute"])
    jobs.cancel(second)
    assert connector.recover(NOW + SILENCE) == ()
    assert connector.recover(NOW + SILENCE + timedelta(seconds=1)) == (first, second)
    assert (connector.read(first).status, connector.read(first).tries) == ("queued", 1)
    assert connector.read(second).status == "cancelled"
    assert not connector.hand_back(first, worker="far", at=LATER, why="late")
    assert connector.claim(FAR, at=LATER, lanes=["compute"])
    assert connector.hand_back(first, worker="far", at=LATER, why="left")
    assert connector.read(first).tries == 1
    assert connector.claim(FAR, at=LATER, lanes=["compute"])
    assert connector.lose(first, worker="far", at=LATER, why="away", pause=timedelta(minutes=1))
    assert not connector.any_waiting(at=LATER, lanes=["compute"])


def test_a_schedule_asks_once_for_a_moment_and_not_beside_itself(jobs: Jobs) -> None:
    connector = jobs.connector
    jobs.schedule(Schedule("hourly", "say", {"scope": "hour"}, "0 * * * *", "UTC", NOW, "ada", NOW))
    assert connector.fire(NOW + timedelta(minutes=59)) == ()
    (number,) = connector.fire(NOW + timedelta(hours=3))
    job = connector.read(number)
    assert (job.schedule, job.created_by) == ("hourly", "ada")
    assert job.due_at == NOW + timedelta(hours=3)
    assert connector.fire(NOW + timedelta(hours=3)) == ()
    assert connector.fire(NOW + timedelta(hours=4)) == (), "the one before waits still"
    jobs.cancel(number)
    assert len(connector.fire(NOW + timedelta(hours=5))) == 1


def test_a_dead_process_of_this_machine_is_seen_at_once(database: Engine) -> None:
    connector = DatabaseConnector(database, KINDS)
    first, second = Jobs(connector).ask(), Jobs(connector).ask()
    for token, pid in (("dead", 2**22 + 1), ("alive", os.getpid())):
        connector.claim(Worker(token, this_machine(), pid), at=NOW, lanes=["compute"])
    assert connector.recover(NOW) == (first,)
    assert connector.read(second).status == "running"


def test_two_workers_fire_a_schedule_once(database: Engine) -> None:
    connectors = [DatabaseConnector(database, KINDS) for _ in range(2)]
    Jobs(connectors[0]).schedule(Schedule("minutes", "say", {}, "* * * * *", "UTC", NOW, "a", NOW))
    fired: list[int] = []

    def keep_firing(connector: DatabaseConnector, start: threading.Barrier) -> None:
        for minute in range(1, 11):
            start.wait()
            fired.extend(connector.fire(NOW + timedelta(minutes=minute)))

    start = threading.Barrier(2)
    threads = [threading.Thread(target=keep_firing, args=(c, start)) for c in connectors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(database) as conn:
        due = [job.due_at for job in list_jobs(conn)]
    assert sorted(due, key=str) == [NOW + timedelta(minutes=k) for k in range(1, 11)]
    assert len(fired) == 10


def test_a_schedule_that_cannot_ask_is_passed_over_once_a_moment(database: Engine) -> None:
    connector = DatabaseConnector(database, KINDS)
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("gone", "weather", {}),
        ("wrong", "say", {"colour": "red"}),
        ("refused", "say", {"say": "never"}),
    ]
    for name, kind, request in asked:
        Jobs(connector).schedule(Schedule(name, kind, request, "* * * * *", "UTC", NOW, "ada", NOW))
    assert connector.fire(LATER) == ()
    with reading(database) as conn:
        assert {s.counted_to for s in list_schedules(conn)} == {LATER}


def test_what_cannot_be_asked_is_refused_and_not_queued(database: Engine) -> None:
    with writing(database) as conn:
        with pytest.raises(RequestInvalid, match="unknown field"):
            ask(conn, SAY, {"colour": "red"}, at=NOW, by="ada")
        with pytest.raises(Refused, match="say: never"):
            ask(conn, SAY, {"say": "never"}, at=NOW, by="ada")
        number = ask(conn, SAY, Toy(scope="a"), at=NOW, by="ada")
        with pytest.raises(ScopeTaken, match=f"job {number}"):
            ask(conn, SAY, Toy(scope="a"), at=NOW, by="ada", alone=True)
        assert [job.job_id for job in list_jobs(conn)] == [number]
