"""Jobs in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Connection, Engine

from api.work.asking import ask
from api.work.connector import GONE, SILENCE
from api.work.cron import newest_moment
from api.work.kinds import Kinds
from storage.database import reading, writing
from storage.errors import DatabaseUnavailable, StorageError
from storage.jobs.leases import is_running, this_machine
from storage.jobs.queue import (
    Beat,
    StoredJob,
    Worker,
    any_open,
    beat_job,
    claim_job,
    end_job,
    hand_back_job,
    job_request,
    lose_job,
    next_job,
    read_job,
    running_jobs,
)
from storage.jobs.schedules import Schedule, count_to, list_schedules, schedules_to_fire

_log = structlog.get_logger(__name__)


class DatabaseConnector:
    """Jobs in the database, on SQLite or PostgreSQL."""

    def __init__(self, engine: Engine, kinds: Kinds) -> None:
        self.engine = engine
        self._kinds = kinds

    def any_open(self) -> bool:
        """See `Connector`."""
        with reading(self.engine) as conn:
            return any_open(conn)

    def any_waiting(self, *, at: datetime, lanes: Collection[str], only: int | None = None) -> bool:
        """See `Connector`."""
        with reading(self.engine) as conn:
            return next_job(conn, at=at, lanes=lanes, only=only) is not None

    def claim(
        self, worker: Worker, *, at: datetime, lanes: Collection[str], only: int | None = None
    ) -> StoredJob | None:
        """See `Connector`."""
        with writing(self.engine) as conn:
            return claim_job(conn, worker, at=at, lanes=lanes, only=only)

    def request(self, job_id: int) -> Mapping[str, Any]:
        """See `Connector`."""
        with reading(self.engine) as conn:
            return job_request(conn, job_id)

    def read(self, job_id: int) -> StoredJob:
        """See `Connector`."""
        with reading(self.engine) as conn:
            return read_job(conn, job_id)

    def beat(self, job_id: int, *, worker: str, at: datetime, beat: Beat) -> StoredJob | None:
        """See `Connector`."""
        with writing(self.engine) as conn:
            return beat_job(conn, job_id, worker=worker, at=at, beat=beat)

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
        """See `Connector`."""
        with nullcontext(conn) if conn is not None else writing(self.engine) as chosen:
            if beat is not None:
                beat_job(chosen, job_id, worker=worker, at=at, beat=beat)
            return end_job(
                chosen, job_id, worker=worker, at=at, status=status, result=result, error=error
            )

    def hand_back(self, job_id: int, *, worker: str, at: datetime, why: str) -> bool:
        """See `Connector`."""
        with writing(self.engine) as conn:
            return hand_back_job(conn, job_id, worker=worker, at=at, why=why)

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
        with writing(self.engine) as conn:
            return lose_job(conn, job_id, worker=worker, at=at, why=why, pause=pause)

    def recover(self, at: datetime, mine: Collection[str] = ()) -> tuple[int, ...]:
        """See `Connector`.

        A worker is gone where it fell silent, or at once where it ran on this machine, which can
        see that nobody is there.
        """
        with reading(self.engine) as conn:
            gone = [
                job for job in running_jobs(conn) if job.worker not in mine and _is_gone(job, at)
            ]
        if not gone:
            return ()
        with writing(self.engine) as conn:
            return tuple(
                job.job_id
                for job in gone
                if lose_job(conn, job.job_id, worker=job.worker or "", at=at, why=GONE)
            )

    def fire(self, at: datetime) -> tuple[int, ...]:
        """See `Connector`. Moments that were missed count once."""
        with reading(self.engine) as conn:
            due = [s for s in list_schedules(conn) if _moment(s, at) is not None]
        return tuple(number for s in due if (number := self._fire_one(s.name, at)) is not None)

    def _fire_one(self, name: str, at: datetime) -> int | None:
        number = None
        try:
            with writing(self.engine) as conn:
                moments = {s.name: (s, _moment(s, at)) for s in schedules_to_fire(conn)}
                schedule, moment = moments.get(name, (None, None))
                if schedule is None or moment is None:
                    return None  # somebody else was quicker
                count_to(conn, name, moment)
                try:
                    with conn.begin_nested():
                        number = ask(
                            conn, self._kinds[schedule.kind], schedule.request, at=at,
                            by=schedule.created_by, alone=True, schedule=name, due_at=moment,
                        )  # fmt: skip
                except DatabaseUnavailable:
                    raise
                except Exception as error:  # noqa: BLE001  (a kind may refuse as it likes)
                    # Its moment has passed all the same: the next one may find things mended.
                    number = None
                    _log.warning("a schedule asked in vain", schedule=name, why=str(error))
        except StorageError as error:
            _log.warning("a schedule waits for the database", schedule=name, why=str(error))
        return number


def _moment(schedule: Schedule, at: datetime) -> datetime | None:
    return newest_moment(schedule.cron, schedule.time_zone, after=schedule.counted_to, until=at)


def _is_gone(job: StoredJob, at: datetime) -> bool:
    if job.heartbeat_at is None or at - job.heartbeat_at > SILENCE:
        return True
    return job.machine == this_machine() and job.pid is not None and not is_running(job.pid)
