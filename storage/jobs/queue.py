"""Jobs as they are stored: queued, claimed by one worker, watched, ended once.

    queued -> running -> finished | failed | cancelled | interrupted
       ^_________|   handed back in order, or taken from a worker that died

What a request and a result say is known to the kind of job; here they are only kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.database import require_writer, take_turns
from storage.errors import JobNotFound, JobNotOpen, ScopeTaken
from storage.jobs.job_tables import OPEN_STATUSES, job_lines
from storage.jobs.job_tables import jobs as table

MOST_LINES: Final = 5_000
"""Lines of log kept of one job."""

_TURN: Final = "jobs"
_LONG: Final = ("request", "best", "result")
_SHOWN: Final = [column for column in table.c if column.name not in _LONG]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to queue.

    Attributes:
        kind: its name.
        request: what is asked, as JSON.
        at, by: when and by whom it is asked for.
        lane: whose places it takes.
        scope: no other job of this scope runs beside it; None for any number.
        retries: how often it is begun again when its process died; 0 where that is not safe.
        schedule, due_at: the schedule that asks, and for which moment; None for a person.
    """

    kind: str
    request: Mapping[str, Any]
    at: datetime
    by: str
    lane: str = "compute"
    scope: str | None = None
    retries: int = 0
    schedule: str | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job without its long parts; these are read by `job_request`, `job_best`, `job_result`.

    Attributes:
        job_id: its number.
        kind, lane, scope, schedule, due_at, retries: as in `NewJob`.
        status: `queued`, `running`, `finished`, `failed`, `cancelled` or `interrupted`.
        created_at, created_by: when and by whom it was asked for.
        not_before: it waits until then.
        tries: how often work on it was begun and came to no end.
        started_at, finished_at, heartbeat_at: of the work on it; None before.
        worker, machine, pid: who works on it, or did last.
        cancel_wanted: somebody asked it to stop.
        step, done, total: how far it is; `total` None where nobody knows.
        error: what went wrong, with `message`; None where nothing did.
    """

    job_id: int
    kind: str
    lane: str
    scope: str | None
    status: str
    created_at: datetime
    created_by: str
    schedule: str | None
    due_at: datetime | None
    not_before: datetime
    retries: int
    tries: int
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    worker: str | None
    machine: str | None
    pid: int | None
    cancel_wanted: bool
    step: str
    done: int
    total: int | None
    error: Mapping[str, Any] | None

    @property
    def open(self) -> bool:
        """Whether it waits or is being worked on."""
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, slots=True)
class Worker:
    """Who works on a job: a name that nobody else has, and where it runs."""

    token: str
    machine: str
    pid: int


@dataclass(frozen=True, slots=True)
class Beat:
    """How far a job is.

    Attributes:
        step, done, total: as in `StoredJob`.
        best: something better than was told before; None for nothing.
        lines: what it logged since, with the time.
    """

    step: str = ""
    done: int = 0
    total: int | None = None
    best: Mapping[str, Any] | None = None
    lines: Sequence[tuple[datetime, str]] = ()


def submit_job(conn: Connection, job: NewJob, *, alone: bool = False) -> int:
    """Queue a job; returns its number.

    Args:
        conn: a transaction that writes.
        job: what is asked.
        alone: refuse where a job of the same scope waits or runs.

    Raises:
        ScopeTaken: see `alone`.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, _TURN)
    if alone and job.scope is not None:
        taken = conn.execute(
            sa.select(table.c.job_id, table.c.status, table.c.created_by)
            .where(table.c.scope == job.scope, table.c.status.in_(OPEN_STATUSES))
            .limit(1)
        ).one_or_none()
        if taken is not None:
            raise ScopeTaken(
                f"job {taken.job_id} ({job.scope}), asked for by {taken.created_by}, is "
                f"{taken.status}; wait for it or cancel it"
            )
    statement = table.insert().values(
        kind=job.kind, lane=job.lane, scope=job.scope, status="queued", request=job.request,
        created_at=job.at, created_by=job.by, schedule=job.schedule, due_at=job.due_at,
        not_before=job.at, retries=job.retries,
    )  # fmt: skip
    number: int = conn.execute(statement.returning(table.c.job_id)).scalar_one()
    return number


def ask_otherwise(conn: Connection, job_id: int, request: Mapping[str, Any]) -> None:
    """Change what a job that waits is asked, within the transaction that queued it."""
    require_writer(conn)
    _set(conn, job_id, request=request)


def read_job(conn: Connection, job_id: int) -> StoredJob:
    """One job.

    Raises:
        JobNotFound: there is no such job.
    """
    row = conn.execute(sa.select(*_SHOWN).where(table.c.job_id == job_id)).one_or_none()
    if row is None:
        raise JobNotFound(f"there is no job {job_id}")
    return StoredJob(**row._mapping)  # noqa: SLF001  (the documented way to a row's names)


