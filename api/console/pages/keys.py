"""Keys of programs: made, shown once, rotated, revoked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import Form, Path
from fastapi.responses import HTMLResponse

from api.access.roles import Role
from api.console.language import N_
from api.console.page import Group, Page
from api.console.problem_pages import page_router
from api.console.visit import Visit, Visiting
from api.jobs.letting_in import WantedKey, create_key, end_key, read_key_board, renew_key
from api.routes.dependencies import Operator, Running
from models.refusals import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.console.tables import Tone
    from api.jobs.letting_in import Told

router = page_router()
PAGE = Page(
    name="keys",
    title=N_("Keys"),
    router=router,
    path="/keys",
    group=Group.ADMINISTRATION,
    order=10,
    key="k",
    icon="key",
)

ROLES: Final = {
    Role.STOREFRONT: (N_("Storefront"), N_("commits quotes and takes returns")),
    Role.ANALYST: (N_("Analyst"), N_("sees all figures, changes nothing that customers see")),
    Role.MANAGER: (N_("Manager"), N_("proposes prices, runs promotions, answers reviews")),
    Role.APPROVER: (N_("Approver"), N_("says yes to prices that wait, brings older ones back")),
    Role.ADMIN: (N_("Admin"), N_("may everything, and lets others in")),
    Role.SCRAPER: (N_("Scraper"), N_("brings what it saw of competitors")),
}
KINDS: Final = {"publishable": N_("publishable"), "secret": N_("secret")}
STATES: Final = {
    "in force": N_("in force"),
    "revoked": N_("revoked"),
    "expired": N_("expired"),
}
TONES: Final[Mapping[str, Tone]] = {"in force": "good", "revoked": "quiet", "expired": "quiet"}

KeyId = Annotated[str, Path(min_length=1, max_length=64)]
Limit = Annotated[str, Form(pattern=r"^\d{0,10}$")]


@router.get("/keys")
def show_keys(visit: Visiting, service: Running) -> HTMLResponse:
    """The page."""
    return visit.page("keys/page.html", **_context(visit, service))


@router.post("/keys")
def make_key(
    visit: Visiting,
    service: Running,
    me: Operator,
    name: Annotated[str, Form(max_length=200)],
    kind: Annotated[Literal["publishable", "secret"], Form()],
    roles: Annotated[list[Role], Form(default_factory=list)],
    markets: Annotated[list[str], Form(default_factory=list)],
    categories: Annotated[list[str], Form(default_factory=list)],
    test: Annotated[bool, Form()] = False,  # noqa: FBT002  (FastAPI calls it)
    draft: Limit = "",
    per_minute: Limit = "",
    per_day: Limit = "",
    expires: Annotated[str, Form(max_length=20)] = "",
) -> HTMLResponse:
    """Make a key, and show its secret this once."""
    wanted = WantedKey(
        name=name,
        kind=kind,
        roles=roles,
        markets=markets,
        categories=categories,
        test=test,
        draft=int(draft) if draft else None,
        per_minute=int(per_minute) if per_minute else None,
        per_day=int(per_day) if per_day else None,
        expires_at=_end_of_day(visit, expires),
    )
    told = create_key(service.engine, wanted, me=me, now=visit.now)
    service.keys.refresh()
    return _told(visit, service, told)


@router.post("/keys/{key_id}/rotate")
def rotate(
    visit: Visiting,
    service: Running,
    me: Operator,
    key_id: KeyId,
    overlap_hours: Annotated[int, Form(ge=0, le=24 * 90)] = 24,
) -> HTMLResponse:
    """Give it a new secret, and show that this once."""
    overlap = timedelta(hours=overlap_hours)
    told = renew_key(service.engine, key_id, overlap=overlap, me=me, now=visit.now)
    service.keys.refresh()
    return _told(visit, service, told)


@router.post("/keys/{key_id}/revoke")
def revoke(visit: Visiting, service: Running, me: Operator, key_id: KeyId) -> HTMLResponse:
    """End it at once."""
    end_key(service.engine, key_id, me=me, now=visit.now)
    service.keys.refresh()
    return visit.page("keys/list.html", **_context(visit, service))


def _told(visit: Visit, service: Running, told: Told) -> HTMLResponse:
    return visit.page("keys/list.html", **_context(visit, service, told))


def _context(visit: Visit, service: Running, told: Told | None = None) -> dict[str, Any]:
    board = read_key_board(service.engine, now=visit.now)
    made, secret = told or (None, "")
    return {
        "board": board,
        "states": board.states(visit.now),
        "state_words": STATES,
        "tones": TONES,
        "kinds": KINDS,
        "roles": ROLES,
        "made": made,
        "secret": secret,
    }


def _end_of_day(visit: Visit, day: str) -> datetime | None:
    """The end of a day in the shop's time zone; None where none is given.

    Raises:
        Invalid: it is no day.
    """
    if not day:
        return None
    try:
        begin = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=visit.formats.zone)
    except ValueError:
        raise Invalid(f"is no day like 2027-01-31: {day!r}", ("expires",)) from None
    return begin + timedelta(days=1)
