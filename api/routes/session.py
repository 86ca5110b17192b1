"""Logging in and out over HTTP: the session of a person, and their password."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.access.pages import (
    client_address,
    cookie_of,
    ended_cookie,
    require_not_elsewhere,
    session_id_in,
)
from api.access.sessions import Session, change_password, csrf_token, log_in, log_out
from api.errors import NotAllowed, NotAnOperator, TooManyRequests, problem_responses
from api.http.documents import Document
from api.routes.dependencies import OwnSession, Running
from models.refusals import Defect, Invalid
from storage.errors import DatabaseUnavailable

router = APIRouter(prefix="/v1/session", tags=["access"])

_ALWAYS = (NotAnOperator, NotAllowed, Invalid, DatabaseUnavailable, Defect)


class LoginRequest(Document):
    """Who logs in."""

    name: str = Field(min_length=1, max_length=200)
    password: str = Field(min_length=1, max_length=1024)


class PasswordRequest(Document):
    """The password of now, and the one of the person's choice."""

    old: str = Field(min_length=1, max_length=1024)
    new: str = Field(max_length=2048, description="12 characters or more")


class SessionDocument(Document):
    """Who is logged in, and what they may do."""

    id: str = Field(description="Opaque; what the records name")
    name: str
    roles: list[str]
    markets: list[str] | None = Field(description="Null for all")
    categories: list[str] | None = Field(description="Null for all")
    must_change_password: bool = Field(description="They may do nothing but choose a password")
    csrf_token: str = Field(description="Send it as X-CSRF-Token with what changes something")

    @classmethod
    def of(cls, session: Session) -> "SessionDocument":
        """The wire form."""
        person = session.person
        return cls(
            id=person.id,
            name=person.name,
            roles=sorted(person.roles),
            markets=None if person.markets is None else sorted(person.markets),
            categories=None if person.categories is None else sorted(person.categories),
            must_change_password=person.must_change_password,
            csrf_token=csrf_token(session),
        )


@router.post(
    "",
    operation_id="log_in",
    summary="Log in",
    status_code=201,
    responses=problem_responses(*_ALWAYS, TooManyRequests),
)
async def post_session(
    service: Running, request: Request, response: Response, login: LoginRequest
) -> SessionDocument:
    """The answer sets the cookie of a new session; one that came with the request ends."""
    headers = dict(request.scope["headers"])
    require_not_elsewhere(service.sessions, headers)
    session = await log_in(
        service.sessions,
        login.name,
        login.password,
        address=client_address(request.scope),
        replaces=session_id_in(headers.get(b"cookie", b"")),
    )
    _set(response, cookie_of(service.sessions, session, request.scope))
    return SessionDocument.of(session)


@router.get(
    "",
    operation_id="read_session",
    summary="Who is logged in",
    responses=problem_responses(*_ALWAYS),
)
async def get_session(response: Response, session: OwnSession) -> SessionDocument:
    """What the person of this session may do, and the token for what changes something."""
    response.headers["cache-control"] = "no-store"
    return SessionDocument.of(session)


@router.delete(
    "",
    operation_id="log_out",
    summary="Log out",
    status_code=204,
    responses=problem_responses(*_ALWAYS),
)
def delete_session(
    service: Running,
    request: Request,
    response: Response,
    session: OwnSession,
    *,
    everywhere: Annotated[bool, Query(description="End all sessions of this person")] = False,
) -> None:
    """End this session, or all of this person's."""
    log_out(service.sessions, session, everywhere=everywhere)
    _set(response, ended_cookie(service.sessions, request.scope))


@router.put(
    "/password",
    operation_id="change_password",
    summary="Choose a password",
    responses=problem_responses(*_ALWAYS, TooManyRequests),
)
async def put_password(
    service: Running,
    request: Request,
    response: Response,
    session: OwnSession,
    change: PasswordRequest,
) -> SessionDocument:
    """All other sessions of this person end, and this one gets a new cookie."""
    renewed = await change_password(service.sessions, session, change.old, change.new)
    _set(response, cookie_of(service.sessions, renewed, request.scope))
    return SessionDocument.of(renewed)


def _set(response: Response, cookie: str) -> None:
    response.headers["set-cookie"] = cookie
    response.headers["cache-control"] = "no-store"
