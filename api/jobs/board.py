"""Jobs as a person watches them: what is under way, what came of it, and what can be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Engine

from api.access.naming import names_of_actors
from api.jobs.documents import (
    JobDocument,
    JobLine,
    ScheduleDocument,
    document_of,
    schedule_document,
)
from api.jobs.kinds import KINDS
from api.jobs.scheduling import asks_next, set_schedule
from api.work.asking import ask
from models.refusals import named_at
from storage.competitors.sites import site_definitions
from storage.database import reading, writing
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
from storage.products.markets import list_markets
from storage.products.products import categories

ASKED_IN_FORMS: Final = ("decide", "fit", "crawl")
"""The kinds whose requests are plain enough for a form."""

FieldKind = Literal["text", "number", "date", "flag", "choice"]


@dataclass(frozen=True, slots=True)
class AskedField:
    """One field of a form.

    Attributes:
        name: as in the request.
        kind: what is given.
        default: as text; empty where the request may leave it out.
        choices: what can be chosen; empty for free text.
        required: it must be given.
        least: of a number.
    """

    name: str
    kind: FieldKind
    default: str = ""
    choices: Sequence[str] = ()
    required: bool = False
    least: int | None = None


@dataclass(frozen=True, slots=True)
class AskedForm:
    """What a person is asked for one kind of job.

    Attributes:
        kind: its name.
        fields: in the order of the request.
    """

    kind: str
    fields: Sequence[AskedField]


@dataclass(frozen=True, slots=True)
class JobBoard:
    """Some jobs, the newest first.

    Attributes:
        jobs: without their long parts.
        names: of who asked, by how the records name them.
        older: whether there are older ones.
    """

    jobs: Sequence[JobDocument]
    names: Mapping[str, str]
    older: bool


@dataclass(frozen=True, slots=True)
class JobSheet:
    """One job with all its parts.

    Attributes:
        job: the job.
        asked_by: the name of who asked.
    """

    job: JobDocument
    asked_by: str


def read_job_board(
    engine: Engine,
    *,
    kind: str | None = None,
    status: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> JobBoard:
    """Jobs of a kind and in a state, where they are named, and older than a number.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    statuses = () if status is None else (status,)
    with reading(engine) as conn:
        found = list_jobs(conn, kind=kind, statuses=statuses, before=before, limit=limit + 1)
        shown = tuple(document_of(job) for job in found[:limit])
        names = names_of_actors(conn, {job.created_by for job in shown})
    return JobBoard(shown, names, older=len(found) > limit)


def read_job_sheet(engine: Engine, number: int) -> JobSheet:
    """A job with what was asked and what came of it.

    Raises:
        DatabaseUnavailable: the database does not answer.
        JobNotFound: there is no such job.
    """
    with reading(engine) as conn:
        stored, result = read_job(conn, number), job_result(conn, number)
        job = document_of(
            stored,
            request=job_request(conn, number),
            best=job_best(conn, number) if result is None else None,
            result=result,
        )
        names = names_of_actors(conn, {job.created_by})
    return JobSheet(job, names.get(job.created_by, job.created_by))


def read_job_lines(
    engine: Engine, number: int, *, after: int = 0
) -> tuple[Sequence[JobLine], bool]:
    """What a job has logged since a line, and whether more may come.

    Raises:
        DatabaseUnavailable: the database does not answer.
        JobNotFound: there is no such job.
    """
    with reading(engine) as conn:
        more_to_come = read_job(conn, number).open
        lines = [JobLine(*line) for line in job_log(conn, number, after=after)]
    return lines, more_to_come


def cancel(engine: Engine, number: int, *, now: datetime) -> None:
    """Stop a job: at once where it waits, within seconds where it is being worked on.

    Raises:
        DatabaseUnavailable: the database does not answer.
        JobNotFound: there is no such job.
        JobNotOpen: it has ended already.
    """
    with writing(engine) as conn:
        cancel_job(conn, number, at=now)


