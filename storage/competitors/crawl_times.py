"""When sites were looked at, and when each of our products was last seen there."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.products.markets import market_id
from storage.tables import crawls, offers, products, sites


def crawl_starts(conn: Connection, market: str) -> dict[str, tuple[datetime, ...]]:
    """When the whole crawls of each site of a market began; a site without any has none.

    Crawls that were cut short by a limit, and prices that others reported, tell nothing about how
    often we look.

    Raises:
        UnknownMarket: there is no such market.
    """
    found: dict[str, tuple[datetime, ...]] = {}
    query = (
        sa.select(sites.c.name, crawls.c.started_at, crawls.c.report)
        .join_from(sites, crawls, crawls.c.site_id == sites.c.site_id, isouter=True)
        .where(sites.c.market_id == market_id(conn, market))
        .order_by(sites.c.name, crawls.c.crawl_id)
    )
    for row in conn.execute(query):
        counts = row.started_at is not None and bool((row.report or {}).get("whole"))
        found[row.name] = (*found.get(row.name, ()), *((row.started_at,) if counts else ()))
    return found


def newest_sightings(conn: Connection, site: str, *, since: datetime) -> dict[str, datetime]:
    """When each product of ours was last seen at a site, by SKU; those seen since a time.

    Args:
        conn: an open transaction.
        site: name of the competitor's site.
        since: products that were not seen since then are left out, aware.
    """
    query = (
        sa.select(products.c.sku, sa.func.max(offers.c.observed_at).label("at"))
        .join_from(offers, sites, offers.c.site_id == sites.c.site_id)
        .join(products, products.c.product_id == offers.c.product_id)
        .where(sites.c.name == site, offers.c.observed_at >= since)
        .group_by(products.c.sku)
    )
    return {row.sku: row.at for row in conn.execute(query)}
