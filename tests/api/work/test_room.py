"""The work room without processes and without a clock: jobs in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.work import carrying_out
from api.work.connector import SILENCE
from api.work.errors import KindUnknown, RequestInvalid
from api.work.room import Warmth, WorkRoom
from storage.errors import DatabaseUnavailable, JobNotFound, JobNotOpen
from storage.jobs.queue import Worker
from storage.jobs.schedules import Schedule
from tests.api.work.memory import InlinePlace, MemoryConnector
from tests.api.work.toy_kinds import KINDS, SAY, Toy

BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Clock:
    """A time that moves when a test says so."""

    now: datetime = BEGIN

    def __call__(self) -> datetime:
        return self.now


class StillPlace:
    """A place that takes a job and does nothing, until a test says how it goes on."""

    def __init__(self, pid: int) -> None:
        self.pid, self.done, self.memory = pid, 0, 0
        self.taken: list[tuple[int, str, str]] = []
        self.busy = False
        self.fate: str | None = None
        self.killed = self.leaves = False

    def take(self, job_id: int, kind: str, worker: str) -> None:
        self.busy = True
        self.taken.append((job_id, kind, worker))

    def finish(self, connector: MemoryConnector, at: datetime) -> None:
        """The job that it has comes to its end."""
        job_id, _, worker = self.taken[-1]
        assert connector.end(job_id, worker=worker, at=at, status="finished", result={})
        self.busy, self.done = False, self.done + 1

    def let_go(self) -> None:
        self.leaves = True

    def kill(self) -> None:
        self.killed = True
        self.fate = "the process that worked on it was killed by signal 9"

    def wait(self, seconds: float) -> bool:
        return (self.leaves and not self.busy) or self.killed


@dataclass
class Still:
    """A room of places that stand still."""

    clock: Clock = field(default_factory=Clock)
    places: list[StillPlace] = field(default_factory=list)
    warmth: Warmth = field(default_factory=Warmth)

    def __post_init__(self) -> None:
        self.connector = MemoryConnector(KINDS)
        self.room = WorkRoom(
            self.connector, self._hire, {"compute": 2, "network": 1}, warmth=self.warmth,
            clock=self.clock,
        )  # fmt: skip

    def _hire(self) -> StillPlace:
        self.places.append(StillPlace(100 + len(self.places)))
        return self.places[-1]

    def ask(self, kind: str = "say", **asked: Any) -> int:  # noqa: ANN401
        chosen = KINDS[kind]
        return self.connector.submit(chosen.new_job(Toy(**asked), at=self.clock.now, by="ada"))


def done_at_once(*asked: Toy) -> tuple[MemoryConnector, list[int]]:
    """Jobs that are done by the tick that begins them."""
    connector = MemoryConnector(KINDS)
    numbers = [connector.submit(SAY.new_job(toy, at=BEGIN, by="ada")) for toy in asked]
    clock = Clock()
    room = WorkRoom(
        connector, lambda: InlinePlace(KINDS, connector, clock), {"compute": 1}, clock=clock
    )
    for _ in numbers:
        room.tick()
    return connector, numbers


def test_a_job_is_done_with_its_progress_best_log_and_result() -> None:
    connector, (number,) = done_at_once(Toy(say="hello"))
    job = connector.read(number)
    assert (job.status, job.step, job.done, job.total) == ("finished", "say", 1, 1)
    assert connector.result(number) == {"said": "hello"}
    assert connector.best(number) == {"said": "hello"}
    assert connector.log(number) == ("I say hello",)


def test_a_refusal_is_told_and_a_defect_is_told_apart() -> None:
    connector, (refused, defect) = done_at_once(Toy(say="refuse"), Toy(say="defect"))
    assert connector.read(refused).status == connector.read(defect).status == "failed"
    assert connector.read(refused).error == {"message": "not this", "kind": "Refused"}
    assert (connector.read(defect).error or {})["kind"] == "defect"
    assert "ZeroDivisionError" in connector.log(defect)[-1]


class Flickering(MemoryConnector):
    """A database that is away for the first so many attempts to store."""

    def __init__(self, away: int) -> None:
        super().__init__(KINDS)
        self.away = away

    def end(self, job_id: int, **how: Any) -> bool:  # noqa: ANN401
        if self.away:
            self.away -= 1
            raise DatabaseUnavailable("locked")
        return super().end(job_id, **how)


def test_a_result_outlives_a_database_that_is_away_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carrying_out, "_LOOK_SECONDS", 0.0)
    connector, clock = Flickering(3), Clock()
    number = connector.submit(SAY.new_job(Toy(say="hello"), at=BEGIN, by="ada"))
    room = WorkRoom(
        connector, lambda: InlinePlace(KINDS, connector, clock), {"compute": 1}, clock=clock
    )
    room.tick()
    assert connector.away == 0
    assert connector.read(number).status == "finished"
    assert connector.best(number) == connector.result(number) == {"said": "hello"}
    assert connector.log(number) == ("I say hello",), "told once"


def test_a_job_that_finds_no_database_is_begun_again_after_a_pause() -> None:
    connector, (number,) = done_at_once(Toy(say="no database"))
    job = connector.read(number)
    assert (job.status, job.tries, job.not_before > BEGIN) == ("queued", 1, True)
    assert connector.log(number) == ("the database was away: gone",)


def test_so_many_run_at_once_the_oldest_first_and_lanes_do_not_wait_for_each_other() -> None:
    still = Still()
    one, two, three = (still.ask() for _ in range(3))
    shop, other = still.ask("orderly"), still.ask("orderly")
    still.room.tick()
    assert still.room.working_on == (one, two, shop)
    still.places[0].finish(still.connector, still.clock.now)
    still.room.tick()
    assert still.room.working_on == (three, two, shop)
    assert len(still.places) == 3, "the one that was free is used again"
    still.places[2].finish(still.connector, still.clock.now)
    still.room.tick()
    assert still.room.working_on == (three, two, other)


def test_no_process_is_begun_for_nothing() -> None:
    still = Still()
    for scope in ("a", "a"):
        still.ask(scope=scope)
    for _ in range(3):
        still.room.tick()
    assert len(still.places) == 1, "the second one waits for its scope, not for a place"


def test_one_at_a_time_runs_in_a_scope() -> None:
    still = Still()
    first, second, third = still.ask(scope="a"), still.ask(scope="a"), still.ask(scope="b")
    still.room.tick()
    assert still.room.working_on == (first, third)
    still.places[0].finish(still.connector, still.clock.now)
    still.room.tick()
    assert still.room.working_on == (second, third)


@pytest.mark.parametrize(("kind", "then"), [("say", "queued"), ("once", "interrupted")])
def test_a_job_whose_process_was_killed_is_begun_again_where_that_is_safe(
    kind: str, then: str
) -> None:
    still = Still()
    number = still.ask(kind)
    still.room.tick()
    still.places[0].kill()
    still.room = WorkRoom(still.connector, still._hire, {}, clock=still.clock)
    job, worker = still.connector.read(number), still.places[0].taken[0][2]
    assert still.connector.lose(number, worker=worker, at=BEGIN, why=str(still.places[0].fate))
    job = still.connector.read(number)
    assert (job.status, job.tries) == (then, 1)
    assert still.connector.log(number) == ("the process that worked on it was killed by signal 9",)
    if then == "interrupted":
        assert "killed by signal 9; ask again" in (job.error or {})["message"]


def test_a_room_begins_a_job_again_in_a_new_process_until_it_was_tried_too_often() -> None:
    still = Still()
    number = still.ask()
    for tries in range(1, SAY.retries + 2):
        still.room.tick()
        assert still.room.working_on == (number,)
        still.places[-1].kill()
        still.room.tick()
        assert len(still.places) == min(tries + 1, SAY.retries + 1)
    assert still.connector.read(number).status == "interrupted"
    assert still.room.working_on == ()


def test_a_silent_worker_loses_its_job_and_can_say_nothing_more() -> None:
    still = Still()
    number = still.ask()
    elsewhere = Worker("elsewhere", "another machine", 1)
    assert still.connector.claim(elsewhere, at=BEGIN, lanes=["compute"])
    still.clock.now += SILENCE
    still.room.tick()
    assert not still.places, "it may be there still"
    still.clock.now += MINUTE
    still.room.tick()
    assert still.room.working_on == (number,)
    now = still.clock.now
    assert not still.connector.end(number, worker="elsewhere", at=now, status="finished")
    assert not still.connector.hand_back(number, worker="elsewhere", at=now, why="late")


def test_a_process_that_does_not_stop_when_it_is_told_is_killed_and_the_job_says_so() -> None:
    still = Still()
    number = still.ask()
    still.room.tick()
    still.connector.cancel(number, at=BEGIN)
    for _ in range(4):
        still.clock.now += timedelta(seconds=7)
        assert not still.places[0].killed
        still.room.tick()
    assert still.places[0].killed
    still.room.tick()
    job = still.connector.read(number)
    assert job.status == "cancelled"
    assert "had to be killed" in (job.error or {})["message"]


def test_what_waits_is_cancelled_at_once_and_what_ended_not_at_all() -> None:
    still = Still()
    number = still.ask()
    assert still.connector.cancel(number, at=BEGIN).status == "cancelled"
    with pytest.raises(JobNotOpen, match="cancelled already"):
        still.connector.cancel(number, at=BEGIN)
    with pytest.raises(JobNotFound, match="no job 7"):
        still.connector.cancel(7, at=BEGIN)
    still.room.tick()
    assert still.places == []


def test_a_room_that_stops_lets_go_kills_who_stays_and_hands_his_job_back() -> None:
    still = Still()
    number = still.ask()
    still.room.tick()
    still.room.stop(timedelta(0))
    assert (still.places[0].leaves, still.places[0].killed) == (True, True)
    job = still.connector.read(number)
    assert (job.status, job.tries) == ("queued", 0)
    assert "had to be killed" in still.connector.log(number)[-1]
    still.room.tick()
    assert still.room.working_on == (), "it has stopped"


@pytest.mark.parametrize(
    ("warmth", "memory", "pause"),
    [
        (Warmth(jobs=1), 0, timedelta(0)),
        (Warmth(memory=10), 11, timedelta(0)),
        (Warmth(idle=MINUTE), 0, 2 * MINUTE),
    ],
)
def test_a_process_is_kept_for_further_jobs_but_not_for_ever(
    warmth: Warmth, memory: int, pause: timedelta
) -> None:
    still = Still(warmth=warmth)
    still.ask()
    still.room.tick()
    still.places[0].memory = memory
    still.places[0].finish(still.connector, still.clock.now)
    still.room.tick()
    still.clock.now += pause
    still.room.tick()
    assert still.places[0].leaves
    still.ask()
    still.room.tick()
    assert len(still.places) == 2


def test_a_schedule_asks_once_for_each_moment_and_not_beside_itself() -> None:
    still = Still()
    nightly = Schedule("nightly", "say", {"say": "good night", "scope": "night"}, "0 3 * * *",
                       "Europe/Berlin", BEGIN, "ada", BEGIN)  # fmt: skip
    still.connector.schedules["nightly"] = nightly
    still.room.tick()
    assert not still.places
    still.clock.now += timedelta(days=3)  # three moments were missed, they count once
    still.room.tick()
    still.room.tick()
    (number,) = still.room.working_on
    job = still.connector.read(number)
    assert (job.schedule, job.due_at) == ("nightly", datetime(2026, 3, 5, 2, tzinfo=UTC))
    still.clock.now += timedelta(days=1)
    still.places[0].finish(still.connector, still.clock.now)
    still.ask(scope="night")
    still.room.tick()
    assert [k.job.schedule for k in still.connector._kept.values()] == ["nightly", None], (
        "another one of its scope waits"
    )


def test_kinds_say_what_there_is_and_requests_where_they_are_wrong() -> None:
    with pytest.raises(KindUnknown, match="'weather' is no kind of job; there are alone, deaf"):
        KINDS["weather"]
    with pytest.raises(RequestInvalid, match="Expected `float`") as refused:
        SAY.read({"seconds": "long"})
    assert refused.value.field == "seconds"
    with pytest.raises(RequestInvalid, match="unknown field `colour`"):
        SAY.read({"colour": "red"})
