"""Logging in by a provider of identities: a browser sets out here and comes back here."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from api.access.oidc import CALLBACK, JOURNEY, Provider
from api.access.pages import LOGIN_PAGE, cookie_of, cookie_value, next_path
from api.errors import NotAnOperator
from api.routes.dependencies import Running, Service
from models.refusals import Missing

router = APIRouter()

_STATE = "pricewright_login"
_Text = Annotated[str, Query(max_length=4096)]


@router.get(
    f"{LOGIN_PAGE}/oidc",
    include_in_schema=False,  # for browsers, as the pages are
)
async def begin_login(
    service: Running,
    request: Request,
    wanted: Annotated[str, Query(alias="next", max_length=4096)] = "",
) -> RedirectResponse:
    """Send the browser to the provider; it comes back to the path `next` of the console.

    Raises:
        Missing, ProviderAway: there is no provider, or it does not answer as one does.
    """
    location, state = await _provider(service).begin(service.sessions, next_path(wanted))
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


@router.get(
    CALLBACK,
    include_in_schema=False,
)
async def finish_login(
    service: Running,
    request: Request,
    state: _Text = "",
    code: _Text = "",
    error: _Text = "",
) -> RedirectResponse:
    """Begin a session for whom the provider vouches for, in the browser that set out.

    Raises:
        NotAnOperator: it vouches for nobody, or another browser set out.
        NotAllowed: whom it vouches for has no role here.
        Missing, ProviderAway: there is no provider, or it does not answer as one does.
    """
    provider = _provider(service)
    own = cookie_value(request.headers.get("cookie", "").encode("latin-1"), _STATE)
    if not state or own != state:
        raise NotAnOperator("this log-in was not begun in this browser; begin it anew")
    if error or not code:
        raise NotAnOperator(f"the provider lets nobody in: {error or 'it sent no code'}")
    session, wanted = await provider.finish(service.sessions, code, state)
    answer = RedirectResponse(
        f"{request.scope.get('root_path', '')}{next_path(wanted)}",
        status_code=303,
        headers={"cache-control": "no-store"},
    )
    answer.headers.append("set-cookie", cookie_of(service.sessions, session, request.scope))
    answer.delete_cookie(_STATE, path=LOGIN_PAGE)
    return answer


def _provider(service: Service) -> Provider:
    if service.provider is None:
        raise Missing("there is no provider of identities; log in with a password")
    return service.provider
