"""What we ask now, product by product: what a competitor's price is compared with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.money import Money
from storage.prices.price_books import prices_at, version_at
from storage.products.markets import list_markets, market_id
from storage.tables import products, sales


def asking_prices(
    conn: Connection, market: str, *, at: datetime, sku: str | None = None
) -> dict[str, Money]:
    """The price in force of every product of a market, or of one, by SKU.

    That of the price book; for products that no book holds, the newest regular price on record, or
    what was paid where no regular price is known.

    Args:
        conn: an open transaction.
        market: market code.
        at: the time, aware.
        sku: this product only.

    Raises:
        UnknownMarket: there is no such market.
    """
    place = market_id(conn, market)
    currency = next(item.currency for item in list_markets(conn) if item.code == market)
    asked = {
        row.sku: Money(row.price, currency) for row in conn.execute(_on_record(place, at, sku))
    }
    version = version_at(conn, at)
    if version is not None:
        book = prices_at(version)
        in_force = (
            sa.select(products.c.sku, book.c.price_minor.label("price"))
            .join_from(products, book, products.c.product_id == book.c.product_id)
            .where(book.c.market_id == place)
        )
        if sku is not None:
            in_force = in_force.where(products.c.sku == sku)
        asked |= {row.sku: Money(row.price, currency) for row in conn.execute(in_force)}
    return asked


def _on_record(market: int, at: datetime, sku: str | None) -> sa.Select[*tuple[Any, ...]]:
    """Newest regular or paid price of each product that was sold or offered, above zero."""
    paid = sa.cast(
        sa.func.round(sales.c.revenue_minor / sa.func.nullif(sales.c.units, 0)), sa.BigInteger
    )
    price = sa.func.coalesce(sales.c.regular_price_minor, paid)
    these = [sales.c.market_id == market, sales.c.period_start <= at.date(), price > 0]
    if sku is not None:
        one = sa.select(products.c.product_id).where(products.c.sku == sku)
        these.append(sales.c.product_id == one.scalar_subquery())
    newest = (
        sa.select(sales.c.product_id, sa.func.max(sales.c.period_start).label("day"))
        .where(*these)
        .group_by(sales.c.product_id)
        .subquery()
    )
    return (
        sa.select(products.c.sku, price.label("price"))
        .join_from(sales, newest, (newest.c.product_id == sales.c.product_id)
                   & (newest.c.day == sales.c.period_start))
        .join(products, products.c.product_id == sales.c.product_id)
        .where(sales.c.market_id == market)
    )  # fmt: skip
