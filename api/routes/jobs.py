"""Jobs: what is slow is asked for here, watched, cancelled, and scheduled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query, status
from fastapi.responses import Response
from sqlalchemy.engine import Connection

from api.errors import NotAnOperator, problem_responses
from api.http.bodies import Raw, decoded, encoded, gives, takes
from api.jobs.documents import (
    JobDocument,
    JobLine,
    JobLogDocument,
    JobRequest,
    JobsDocument,
    KindDocument,
    KindsDocument,
    ScheduleDocument,
    ScheduleRequest,
    SchedulesDocument,
    document_of,
    schedule_document,
)
from api.jobs.kinds import KINDS
from api.jobs.scheduling import asks_next, set_schedule
from api.routes.dependencies import Operator, Reading, Running
from api.routes.paging import Before, OfKind, OfStatus, PageLength
from api.work.asking import ask
from api.work.errors import KindUnknown, RequestInvalid
from api.work.kinds import Kind
from models.refusals import Conflict, Defect, Invalid, Missing, TooLarge, named_at, place_of, within
from storage.database import writing
from storage.errors import DatabaseUnavailable, UnknownMarket
from storage.jobs.queue import (
    cancel_job,
    job_best,
    job_log,
    job_request,
    job_result,
    list_jobs,
    read_job,
)
from storage.jobs.schedules import list_schedules, remove_schedule

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

Number = Annotated[int, Path(ge=1, le=2**62)]
_ALWAYS: Final = (Invalid, DatabaseUnavailable, Defect)
_ASKS: Final = (NotAnOperator, Conflict, TooLarge, *_ALWAYS)
_EXAMPLE: Final = {"kind": "decide", "request": {"market": "online"}}


def _from_afar(kind: Kind[Any], request: msgspec.Struct) -> None:
    """Refuse what reaches into the files of the machine: that is said on the machine itself."""
    field = kind.local(request)
    if field is not None:
        raise RequestInvalid(
            "names a file of the machine; send the content instead, or run `pricewright jobs run` "
            "there",
            place_of(field),
        )


@router.post(
    "",
    operation_id="ask_for_job",
    summary="Ask for a job",
    status_code=202,
    responses={
        **gives(JobDocument, "It is queued", 202),
        **problem_responses(*_ASKS),
    },
    openapi_extra=takes(JobRequest, _EXAMPLE),
)
def post_job(service: Running, actor: Operator, raw: Raw) -> Response:
    """The request is checked at once; the job is done by a process of its own."""
    asked = decoded(raw, JobRequest)
    with named_at("body", "kind", missing=KindUnknown):
        kind = KINDS[asked.kind]
    with within("body", "request"), named_at():
        request = kind.read(asked.request)
        _from_afar(kind, request)
        kind.check(request)
        with writing(service.engine) as conn:
            number = ask(
                conn, kind, request, at=datetime.now(UTC), by=actor, alone=asked.alone,
                checked=True,
            )  # fmt: skip
            found = _whole(conn, number)
    service.work.wake()
    return encoded(found, 202, location=f"/v1/jobs/{number}")


@router.get(
    "",
    operation_id="list_jobs",
    summary="Jobs",
    responses={**gives(JobsDocument, "The newest first"), **problem_responses(*_ALWAYS)},
)
def get_jobs(
    conn: Reading,
    kind: OfKind = None,
    status: OfStatus = None,
    before: Before = None,
    limit: PageLength = 50,
) -> Response:
    """Where each stands, without its long parts."""
    statuses = () if status is None else (status,)
    found = list_jobs(conn, kind=kind, statuses=statuses, before=before, limit=limit)
    return encoded(JobsDocument([document_of(job) for job in found]))


@router.get(
    "/kinds",
    operation_id="list_job_kinds",
    summary="Kinds of jobs",
    responses={**gives(KindsDocument, "By name"), **problem_responses(*_ALWAYS)},
)
def get_kinds() -> Response:
    """What each does, and the JSON Schema of what it is asked."""
    kinds = [KINDS[name] for name in sorted(KINDS)]
    return encoded(
        KindsDocument([
            KindDocument(k.name, k.summary, k.lane, k.retries, msgspec.json.schema(k.request))
            for k in kinds
        ])
    )  # fmt: skip


@router.get(
    "/schedules",
    operation_id="list_schedules",
    summary="Schedules",
    responses={**gives(SchedulesDocument, "By name"), **problem_responses(*_ALWAYS)},
)
def get_schedules(conn: Reading) -> Response:
    """What is asked for again and again, and when next."""
    found = [schedule_document(s, asks_next(s)) for s in list_schedules(conn)]
    return encoded(SchedulesDocument(found))


@router.put(
    "/schedules/{name}",
    operation_id="set_schedule",
    summary="Schedule a job",
    responses={
        **gives(ScheduleDocument, "As it is set"),
        **problem_responses(NotAnOperator, TooLarge, *_ALWAYS),
    },
    openapi_extra=takes(
        ScheduleRequest, {"kind": "decide", "cron": "30 3 * * *", "market": "online"}
    ),
)
def put_schedule(
    service: Running,
    actor: Operator,
    name: Annotated[str, Path(pattern="^[A-Za-z0-9._-]{1,63}$")],
    raw: Raw,
) -> Response:
    """The cron line is read in the market's time zone; a schedule of this name is replaced."""
    asked = decoded(raw, ScheduleRequest)
    with (
        within("body"),
        named_at("kind", missing=KindUnknown),
        named_at("market", missing=UnknownMarket),
    ):
        kind = KINDS[asked.kind]
        with within("request"):
            _from_afar(kind, kind.read(asked.request))
        with writing(service.engine) as conn:
            schedule = set_schedule(
                conn, name, at=datetime.now(UTC), by=actor, **msgspec.structs.asdict(asked)
            )
    return encoded(schedule_document(schedule, asks_next(schedule)))


