"""What competitors ask: one row an observation, appended and never changed.

One that a person let count by mistake is taken back by `storage.competitors.quarantine`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from pricing.catalogue import UNKNOWN, Catalogue, CompetitorPrices
from pricing.money import Money
from storage.bulk import listed, read_columns
from storage.database import require_writer
from storage.errors import CrawlNotFound, InvalidRecord, UnknownSite
from storage.products.keys import key_ids
from storage.products.markets import market_id
from storage.products.products import product_id, product_ids
from storage.tables import crawls, markets, products, sites
from storage.tables import offers as table

BUYABLE: Final = ("in_stock", "limited")
"""The availabilities with which a competitor's price counts."""


@dataclass(frozen=True, slots=True)
class ObservedOffer:
    """One offer as it was seen on a competitor's page.

    Attributes:
        url: the page; within one crawl it stands for the offer.
        observed_at: when it was fetched, UTC.
        price: what a customer pays now.
        list_price: the struck-out price beside it.
        availability: `in_stock`, `out_of_stock`, `preorder`, ... ; `unknown` where not said.
        title: the competitor's title.
        source: which extractor found the price, such as `json_ld`.
        confidence: how sure it is, 0 to 1.
        sku: our product, where the offer was matched to one.
        match_method: how it was matched, such as `gtin`.
        match_score: how sure the match is, 0 to 1.
        gtin: as published, where it is valid.
        mpn: the maker's part number.
        site_sku: the competitor's own key.
        brand: as published.
        details: what else is known, as plain data: `condition`, `shipping`, `unit_price`,
            `seller`, `variant`, `valid_until`, `promotion`, `image`.
    """

    url: str
    observed_at: datetime
    price: Money
    availability: str
    title: str
    source: str
    confidence: float
    list_price: Money | None = None
    sku: str | None = None
    match_method: str | None = None
    match_score: float | None = None
    gtin: str | None = None
    mpn: str | None = None
    site_sku: str | None = None
    brand: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredOffer:
    """An observed offer with its place in the history.

    Attributes:
        offer_id: grows with time.
        site: name of the competitor's site.
        market: our market that the site competes in.
        offer: what was seen.
    """

    offer_id: int
    crawl_id: int
    site: str
    market: str
    offer: ObservedOffer


def append_offers(conn: Connection, crawl_id: int, offers: Sequence[ObservedOffer]) -> int:
    """Store what a crawl saw; returns how many offers were new.

    A URL counts once a crawl: sending a batch again after a failure stores nothing twice.

    Raises:
        CrawlNotFound: no crawl has this number.
        InvalidRecord: a price that is not above zero, two currencies in one offer, or a match to
            a SKU that is not stored.
        NotWriting: the transaction was opened to read.
    """
    require_writer(conn)
    if not offers:
        return 0
    place = conn.execute(
        sa.select(crawls.c.site_id, sites.c.market_id)
        .join_from(crawls, sites)
        .where(crawls.c.crawl_id == crawl_id)
    ).one_or_none()
    if place is None:
        raise CrawlNotFound(f"there is no crawl {crawl_id}")
    known = product_ids(conn, {offer.sku for offer in offers if offer.sku is not None})
    rows = [
        {
            "crawl_id": crawl_id,
            "site_id": place.site_id,
            "market_id": place.market_id,
            **_values(offer, known),
        }
        for offer in offers
    ]
    before = _count(conn, crawl_id)
    # One INSERT with many rows a time would have to be compiled for each size; executemany is not.
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing(index_elements=["crawl_id", "url"])
    conn.execute(statement, rows)
    return _count(conn, crawl_id) - before


def latest_offers(
    conn: Connection, site: str, *, urls: Collection[str] | None = None
) -> dict[str, StoredOffer]:
    """The newest observation of each URL of a site: of all, or of those asked for."""
    newest = (
        sa.select(sa.func.max(table.c.offer_id))
        .join_from(table, sites)
        .where(sites.c.name == site)
        .group_by(table.c.url)
    )
    if urls is not None:
        newest = newest.where(table.c.url.in_(listed(conn, urls)))
    rows = conn.execute(_stored().where(table.c.offer_id.in_(newest)))
    return {row.url: _stored_offer(row) for row in rows}


def offers_of_page(
    conn: Connection, site: str, url: str, *, since: datetime
) -> tuple[ObservedOffer, ...]:
    """What was believed of one page of a site from a time on, the oldest first."""
    query = (
        _stored()
        .where(sites.c.name == site, table.c.url == url, table.c.observed_at >= since)
        .order_by(table.c.observed_at, table.c.offer_id)
    )
    return tuple(_stored_offer(row).offer for row in conn.execute(query))


def offers_of(
    conn: Connection, sku: str, market: str, *, limit: int = 1000
) -> tuple[StoredOffer, ...]:
    """All observations of a product in a market, the newest first.

    Raises:
        UnknownProduct: no product has this SKU.
        UnknownMarket: there is no such market.
    """
    query = (
        _stored()
        .where(table.c.product_id == product_id(conn, sku))
        .where(table.c.market_id == market_id(conn, market))
        .order_by(table.c.observed_at.desc(), table.c.offer_id.desc())
        .limit(limit)
    )
    return tuple(_stored_offer(row) for row in conn.execute(query))


