"""One product in a market: prices over time, how demand reacts, and why the price is what it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import numpy as np
import pandas as pd
from sqlalchemy.engine import Connection, Engine

from api.jobs.market_analysis import USUAL_WINDOW, PriceRecord, price_record
from models.arrays import FloatArray
from models.demand import FittedCurves
from pricing.catalogue import UNKNOWN, Market, Product
from pricing.currencies import decimals
from pricing.deciding.price_response import PriceResponse, price_response
from pricing.law.emergency_cap import NO_CAP
from pricing.money import Money
from pricing.price_book import PUBLIC
from storage.access.people import names_of
from storage.competitors.offers import StoredOffer, offers_of
from storage.database import reading
from storage.demand.fits import curve_of
from storage.errors import DecisionNotFound, FitNotFound, UnknownMarket
from storage.prices.decisions import StoredDecision, decision_of
from storage.prices.price_books import PriceChange, price_history
from storage.products.markets import list_markets
from storage.products.products import find_products, read_product
from storage.products.sales import read_sales
from storage.releases.amendments import Amendment, amendments_of
from storage.releases.drafts import Draft, draft_of_version

_POINTS: Final = 81
_WIDE: Final = 0.35
"""How far a curve is drawn beyond the prices that matter, as a share of them."""
_FAR: Final = 3.0
"""Bounds beyond so many times the price are not drawn: the curve would be a line."""
_OFFERS: Final = 200


@dataclass(frozen=True, slots=True)
class ProductPage:
    """Some products, and how many there are."""

    products: tuple[Product, ...]
    total: int


@dataclass(frozen=True, slots=True)
class SeenOffer:
    """The newest offer of one page of a competitor.

    Attributes:
        offer: as it was seen.
        fresh: young enough to count in a decision.
    """

    offer: StoredOffer
    fresh: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a decision was allowed, in minor units; None where there is no bound.

    Attributes:
        lower: lowest price allowed.
        upper: highest.
        law_lower: lowest lawful price.
        law_upper: highest.
        article: the provisions behind the law's bounds; blank for none.
    """

    lower: Money | None
    upper: Money | None
    law_lower: Money | None
    law_upper: Money | None
    article: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Ends of the 95 % intervals of what a price should bring a period, major units."""

    revenue: tuple[float, float]
    profit: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ProductView:
    """One product in a market, without its charts.

    Attributes:
        product: as its owner describes it.
        market: where.
        markets: all markets.
        changes: every price it had here, the oldest first.
        stored: the newest decision on it; None where no run decided.
        bounds: what that decision was allowed; None without one.
        curve: the curve that it rested on; None without one.
        offers: the newest offer of each page of a competitor, the newest first.
        draft: by which the price in force went live; None where there was none.
        amendment: where somebody set the price in force by hand.
        expected: what the price decided should bring, with its interval; None where nobody knows.
        names: of who is told of, by what the records call them.
    """

    product: Product
    market: Market
    markets: tuple[Market, ...]
    changes: tuple[PriceChange, ...]
    stored: StoredDecision | None
    bounds: Bounds | None
    curve: FittedCurves | None
    offers: tuple[SeenOffer, ...]
    draft: Draft | None
    amendment: Amendment | None
    expected: Expected | None
    names: dict[str, str]

    @property
    def in_force(self) -> Money | None:
        """The price that is asked now."""
        return self.changes[-1].price if self.changes else None


@dataclass(frozen=True, slots=True, eq=False)
class PriceTimes:
    """Our price and theirs over time.

    Attributes:
        market: where.
        changes: ours, the oldest first.
        record: theirs.
        units: sales of the same time: `period_start`, `units`.
    """

    market: Market
    changes: tuple[PriceChange, ...]
    record: PriceRecord
    units: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class DemandView:
    """How demand reacts to the price.

    Attributes:
        market: where.
        response: the curve, and what it brings at each price.
        observed: (2, k) price paid and units of each period with sales.
        in_force: the price that is asked now; None for none.
        decided: the price of the newest decision; None for none.
        bounds: what that was allowed.
        period_days: length of a period.
    """

    market: Market
    response: PriceResponse
    observed: FloatArray
    in_force: Money | None
    decided: Money | None
    bounds: Bounds
    period_days: int


def search_products(
    engine: Engine,
    search: str = "",
    *,
    category: str = "",
    by: Literal["sku", "title", "category", "brand"] = "sku",
    descending: bool = False,
    offset: int = 0,
    limit: int = 50,
) -> ProductPage:
    """Products by a part of their SKU, title or GTIN."""
    with reading(engine) as conn:
        return ProductPage(
            *find_products(
                conn,
                search,
                category=category,
                by=by,
                descending=descending,
                offset=offset,
                limit=limit,
            )
        )


def all_markets(engine: Engine) -> tuple[Market, ...]:
    """All markets, sorted by code."""
    with reading(engine) as conn:
        return list_markets(conn)


def view_product(
    engine: Engine, sku: str, market: str, *, now: datetime, offer_max_age: timedelta
) -> ProductView:
    """One product in a market, and why its price is what it is.

    Args:
        engine: the database.
        sku: the product.
        market: where.
        now: the time, UTC.
        offer_max_age: competitors' prices older than this do not count in a decision.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
    """
    with reading(engine) as conn:
        product, place = read_product(conn, sku), _market(conn, market)
        changes = price_history(conn, sku, market)
        stored = _decision(conn, sku, market)
        draft = draft_of_version(conn, changes[-1].version) if changes else None
        amendment = None
        if draft is not None and changes[-1].run_id is None:
            mine = (item for item in amendments_of(conn, draft.draft_id))
            amendment = next((x for x in mine if (x.sku, x.market) == (sku, market)), None)
        told = {draft.created_by, *(x.approved_by for x in draft.approvals)} if draft else set()
        told |= {amendment.amended_by} if amendment else set()
        known = names_of(conn, told)
        curve = None if stored is None else _curve(conn, stored, sku, market)
        return ProductView(
            product=product,
            market=place,
            markets=list_markets(conn),
            changes=changes,
            stored=stored,
            bounds=None if stored is None else _bounds(stored, place.currency),
            curve=curve,
            offers=_offers(conn, sku, market, now - offer_max_age),
            draft=draft,
            amendment=amendment,
            expected=_expected(stored),
            names={actor: known.get(actor, actor) for actor in told},
        )


def price_times(engine: Engine, sku: str, market: str, *, now: datetime) -> PriceTimes:
    """Our price and theirs over the last 180 days, and what was sold.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
    """
    since = now - USUAL_WINDOW
    with reading(engine) as conn:
        sales = read_sales(conn, skus=[sku], market=market, since=since.date())
        return PriceTimes(
            market=_market(conn, market),
            changes=price_history(conn, sku, market),
            record=price_record(conn, sku, market, since=since, until=now),
            units=sales[["period_start", "units"]],
        )


def view_demand(engine: Engine, sku: str, market: str) -> DemandView | None:
    """The curve behind the newest decision, what it brings at each price, and what was observed.

    Returns:
        None where no run decided, or it had no curve.

    Raises:
        UnknownProduct, UnknownMarket: no such product or market.
    """
    with reading(engine) as conn:
        place = _market(conn, market)
        stored = _decision(conn, sku, market)
        curve = None if stored is None else _curve(conn, stored, sku, market)
        if stored is None or curve is None:
            return None
        changes = price_history(conn, sku, market)
        sales = read_sales(conn, skus=[sku], market=market)
    in_force = changes[-1].price if changes else None
    bounds, decided = _bounds(stored, place.currency), stored.decision.price
    sold = sales[(sales["units"] > 0) & sales["price"].notna()]
    observed = sold[["price", "units"]].to_numpy(dtype=np.float64).T
    matter = [money for money in (in_force, decided, stored.decision.previous) if money is not None]
    scale = 10.0 ** decimals(place.currency)
    prices = [money.minor / scale for money in matter]
    prices += [float(value) for value in observed[0]]
    if not prices:
        return None
    centre = float(np.median(prices))
    edges = [bounds.lower, bounds.upper, bounds.law_lower, bounds.law_upper]
    near = [edge.minor / scale for edge in edges if edge is not None]
    prices += [edge for edge in near if centre / _FAR < edge < centre * _FAR]
    grid = np.linspace(min(prices) * (1.0 - _WIDE), max(prices) * (1.0 + _WIDE), _POINTS)
    return DemandView(
        market=place,
        response=price_response(stored.row.catalogue, curve.demand, grid),
        observed=observed,
        in_force=in_force,
        decided=decided,
        bounds=bounds,
        period_days=curve.provenance.period_days,
    )


def _market(conn: Connection, code: str) -> Market:
    for market in list_markets(conn):
        if market.code == code:
            return market
    raise UnknownMarket(f"there is no market {code!r}")


def _decision(conn: Connection, sku: str, market: str) -> StoredDecision | None:
    try:
        return decision_of(conn, sku, market, PUBLIC)
    except DecisionNotFound:
        return None


def _curve(conn: Connection, stored: StoredDecision, sku: str, market: str) -> FittedCurves | None:
    if stored.fit_id is None:
        return None
    try:
        curve = curve_of(conn, stored.fit_id, sku, market)
    except FitNotFound:
        return None
    return curve if len(curve) and curve.demand.known[0] else None


def _expected(stored: StoredDecision | None) -> Expected | None:
    """By the decision's own figures: money follows units, at what a unit brings."""
    if stored is None or not stored.decision.units > 0:
        return None
    decision = stored.decision
    ends = np.array([decision.units_low, decision.units_high]) / decision.units
    revenue, profit = decision.revenue * ends, np.sort(decision.profit * ends)
    return Expected((float(revenue[0]), float(revenue[1])), (float(profit[0]), float(profit[1])))


def _bounds(stored: StoredDecision, currency: str) -> Bounds:
    row = stored.row
    legal = row.legal

    def money(minor: int) -> Money | None:
        return None if minor in (UNKNOWN, NO_CAP) or minor <= 1 else Money(minor, currency)

    return Bounds(
        lower=money(int(row.lower[0])),
        upper=money(int(row.upper[0])),
        law_lower=None if legal is None else money(int(legal.lower[0])),
        law_upper=None if legal is None else money(int(legal.upper[0])),
        article="" if legal is None else legal.article[0],
    )


def _offers(conn: Connection, sku: str, market: str, oldest: datetime) -> tuple[SeenOffer, ...]:
    newest: dict[tuple[str, str], StoredOffer] = {}
    for stored in offers_of(conn, sku, market, limit=_OFFERS):
        newest.setdefault((stored.site, stored.offer.url), stored)
    return tuple(
        SeenOffer(stored, stored.offer.observed_at >= oldest) for stored in newest.values()
    )
