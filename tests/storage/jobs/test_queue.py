from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy.engine import Engine

from storage.database import reading, writing
from storage.errors import JobNotFound, JobNotOpen, ScheduleNotFound, ScopeTaken
from storage.jobs import queue
from storage.jobs.queue import (
    Beat,
    NewJob,
    StoredJob,
    Worker,
    any_open,
    ask_otherwise,
    beat_job,
    cancel_job,
    claim_job,
    end_job,
    hand_back_job,
    job_best,
    job_log,
    job_request,
    job_result,
    list_jobs,
    lose_job,
    next_job,
    read_job,
    submit_job,
)
from storage.jobs.schedules import (
    Schedule,
    count_to,
    list_schedules,
    remove_schedule,
    save_schedule,
)
from tests.storage.samples import NOW

LATER = NOW + timedelta(minutes=5)


def asked(engine: Engine, count: int = 1, retries: int = 1, scope: str | None = None) -> list[int]:
    with writing(engine) as conn:
        return [
            submit_job(conn, NewJob("fit", {"number": k}, NOW, "ada", scope=scope, retries=retries))
            for k in range(count)
        ]


def claimed(engine: Engine, worker: str = "w1", lane: str = "compute") -> int | None:
    with writing(engine) as conn:
        job = claim_job(conn, Worker(worker, "here", 7), at=NOW, lanes=[lane])
    return None if job is None else job.job_id


def read(engine: Engine, number: int) -> StoredJob:
    with reading(engine) as conn:
        return read_job(conn, number)


def test_a_job_is_asked_claimed_watched_and_ended_once(engine: Engine) -> None:
    (number,) = asked(engine)
    with writing(engine) as conn:
        assert any_open(conn)
        ask_otherwise(conn, number, {"number": 8})
        assert next_job(conn, at=NOW, lanes=["compute"]) == number
        assert next_job(conn, at=NOW - timedelta(seconds=1), lanes=["compute"]) is None
    assert claimed(engine, lane="network") is None
    assert claimed(engine) == number
    assert claimed(engine) is None
    with writing(engine) as conn:
        beat = Beat("read", 1, 3, {"value": 7}, [(NOW, "one"), (LATER, "two")])
        assert beat_job(conn, number, worker="w2", at=NOW, beat=beat) is None
        told = beat_job(conn, number, worker="w1", at=LATER, beat=beat)
        assert told is not None
        assert (told.heartbeat_at, told.step, told.done, told.total) == (LATER, "read", 1, 3)
        assert beat_job(conn, number, worker="w1", at=LATER, beat=Beat("store")) is not None
        for worker, done in (("w2", False), ("w1", True), ("w1", False)):
            assert (
                end_job(conn, number, worker=worker, at=LATER, status="finished", result={"a": 1})
                is done
            )
    with reading(engine) as conn:
        assert job_request(conn, number) == {"number": 8}
        assert (job_best(conn, number), job_result(conn, number)) == ({"value": 7}, {"a": 1})
        lines = job_log(conn, number)
        assert [(at, line) for _, at, line in lines] == [(NOW, "one"), (LATER, "two")]
        assert [line for *_, line in job_log(conn, number, after=lines[0][0])] == ["two"]
        assert not any_open(conn)


def test_jobs_are_listed_the_newest_first(engine: Engine) -> None:
    one, two, three = asked(engine, 3)
    with writing(engine) as conn:
        cancel_job(conn, two, at=NOW)
    with reading(engine) as conn:
        assert [job.job_id for job in list_jobs(conn)] == [three, two, one]
        assert [job.job_id for job in list_jobs(conn, statuses=["cancelled"])] == [two]
        assert [job.job_id for job in list_jobs(conn, before=three, limit=1)] == [two]
        assert list_jobs(conn, kind="plan") == ()