def competitor_prices(
    conn: Connection,
    catalogue: Catalogue,
    *,
    at: datetime,
    max_age: timedelta,
    named: Collection[str] = (),
) -> CompetitorPrices:
    """The lowest offer for each row of a catalogue, of what was known at a time.

    Of each URL only the last observation up to `at` counts, and only if it is matched, in stock,
    not older than `max_age`, and in the row's market and currency. The lowest offers of competitors
    that are `named`, by their sites, come beside.
    """
    product, market, price, count = _lowest(conn, at=at, max_age=max_age)
    # A crawl stores offers without ever asking this, and need not wait for pandas.
    import pandas as pd

    wanted = pd.MultiIndex.from_arrays(key_ids(conn, catalogue.sku, catalogue.market.values()))
    rows = pd.MultiIndex.from_arrays([product, market]).get_indexer(wanted)
    seen = rows >= 0
    lowest_price = np.full(len(catalogue), UNKNOWN, dtype=np.int64)
    offers = np.zeros(len(catalogue), dtype=np.int64)
    lowest_price[seen], offers[seen] = price[rows[seen]], count[rows[seen]]
    theirs = {}
    for name in sorted(named):
        product, market, price, _ = _lowest(conn, at=at, max_age=max_age, site=name)
        rows = pd.MultiIndex.from_arrays([product, market]).get_indexer(wanted)
        own = np.full(len(catalogue), UNKNOWN, dtype=np.int64)
        own[rows >= 0] = price[rows[rows >= 0]]
        theirs[name] = own
    return CompetitorPrices(lowest_price, offers, theirs)


def _lowest(
    conn: Connection, *, at: datetime, max_age: timedelta, site: str | None = None
) -> list[NDArray[Any]]:
    """Product, market, lowest usable offer and number of offers; of one site, or of all.

    Raises:
        UnknownSite: there is no site of this name.
    """
    last = (
        sa.select(sa.func.max(table.c.offer_id))
        .where(table.c.observed_at <= at, table.c.observed_at >= at - max_age)
        .group_by(table.c.site_id, table.c.url)
    )
    lowest = (
        sa.select(
            table.c.product_id,
            table.c.market_id,
            sa.func.min(table.c.price_minor),
            sa.func.count(),
        )
        .join_from(table, markets)
        .where(
            table.c.offer_id.in_(last),
            table.c.product_id.is_not(None),
            table.c.availability.in_(BUYABLE),
            table.c.currency == markets.c.currency,
        )
        .group_by(table.c.product_id, table.c.market_id)
    )
    if site is not None:
        number = conn.scalar(sa.select(sites.c.site_id).where(sites.c.name == site))
        if number is None:
            known = ", ".join(conn.scalars(sa.select(sites.c.name).order_by(sites.c.name)))
            raise UnknownSite(
                f"no competitor site is called {site!r}; there are: {known or 'none'}"
            )
        lowest = lowest.where(table.c.site_id == number)
    return read_columns(conn, lowest, ("int", "int", "int", "int"))


def _stored() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            table,
            sites.c.name.label("site"),
            markets.c.code.label("market"),
            products.c.sku,
        )
        .join_from(table, sites, table.c.site_id == sites.c.site_id)
        .join(markets, table.c.market_id == markets.c.market_id)
        .outerjoin(products, table.c.product_id == products.c.product_id)
    )


def _stored_offer(row: sa.Row[Any]) -> StoredOffer:
    listed = row.list_price_minor
    return StoredOffer(
        offer_id=row.offer_id,
        crawl_id=row.crawl_id,
        site=row.site,
        market=row.market,
        offer=ObservedOffer(
            url=row.url,
            observed_at=row.observed_at,
            price=Money(row.price_minor, row.currency),
            availability=row.availability,
            title=row.title,
            source=row.source,
            confidence=row.confidence,
            list_price=None if listed is None else Money(listed, row.currency),
            sku=row.sku,
            match_method=row.match_method,
            match_score=row.match_score,
            gtin=row.gtin,
            mpn=row.mpn,
            site_sku=row.site_sku,
            brand=row.brand,
            details=row.details or {},
        ),
    )


def _values(offer: ObservedOffer, known: dict[str, int]) -> dict[str, Any]:
    if offer.price.minor <= 0:
        raise InvalidRecord(f"offer {offer.url}: price {offer.price} is not above zero")
    if offer.list_price is not None and offer.list_price.currency != offer.price.currency:
        raise InvalidRecord(f"offer {offer.url}: list price and price are in two currencies")
    if offer.sku is not None and offer.sku not in known:
        raise InvalidRecord(f"offer {offer.url}: matched to {offer.sku!r}, which is not stored")
    return {
        "url": offer.url,
        "observed_at": offer.observed_at,
        "price_minor": offer.price.minor,
        "list_price_minor": None if offer.list_price is None else offer.list_price.minor,
        "currency": offer.price.currency,
        "availability": offer.availability,
        "gtin": offer.gtin,
        "mpn": offer.mpn,
        "site_sku": offer.site_sku,
        "brand": offer.brand,
        "title": offer.title,
        "product_id": None if offer.sku is None else known[offer.sku],
        "match_method": offer.match_method,
        "match_score": offer.match_score,
        "source": offer.source,
        "confidence": offer.confidence,
        "details": dict(offer.details),
    }


def _count(conn: Connection, crawl_id: int) -> int:
    query = sa.select(sa.func.count()).where(table.c.crawl_id == crawl_id)
    return conn.execute(query).scalar_one()
