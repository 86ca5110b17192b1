"""Jobs: what is under way and what came of it, asking for one, cancelling, schedules."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import anyio.to_thread
from fastapi import Form, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from api.console.language import N_
from api.console.page import ROOT, Group, Page
from api.console.problem_pages import page_router
from api.console.visit import Visit, Visiting
from api.jobs.board import (
    ask_by_form,
    cancel,
    market_codes,
    read_forms,
    read_job_board,
    read_job_lines,
    read_job_sheet,
    read_schedules,
    schedule_plainly,
    unschedule,
)
from api.routes.dependencies import Operator, Running

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.console.tables import Tone
    from api.jobs.documents import JobDocument

router = page_router()
PAGE = Page(
    name="jobs",
    title=N_("Jobs"),
    router=router,
    path="/jobs",
    group=Group.ADMINISTRATION,
    order=30,
    key="j",
    icon="jobs",
)

KINDS: Final = {
    "backup": N_("Backup"),
    "crawl": N_("Crawl"),
    "decide": N_("Decide prices"),
    "fit": N_("Learn from sales"),
    "forecast": N_("Forecast"),
    "import": N_("Import"),
    "match": N_("Match files"),
    "plan": N_("Plan"),
    "what-if": N_("What if"),
}
STATUSES: Final = {
    "queued": N_("waits"),
    "running": N_("runs"),
    "finished": N_("finished"),
    "failed": N_("failed"),
    "cancelled": N_("cancelled"),
    "interrupted": N_("interrupted"),
}
TONES: Final[Mapping[str, Tone]] = {
    "queued": "quiet",
    "running": "info",
    "finished": "good",
    "failed": "bad",
    "cancelled": "quiet",
    "interrupted": "bad",
}
FIELDS: Final = {
    "market": N_("Market"),
    "category": N_("Category"),
    "site": N_("Site"),
    "since": N_("Sales since"),
    "country": N_("Holidays of the country"),
    "estimator": N_("Estimator"),
    "pooled": N_("Thin products borrow from their category"),
    "form": N_("Form of demand"),
    "daily": N_("By days, not weeks"),
    "outliers": N_("Outliers"),
    "accept_worse": N_("Use the fit even if it errs more"),
    "seed": N_("Seed"),
    "limit": N_("Most pages"),
    "resume": N_("Go on where one was cut off"),
}
ENDINGS: Final = {
    "decide": N_("Look at what was decided"),
    "crawl": N_("Look at what is in doubt"),
}
_LEADS_TO: Final = {"decide": "drafts", "crawl": "quarantine"}
_SCHEDULABLE: Final = ("decide", "fit", "backup")
_ASKED: Final = "asked."
_MOST: Final = 2**62

Number = Annotated[int, Path(ge=1, le=_MOST)]
Filter = Annotated[str, Query(max_length=40)]
Name = Annotated[str, Form(pattern="^[A-Za-z0-9._-]{1,63}$")]


@router.get("/jobs")
def show_jobs(
    visit: Visiting, service: Running, kind: Filter = "", status: Filter = ""
) -> HTMLResponse:
    """The page."""
    schedules = [
        (schedule, visit.formats.at(schedule.time_zone))
        for schedule in read_schedules(service.engine)
    ]
    return visit.page(
        "jobs/page.html",
        forms=read_forms(service.engine),
        fields=FIELDS,
        schedules=schedules,
        schedulable=[(kind, visit.say(KINDS[kind])) for kind in _SCHEDULABLE],
        clocks=[("", "UTC"), *((code, code) for code in market_codes(service.engine))],
        kind_choices=_choices(visit, KINDS),
        status_choices=_choices(visit, STATUSES),
        **_listed(visit, service, kind, status, None),
    )


@router.get("/jobs/list")
def show_list(
    visit: Visiting,
    service: Running,
    kind: Filter = "",
    status: Filter = "",
    before: Annotated[int | None, Query(ge=1, le=_MOST)] = None,
) -> HTMLResponse:
    """The jobs alone, as the page asks for them again and again."""
    return visit.page("jobs/list.html", **_listed(visit, service, kind, status, before))


@router.post("/jobs")
async def take_job(visit: Visiting, service: Running, me: Operator, request: Request) -> Response:
    """Queue what a form asks for, and show the job."""
    sent = await request.form()
    given = {name.removeprefix(_ASKED): str(value) for name, value in sent.items()}
    number = await anyio.to_thread.run_sync(
        partial(ask_by_form, service.engine, given.pop("kind", ""), given, me=me, now=visit.now)
    )
    service.work.wake()
    return visit.leads_to(f"{ROOT}/jobs/{number}")


@router.post("/jobs/schedules")
def take_schedule(
    visit: Visiting,
    service: Running,
    me: Operator,
    name: Name,
    kind: Annotated[str, Form(max_length=40)],
    cron: Annotated[str, Form(max_length=200)],
    market: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Set a schedule; one of the same name is replaced."""
    schedule_plainly(service.engine, name, kind, cron, market, me=me, now=visit.now)
    return visit.leads_to(f"{ROOT}/jobs")