def test_many_workers_at_once_never_hold_the_same_job_or_scope(engine: Engine) -> None:
    asked(engine, 4)
    asked(engine, 3, scope="alone")
    held: list[int | None] = []
    start = threading.Barrier(7)

    def take(worker: str) -> None:
        start.wait()
        held.append(claimed(engine, worker))

    threads = [threading.Thread(target=take, args=(str(k),)) for k in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [number for number in held if number is not None]
    assert len(taken) == len(set(taken)) == 5


def test_who_wants_to_be_alone_is_refused_while_one_of_the_scope_is_open(engine: Engine) -> None:
    (number,) = asked(engine, scope="alone")
    again = NewJob("fit", {}, NOW, "bob", scope="alone")
    with writing(engine) as conn, pytest.raises(ScopeTaken, match=f"job {number} .* by ada"):
        submit_job(conn, again, alone=True)
    with writing(engine) as conn:
        cancel_job(conn, number, at=NOW)
        assert submit_job(conn, again, alone=True) > number


@pytest.mark.parametrize(
    ("retries", "losses", "status"),
    [(0, 1, "interrupted"), (1, 1, "queued"), (1, 2, "interrupted"), (3, 3, "queued")],
)
def test_a_lost_job_is_begun_again_so_often_and_no_more(
    engine: Engine, retries: int, losses: int, status: str
) -> None:
    (number,) = asked(engine, retries=retries)
    for _ in range(losses):
        assert claimed(engine) == number
        with writing(engine) as conn:
            assert lose_job(conn, number, worker="w1", at=NOW, why="killed")
            assert not lose_job(conn, number, worker="w1", at=NOW, why="killed")
    job = read(engine, number)
    assert (job.status, job.tries) == (status, losses)
    with reading(engine) as conn:
        assert [line for *_, line in job_log(conn, number)] == ["killed"] * losses


def test_a_job_handed_back_counts_as_no_try_and_waits_where_it_should(engine: Engine) -> None:
    (number,) = asked(engine)
    for _ in range(3):
        assert claimed(engine) == number
        with writing(engine) as conn:
            assert hand_back_job(conn, number, worker="w1", at=NOW, why="left")
    assert read(engine, number).tries == 0
    assert claimed(engine) == number
    with writing(engine) as conn:
        lose_job(conn, number, worker="w1", at=NOW, why="away", pause=timedelta(minutes=5))
    assert claimed(engine) is None
    with reading(engine) as conn:
        assert next_job(conn, at=LATER, lanes=["compute"]) == number


def test_a_cancelled_job_is_not_begun_again(engine: Engine) -> None:
    (number,) = asked(engine)
    claimed(engine)
    with writing(engine) as conn:
        assert cancel_job(conn, number, at=NOW).cancel_wanted
        assert lose_job(conn, number, worker="w1", at=NOW, why="killed")
        with pytest.raises(JobNotOpen, match="cancelled already"):
            cancel_job(conn, number, at=NOW)
    job = read(engine, number)
    assert (job.status, job.error) == ("cancelled", {"message": "killed"})


def test_a_log_has_an_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MOST_LINES", 3)
    (number,) = asked(engine)
    claimed(engine)
    for _ in range(2):
        with writing(engine) as conn:
            beat_job(conn, number, worker="w1", at=NOW, beat=Beat(lines=[(NOW, "a"), (NOW, "b")]))
    with reading(engine) as conn:
        assert [line for *_, line in job_log(conn, number)] == ["a", "b", "a"]


def test_schedules_are_set_counted_and_forgotten(engine: Engine) -> None:
    nightly = Schedule("nightly", "fit", {"a": 1}, "0 3 * * *", "UTC", NOW, "ada", NOW)
    with writing(engine) as conn:
        save_schedule(conn, nightly)
        save_schedule(conn, nightly)
        count_to(conn, "nightly", LATER)
        (stored,) = list_schedules(conn)
        assert (stored.request, stored.counted_to) == ({"a": 1}, LATER)
        remove_schedule(conn, "nightly")
        with pytest.raises(ScheduleNotFound, match="'nightly'"):
            remove_schedule(conn, "nightly")


def test_what_is_not_there_is_said_to_be(engine: Engine) -> None:
    with writing(engine) as conn:
        for ask in (read_job, job_request, job_best, job_result, job_log):
            with pytest.raises(JobNotFound, match="no job 7"):
                ask(conn, 7)
        with pytest.raises(JobNotFound):
            cancel_job(conn, 7, at=NOW)
