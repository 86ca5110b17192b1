"""Jobs in memory, worked on in the caller's thread: workers are tried without process or clock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from api.work.carrying_out import carry_out
from api.work.connector import GONE, SILENCE, Connector
from api.work.context import Context
from api.work.cron import newest_moment
from api.work.kinds import Kinds
from storage.errors import JobNotFound, JobNotOpen
from storage.jobs.queue import Beat, NewJob, StoredJob, Worker
from storage.jobs.schedules import Schedule


@dataclass(slots=True)
class _Kept:
    job: StoredJob
    request: Mapping[str, Any]
    best: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    lines: list[str] = field(default_factory=list)


class MemoryConnector:
    """A `Connector` that keeps everything in this process; for one thread.

    Attributes:
        schedules: by name; put some in to have them fired.
    """

    def __init__(self, kinds: Kinds) -> None:
        self.schedules: dict[str, Schedule] = {}
        self._kinds = kinds
        self._kept: dict[int, _Kept] = {}

    def submit(self, new: NewJob) -> int:
        """Queue a job; returns its number."""
        number = len(self._kept) + 1
        job = StoredJob(
            job_id=number, kind=new.kind, lane=new.lane, scope=new.scope, status="queued",
            created_at=new.at, created_by=new.by, schedule=new.schedule, due_at=new.due_at,
            not_before=new.at, retries=new.retries, tries=0, started_at=None, finished_at=None,
            heartbeat_at=None, worker=None, machine=None, pid=None, cancel_wanted=False, step="",
            done=0, total=None, error=None,
        )  # fmt: skip
        self._kept[number] = _Kept(job, new.request)
        return number

    def cancel(self, job_id: int, *, at: datetime) -> StoredJob:
        """Stop a job, see `storage.jobs.queue.cancel_job`.

        Raises:
            JobNotFound: there is no such job.
            JobNotOpen: it has ended already.
        """
        job = self.read(job_id)
        if not job.open:
            raise JobNotOpen(f"job {job_id} is {job.status} already; there is nothing to cancel")
        if job.status == "queued":
            return self._change(job_id, status="cancelled", finished_at=at, cancel_wanted=True)
        return self._change(job_id, cancel_wanted=True)

    def any_open(self) -> bool:
        """See `Connector`."""
        return any(kept.job.open for kept in self._kept.values())

    def any_waiting(self, *, at: datetime, lanes: Collection[str], only: int | None = None) -> bool:
        """See `Connector`."""
        return self._next(at, lanes, only) is not None

    def claim(
        self, worker: Worker, *, at: datetime, lanes: Collection[str], only: int | None = None
    ) -> StoredJob | None:
        """See `Connector`."""
        job = self._next(at, lanes, only)
        if job is None:
            return None
        return self._change(
            job.job_id, status="running", worker=worker.token, machine=worker.machine,
            pid=worker.pid, started_at=at, heartbeat_at=at, step="starting", done=0, total=None,
        )  # fmt: skip

    def request(self, job_id: int) -> Mapping[str, Any]:
        """See `Connector`."""
        return self._of(job_id).request

    def read(self, job_id: int) -> StoredJob:
        """See `Connector`.

        Raises:
            JobNotFound: there is no such job.
        """
        return self._of(job_id).job

    def result(self, job_id: int) -> Mapping[str, Any] | None:
        """What came of a job; None where nothing did (yet)."""
        return self._of(job_id).result

    def best(self, job_id: int) -> Mapping[str, Any] | None:
        """The best that a job found up to now; None for nothing."""
        return self._of(job_id).best

    def log(self, job_id: int) -> tuple[str, ...]:
        """What a job logged."""
        return tuple(self._of(job_id).lines)

    def beat(self, job_id: int, *, worker: str, at: datetime, beat: Beat) -> StoredJob | None:
        """See `Connector`."""
        if not self._mine(job_id, worker):
            return None
        kept = self._of(job_id)
        kept.best = beat.best if beat.best is not None else kept.best
        kept.lines += [line for _, line in beat.lines]
        return self._change(
            job_id, heartbeat_at=at, step=beat.step, done=beat.done, total=beat.total
        )

    def end(
        self,
        job_id: int,
        *,
        worker: str,
        at: datetime,
        status: str,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
        beat: Beat | None = None,
        conn: Connection | None = None,
    ) -> bool:
        """See `Connector`; there is no transaction here."""
        del conn
        if not self._mine(job_id, worker):
            return False
        if beat is not None:
            self.beat(job_id, worker=worker, at=at, beat=beat)
        self._of(job_id).result = result
        self._change(job_id, status=status, finished_at=at, error=error)
        return True

    def hand_back(self, job_id: int, *, worker: str, at: datetime, why: str) -> bool:
        """See `Connector`."""
        return self._let_go(job_id, worker, at, why, counted=0, pause=timedelta(0))

    def lose(
        self,
        job_id: int,
        *,
        worker: str,
        at: datetime,
        why: str,
        pause: timedelta = timedelta(0),
    ) -> bool:
        """See `Connector`."""
        return self._let_go(job_id, worker, at, why, counted=1, pause=pause)

    def recover(self, at: datetime, mine: Collection[str] = ()) -> tuple[int, ...]:
        """See `Connector`; here only silence tells."""
        silent = [
            kept.job
            for kept in self._kept.values()
            if kept.job.status == "running"
            and kept.job.worker not in mine
            and at - (kept.job.heartbeat_at or at) > SILENCE
        ]
        for job in silent:
            self.lose(job.job_id, worker=job.worker or "", at=at, why=GONE)
        return tuple(job.job_id for job in silent)

    def fire(self, at: datetime) -> tuple[int, ...]:
        """See `Connector`."""
        numbers = []
        for name, schedule in self.schedules.items():
            moment = newest_moment(
                schedule.cron, schedule.time_zone, after=schedule.counted_to, until=at
            )
            if moment is None:
                continue
            self.schedules[name] = replace(schedule, counted_to=moment)
            kind = self._kinds[schedule.kind]
            asked = kind.read(schedule.request)
            kind.check(asked)
            new = kind.new_job(
                asked, at=at, by=schedule.created_by, schedule=name,
                due_at=moment,
            )  # fmt: skip
            taken = {k.job.scope for k in self._kept.values() if k.job.open} - {None}
            if new.scope not in taken:
                numbers.append(self.submit(new))
        return tuple(numbers)

    def _next(self, at: datetime, lanes: Collection[str], only: int | None) -> StoredJob | None:
        jobs = [kept.job for kept in self._kept.values()]
        busy = {job.scope for job in jobs if job.status == "running"} - {None}
        ready = (
            job
            for job in jobs
            if job.status == "queued"
            and job.not_before <= at
            and job.lane in lanes
            and job.scope not in busy
            and only in (None, job.job_id)
        )
        return next(ready, None)

    def _let_go(
        self, job_id: int, worker: str, at: datetime, why: str, *, counted: int, pause: timedelta
    ) -> bool:
        if not self._mine(job_id, worker):
            return False
        job = self.read(job_id)
        tries = job.tries + counted
        gone: dict[str, Any] = {"worker": None, "machine": None, "pid": None, "tries": tries}
        if job.cancel_wanted:
            gone |= {"status": "cancelled", "finished_at": at, "error": {"message": why}}
        elif job.retries == 0 or tries > job.retries:
            message = f"{why}; ask again"
            gone |= {"status": "interrupted", "finished_at": at, "error": {"message": message}}
        else:
            gone |= {"status": "queued", "step": "", "not_before": at + pause}
        self._change(job_id, **gone)
        self._of(job_id).lines.append(why)
        return True

    def _of(self, job_id: int) -> _Kept:
        if job_id not in self._kept:
            raise JobNotFound(f"there is no job {job_id}")
        return self._kept[job_id]

    def _mine(self, job_id: int, worker: str) -> bool:
        job = self.read(job_id)
        return job.status == "running" and job.worker == worker

    def _change(self, job_id: int, **values: Any) -> StoredJob:  # noqa: ANN401
        kept = self._of(job_id)
        kept.job = replace(kept.job, **values)
        return kept.job


class InlinePlace:
    """A `Place` that does a job at once, in the thread that hands it over.

    Args:
        kinds: the kinds that there are.
        connector: where jobs are kept.
        clock: the time, UTC.
    """

    def __init__(self, kinds: Kinds, connector: Connector, clock: Callable[[], datetime]) -> None:
        self.pid, self.done, self.memory = 0, 0, 0
        self.busy = False
        self.fate: str | None = None
        self._kinds, self._connector, self._clock = kinds, connector, clock

    def take(self, job_id: int, kind: str, worker: str) -> None:
        """See `Place`."""
        context = Context(job_id, worker, self._connector, clock=self._clock)
        carry_out(self._kinds, kind, self._connector, context, quiet=lambda: None)
        self.done += 1

    def let_go(self) -> None:
        """See `Place`."""
        self.fate = "it left"

    def kill(self) -> None:
        """See `Place`."""
        self.fate = "it was killed"

    def wait(self, seconds: float) -> bool:
        """See `Place`."""
        del seconds
        return self.fate is not None
