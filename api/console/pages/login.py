"""Log in, log out, and choose a password: what comes before everything else."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from api.access.pages import (
    HOME,
    LOGIN_PAGE,
    client_address,
    cookie_of,
    ended_cookie,
    next_path,
    require_not_elsewhere,
    session_id_in,
)
from api.access.passwords import SHORTEST
from api.access.sessions import Session, change_password, log_in, log_out
from api.console.language import N_
from api.console.page import Page
from api.console.problem_pages import page_router
from api.console.visit import Visit, Visiting
from api.errors import NotAnOperator, TooManyRequests, answer_to
from api.routes.dependencies import OwnSession, Running
from models.refusals import Invalid

router = page_router()
PAGE = Page(name="login", title=N_("Log in"), router=router, path="/login")

_WRONG: Final = N_("No account has this name and this password.")
_OFTEN: Final = N_("Too many tries. Wait a few minutes, then try again.")
_DIFFERENT: Final = N_("The two are different; type the new password again.")

# What `change_password` may find wrong, for the catalogue.
_FAULTS: Final = (
    N_("is not the password of this account"),
    N_("is the password of now; choose another"),
    N_("give 12 to 1024 characters"),
)

Name = Annotated[str, Form(max_length=200)]
Secret = Annotated[str, Form(max_length=1024)]


@router.get("/login")
def show_login(visit: Visiting, request: Request) -> Response:
    """The form; it leads on to the page that somebody wanted."""
    return visit.page("login/page.html", wanted=_wanted(request), name="", error="")


@router.post("/login")
async def take_login(
    visit: Visiting, service: Running, request: Request, name: Name, password: Secret
) -> Response:
    """Begin a session, or say why not."""
    headers = dict(request.scope["headers"])
    require_not_elsewhere(service.sessions, headers)
    try:
        session = await log_in(
            service.sessions,
            name,
            password,
            address=client_address(request.scope),
            replaces=session_id_in(headers.get(b"cookie", b"")),
        )
    except (NotAnOperator, TooManyRequests) as refused:
        told = _WRONG if isinstance(refused, NotAnOperator) else _OFTEN
        answer: Response = visit.page(
            "login/page.html",
            status=answer_to(refused).status,
            wanted=_wanted(request),
            name=name,
            error=visit.say(told),
        )
        answer.headers.update(refused.headers)
        return answer
    answer = RedirectResponse(visit.url(_wanted(request)), status_code=303)
    return _with_cookie(answer, cookie_of(service.sessions, session, request.scope))


@router.post("/logout")
def take_logout(
    visit: Visiting, service: Running, request: Request, session: OwnSession
) -> Response:
    """End the session, and show the form again."""
    log_out(service.sessions, session)
    answer = visit.leads_to(LOGIN_PAGE)
    return _with_cookie(answer, ended_cookie(service.sessions, request.scope))


@router.get("/password")
def show_password(visit: Visiting, session: OwnSession) -> Response:
    """The form for a password of one's own."""
    return _password_form("login/password.html", visit, session)


@router.post("/password")
async def take_password(
    visit: Visiting,
    service: Running,
    request: Request,
    session: OwnSession,
    old: Secret,
    new: Secret,
    again: Secret,
) -> Response:
    """Keep the new password; all other sessions of this person end."""
    if new != again:
        wrong = {"again": visit.say(_DIFFERENT)}
        return _password_form("login/password_form.html", visit, session, wrong)
    try:
        renewed = await change_password(service.sessions, session, old, new)
    except Invalid as refused:
        wrong = {str(refused.place[-1]): visit.say(refused.sentence)}
        return _password_form("login/password_form.html", visit, session, wrong)
    answer = visit.leads_to(HOME)
    return _with_cookie(answer, cookie_of(service.sessions, renewed, request.scope))


def _password_form(
    template: str, visit: Visit, session: Session, wrong: dict[str, str] | None = None
) -> Response:
    return visit.page(template, person=session.person, wrong=wrong or {}, shortest=SHORTEST)


def _wanted(request: Request) -> str:
    return next_path(request.query_params.get("next"))


def _with_cookie(answer: Response, cookie: str) -> Response:
    answer.headers["set-cookie"] = cookie
    answer.headers["cache-control"] = "no-store"
    return answer
