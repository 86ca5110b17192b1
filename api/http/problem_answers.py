"""Turning every refusal and failure of a FastAPI route into application/problem+json."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from api.errors import (
    PROBLEM_JSON,
    BodyTooLarge,
    DatabaseAway,
    InvalidRequest,
    MethodNotAllowed,
    Problem,
    UnknownResource,
    invalid_field,
)
from api.http.request_log import request_id_of
from storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

_log = structlog.get_logger(__name__)


def install_problem_answers(app: FastAPI) -> None:
    """Make every error answer of this app a problem document."""
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    for gone in (DatabaseUnavailable, OperationalError, InterfaceError):
        app.add_exception_handler(gone, _answer_database_away)
    app.add_exception_handler(DataError, _answer_unkept)


def _answer(request: Request, problem: Problem, status: int | None = None) -> Response:
    return Response(
        problem.document(instance=request.url.path, request_id=request_id_of(request.scope)),
        status_code=problem.status if status is None else status,
        headers={"cache-control": "no-store", **problem.headers},
        media_type=PROBLEM_JSON,
    )


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  (narrows the type)
    return _answer(request, error)


async def _answer_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, no such method, a body too long."""
    assert isinstance(error, HTTPException)  # noqa: S101  (narrows the type)
    headers = dict(error.headers or {})
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            problem: Problem = UnknownResource(
                f"nothing is at {request.url.path}; the paths are listed at /docs"
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            problem = MethodNotAllowed(
                f"{request.method} is not possible here; use {headers.get('allow', 'another')}",
                headers=headers,
            )
        case HTTPStatus.BAD_REQUEST:  # FastAPI's, of a body that its JSON reader gives up on
            message = "cannot be read: it is nested too deep, or holds a number that is too long"
            problem = invalid_field("body", message)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            problem = BodyTooLarge("the body is longer than this path reads", headers=headers)
        case _:
            return _answer(request, _told_as_http(error), error.status_code)
    return _answer(request, problem)


def _told_as_http(error: HTTPException) -> Problem:
    """A status that no class of ours has: told as HTTP tells it."""
    problem = Problem(str(error.detail), headers=error.headers)
    problem.extensions = {
        "type": "about:blank",
        "title": HTTPStatus(error.status_code).phrase,
        "status": error.status_code,
    }
    return problem


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (narrows the type)
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"]), "message": _told(fault, request)}
        for fault in error.errors()
    ]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return _answer(request, InvalidRequest(detail, errors=faults))


def _told(fault: Mapping[str, Any], request: Request) -> str:
    """What is wrong; of a body that was sent as something else than JSON, that it was."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if isinstance(fault.get("input"), bytes) and not sent.endswith(("/json", "+json")):
        return "is not said to be JSON; send it with the header Content-Type: application/json"
    return str(fault["msg"])


async def _answer_unkept(request: Request, error: Exception) -> Response:
    """The character U+0000 in a path, a query or a body: PostgreSQL keeps none, in text or JSON."""
    assert isinstance(error, DataError)  # noqa: S101  (narrows the type)
    told = str(error.orig)
    if "NUL (0x00)" not in told and "\\u0000" not in told:
        raise error  # a defect of ours
    return _answer(request, InvalidRequest("the character U+0000 can not be kept; leave it out"))


async def _answer_database_away(request: Request, error: Exception) -> Response:
    _log.warning("the database does not answer", why=str(error).strip().split("\n", 1)[0])
    return _answer(
        request,
        DatabaseAway(
            "the database does not answer; try again in some seconds", headers={"retry-after": "5"}
        ),
    )