@router.delete(
    "/schedules/{name}",
    operation_id="remove_schedule",
    summary="Forget a schedule",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problem_responses(NotAnOperator, Missing, *_ALWAYS),
)
def delete_schedule(
    service: Running,
    _actor: Operator,
    name: Annotated[str, Path(pattern="^[A-Za-z0-9._-]{1,63}$")],
) -> None:
    """The jobs that it asked for stay."""
    with writing(service.engine) as conn:
        remove_schedule(conn, name)


@router.get(
    "/{job}",
    operation_id="read_job",
    summary="A job and how far it is",
    responses={
        **gives(JobDocument, "With the best so far, or the result"),
        **problem_responses(Missing, *_ALWAYS),
    },
)
def get_job(conn: Reading, job: Number) -> Response:
    """While it runs, its progress is about a second old."""
    return encoded(_whole(conn, job))


@router.get(
    "/{job}/log",
    operation_id="read_job_log",
    summary="What a job logged",
    responses={
        **gives(JobLogDocument, "Line by line"),
        **problem_responses(Missing, *_ALWAYS),
    },
)
def get_log(
    conn: Reading,
    job: Number,
    after: Annotated[int, Query(ge=0, le=2**62, description="Only later lines than this")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> Response:
    """The trace of a defect is there, too."""
    lines = job_log(conn, job, after=after, limit=limit)
    return encoded(JobLogDocument(job, [JobLine(n, at, text) for n, at, text in lines]))


@router.post(
    "/{job}/cancel",
    operation_id="cancel_job",
    summary="Stop a job",
    responses={
        **gives(JobDocument, "Where it stands"),
        **problem_responses(NotAnOperator, Missing, Conflict, *_ALWAYS),
    },
)
def post_cancel(service: Running, _actor: Operator, job: Number) -> Response:
    """What waits is stopped at once, what runs within seconds; the best so far stays."""
    with writing(service.engine) as conn:
        cancel_job(conn, job, at=datetime.now(UTC))
        return encoded(_whole(conn, job))


def _whole(conn: Connection, number: int) -> JobDocument:
    result = job_result(conn, number)
    return document_of(
        read_job(conn, number),
        request=job_request(conn, number),
        best=job_best(conn, number) if result is None else None,
        result=result,
    )
