"""Every look at a competitor's page of one of our products: prices, and looks that gave none."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.currencies import decimals
from storage.competitors.pages import HELD
from storage.competitors.tables import crawl_pages, quarantine
from storage.products.markets import list_markets, market_id
from storage.products.products import chosen_products
from storage.tables import crawls, offers, products, sites

GAPS: Final = ("missing", "blocked", "failed", "gone", HELD)
"""Outcomes of a page that should have given a price that counts and did not."""

_COLUMNS: Final = ("site", "url", "sku", "at", "state", "price", "list_price", "availability")


def sightings(
    conn: Connection,
    market: str,
    *,
    since: datetime,
    skus: Collection[str] | None = None,
    category: str | None = None,
) -> pd.DataFrame:
    """What was seen of our products at the competitors of a market.

    A look that gave no price counts for the product that was matched to its page last. An offer in
    another currency than the market's can not be compared and is left out.

    Args:
        conn: an open transaction.
        market: market code.
        since: nothing older, aware.
        skus: only these products of ours.
        category: only products of this category.

    Returns:
        One row a look: `site`, `url`, `sku`, `at` (datetime64[us], UTC), `state` (`observed`,
        `missing`, `blocked`, `failed`, `gone`, or `held` for a price in quarantine or dropped from
        it), `price`, `list_price` (major units, NaN for none), `availability`.

    Raises:
        UnknownMarket: there is no such market.
    """
    place = market_id(conn, market)
    currency = next(item.currency for item in list_markets(conn) if item.code == market)
    chosen = chosen_products(conn, skus=skus, category=category)
    matched = offers.c.market_id == place
    matched &= (
        offers.c.product_id.is_not(None) if chosen is None else offers.c.product_id.in_(chosen)
    )
    observed = (
        sa.select(
            sites.c.name,
            offers.c.url,
            products.c.sku,
            offers.c.observed_at,
            sa.literal("observed"),
            offers.c.price_minor,
            offers.c.list_price_minor,
            offers.c.availability,
        )
        .join_from(offers, sites, offers.c.site_id == sites.c.site_id)
        .join(products, offers.c.product_id == products.c.product_id)
        .where(matched, offers.c.currency == currency, offers.c.observed_at >= since)
    )
    owner = _owners(matched)
    nothing = (sa.null(), sa.null(), sa.literal(""))
    looked = (
        sa.select(
            sites.c.name, owner.c.url, products.c.sku, crawl_pages.c.done_at,
            crawl_pages.c.outcome, *nothing,
        )
        .join_from(crawl_pages, crawls, crawl_pages.c.crawl_id == crawls.c.crawl_id)
        .join(owner, (owner.c.site_id == crawls.c.site_id) & (owner.c.url == crawl_pages.c.url))
        .join(sites, sites.c.site_id == owner.c.site_id)
        .join(products, products.c.product_id == owner.c.product_id)
        .where(crawl_pages.c.outcome.in_(GAPS), crawl_pages.c.done_at >= since)
    )  # fmt: skip
    held = (
        sa.select(
            sites.c.name, owner.c.url, products.c.sku, quarantine.c.held_at,
            sa.literal(HELD), *nothing,
        )
        .join_from(
            quarantine,
            owner,
            (owner.c.site_id == quarantine.c.site_id) & (owner.c.url == quarantine.c.url),
        )
        .join(sites, sites.c.site_id == owner.c.site_id)
        .join(products, products.c.product_id == owner.c.product_id)
        .where(quarantine.c.status != "released", quarantine.c.held_at >= since)
    )  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for query in (observed, looked, held):
        rows += [tuple(row) for row in conn.execute(query)]
    found = _frame(rows, 10.0 ** decimals(currency))
    # A price that was held and let go since counts from when it was seen.
    return found.drop_duplicates(["site", "url", "at"], ignore_index=True)


def _owners(matched: sa.ColumnElement[bool]) -> sa.Subquery:
    """The product that was matched last to each page."""
    last = (
        sa.select(sa.func.max(offers.c.offer_id))
        .where(matched)
        .group_by(offers.c.site_id, offers.c.url)
    )
    return (
        sa.select(offers.c.site_id, offers.c.url, offers.c.product_id)
        .where(offers.c.offer_id.in_(last))
        .subquery("owner")
    )


def _frame(rows: list[tuple[Any, ...]], scale: float) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    moments = pd.to_datetime(frame["at"], utc=True).dt.tz_localize(None)
    text = dict.fromkeys(("site", "url", "sku", "state", "availability"), "str")
    return frame.astype(text).assign(
        at=moments.astype("datetime64[us]"),
        price=frame["price"].astype("float64") / scale,
        list_price=frame["list_price"].astype("float64") / scale,
    )
