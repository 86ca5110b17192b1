"""Look at the competitors of a market: the record of one product, and the analysis of all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy.engine import Connection

from models.competitors.cadence import GRACE
from models.competitors.history import price_spans
from models.competitors.panel import rival_panel
from models.competitors.record import MarketAnalysis, analyse_market
from pricing.catalogue import UNKNOWN
from pricing.currencies import decimals
from scrapers.cadence import site_cadence
from scrapers.errors import InvalidSites
from scrapers.sites import site_from
from storage.competitors.crawl_times import crawl_starts
from storage.competitors.sightings import sightings
from storage.competitors.sites import site_definitions
from storage.prices.charged_prices import applied_prices
from storage.products.markets import list_markets, market_id
from storage.products.products import all_products, product_id

USUAL_WINDOW: Final = timedelta(days=180)
"""How far the analysis looks back where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class PriceRecord:
    """What is known of one product's price at the competitors of a market.

    Attributes:
        currency: of all prices; offers in another one are left out.
        spans: of `models.competitors.history.price_spans`; gaps are rows without a price.
        cadence: time between two looks, by competitor.
        since, until: what the record covers.
    """

    sku: str
    market: str
    currency: str
    spans: pd.DataFrame
    cadence: Mapping[str, timedelta]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class MarketReport:
    """An analysis with what it was made of.

    Attributes:
        category: None for all.
        looks: sightings it rests on, those without a price among them.
        products: products of ours that have a price and so can be compared.
        cadence: time between two looks, by competitor.
        notes: what a reader should know before the figures.
    """

    market: str
    category: str | None
    analysis: MarketAnalysis
    looks: int
    products: int
    cadence: Mapping[str, timedelta]
    notes: tuple[str, ...]


def price_record(
    conn: Connection, sku: str, market: str, *, since: datetime, until: datetime
) -> PriceRecord:
    """The record of one product's price at every competitor of a market.

    Args:
        conn: an open transaction.
        sku: our product.
        market: market code.
        since: how far back, aware.
        until: now, aware.

    Raises:
        UnknownProduct: no product has this SKU.
        UnknownMarket: there is no such market.
    """
    product_id(conn, sku)
    cadence = cadences(conn, market)
    seen = sightings(conn, market, since=_reaching(since, cadence), skus=[sku])
    spans = price_spans(seen, cadence, until=until)
    begin = _naive(since)
    spans = spans[spans["end"] > begin]
    spans = spans.assign(start=spans["start"].where(spans["start"] > begin, begin))
    return PriceRecord(
        sku, market, _currency(conn, market), spans.reset_index(drop=True), cadence, since, until
    )


def market_report(
    conn: Connection,
    market: str,
    *,
    category: str | None = None,
    since: datetime,
    until: datetime,
    within: int = 7,
) -> MarketReport:
    """The analysis of a market's competitors.

    Args:
        conn: an open transaction.
        market: market code.
        category: only our products of this one.
        since: how far back, aware.
        until: now, aware.
        within: days in which a change counts as following another.

    Raises:
        UnknownMarket: there is no such market.
        InvalidPanel: `since` lies ahead of `until`.
        InvalidSpec: `within` is out of range.
    """
    market_id(conn, market)
    currency = _currency(conn, market)
    cadence = cadences(conn, market)
    sku, history = applied_prices(conn, market)
    places = {
        product.sku: product.category
        for product in all_products(conn)
        if category in {None, product.category}
    }
    priced = {name: places[name] for name in sku.tolist() if name in places}
    seen = sightings(conn, market, since=_reaching(since, cadence), category=category)
    spans = price_spans(seen, cadence, until=until)
    now = np.datetime64(_naive(until), "us")
    ends = np.minimum(history.until, now.astype("datetime64[s]").astype(np.int64) + 1)
    scale = 10.0 ** decimals(currency)
    ours = pd.DataFrame(
        {
            "sku": sku[history.key],
            "start": history.since.astype("datetime64[us]"),
            "end": ends.astype("datetime64[s]").astype("datetime64[us]"),
            "price": history.price / scale,
        }
    )[history.price != UNKNOWN]
    panel = rival_panel(
        spans, ours, priced, cadence, since=since.astimezone(UTC).date(), until=until,
        decimals=decimals(currency),
    )  # fmt: skip
    return MarketReport(
        market=market,
        category=category,
        analysis=analyse_market(panel, within=within),
        looks=len(seen),
        products=len(priced),
        cadence=cadence,
        notes=_notes(market, category, cadence, seen, priced),
    )


def cadences(conn: Connection, market: str) -> dict[str, timedelta]:
    """Time between two looks at each site of a market: its schedule, else its crawls so far.

    Raises:
        UnknownMarket: there is no such market.
    """
    definitions = site_definitions(conn)
    found = {}
    for name, started in crawl_starts(conn, market).items():
        site = None
        if name in definitions:
            with suppress(InvalidSites):  # stored by another version: its crawls still tell
                site = site_from(definitions[name], f"site {name!r}")
        found[name] = site_cadence(site, started)
    return found


def _reaching(since: datetime, cadence: Mapping[str, timedelta]) -> datetime:
    """Early enough for the sighting that still speaks at the begin."""
    return since - GRACE * max(cadence.values(), default=timedelta(days=1))


def _naive(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment).tz_convert("UTC").tz_localize(None).as_unit("us")


def _currency(conn: Connection, market: str) -> str:
    return next(item.currency for item in list_markets(conn) if item.code == market)


def _notes(
    market: str,
    category: str | None,
    cadence: Mapping[str, timedelta],
    seen: pd.DataFrame,
    priced: Mapping[str, str],
) -> tuple[str, ...]:
    notes = []
    if not cadence:
        notes.append(f"no competitor of {market} is known; `pricewright sites add` makes one known")
    elif seen.empty:
        notes.append("no offer was matched to one of these products in this time")
    if not priced:
        where = f" in category {category!r}" if category else ""
        notes.append(f"none of our products{where} has a price in {market}")
    return tuple(notes)
