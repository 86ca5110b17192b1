"""Log in and out."""

from __future__ import annotations

from fastapi.responses import HTMLResponse

from api.console.language import N_
from api.console.page import Page
from api.console.problem_pages import page_router
from api.console.visit import Visiting

router = page_router()
PAGE = Page(name="login", title=N_("Log in"), router=router, path="/login")


@router.get("/login")
def show_login(visit: Visiting) -> HTMLResponse:
    """The form."""
    return visit.page("login/page.html")
