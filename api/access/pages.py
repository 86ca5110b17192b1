"""What browsers send and are sent: the cookie of a session, proof of the page, where to go."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from api.access.sessions import Session, SessionDesk, csrf_token
from api.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

COOKIE: Final = "pricewright_session"
CSRF_HEADER: Final = b"x-csrf-token"
HOME: Final = "/console"
"""Where somebody goes who has just logged in and wanted nothing else."""
LOGIN_PAGE: Final = "/console/login"
PASSWORD_PAGE: Final = "/console/password"  # noqa: S105  (a path)


def require_own_page(desk: SessionDesk, session: Session, headers: Mapping[bytes, bytes]) -> None:
    """Refuse an unsafe request that no page of this service made.

    Raises:
        NotAllowed: its token is not the session's, or it comes from elsewhere.
    """
    token = headers.get(CSRF_HEADER, b"")
    if not hmac.compare_digest(token, csrf_token(session).encode()):
        raise NotAllowed(
            "send the header X-CSRF-Token with the token of this session; load the page anew"
        )
    if not _same_origin(desk, headers):
        raise NotAllowed(
            "the request comes from a page of another origin; set PRICEWRIGHT_PUBLIC_URL if this "
            "is the service's own"
        )


def require_not_elsewhere(desk: SessionDesk, headers: Mapping[bytes, bytes]) -> None:
    """Refuse a log-in that a page of another origin sends: it would log somebody else in.

    A program sends neither `Origin` nor `Sec-Fetch-Site`, and may.

    Raises:
        NotAllowed: see there.
    """
    told = b"origin" in headers or b"sec-fetch-site" in headers
    if told and not _same_origin(desk, headers):
        raise NotAllowed("a log-in comes from a page of this service, or from a program")


def cookie_of(desk: SessionDesk, session: Session, scope: Scope) -> str:
    """The `Set-Cookie` of a session."""
    return _cookie(desk, session.id, int(desk.longest.total_seconds()), scope)


def ended_cookie(desk: SessionDesk, scope: Scope) -> str:
    """The `Set-Cookie` that makes a browser forget its session."""
    return _cookie(desk, "", 0, scope)


def session_id_in(cookies: bytes) -> str | None:
    """The id of a session in a `Cookie` header; None where it has none."""
    return cookie_value(cookies, COOKIE)


def cookie_value(cookies: bytes, name: str) -> str | None:
    """What a `Cookie` header says of a name; None where it says nothing."""
    for part in cookies.split(b";"):
        found, _, value = part.strip().partition(b"=")
        if found == name.encode():
            return value.decode("ascii", "replace")
    return None


def client_address(scope: Scope) -> str:
    """Where a request comes from, as the server knows it."""
    client = scope.get("client")
    return client[0] if client else ""


def next_path(given: str | None) -> str:
    """A path of the console to go on to; its first page instead of anything else.

    No other host, scheme or folder is ever named, however it is written.
    """
    wanted = given or HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:  # a host in brackets that is none
        return HOME
    plain = wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    inside = parts.path == HOME or parts.path.startswith(f"{HOME}/")
    away = parts.scheme or parts.netloc or ".." in parts.path or "//" in parts.path
    return wanted if plain and inside and not away else HOME


def login_page_for(scope: Scope) -> str:
    """Where a browser logs in and comes back from to what it asked."""
    query = scope["query_string"].decode("ascii", "replace")
    root = scope.get("root_path", "")
    asked = quote(scope["path"].removeprefix(root)) + (f"?{query}" if query else "")
    return f"{root}{LOGIN_PAGE}?next={quote(next_path(asked), safe='/')}"


def _same_origin(desk: SessionDesk, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a browser says that a page of this service sends it; one that says nothing does not.

    Compared by host and port: behind a proxy that ends TLS the scheme is another one here.
    """
    origin = headers.get(b"origin")
    if origin is None:
        return headers.get(b"sec-fetch-site") == b"same-origin"
    if headers.get(b"sec-fetch-site", b"same-origin") != b"same-origin":
        return False
    named = origin.decode("ascii", "replace").partition("://")[2]
    asked = headers.get(b"host", b"").decode("ascii", "replace")
    return bool(named) and named in {asked, desk.public_host}


def _cookie(desk: SessionDesk, value: str, seconds: int, scope: Scope) -> str:
    secure = "; Secure" if desk.secure or scope.get("scheme") == "https" else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
