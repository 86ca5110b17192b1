"""Sales history with the cost of its day: what demand is learned from."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pricing.currencies import decimals
from storage.bulk import read_columns
from storage.products.costs import COST_MINOR
from storage.products.dated import values_on
from storage.products.markets import list_markets, market_id, market_ids
from storage.products.product_frame import product_frame
from storage.products.products import chosen_products
from storage.tables import costs
from storage.tables import sales as table


def read_sales(
    conn: Connection,
    *,
    market: str | None = None,
    category: str | None = None,
    skus: Collection[str] | None = None,
    since: date | None = None,
    until: date | None = None,
) -> pd.DataFrame:
    """Sales with what was charged, what it cost, and what was going on.

    Args:
        conn: an open transaction.
        market: only this market.
        category: only products of this category.
        skus: only these products.
        since: first period start that counts.
        until: last period start that counts.

    Returns:
        One row a (sku, market, period), sorted by these: `sku`, `market`, `category`, `brand`
        (text, `""` for no brand), `period_start` (datetime64), `units`, `price` (revenue a unit, or
        the regular price where nothing was sold), `regular_price`, `deal`, `feature`, `display`
        (shares 0..1), `stock_out` (bool), `cost` (valid on `period_start`). Money is float in major
        units; NaN is unknown.

    Raises:
        UnknownMarket: there is no such market.
    """
    query = sa.select(
        table.c.product_id,
        table.c.market_id,
        table.c.period_start,
        table.c.units,
        table.c.revenue_minor,
        table.c.regular_price_minor,
        table.c.deal,
        table.c.feature,
        table.c.display,
        table.c.stock_out,
    )
    if market is not None:
        query = query.where(table.c.market_id == market_id(conn, market))
    if since is not None:
        query = query.where(table.c.period_start >= since)
    if until is not None:
        query = query.where(table.c.period_start <= until)
    chosen = chosen_products(conn, category=category, skus=skus)
    if chosen is not None:
        query = query.where(table.c.product_id.in_(chosen))
    product, place, day, units, revenue, regular, deal, feature, display, out = read_columns(
        conn,
        query,
        ("int", "int", "day", "float", "float", "float", "float", "float", "float", "bool"),
    )
    names = product_frame(conn, chosen)
    codes = {number: code for code, number in market_ids(conn).items()}
    scales = {item.code: 10.0 ** decimals(item.currency) for item in list_markets(conn)}
    market_numbers, market_rows = np.unique(place, return_inverse=True)
    market_names = [codes[number] for number in market_numbers.tolist()]
    scale = np.array([scales[code] for code in market_names])[market_rows] if len(place) else place
    product_rows = names.index.get_indexer(pd.Index(product))
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = np.where(units > 0, revenue / units, regular) / scale
    cost = values_on(conn, costs.c.valid_from, COST_MINOR, product, place, day, chosen) / scale
    # `names` is sorted by SKU, so its rows sort as SKUs do, and numbers sort faster than text.
    market_rank = np.argsort(np.argsort(market_names))[market_rows] if market_names else market_rows
    order = np.lexsort((day, market_rank, product_rows))
    rows = product_rows[order]
    return pd.DataFrame(
        {
            "sku": names["sku"].array[rows],
            "market": pd.array(market_names, dtype="str")[market_rows[order]],
            "category": names["category"].array[rows],
            "brand": names["brand"].array[rows],
            "period_start": day[order].astype("datetime64[s]"),
            "units": units[order],
            "price": paid[order],
            "regular_price": (regular / scale)[order],
            "deal": deal[order],
            "feature": feature[order],
            "display": display[order],
            "stock_out": out[order],
            "cost": cost[order],
        }
    )


def sales_window(conn: Connection) -> tuple[date, date] | None:
    """First and last period start on record; None before the first import."""
    query = sa.select(sa.func.min(table.c.period_start), sa.func.max(table.c.period_start))
    first, last = conn.execute(query).one()
    return None if first is None else (first, last)
