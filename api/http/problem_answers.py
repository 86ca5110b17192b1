"""Turning every refusal and failure of a FastAPI route into application/problem+json."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from api.errors import (
    ANSWERS,
    PROBLEM_JSON,
    REQUEST_PARTS,
    MethodNotAllowed,
    http_answer,
)
from api.http.request_log import request_id_of
from models.refusals import Defect, Invalid, Kind, Missing, Refusal, TooLarge
from storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

_log = structlog.get_logger(__name__)

_UNKEPT: Final = "the character U+0000 can not be kept; leave it out"
_AWAY: Final = "the database does not answer; try again in some seconds"


def install_problem_answers(app: FastAPI) -> None:
    """Make every error answer of this app a problem document."""
    app.add_exception_handler(Refusal, _answer_refusal)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    for gone in (DatabaseUnavailable, OperationalError, InterfaceError):
        app.add_exception_handler(gone, _answer_database_away)
    app.add_exception_handler(DataError, _answer_unkept)


def refusal_of(error: Exception) -> Refusal | None:
    """What a person is told of an error that a route raised; None for a defect."""
    match error:
        case RequestValidationError():
            faults = [(".".join(map(str, f["loc"][1:])), str(f["msg"])) for f in error.errors()]
            errors = [{"field": field, "message": message} for field, message in faults]
            return Invalid("; ".join(f"{field}: {said}" for field, said in faults), errors=errors)
        case OperationalError() | InterfaceError():
            return DatabaseUnavailable(_AWAY)
        case DataError() if _holds_nul(error):
            return Invalid(_UNKEPT)
        case Refusal() if error.kind is not Kind.DEFECT:
            return error
    return None


def _holds_nul(error: DataError) -> bool:
    """Whether a database refused U+0000: PostgreSQL keeps none, in text or JSON."""
    told = str(error.orig)
    return "NUL (0x00)" in told or "\\u0000" in told


def _answer(request: Request, refusal: Refusal) -> Response:
    status, headers, body = http_answer(
        refusal, instance=request.url.path, request_id=request_id_of(request.scope)
    )
    return Response(body, status_code=status, headers=headers, media_type=PROBLEM_JSON)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    """What is invalid in no part of the request is not for the caller to mend: a defect of ours."""
    assert isinstance(error, Refusal)  # noqa: S101  (narrows the type)
    ours = error.slug == Invalid.slug and not REQUEST_PARTS & set(error.place[:1])
    if ours or error.kind is Kind.DEFECT:
        raise error
    return _answer(request, error)


async def _answer_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: no such path, no such method, a body too long."""
    assert isinstance(error, HTTPException)  # noqa: S101  (narrows the type)
    headers = dict(error.headers or {})
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return _answer(
                request,
                Missing(f"nothing is at {request.url.path}; the paths are listed at /docs"),
            )
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return _answer(request, MethodNotAllowed(request.method, headers))
        case HTTPStatus.BAD_REQUEST:  # FastAPI's, of a body that its JSON reader gives up on
            message = "cannot be read: it is nested too deep, or holds a number that is too long"
            return _answer(request, Invalid(message, ("body",)))
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return _answer(request, TooLarge("the body is longer than this path reads"))
        case _:
            return _told_as_http(request, error)


def _told_as_http(request: Request, error: HTTPException) -> Response:
    """A status that no class of ours has: told as HTTP tells it."""
    told = Defect(
        str(error.detail),
        type="about:blank",
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
    )
    answer = _answer(request, told)
    answer.status_code = error.status_code
    answer.headers.update(error.headers or {})
    return answer


async def _answer_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  (narrows the type)
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"]), "message": _told(fault, request)}
        for fault in error.errors()
    ]
    detail = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
    return _answer(request, Invalid(detail, errors=faults))


def _told(fault: Mapping[str, Any], request: Request) -> str:
    """What is wrong; of a body that was sent as something else than JSON, that it was."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if isinstance(fault.get("input"), bytes) and not sent.endswith(("/json", "+json")):
        return "is not said to be JSON; send it with the header Content-Type: application/json"
    return str(fault["msg"])


async def _answer_unkept(request: Request, error: Exception) -> Response:
    """The character U+0000 in a path, a query or a body."""
    assert isinstance(error, DataError)  # noqa: S101  (narrows the type)
    if not _holds_nul(error):
        raise error  # a defect of ours
    return _answer(request, Invalid(_UNKEPT))


async def _answer_database_away(request: Request, error: Exception) -> Response:
    why = str(error).strip().split("\n", 1)[0]
    _log.log(ANSWERS[Kind.UNAVAILABLE].severity, "the database does not answer", why=why)
    return _answer(request, DatabaseUnavailable(_AWAY))
