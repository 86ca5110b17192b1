"""What a cart must know of its products, beside their prices."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import Market
from storage.bulk import listed
from storage.errors import UnknownMarket
from storage.products.costs import COST_MINOR
from storage.products.markets import list_markets, market_id
from storage.tables import costs, price_limits, products


@dataclass(frozen=True, slots=True)
class CartFacts:
    """One product in one market.

    Attributes:
        category: a path such as `shoes/sneakers`.
        brand: empty for none.
        cost_minor: without tax, in force on the day; None where nobody knows.
        lowest_minor: lowest price that is allowed on the day, tax included: the owner's minimum,
            and the minimum advertised price where that binds; 0 for none.
    """

    category: str
    brand: str
    cost_minor: int | None
    lowest_minor: int = 0


def market_by_code(conn: Connection, code: str) -> Market:
    """One market.

    Raises:
        UnknownMarket: there is no such market.
    """
    for market in list_markets(conn):
        if market.code == code:
            return market
    raise UnknownMarket(f"there is no market {code!r}")


def cart_facts(
    conn: Connection,
    market: Market,
    skus: Collection[str],
    *,
    at: datetime,
    map_binds: bool = False,
) -> dict[str, CartFacts]:
    """Facts by SKU; products that are not stored are left out.

    Args:
        conn: an open transaction.
        market: where.
        skus: of which products.
        at: a moment of the day.
        map_binds: whether a minimum advertised price is a floor here.

    Raises:
        UnknownMarket: there is no such market.
    """
    day = at.astimezone(ZoneInfo(market.time_zone)).date()
    number = market_id(conn, market.code)
    newest = (
        sa.select(COST_MINOR)
        .where(
            costs.c.product_id == products.c.product_id,
            costs.c.market_id == number,
            costs.c.valid_from <= day,
        )
        .order_by(costs.c.valid_from.desc())
        .limit(1)
        .correlate(products)
        .scalar_subquery()
    )
    query = sa.select(
        products.c.sku,
        products.c.category,
        sa.func.coalesce(products.c.brand, ""),
        newest,
        _lowest(number, day, map_binds=map_binds),
    ).where(products.c.sku.in_(listed(conn, skus)))
    return {row[0]: CartFacts(row[1], row[2], row[3], row[4] or 0) for row in conn.execute(query)}


def _lowest(market: int, day: date, *, map_binds: bool) -> sa.ScalarSelect[int]:
    """The lowest price that the limits in force allow, as a part of a query over products."""
    minimum = sa.func.coalesce(price_limits.c.minimum_minor, 0)
    advertised = sa.func.coalesce(price_limits.c.map_minor, 0)
    lowest = sa.case((advertised > minimum, advertised), else_=minimum) if map_binds else minimum
    return (
        sa.select(lowest)
        .where(
            price_limits.c.product_id == products.c.product_id,
            price_limits.c.market_id == market,
            price_limits.c.valid_from <= day,
        )
        .order_by(price_limits.c.valid_from.desc())
        .limit(1)
        .correlate(products)
        .scalar_subquery()
    )
