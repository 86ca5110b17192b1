"""The console put together: its files, its pages, and what leads to them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from api.console import static_files
from api.console.page import ROOT, every_page
from api.console.problem_pages import page_router
from api.console.visit import Visiting
from models.refusals import Missing


def console_routers() -> tuple[APIRouter, ...]:
    """All that is answered for the console."""
    pages = (page.router for page in every_page())
    return (_home(), static_files.router, *pages, _rest())


def _home() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def lead_to_console(visit: Visiting) -> RedirectResponse:
        return RedirectResponse(visit.url(ROOT))

    return router


def _rest() -> APIRouter:
    """What no page answers."""
    router = page_router()

    @router.get("")
    async def lead_to_today(visit: Visiting) -> RedirectResponse:
        return RedirectResponse(visit.url(f"{ROOT}/today"))

    @router.get("/{path:path}")
    async def nothing_here(visit: Visiting) -> None:
        raise Missing(visit.say("There is no page at %(path)s.", path=visit.request.url.path))

    return router
