"""What a cart must know of its products, beside their prices."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.catalogue import Market
from storage.bulk import listed
from storage.costs import COST_MINOR
from storage.errors import UnknownMarket
from storage.markets import list_markets, market_id
from storage.tables import costs, products


@dataclass(frozen=True, slots=True)
class CartFacts:
    """One product in one market.

    Attributes:
        category: a path such as `shoes/sneakers`.
        brand: empty for none.
        cost_minor: without tax, in force on the day; None where nobody knows.
    """

    category: str
    brand: str
    cost_minor: int | None


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
    conn: Connection, market: Market, skus: Collection[str], *, at: datetime
) -> dict[str, CartFacts]:
    """Facts by SKU; products that are not stored are left out.

    Raises:
        UnknownMarket: there is no such market.
    """
    day = at.astimezone(ZoneInfo(market.time_zone)).date()
    newest = (
        sa.select(COST_MINOR)
        .where(
            costs.c.product_id == products.c.product_id,
            costs.c.market_id == market_id(conn, market.code),
            costs.c.valid_from <= day,
        )
        .order_by(costs.c.valid_from.desc())
        .limit(1)
        .correlate(products)
        .scalar_subquery()
    )
    query = sa.select(
        products.c.sku, products.c.category, sa.func.coalesce(products.c.brand, ""), newest
    ).where(products.c.sku.in_(listed(conn, skus)))
    return {row[0]: CartFacts(row[1], row[2], row[3]) for row in conn.execute(query)}
