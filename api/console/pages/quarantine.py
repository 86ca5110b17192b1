"""Quarantine: competitors' prices that can hardly be right, released or dropped by keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Form, Path, Query
from fastapi.responses import HTMLResponse, Response

from api.console.charts import Axis, Chart, Mark, Series
from api.console.language import N_
from api.console.page import ROOT, Group, Page
from api.console.problem_pages import page_router
from api.console.visit import Visit, Visiting
from api.jobs.held_prices import read_held_desk, settle_price, take_settling_back
from api.routes.dependencies import Operator, Running
from models.refusals import Missing
from pricing.currencies import decimals

if TYPE_CHECKING:
    from datetime import datetime

    from api.jobs.held_prices import HeldDesk
    from pricing.money import Money

router = page_router()
PAGE = Page(
    name="quarantine",
    title=N_("Held prices"),
    router=router,
    path="/quarantine",
    group=Group.MARKET,
    order=30,
    key="q",
    icon="shield",
)

STATUSES: Final = {"released": N_("released"), "dropped": N_("dropped")}
_SETTLE: Final = f"{ROOT}/quarantine/settle"
_MOST: Final = 2**62

Number = Annotated[int, Form(ge=1, le=_MOST)]


@router.get("/quarantine")
def show_quarantine(
    visit: Visiting,
    service: Running,
    me: Operator,
    at: Annotated[int | None, Query(ge=1, le=_MOST)] = None,
) -> HTMLResponse:
    """The page, with the newest held price, or the one that is named."""
    desk = read_held_desk(service.engine, me=me, now=visit.now, show=at)
    return _shown(visit, desk, "quarantine/page.html")


@router.get("/quarantine/desk")
def show_beside(
    visit: Visiting,
    service: Running,
    me: Operator,
    beside: Annotated[int, Query(ge=1, le=_MOST)],
    back: bool = False,  # noqa: FBT001, FBT002  (FastAPI calls it)
) -> HTMLResponse:
    """The held price after this one, or before it."""
    desk = read_held_desk(service.engine, me=me, now=visit.now, beside=beside, backwards=back)
    return _shown(visit, desk)


@router.get("/quarantine/{quarantine_id}/chart")
def show_history(
    visit: Visiting,
    service: Running,
    me: Operator,
    quarantine_id: Annotated[int, Path(ge=1, le=_MOST)],
) -> Response:
    """What the page asked before, and what is held of it.

    Raises:
        Missing: it is not held any more.
    """
    shown = read_held_desk(service.engine, me=me, now=visit.now, show=quarantine_id).shown
    if shown is None or shown.held.quarantine_id != quarantine_id:
        raise Missing(visit.say("This price is not held any more."))
    offer = shown.held.offer
    currency = offer.price.currency
    believed = [(_at(visit, at), _major(price)) for at, price in shown.history]
    here = _at(visit, offer.observed_at)
    if believed:  # the price that counts stays until something else is believed
        believed.append((here, believed[-1][1]))
    series = [
        Series(visit.say("Believed"), believed, "step", "theirs"),
        Series(visit.say("Held"), [(here, _major(offer.price))], "points", "expected"),
    ]
    marks = [Mark(here, visit.say("Held"), "doubt")]
    digits = decimals(currency)
    x, y = Axis(visit.say("Day"), kind="time"), Axis(visit.say("Price"), currency, digits=digits)
    return visit.json(Chart(x, y, series, marks))


@router.post("/quarantine/settle")
def take_word(
    visit: Visiting,
    service: Running,
    me: Operator,
    held: Number,
    release: Annotated[bool, Form()],
) -> HTMLResponse:
    """Keep the word and show the next price; say so where somebody was first."""
    with service.write_turn:
        done = settle_price(service.engine, held, release=release, me=me, now=visit.now)
    desk = read_held_desk(service.engine, me=me, now=visit.now, beside=held)
    said = ""
    if done.overtaken_by:
        said = visit.say(
            "%(who)s has meanwhile settled this: %(status)s. Your word was not counted.",
            who=done.overtaken_by,
            status=visit.say(STATUSES[done.held.status]),
        )
    return _shown(visit, desk, said=said)


@router.post("/quarantine/undo")
def take_back(
    visit: Visiting,
    service: Running,
    me: Operator,
    held: Annotated[int | None, Form(ge=1, le=_MOST)] = None,
) -> HTMLResponse:
    """Hold the price again that one settled last, or the one that is named, and show it."""
    with service.write_turn:
        back = take_settling_back(service.engine, held, me=me, now=visit.now)
    if back is None:
        return visit.notice("info", visit.say("You have settled nothing that could be undone."))
    desk = read_held_desk(service.engine, me=me, now=visit.now, show=back.quarantine_id)
    return _shown(visit, desk, back=visit.say("Taken back: this price is held again."))


def _shown(
    visit: Visit, desk: HeldDesk, template: str = "quarantine/desk.html", *, said: str = "",
    back: str = "",
) -> HTMLResponse:  # fmt: skip
    may_settle = visit.may("POST", _SETTLE)
    return visit.page(
        template, desk=desk, said=said, back=back, may_settle=may_settle, statuses=STATUSES
    )


def _at(visit: Visit, moment: datetime) -> str:
    return moment.astimezone(visit.formats.zone).replace(tzinfo=None).isoformat()


def _major(price: Money) -> float:
    return float(price.minor / 10 ** decimals(price.currency))
