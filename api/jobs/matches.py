"""Matches in doubt, one beside the other: what a person looks at, and what they say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

from sqlalchemy import Connection, Engine

from api.access.naming import names_of_actors
from pricing.catalogue import Product
from pricing.currencies import decimals
from pricing.money import Money
from scrapers.matching import Listing, Pack
from scrapers.matching.features import Feature
from storage.competitors.match_reviews import (
    Review,
    answered_by,
    decide,
    features_of,
    pending_beside,
    place_in_queue,
    read_review,
    reopen,
)
from storage.competitors.offers import StoredOffer, latest_offers
from storage.competitors.sites import market_of
from storage.database import reading, writing
from storage.errors import AlreadyDecided
from storage.prices.asking_prices import asking_prices
from storage.products.products import read_product

_PER: Final = {"g": (1000.0, "kg"), "ml": (1000.0, "l"), "m": (1.0, "m"), "piece": (1.0, "piece")}
_FAR: Final = 0.5
_NEAR: Final = 0.1
_SOME: Final = 0.05


class Sign(Enum):
    """What speaks for a match, or against it."""

    WORDS = auto()
    CODE = auto()
    NAMED = auto()
    OTHER_CODE = auto()
    PRICE_NEAR = auto()
    PRICE_FAR = auto()
    BRAND = auto()
    OTHER_BRAND = auto()
    OTHER_COLOUR = auto()
    OTHER_SIZE = auto()
    OTHER_PACK = auto()
    LEADS = auto()
    TRAILS = auto()


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for a match, or against it.

    Attributes:
        sign: what.
        speaks_for: whether it speaks for it.
        value: of `WORDS` the share that agrees, of a price by how many times one exceeds the other;
            else 1.
    """

    sign: Sign
    speaks_for: bool
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """A price for a measure.

    Attributes:
        amount: major units.
        currency: ISO 4217 code.
        quantity: of how many units.
        unit: `kg`, `l`, `piece`, ...
    """

    amount: float
    currency: str
    quantity: float
    unit: str


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two things that may be the same; what is not known is None.

    Attributes:
        key: our SKU, or the competitor's own.
        pack: its content.
        price: what a customer pays now.
        seen_at: when their page was read, UTC.
        image: address of a picture, as their page states it.
    """

    key: str | None
    title: str
    brand: str | None = None
    pack: Pack | None = None
    price: Money | None = None
    unit_price: UnitPrice | None = None
    gtin: str | None = None
    mpn: str | None = None
    image: str | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair to look at.

    Attributes:
        review: as it stands in the queue.
        market: our market in which the prices are.
        ours, theirs: the two sides.
        evidence: what the chance was made of.
        gap: how much more they ask than we, as a share of our price; None where that says nothing.
        place: which of the open pairs it is, from 1.
    """

    review: Review
    market: str
    ours: Side
    theirs: Side
    evidence: Sequence[Evidence]
    gap: float | None
    place: int


