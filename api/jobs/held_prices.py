"""Held prices of competitors: what a person looks at, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from api.access.naming import names_of_actors
from pricing.money import Money
from scrapers.offers.doubts import hold_anew, settle_held
from storage.competitors.offers import offers_of_page
from storage.competitors.quarantine import (
    HeldOffer,
    held_beside,
    place_in_quarantine,
    read_held,
    settled_by,
)
from storage.competitors.sites import market_of
from storage.database import reading, writing
from storage.errors import AlreadyDecided
from storage.prices.asking_prices import asking_prices

HISTORY: Final = timedelta(days=90)
"""How far back the prices of a page are shown."""


@dataclass(frozen=True, slots=True)
class HeldPrice:
    """A held price to look at.

    Attributes:
        held: as it lies in the quarantine.
        market: our market in which it would count.
        ours: what we ask for the product that it is matched to; None where there is none.
        before: what was believed of the page last; None at first sight.
        jump: from there, as a share; None where that says nothing.
        history: moments and prices that were believed of the page, oldest first.
        place: which of the held ones it is, from 1.
    """

    held: HeldOffer
    market: str
    ours: Money | None
    before: Money | None
    jump: float | None
    history: Sequence[tuple[datetime, Money]]
    place: int


@dataclass(frozen=True, slots=True)
class HeldDesk:
    """The held price that is looked at, and what the one who looks has said before.

    Attributes:
        shown: None where nothing is held.
        waiting: how many are held.
        settled: what they settled last, the latest first.
    """

    shown: HeldPrice | None
    waiting: int
    settled: Sequence[HeldOffer]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a word on a held price.

    Attributes:
        held: as it stands now.
        overtaken_by: the name of who had settled it before; empty where this word counts.
    """

    held: HeldOffer
    overtaken_by: str = ""


def read_held_desk(
    engine: Engine,
    *,
    me: str,
    now: datetime,
    show: int | None = None,
    beside: int | None = None,
    backwards: bool = False,
) -> HeldDesk:
    """The held price to look at.

    Args:
        engine: the database.
        me: who looks.
        now: the time, UTC.
        show: number of the one to show, if it is held.
        beside: show what comes after this one; the newest of all where nothing is said.
        backwards: what comes before it.

    Raises:
        DatabaseUnavailable: the database does not answer.
        HeldOfferNotFound: no offer in quarantine has this number.
    """
    with reading(engine) as conn:
        mine = settled_by(conn, me)
        shown = None if show is None else read_held(conn, show)
        if shown is None or shown.status != "held":
            start = show if beside is None else beside
            shown = held_beside(conn, start, backwards=backwards)
        if shown is None:
            return HeldDesk(None, 0, mine)
        place, waiting = place_in_quarantine(conn, shown.quarantine_id)
        market = market_of(conn, shown.site)
        sku = shown.offer.sku
        ours = None if sku is None else asking_prices(conn, market, at=now, sku=sku).get(sku)
        seen = offers_of_page(conn, shown.site, shown.url, since=now - HISTORY)
        history = tuple((offer.observed_at, offer.price) for offer in seen)
        before = history[-1][1] if history else None
        asked = shown.offer.price
        jump = None
        if before is not None and before.currency == asked.currency:
            jump = asked.minor / before.minor - 1
        return HeldDesk(HeldPrice(shown, market, ours, before, jump, history, place), waiting, mine)


def settle_price(engine: Engine, number: int, *, release: bool, me: str, now: datetime) -> Settled:
    """Let a held price count, or drop it; who was first with another word is named instead.

    Raises:
        DatabaseUnavailable: the database does not answer.
        HeldOfferNotFound: no offer in quarantine has this number.
    """
    with writing(engine) as conn:
        try:
            held = settle_held(conn, number, release=release, by=me, at=now)
        except AlreadyDecided:
            held = read_held(conn, number)
        by = held.decided_by or ""
        if by == me and (held.status == "released") == release:
            return Settled(held)
        return Settled(held, names_of_actors(conn, [by]).get(by, by))


def take_settling_back(
    engine: Engine, number: int | None, *, me: str, now: datetime
) -> HeldOffer | None:
    """Hold a price again that one has settled: this one, or the latest; None where there is none.

    Raises:
        DatabaseUnavailable: the database does not answer.
        HeldOfferNotFound: no offer in quarantine has this number.
        NotTakenBack: see `storage.competitors.quarantine.hold_again`.
    """
    with writing(engine) as conn:
        latest = settled_by(conn, me, limit=1)
        if number is None and not latest:
            return None
        chosen = latest[0].quarantine_id if number is None else number
        return hold_anew(conn, chosen, by=me, at=now, only_of=me)