def read_forms(engine: Engine) -> Sequence[AskedForm]:
    """The forms of the kinds that have one, with what the shop has to choose from.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        known = _known(conn)
    return [_form(kind, known) for kind in ASKED_IN_FORMS]


def ask_by_form(
    engine: Engine, kind: str, given: Mapping[str, str], *, me: str, now: datetime
) -> int:
    """Queue a job from what stood in its form; returns its number.

    Args:
        engine: the database.
        kind: of the job, one of those with a form.
        given: by field; what is left empty takes its default.
        me: who asks.
        now: the time, UTC.

    Raises:
        DatabaseUnavailable: the database does not answer.
        KindUnknown: the kind has no form.
        RequestInvalid: names the field that cannot be so.
    """
    chosen = KINDS[kind if kind in ASKED_IN_FORMS else f"{kind} in a form"]
    with named_at():
        request = chosen.read(_values(_form(kind, {}), given))
        chosen.check(request)
        with writing(engine) as conn:
            return ask(conn, chosen, request, at=now, by=me, checked=True)


def read_schedules(engine: Engine) -> Sequence[ScheduleDocument]:
    """The schedules by name, and when each asks next.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        return [schedule_document(s, asks_next(s)) for s in list_schedules(conn)]


def schedule_plainly(
    engine: Engine, name: str, kind: str, cron: str, market: str, *, me: str, now: datetime
) -> None:
    """Ask for a kind of job again and again, with its defaults, by the clock of a market.

    Raises:
        DatabaseUnavailable: the database does not answer.
        KindUnknown: there is no such kind.
        RequestInvalid: its jobs must be asked something.
        ScheduleInvalid: the line cannot be.
        UnknownMarket: there is no such market.
    """
    with writing(engine) as conn:
        set_schedule(
            conn, name, kind=kind, cron=cron, request={}, at=now, by=me, market=market or None
        )


def unschedule(engine: Engine, name: str) -> None:
    """Forget a schedule; the jobs that it asked for stay.

    Raises:
        DatabaseUnavailable: the database does not answer.
        ScheduleNotFound: there is no such schedule.
    """
    with writing(engine) as conn:
        remove_schedule(conn, name)


def market_codes(engine: Engine) -> Sequence[str]:
    """Codes of all markets.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    with reading(engine) as conn:
        return [market.code for market in list_markets(conn)]


def _known(conn: Connection) -> Mapping[str, Sequence[str]]:
    """What the shop has, by the name of the field that chooses from it."""
    return {
        "market": [market.code for market in list_markets(conn)],
        "category": categories(conn),
        "site": list(site_definitions(conn)),
    }


def _form(kind: str, known: Mapping[str, Sequence[str]]) -> AskedForm:
    request = KINDS[kind].request
    schema = msgspec.json.schema(request)["$defs"][request.__name__]
    required = set(schema.get("required", ()))
    fields = []
    for name, about in schema["properties"].items():
        plain = next((p for p in about.get("anyOf", ()) if p.get("type") != "null"), about)
        field = _field(name, {**plain, "default": about.get("default")}, known.get(name, ()))
        if field is not None:
            fields.append(replace(field, required=name in required))
    return AskedForm(kind, fields)


def _field(name: str, about: Mapping[str, Any], known: Sequence[str]) -> AskedField | None:
    """The field of a form; None for what is not plain."""
    default = about["default"]
    said = "" if default is None else str(default)
    if "enum" in about:
        return AskedField(name, "choice", said, tuple(about["enum"]))
    match about.get("type"), about.get("format"):
        case "boolean", _:
            return AskedField(name, "flag", "true" if default else "")
        case "integer", _:
            return AskedField(name, "number", said, least=about.get("minimum"))
        case "string", "date":
            return AskedField(name, "date")
        case "string", None:
            return AskedField(name, "choice" if known else "text", said, known)
        case _:
            return None


def _values(form: AskedForm, given: Mapping[str, str]) -> dict[str, Any]:
    """The request that a form says."""
    values: dict[str, Any] = {}
    for field in form.fields:
        text = given.get(field.name, "").strip()
        if field.kind == "flag":
            values[field.name] = text == "true"
        elif text and text != field.default:
            is_number = field.kind == "number" and text.lstrip("-").isdecimal()
            values[field.name] = int(text) if is_number else text
    return values
