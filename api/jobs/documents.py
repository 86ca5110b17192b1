"""JSON forms of jobs and schedules over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from api.http.bodies import schemas_of
from storage.jobs.queue import StoredJob
from storage.jobs.schedules import Schedule


class JobRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job to do.

    Attributes:
        kind: `crawl`, `decide`, `fit`, `forecast`, `import`, `match`, `plan` or `what-if`.
        request: what is asked, in the form of its kind; see `GET /v1/jobs/kinds`.
        alone: refuse where a job of the same scope waits or runs, instead of waiting for it.
    """

    kind: str
    request: dict[str, Any] = {}
    alone: bool = False


class JobProgress(msgspec.Struct, frozen=True):
    """How far the work is; `total` is null where nobody knows."""

    step: str
    done: int
    total: int | None


class JobDocument(msgspec.Struct, frozen=True):
    """A job and where it stands.

    Attributes:
        status: `queued`, `running`, `finished`, `failed`, `cancelled` or `interrupted`.
        scope: no other job of the same scope runs beside it; null for any number.
        schedule: the schedule that asked for it.
        due_at: the moment for which it did.
        tries: how often work on it was begun and came to no end.
        cancel_wanted: it will stop soon.
        request: what was asked; null in a list.
        best: the best so far; null where there is none, and in a list.
        result: what came of it; null where nothing did yet, and in a list.
        error: why nothing came of it, with `message`.
    """

    job: int
    kind: str
    status: str
    scope: str | None
    created_at: datetime
    created_by: str
    schedule: str | None
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    tries: int
    cancel_wanted: bool
    progress: JobProgress
    request: dict[str, Any] | None
    best: dict[str, Any] | None
    result: dict[str, Any] | None
    error: dict[str, Any] | None


class JobsDocument(msgspec.Struct, frozen=True):
    """Jobs without their long parts, the newest first; ask on with `before` set to the last."""

    jobs: list[JobDocument]


class JobLine(msgspec.Struct, frozen=True):
    """A line of a job's log."""

    line: int
    at: datetime
    text: str


class JobLogDocument(msgspec.Struct, frozen=True):
    """What a job logged; ask on with `after` set to the last line."""

    job: int
    lines: list[JobLine]


class KindDocument(msgspec.Struct, frozen=True):
    """A kind of job.

    Attributes:
        request: JSON Schema of what it is asked.
    """

    kind: str
    summary: str
    lane: str
    retries: int
    request: dict[str, Any]


class KindsDocument(msgspec.Struct, frozen=True):
    """The kinds of jobs that there are."""

    kinds: list[KindDocument]


class ScheduleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job to ask for again and again.

    Attributes:
        kind: of the job.
        cron: minute, hour, day, month, weekday, as in `30 3 * * mon-fri`.
        request: what each of its jobs is asked.
        market: whose time zone counts.
        time_zone: the zone itself, where no market is named; UTC where neither is.
    """

    kind: str
    cron: str
    request: dict[str, Any] = {}
    market: str | None = None
    time_zone: str | None = None


class ScheduleDocument(msgspec.Struct, frozen=True):
    """A schedule.

    Attributes:
        due_at: when it asks for the next job.
    """

    name: str
    kind: str
    cron: str
    time_zone: str
    request: dict[str, Any]
    created_at: datetime
    created_by: str
    due_at: datetime


class SchedulesDocument(msgspec.Struct, frozen=True):
    """The schedules, by name."""

    schedules: list[ScheduleDocument]


def document_of(
    job: StoredJob,
    *,
    request: Mapping[str, Any] | None = None,
    best: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
) -> JobDocument:
    """The wire form of a job, with the long parts that are given."""
    return JobDocument(
        job=job.job_id,
        kind=job.kind,
        status=job.status,
        scope=job.scope,
        created_at=job.created_at,
        created_by=job.created_by,
        schedule=job.schedule,
        due_at=job.due_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        tries=job.tries,
        cancel_wanted=job.cancel_wanted,
        progress=JobProgress(job.step, job.done, job.total),
        request=None if request is None else dict(request),
        best=None if best is None else dict(best),
        result=None if result is None else dict(result),
        error=None if job.error is None else dict(job.error),
    )


def schedule_document(schedule: Schedule, due_at: datetime) -> ScheduleDocument:
    """The wire form of a schedule."""
    return ScheduleDocument(
        name=schedule.name,
        kind=schedule.kind,
        cron=schedule.cron,
        time_zone=schedule.time_zone,
        request=dict(schedule.request),
        created_at=schedule.created_at,
        created_by=schedule.created_by,
        due_at=due_at,
    )


def job_schemas() -> dict[str, Any]:
    """Component schemas of what the routes of jobs read and answer."""
    return schemas_of([
        JobRequest, JobDocument, JobsDocument, JobLogDocument, KindsDocument, ScheduleRequest,
        ScheduleDocument, SchedulesDocument,
    ])  # fmt: skip
