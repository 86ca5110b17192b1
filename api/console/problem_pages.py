"""Refusals and failures as a person meets them: the sentence, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from api.console.language import N_
from api.console.page import ROOT
from api.console.visit import visit_of
from api.errors import NotAnOperator, Problem, UnexpectedFailure
from api.http.request_log import request_id_of
from api.http.stored_problems import problem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request
    from fastapi.responses import Response


_log = structlog.get_logger(__name__)

_DEFECT: Final = N_("The service failed here. Nothing was half done; tell whoever runs it.")


class PageRoute(APIRoute):
    """A route whose refusals are shown: as a page, as a notice in one, or as JSON to scripts."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, with what it raises answered."""
        answer = super().get_route_handler()

        async def answer_shown(request: Request) -> Response:
            try:
                return await answer(request)
            except Exception as error:
                problem = problem_of(error)
                if wants_json(request):
                    raise problem or error from error
                if problem is None:
                    _log.exception("page failed", path=request.url.path)
                    problem = UnexpectedFailure(visit_of(request).say(_DEFECT))
                return problem_page(request, problem)

        return answer_shown


def page_router() -> APIRouter:
    """A router for a page: paths are below `/console`, refusals are shown and not JSON."""
    return APIRouter(prefix=ROOT, route_class=PageRoute, include_in_schema=False)


def wants_json(request: Request) -> bool:
    """Whether a script of the page asks: it reads problem documents itself."""
    return "application/json" in request.headers.get("accept", "")


def problem_page(request: Request, problem: Problem) -> Response:
    """A refusal as a page of its own, or as a notice where a part of a page was asked for."""
    visit = visit_of(request)
    in_page = request.headers.get("hx-request") == "true"
    if isinstance(problem, NotAnOperator) and not in_page:
        return RedirectResponse(visit.url(f"{ROOT}/login"), status_code=303)
    if in_page:
        answer = visit.notice("bad", visit.say(problem.title), problem.detail)
        answer.status_code = problem.status
    else:
        answer = visit.page(
            "frame/problem.html",
            status=problem.status,
            problem=problem,
            request_id=request_id_of(request.scope),
        )
    answer.headers.update(problem.headers)
    return answer
