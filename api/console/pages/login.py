"""Log in, log out, and choose a password: what comes before everything else."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.access.oidc import JOURNEY, Provider
from api.access.pages import (
    HOME,
    LOGIN_PAGE,
    client_address,
    cookie_of,
    cookie_value,
    ended_cookie,
    next_path,
    require_not_elsewhere,
    session_id_in,
)
from api.access.passwords import SHORTEST
from api.access.sessions import Session, change_password, log_in, log_out
from api.console.language import N_
from api.console.page import Page
from api.console.problem_pages import page_router, wants_page
from api.console.visit import Visit, Visiting
from api.errors import NotAnOperator, TooManyRequests, answer_to
from api.routes.dependencies import OwnSession, Running, Service
from models.refusals import Invalid, Missing, Refusal

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

_STATE: Final = "pricewright_login"
"""The cookie that ties a provider's answer to the browser that set out."""
_Text = Annotated[str, Query(max_length=4096)]

Name = Annotated[str, Form(max_length=200)]
Secret = Annotated[str, Form(max_length=1024)]


@router.get("/login")
def show_login(visit: Visiting, request: Request) -> Response:
    """The form; it leads on to the page that somebody wanted."""
    return _login_form(visit, _wanted(request))


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
        answer = _login_form(visit, _wanted(request), name, visit.say(told))
        answer.status_code = answer_to(refused).status
        answer.headers.update(refused.headers)
        return answer
    answer = RedirectResponse(visit.url(_wanted(request)), status_code=303)
    return _with_cookie(answer, cookie_of(service.sessions, session, request.scope))


@router.get("/login/oidc")
async def begin_login(visit: Visiting, service: Running, request: Request) -> Response:
    """Send the browser to the provider of identities; it comes back to the path `next`.

    Raises:
        Missing, ProviderAway: there is no provider, or it does not answer as one does.
    """
    try:
        location, state = await _provider(service).begin(service.sessions, _wanted(request))
    except Refusal as refused:
        return _told_in_form(visit, request, refused)
    answer = RedirectResponse(location, status_code=303, headers={"cache-control": "no-store"})
    answer.set_cookie(
        _STATE,
        state,
        max_age=int(JOURNEY.total_seconds()),
        path=LOGIN_PAGE,
        secure=service.sessions.secure or request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


@router.get("/login/oidc/callback")
async def finish_login(
    visit: Visiting,
    service: Running,
    request: Request,
    state: _Text = "",
    code: _Text = "",
    error: _Text = "",
) -> Response:
    """Begin a session for whom the provider vouches for, in the browser that set out.

    Raises:
        NotAnOperator: it vouches for nobody, or another browser set out.
        NotAllowed: whom it vouches for has no role here.
        Missing, ProviderAway: there is no provider, or it does not answer as one does.
    """
    own = cookie_value(request.headers.get("cookie", "").encode("latin-1"), _STATE)
    try:
        session, wanted = await _vouched(service, own, state, code, error)
    except Refusal as refused:
        return _told_in_form(visit, request, refused)
    answer = RedirectResponse(visit.url(next_path(wanted)), status_code=303)
    _with_cookie(answer, cookie_of(service.sessions, session, request.scope))
    answer.delete_cookie(_STATE, path=LOGIN_PAGE)
    return answer


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


async def _vouched(
    service: Service, own: str | None, state: str, code: str, error: str
) -> tuple[Session, str]:
    provider = _provider(service)
    if not state or own != state:
        raise NotAnOperator("this log-in was not begun in this browser; begin it anew")
    if error or not code:
        raise NotAnOperator(f"the provider lets nobody in: {error or 'it sent no code'}")
    return await provider.finish(service.sessions, code, state)


def _provider(service: Service) -> Provider:
    if service.provider is None:
        raise Missing("there is no provider of identities; log in with a password")
    return service.provider


def _told_in_form(visit: Visit, request: Request, refused: Refusal) -> Response:
    """Why a provider's log-in failed, where the next one begins; a program gets the refusal."""
    if not wants_page(request):
        raise refused
    answer = _login_form(visit, _wanted(request), error=str(refused))
    answer.status_code = answer_to(refused).status
    return answer


def _login_form(visit: Visit, wanted: str, name: str = "", error: str = "") -> Response:
    provided = visit.service.provider is not None
    return visit.page("login/page.html", wanted=wanted, name=name, error=error, provided=provided)


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
