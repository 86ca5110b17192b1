"""Matches: is this page of theirs our product? One pair at a time, decided by keyboard."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Form, Query
from fastapi.responses import HTMLResponse

from api.console.language import N_
from api.console.page import ROOT, Group, Page
from api.console.problem_pages import page_router
from api.console.visit import Visit, Visiting
from api.jobs.matches import Sign, answer_match, read_match_desk, take_answer_back
from api.routes.dependencies import Operator, Running

if TYPE_CHECKING:
    from api.jobs.matches import MatchDesk, Side, UnitPrice

router = page_router()
PAGE = Page(
    name="matches",
    title=N_("Matches"),
    router=router,
    path="/matches",
    group=Group.MARKET,
    order=20,
    key="m",
    icon="match",
)

_ANSWER: Final = f"{ROOT}/matches/answer"

_SIGNS: Final = {
    Sign.WORDS: N_("%(share)s of the words agree, rare ones counting more"),
    Sign.CODE: N_("The same model code"),
    Sign.NAMED: N_("A model code of one stands on the other side"),
    Sign.OTHER_CODE: N_("Another model code"),
    Sign.PRICE_NEAR: N_("The prices are close"),
    Sign.PRICE_FAR: N_("One price is %(times)s times the other"),
    Sign.BRAND: N_("The same brand"),
    Sign.OTHER_BRAND: N_("Another brand"),
    Sign.OTHER_COLOUR: N_("Another colour"),
    Sign.OTHER_SIZE: N_("Another size"),
    Sign.OTHER_PACK: N_("Another pack"),
    Sign.LEADS: N_("Nothing else comes near, on either side"),
    Sign.TRAILS: N_("Something else is as like, or more"),
}

ANSWERS: Final = {"same": N_("same"), "different": N_("different")}
_THOUSAND: Final = 1000
_LARGER: Final = {"g": "kg", "ml": "l"}
UNITS: Final = {"piece": N_("piece")}

Number = Annotated[int, Form(ge=1, le=2**62)]


@router.get("/matches")
def show_matches(
    visit: Visiting,
    service: Running,
    me: Operator,
    at: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> HTMLResponse:
    """The page, with the likeliest open pair, or the one that is named."""
    desk = read_match_desk(service.engine, me=me, now=visit.now, show=at)
    return _shown(visit, desk, "matches/page.html")


@router.get("/matches/desk")
def show_beside(
    visit: Visiting,
    service: Running,
    me: Operator,
    beside: Annotated[int, Query(ge=1, le=2**62)],
    back: bool = False,  # noqa: FBT001, FBT002  (FastAPI calls it)
) -> HTMLResponse:
    """The pair after this one, or before it."""
    desk = read_match_desk(service.engine, me=me, now=visit.now, beside=beside, backwards=back)
    return _shown(visit, desk)


@router.post("/matches/answer")
def take_answer(
    visit: Visiting,
    service: Running,
    me: Operator,
    review: Number,
    same: Annotated[bool, Form()],
) -> HTMLResponse:
    """Keep the answer and show the next pair; say so where somebody was first."""
    with service.write_turn:
        done = answer_match(service.engine, review, same=same, me=me, now=visit.now)
    desk = read_match_desk(service.engine, me=me, now=visit.now, beside=review)
    said = ""
    if done.overtaken_by:
        said = visit.say(
            "%(who)s has meanwhile answered this: %(answer)s. Your answer was not counted.",
            who=done.overtaken_by,
            answer=visit.say(ANSWERS[done.review.status]),
        )
    return _shown(visit, desk, said=said)


@router.post("/matches/undo")
def take_back(
    visit: Visiting,
    service: Running,
    me: Operator,
    review: Annotated[int | None, Form(ge=1, le=2**62)] = None,
) -> HTMLResponse:
    """Open the pair of one's last answer again, or of the one that is named, and show it."""
    with service.write_turn:
        back = take_answer_back(service.engine, review, me=me, now=visit.now)
    if back is None:
        return visit.notice("info", visit.say("You have answered nothing that could be undone."))
    desk = read_match_desk(service.engine, me=me, now=visit.now, show=back.review_id)
    return _shown(visit, desk, back=visit.say("Taken back: this pair is open again."))