def list_jobs(
    conn: Connection,
    *,
    kind: str | None = None,
    statuses: Collection[str] = (),
    before: int | None = None,
    limit: int = 50,
) -> tuple[StoredJob, ...]:
    """The newest jobs, the newest first; `before` a number asks for older ones."""
    query = sa.select(*_SHOWN).order_by(table.c.job_id.desc()).limit(limit)
    if kind is not None:
        query = query.where(table.c.kind == kind)
    if statuses:
        query = query.where(table.c.status.in_(statuses))
    if before is not None:
        query = query.where(table.c.job_id < before)
    return tuple(StoredJob(**row._mapping) for row in conn.execute(query))  # noqa: SLF001


def job_request(conn: Connection, job_id: int) -> dict[str, Any]:
    """What was asked.

    Raises:
        JobNotFound: there is no such job.
    """
    return _long(conn, job_id, table.c.request) or {}


def job_best(conn: Connection, job_id: int) -> dict[str, Any] | None:
    """The best that was found up to now; None where nothing was.

    Raises:
        JobNotFound: there is no such job.
    """
    return _long(conn, job_id, table.c.best)


def job_result(conn: Connection, job_id: int) -> dict[str, Any] | None:
    """What came of it; None where nothing did (yet).

    Raises:
        JobNotFound: there is no such job.
    """
    return _long(conn, job_id, table.c.result)


def job_log(
    conn: Connection, job_id: int, *, after: int = 0, limit: int = 1_000
) -> tuple[tuple[int, datetime, str], ...]:
    """What a job logged: number, time and text of each line; `after` a number asks for later ones.

    Raises:
        JobNotFound: there is no such job.
    """
    read_job(conn, job_id)
    query = (
        sa.select(job_lines.c.line_id, job_lines.c.at, job_lines.c.line)
        .where(job_lines.c.job_id == job_id, job_lines.c.line_id > after)
        .order_by(job_lines.c.line_id)
        .limit(limit)
    )
    return tuple((row.line_id, row.at, row.line) for row in conn.execute(query))


def any_open(conn: Connection) -> bool:
    """Whether a job waits or is being worked on."""
    query = sa.select(table.c.job_id).where(table.c.status.in_(OPEN_STATUSES)).limit(1)
    return conn.scalar(query) is not None


def next_job(
    conn: Connection, *, at: datetime, lanes: Collection[str], only: int | None = None
) -> int | None:
    """The oldest job that could begin now in one of these lanes; None where there is none."""
    other = table.alias("other")
    busy = sa.exists().where(other.c.scope == table.c.scope, other.c.status == "running")
    query = (
        sa.select(table.c.job_id)
        .where(
            table.c.status == "queued",
            table.c.not_before <= at,
            table.c.lane.in_(lanes),
            ~busy,
        )
        .order_by(table.c.job_id)
        .limit(1)
    )
    if only is not None:
        query = query.where(table.c.job_id == only)
    number: int | None = conn.scalar(query)
    return number


def claim_job(
    conn: Connection,
    worker: Worker,
    *,
    at: datetime,
    lanes: Collection[str],
    only: int | None = None,
) -> StoredJob | None:
    """Take the oldest job that waits for a place of these lanes; None where there is none.

    Args:
        conn: a transaction that writes.
        worker: who takes it.
        at: now.
        lanes: of which places are free.
        only: this job and no other.

    Raises:
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, _TURN)
    number = next_job(conn, at=at, lanes=lanes, only=only)
    if number is None:
        return None
    _set(
        conn, number, status="running", worker=worker.token, machine=worker.machine, pid=worker.pid,
        started_at=at, heartbeat_at=at, step="starting", done=0, total=None,
    )  # fmt: skip
    return read_job(conn, number)


def beat_job(
    conn: Connection, job_id: int, *, worker: str, at: datetime, beat: Beat
) -> StoredJob | None:
    """Say that the work goes on and how far it is; gives the job, None where it is lost.

    It is lost where the worker was taken for dead meanwhile; where `cancel_wanted` is set, it must
    stop.
    """
    require_writer(conn)
    values: dict[str, Any] = {
        "heartbeat_at": at, "step": beat.step, "done": beat.done, "total": beat.total,
    }  # fmt: skip
    if beat.best is not None:
        values["best"] = beat.best
    done = conn.execute(table.update().where(*_mine(job_id, worker)).values(**values))
    if not done.rowcount:
        return None
    add_lines(conn, job_id, beat.lines)
    return read_job(conn, job_id)


def add_lines(conn: Connection, job_id: int, lines: Sequence[tuple[datetime, str]]) -> None:
    """Keep what a job logged, up to MOST_LINES."""
    if not lines:
        return
    count = sa.select(sa.func.count()).where(job_lines.c.job_id == job_id)
    room = max(0, MOST_LINES - (conn.scalar(count) or 0))
    rows = [{"job_id": job_id, "at": at, "line": line} for at, line in lines[:room]]
    if rows:
        conn.execute(job_lines.insert(), rows)


def end_job(
    conn: Connection,
    job_id: int,
    *,
    worker: str,
    at: datetime,
    status: str,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> bool:
    """End the work; False where it was not this worker's any more, and nothing is changed."""
    require_writer(conn)
    values: dict[str, Any] = {"status": status, "finished_at": at}
    values |= {} if result is None else {"result": result}
    values |= {} if error is None else {"error": error}
    ended = conn.execute(table.update().where(*_mine(job_id, worker)).values(**values))
    return ended.rowcount > 0