@dataclass(frozen=True, slots=True)
class MatchDesk:
    """The pair that is looked at, and what the one who looks has said before.

    Attributes:
        pair: None where none is open.
        waiting: how many are open.
        answered: what they answered last, the latest first.
    """

    pair: Pair | None
    waiting: int
    answered: Sequence[Review]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an answer.

    Attributes:
        review: as it stands now.
        overtaken_by: the name of who had answered before; empty where this answer counts.
    """

    review: Review
    overtaken_by: str = ""


def read_match_desk(
    engine: Engine,
    *,
    me: str,
    now: datetime,
    show: int | None = None,
    beside: int | None = None,
    backwards: bool = False,
) -> MatchDesk:
    """The pair to look at.

    Args:
        engine: the database.
        me: who looks.
        now: the time, UTC.
        show: number of the review to show, if it is open.
        beside: show what comes after this review; the likeliest of all where nothing is said.
        backwards: what comes before it.

    Raises:
        DatabaseUnavailable: the database does not answer.
        ReviewNotFound: no review has this number.
    """
    with reading(engine) as conn:
        mine = answered_by(conn, me)
        shown = None if show is None else read_review(conn, show)
        if shown is None or shown.status != "pending":
            start = shown if beside is None else read_review(conn, beside)
            shown = pending_beside(conn, start, backwards=backwards)
        if shown is None:
            return MatchDesk(None, 0, mine)
        place, waiting = place_in_queue(conn, shown)
        return MatchDesk(_pair(conn, shown, place, now), waiting, mine)


def answer_match(engine: Engine, number: int, *, same: bool, me: str, now: datetime) -> Answered:
    """Say whether a pair is the same thing; who was first with another word is named instead.

    Raises:
        DatabaseUnavailable: the database does not answer.
        ReviewNotFound: no review has this number.
    """
    with writing(engine) as conn:
        try:
            review = decide(conn, number, same=same, by=me, at=now)
        except AlreadyDecided:
            review = read_review(conn, number)
        by = review.decided_by or ""
        if by == me and (review.status == "same") == same:
            return Answered(review)
        return Answered(review, names_of_actors(conn, [by]).get(by, by))


def take_answer_back(
    engine: Engine, number: int | None, *, me: str, now: datetime
) -> Review | None:
    """Open a pair again that one has answered: this one, or the latest; None where there is none.

    Raises:
        DatabaseUnavailable: the database does not answer.
        NotTakenBack: it is open, or somebody else answered it.
        ReviewNotFound: no review has this number.
    """
    with writing(engine) as conn:
        latest = answered_by(conn, me, limit=1)
        if number is None and not latest:
            return None
        chosen = latest[0].review_id if number is None else number
        return reopen(conn, chosen, by=me, at=now, only_of=me)


def _pair(conn: Connection, review: Review, place: int, now: datetime) -> Pair:
    market = market_of(conn, review.site)
    product = read_product(conn, review.sku)
    price = asking_prices(conn, market, at=now, sku=review.sku).get(review.sku)
    offer = latest_offers(conn, review.site, urls=[review.url]).get(review.url)
    ours, theirs = _ours(product, price), _theirs(review, offer)
    gap = None
    if ours.price and theirs.price and ours.price.currency == theirs.price.currency:
        gap = theirs.price.minor / ours.price.minor - 1
    evidence = _evidence(features_of(conn, review.review_id))
    return Pair(review, market, ours, theirs, evidence, gap, place)


def _ours(product: Product, price: Money | None) -> Side:
    pack = Listing.of_product(product).pack
    return Side(
        product.sku, product.title, product.brand, pack, price, _by_pack(price, pack),
        product.gtin, product.mpn,
    )  # fmt: skip


def _theirs(review: Review, stored: StoredOffer | None) -> Side:
    if stored is None:
        return Side(None, review.title, pack=Listing("", review.title).pack)
    offer = stored.offer
    pack = Listing("", offer.title).pack
    stated = offer.details.get("unit_price")
    unit_price = _by_pack(offer.price, pack)
    if isinstance(stated, dict):
        unit_price = _stated(stated, offer.price.currency)
    image = offer.details.get("image")
    return Side(
        offer.site_sku, offer.title, offer.brand, pack, offer.price, unit_price, offer.gtin,
        offer.mpn, None if image is None else str(image), offer.observed_at,
    )  # fmt: skip


def _by_pack(price: Money | None, pack: Pack | None) -> UnitPrice | None:
    if price is None or pack is None or pack.amount <= 0:
        return None
    quantity, unit = _PER[pack.unit]
    amount = price.minor / 10 ** decimals(price.currency) / pack.amount * quantity
    return UnitPrice(amount, price.currency, 1.0, unit)


def _stated(stated: Mapping[str, Any], currency: str) -> UnitPrice:
    return UnitPrice(
        float(stated["amount"]), currency, float(stated["quantity"]), str(stated["unit"])
    )


def _evidence(features: Sequence[float]) -> tuple[Evidence, ...]:
    """What the features of a pair say, in words; nothing where they are of another version."""
    if len(features) != len(Feature):
        return ()
    found = {feature: features[feature] for feature in Feature}
    gap = found[Feature.PRICE_GAP]
    lead = min(found[Feature.LEAD_PRODUCT], found[Feature.LEAD_OFFER])
    words = found[Feature.WORDS]
    said = (
        (True, Evidence(Sign.WORDS, speaks_for=words >= _FAR, value=words)),
        (found[Feature.CODE] >= 1.0, Evidence(Sign.CODE, speaks_for=True)),
        (
            found[Feature.CODE] < 1.0 and found[Feature.NAMED] > 0,
            Evidence(Sign.NAMED, speaks_for=True),
        ),
        (found[Feature.OTHER_CODE] > 0, Evidence(Sign.OTHER_CODE, speaks_for=False)),
        (found[Feature.BRAND] > 0, Evidence(Sign.BRAND, speaks_for=True)),
        (found[Feature.BRAND] < 0, Evidence(Sign.OTHER_BRAND, speaks_for=False)),
        (found[Feature.OTHER_PACK] > 0, Evidence(Sign.OTHER_PACK, speaks_for=False)),
        (found[Feature.OTHER_SIZE] > 0, Evidence(Sign.OTHER_SIZE, speaks_for=False)),
        (found[Feature.OTHER_COLOUR] > 0, Evidence(Sign.OTHER_COLOUR, speaks_for=False)),
        (gap <= _NEAR, Evidence(Sign.PRICE_NEAR, speaks_for=True, value=math.exp(gap))),
        (gap > _FAR, Evidence(Sign.PRICE_FAR, speaks_for=False, value=math.exp(gap))),
        (lead >= _SOME, Evidence(Sign.LEADS, speaks_for=True)),
        (lead < 0, Evidence(Sign.TRAILS, speaks_for=False)),
    )
    return tuple(evidence for holds, evidence in said if holds)
