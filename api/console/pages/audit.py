"""Audit: who did what and when, and whether the record of it is whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import HTMLResponse

from api.console.language import N_
from api.console.page import Group, Page
from api.console.problem_pages import page_router
from api.console.visit import Visit, Visiting
from api.jobs.audit_trail import read_trail, verify
from api.routes.dependencies import Running

router = page_router()
PAGE = Page(
    name="audit",
    title=N_("Audit"),
    router=router,
    path="/audit",
    group=Group.ADMINISTRATION,
    order=40,
    key="u",
    icon="audit",
)

Filter = Annotated[str, Query(max_length=100)]
Before = Annotated[int | None, Query(ge=1, le=2**62)]


@router.get("/audit")
def show_audit(
    visit: Visiting, service: Running, who: Filter = "", verb: Filter = "", kind: Filter = ""
) -> HTMLResponse:
    """The page."""
    return visit.page("audit/page.html", **_context(visit, service, who, verb, kind, None))


@router.get("/audit/list")
def show_list(
    visit: Visiting,
    service: Running,
    who: Filter = "",
    verb: Filter = "",
    kind: Filter = "",
    before: Before = None,
) -> HTMLResponse:
    """The records alone."""
    return visit.page("audit/list.html", **_context(visit, service, who, verb, kind, before))


@router.get("/audit/state")
def show_state(visit: Visiting, service: Running) -> HTMLResponse:
    """The whole chain, computed anew."""
    return visit.page("audit/state.html", found=verify(service.engine))


def _context(
    visit: Visit, service: Running, who: str, verb: str, kind: str, before: int | None
) -> dict[str, Any]:
    trail = read_trail(
        service.engine,
        person_id=who or None,
        verb=verb or None,
        kind=kind or None,
        before=before,
    )
    everything = ("", visit.say("all"))
    return {
        "trail": trail,
        "who": who,
        "verb": verb,
        "kind": kind,
        "before": before,
        "people": [everything, *sorted(trail.names.items(), key=lambda pair: pair[1])],
        "verbs": [everything, *((word, word.replace("_", " ")) for word in trail.verbs)],
        "kinds": [everything, *((word, word.replace("_", " ")) for word in trail.kinds)],
    }