def hand_back_job(conn: Connection, job_id: int, *, worker: str, at: datetime, why: str) -> bool:
    """Put a job back that was begun and is left in order; it counts as no try.

    One that cannot be begun again is interrupted. False where it was not this worker's any more.
    """
    return _let_go(conn, job_id, worker=worker, at=at, why=why, counted=0)


def lose_job(
    conn: Connection,
    job_id: int,
    *,
    worker: str,
    at: datetime,
    why: str,
    pause: timedelta = timedelta(0),
) -> bool:
    """Put a job back whose worker died, as long as it may be begun again; else it is interrupted.

    Args:
        conn: a transaction that writes.
        job_id: the job.
        worker: who had it.
        at: now.
        why: what became of the worker; told to whoever asked.
        pause: it waits for so long.

    Returns:
        False if it was not this worker's any more: nothing is changed.
    """
    return _let_go(conn, job_id, worker=worker, at=at, why=why, counted=1, pause=pause)


def _let_go(
    conn: Connection,
    job_id: int,
    *,
    worker: str,
    at: datetime,
    why: str,
    counted: int,
    pause: timedelta = timedelta(0),
) -> bool:
    require_writer(conn)
    mine = _mine(job_id, worker)
    row = conn.execute(
        sa.select(table.c.tries, table.c.retries, table.c.cancel_wanted).where(*mine)
    ).one_or_none()
    if row is None:
        return False
    tries = row.tries + counted
    values: dict[str, Any] = {"worker": None, "machine": None, "pid": None, "tries": tries}
    if row.cancel_wanted:
        values |= {"status": "cancelled", "finished_at": at, "error": {"message": why}}
    elif row.retries == 0 or tries > row.retries:
        message = f"{why}; ask again"
        values |= {"status": "interrupted", "finished_at": at, "error": {"message": message}}
    else:
        values |= {"status": "queued", "step": "", "not_before": at + pause}
    if not conn.execute(table.update().where(*mine).values(**values)).rowcount:
        return False
    add_lines(conn, job_id, [(at, why)])
    return True


def running_jobs(conn: Connection) -> tuple[StoredJob, ...]:
    """What is being worked on, by whomever."""
    query = sa.select(*_SHOWN).where(table.c.status == "running").order_by(table.c.job_id)
    return tuple(StoredJob(**row._mapping) for row in conn.execute(query))  # noqa: SLF001


def cancel_job(conn: Connection, job_id: int, *, at: datetime) -> StoredJob:
    """Stop a job: at once where it waits, at its next heartbeat where it is being worked on.

    Raises:
        JobNotFound: there is no such job.
        JobNotOpen: it has ended already.
        NotWriting: the transaction was opened to read.
    """
    take_turns(conn, _TURN)
    job = read_job(conn, job_id)
    if job.status == "queued":
        _set(conn, job_id, status="cancelled", finished_at=at, cancel_wanted=True)
    elif job.status == "running":
        _set(conn, job_id, cancel_wanted=True)
    else:
        raise JobNotOpen(f"job {job_id} is {job.status} already; there is nothing to cancel")
    return read_job(conn, job_id)


def _mine(job_id: int, worker: str) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.job_id == job_id, table.c.status == "running", table.c.worker == worker


def _long(conn: Connection, job_id: int, column: sa.Column[Any]) -> dict[str, Any] | None:
    row = conn.execute(sa.select(column).where(table.c.job_id == job_id)).one_or_none()
    if row is None:
        raise JobNotFound(f"there is no job {job_id}")
    return None if row[0] is None else dict(row[0])


def _set(conn: Connection, job_id: int, **values: object) -> None:
    conn.execute(table.update().where(table.c.job_id == job_id).values(**values))
