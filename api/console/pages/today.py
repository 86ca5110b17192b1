"""Today: what waits, what changed overnight, how fresh everything is, and the next step."""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from api.console.language import N_
from api.console.page import Group, Page
from api.console.problem_pages import page_router
from api.console.visit import Visiting

router = page_router()
PAGE = Page(
    name="today",
    title=N_("Today"),
    router=router,
    path="/today",
    group=Group.OVERVIEW,
    order=10,
    key="t",
    icon="today",
)


@router.get("/today")
def show_today(visit: Visiting) -> HTMLResponse:
    """The page."""
    return visit.page("today/page.html")
