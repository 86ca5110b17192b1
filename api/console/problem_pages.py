"""Refusals and failures as a person meets them: the sentence, and what to do."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from api.console.language import N_
from api.console.page import ROOT
from api.console.visit import visit_of
from api.errors import REQUEST_PARTS, NotAnOperator, http_answer
from api.http.problem_answers import refusal_of
from api.http.request_log import request_id_of
from models.refusals import Defect, Refusal, within

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
                if not wants_page(request):
                    with _of_its_form(error):
                        raise
                refusal = refusal_of(error)
                if refusal is None:
                    _log.exception("page failed", path=request.url.path)
                    refusal = Defect(visit_of(request).say(_DEFECT))
                return problem_page(request, refusal)

        return answer_shown


def _of_its_form(error: Exception) -> AbstractContextManager[None]:
    """What is invalid in no part that is named is so in the form: pages take nothing else."""
    named = isinstance(error, Refusal) and REQUEST_PARTS & set(error.place[:1])
    return nullcontext() if named else within("body")


def page_router() -> APIRouter:
    """A router for a page: paths are below `/console`, refusals are shown and not JSON."""
    return APIRouter(prefix=ROOT, route_class=PageRoute, include_in_schema=False)


def wants_page(request: Request) -> bool:
    """Whether a person is to read the answer; scripts and programs read problem documents."""
    return "text/html" in request.headers.get("accept", "")


def problem_page(request: Request, refusal: Refusal) -> Response:
    """A refusal as a page of its own, or as a notice where a part of a page was asked for."""
    visit = visit_of(request)
    in_page = request.headers.get("hx-request") == "true"
    request_id = request_id_of(request.scope)
    status, headers, _ = http_answer(refusal, instance=request.url.path, request_id=request_id)
    if isinstance(refusal, NotAnOperator) and not in_page:
        return RedirectResponse(visit.url(f"{ROOT}/login"), status_code=303)
    if in_page:
        answer = visit.notice("bad", visit.say(refusal.title), str(refusal))
        answer.status_code = status
    else:
        answer = visit.page(
            "frame/problem.html",
            status=status,
            refusal=refusal,
            request_id=request_id,
        )
    answer.headers.update(headers)
    return answer