@router.post("/jobs/schedules/{name}/remove")
def remove_schedule(
    visit: Visiting,
    service: Running,
    name: Annotated[str, Path(pattern="^[A-Za-z0-9._-]{1,63}$")],
) -> Response:
    """Forget a schedule."""
    unschedule(service.engine, name)
    return visit.leads_to(f"{ROOT}/jobs")


@router.get("/jobs/{job}")
def show_job(visit: Visiting, service: Running, job: Number) -> HTMLResponse:
    """One job with its log."""
    lines, open_still = read_job_lines(service.engine, job)
    sheet = _sheet(visit, service, job)
    return visit.page("jobs/job.html", lines=lines, more_to_come=open_still, **sheet)


@router.get("/jobs/{job}/state")
def show_state(visit: Visiting, service: Running, job: Number) -> HTMLResponse:
    """Where it stands, as the page asks again and again."""
    return visit.page("jobs/state.html", **_sheet(visit, service, job))


@router.get("/jobs/{job}/lines")
def show_lines(
    visit: Visiting,
    service: Running,
    job: Number,
    after: Annotated[int, Query(ge=0, le=_MOST)] = 0,
) -> HTMLResponse:
    """What it logged since."""
    lines, open_still = read_job_lines(service.engine, job, after=after)
    return visit.page(
        "jobs/lines.html", number=job, lines=lines, more_to_come=open_still, after=after
    )


@router.post("/jobs/{job}/cancel")
def take_cancel(visit: Visiting, service: Running, job: Number) -> HTMLResponse:
    """Stop it, and show where it stands."""
    cancel(service.engine, job, now=visit.now)
    return visit.page("jobs/state.html", **_sheet(visit, service, job))


def _choices(visit: Visit, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """All, or one of these."""
    return [("", visit.say("all")), *((value, visit.say(word)) for value, word in words.items())]


def _listed(
    visit: Visit, service: Running, kind: str, status: str, before: int | None
) -> dict[str, Any]:
    board = read_job_board(service.engine, kind=kind or None, status=status or None, before=before)
    return {
        "board": board,
        "kinds": KINDS,
        "statuses": STATUSES,
        "tones": TONES,
        "kind": kind,
        "state": status,
        "before": before,
        "lengths": {job.job: _length(visit, job) for job in board.jobs},
        "share": _share,
    }


def _sheet(visit: Visit, service: Running, number: int) -> dict[str, Any]:
    sheet = read_job_sheet(service.engine, number)
    job = sheet.job
    leads = _LEADS_TO.get(job.kind, "") if job.status == "finished" else ""
    return {
        "job": job,
        "number": number,
        "after": 0,
        "asked_by": sheet.asked_by,
        "kinds": KINDS,
        "statuses": STATUSES,
        "tones": TONES,
        "length": _length(visit, job),
        "share": _share(job),
        "leads_to": visit.link(leads) if leads else "",
        "ending": ENDINGS.get(job.kind, ""),
        "asked": _pretty(job.request),
        "result": _pretty(job.result),
        "best": _pretty(job.best),
        "may_cancel": visit.may("POST", f"{ROOT}/jobs/{number}/cancel"),
    }


def _share(job: JobDocument) -> float | None:
    """How far it is, from 0 to 1; None where nobody knows."""
    total = job.progress.total
    return job.progress.done / total if total else None


def _length(visit: Visit, job: JobDocument) -> str:
    """How long the work took, or has taken."""
    if job.started_at is None:
        return visit.formats.duration(timedelta(0)) if job.finished_at else ""
    return visit.formats.duration((job.finished_at or visit.now) - job.started_at)


def _pretty(document: Mapping[str, object] | None) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) if document else ""