def _shown(
    visit: Visit, desk: MatchDesk, template: str = "matches/desk.html", *, said: str = "",
    back: str = "",
) -> HTMLResponse:  # fmt: skip
    pair = desk.pair
    return visit.page(
        template,
        desk=desk,
        said=said,
        back=back,
        may_answer=visit.may("POST", _ANSWER),
        answers=ANSWERS,
        rows=[] if pair is None else _rows(visit, pair.ours, pair.theirs),
        signs=[] if pair is None else _signs(visit, desk),
    )


def _signs(visit: Visit, desk: MatchDesk) -> list[tuple[bool, str]]:
    """What speaks for the pair, then what speaks against it."""
    evidence = () if desk.pair is None else desk.pair.evidence
    said = [
        (
            found.speaks_for,
            visit.say(
                _SIGNS[found.sign],
                share=visit.formats.percent(found.value, 0),
                times=visit.formats.number(found.value, 1),
            ),
        )
        for found in evidence
    ]
    return sorted(said, key=lambda pair: not pair[0])


def _rows(visit: Visit, ours: Side, theirs: Side) -> list[tuple[str, str, str, bool | None]]:
    """Name, ours, theirs, and whether they agree; None where that cannot be said."""
    packs = (None, None) if None in (ours.pack, theirs.pack) else (ours.pack, theirs.pack)
    return [
        (visit.say("Title"), ours.title, theirs.title, None),
        (
            visit.say("Brand"),
            ours.brand or "",
            theirs.brand or "",
            _agree(ours.brand, theirs.brand),
        ),
        (
            visit.say("Pack"),
            _pack(visit, ours),
            _pack(visit, theirs),
            packs[0].same(packs[1]) if packs[0] and packs[1] else None,
        ),
        (
            visit.say("Price"),
            visit.formats.money(ours.price),
            visit.formats.money(theirs.price),
            None,
        ),
        (
            visit.say("Unit price"),
            _unit_price(visit, ours.unit_price),
            _unit_price(visit, theirs.unit_price),
            None,
        ),
        ("GTIN", ours.gtin or "", theirs.gtin or "", _agree(_digits(ours), _digits(theirs))),
        (visit.say("Part number"), ours.mpn or "", theirs.mpn or "", _agree(ours.mpn, theirs.mpn)),
        ("SKU", ours.key or "", theirs.key or "", None),
        (visit.say("Image"), "", theirs.image or "", None),
    ]


def _agree(ours: str | None, theirs: str | None) -> bool | None:
    return None if not ours or not theirs else ours.casefold() == theirs.casefold()


def _digits(side: Side) -> str | None:
    """A GTIN in the 14 digits that all its forms have."""
    return None if side.gtin is None else side.gtin.zfill(14)


def _pack(visit: Visit, side: Side) -> str:
    if side.pack is None:
        return ""
    amount, unit = side.pack.amount, side.pack.unit
    if unit in _LARGER and amount >= _THOUSAND:
        amount, unit = amount / _THOUSAND, _LARGER[unit]
    digits = 0 if math.isclose(amount, round(amount)) else 2
    return f"{visit.formats.number(amount, digits)} {_unit(visit, unit)}"


def _unit_price(visit: Visit, price: UnitPrice | None) -> str:
    if price is None:
        return ""
    amount = visit.formats.estimate(price.amount, price.currency)
    quantity = "" if price.quantity == 1 else f"{visit.formats.number(price.quantity)} "
    return f"{amount} / {quantity}{_unit(visit, price.unit)}"


def _unit(visit: Visit, unit: str) -> str:
    return visit.say(UNITS[unit]) if unit in UNITS else unit
