"""The catalogue as it stood at a time: prices in force, costs, stock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import BoolArray, IntArray
from pricing.catalogue import Catalogue, Labels
from storage.bulk import read_columns
from storage.decision_inputs.limit_inputs import (
    Keys,
    KnownCosts,
    costs_in_force,
    limits_in_force,
    recent_sales,
    stock_on_hand,
)
from storage.decision_inputs.trusted_costs import costs_trusted
from storage.prices.price_ages import price_ages
from storage.prices.price_books import prices_at, version_at
from storage.products.keys import key_ids
from storage.products.markets import list_markets, market_id, market_ids
from storage.products.product_frame import product_frame
from storage.products.products import chosen_products
from storage.tables import products, sales


def read_catalogue(
    conn: Connection,
    *,
    at: datetime,
    market: str | None = None,
    category: str | None = None,
    skus: Collection[str] | None = None,
) -> Catalogue:
    """Every (product, market) that had a price at a time, sorted by (sku, market).

    The price is that of the price book in force; before there was one, the newest regular price
    on record, or what was paid where no regular price is known. Costs, stock and price limits are
    the newest up to the market's local date. Earlier prices and their times are those of price
    books. Inputs are as old as the market's newest sales, or a cost that says it is older.

    Args:
        conn: an open transaction.
        at: the time, aware.
        market: only this market.
        category: only products of this category.
        skus: only these products.

    Raises:
        UnknownMarket: there is no such market.
    """
    places = {item.code: item for item in list_markets(conn)}
    codes = {number: code for code, number in market_ids(conn).items()}
    local_day = {
        number: np.datetime64(at.astimezone(ZoneInfo(places[code].time_zone)).date(), "D")
        for number, code in codes.items()
    }
    chosen = chosen_products(conn, category=category, skus=skus)
    until = max(local_day.values(), default=np.datetime64(at.date(), "D")).item()
    product, place, price, sold = _prices(
        conn,
        version=version_at(conn, at),
        until=until,
        market=None if market is None else market_id(conn, market),
        chosen=chosen,
    )
    names = product_frame(conn, chosen)
    rows = names.index.get_indexer(pd.Index(product))
    market_numbers, market_rows = np.unique(place, return_inverse=True)
    market_codes = np.array([codes[number] for number in market_numbers.tolist()], dtype=np.str_)
    order = np.lexsort((market_codes[market_rows], rows)) if len(rows) else rows
    product, place, price, rows = product[order], place[order], price[order], rows[order]
    labels = Labels.of(market_codes[market_rows][order] if len(rows) else ())
    keys = Keys(
        product=product,
        place=place,
        market=labels.codes,
        markets=[places[name] for name in labels.names],
        day=np.array([local_day[number] for number in place.tolist()], dtype="datetime64[D]"),
        chosen=chosen,
    )
    cost = costs_in_force(conn, keys)
    stock, expires_at = stock_on_hand(conn, keys)
    return Catalogue(
        sku=names["sku"].to_numpy(dtype=np.str_)[rows],
        market=labels,
        markets=tuple(places[name] for name in labels.names),
        category=Labels.of(names["category"].to_numpy(dtype=np.str_)[rows]),
        brand=Labels.of(names["brand"].to_numpy(dtype=np.str_)[rows]),
        price=price,
        cost=cost.cost,
        stock=stock,
        kvi=names["kvi"].to_numpy(dtype=np.bool_)[rows],
        pack_size=names["pack_size"].to_numpy(dtype=np.float64)[rows],
        money_currency=cost.currency,
        expires_at=expires_at,
        **_limits_and_ages(conn, keys, cost, sold[order], at=at, until=until),
    )


def with_inputs(conn: Connection, catalogue: Catalogue, *, at: datetime) -> Catalogue:
    """A catalogue with what limits and strategies read as it stood at a time.

    For decisions read from the database, which keep prices, costs and stock, and not the rest.
    """
    product, place = key_ids(conn, catalogue.sku, catalogue.market.values())
    local = [
        np.datetime64(at.astimezone(ZoneInfo(market.time_zone)).date(), "D")
        for market in catalogue.markets
    ]
    chosen = chosen_products(conn, skus=catalogue.sku.tolist())
    keys = Keys(
        product=product,
        place=place,
        market=catalogue.market.codes,
        markets=catalogue.markets,
        day=np.array(local, dtype="datetime64[D]")[catalogue.market.codes],
        chosen=chosen,
    )
    until = max(local, default=np.datetime64(at.date(), "D")).item()
    names = product_frame(conn, chosen)
    rows = names.index.get_indexer(pd.Index(product))
    cost = costs_in_force(conn, keys)
    _, expires_at = stock_on_hand(conn, keys)
    on_record = sa.select(sales.c.product_id, sales.c.market_id).where(
        sales.c.product_id.in_(sa.select(products.c.product_id) if chosen is None else chosen),
        sales.c.period_start <= until,
    )
    sold = pd.MultiIndex.from_arrays(read_columns(conn, on_record.distinct(), ("int", "int")))
    before = np.asarray(pd.MultiIndex.from_arrays([product, place]).isin(sold))
    return replace(
        catalogue,
        kvi=names["kvi"].to_numpy(dtype=np.bool_)[rows],
        pack_size=names["pack_size"].to_numpy(dtype=np.float64)[rows],
        money_currency=cost.currency,
        expires_at=expires_at,
        **_limits_and_ages(conn, keys, cost, before, at=at, until=until),
    )


def _limits_and_ages(
    conn: Connection,
    keys: Keys,
    cost: KnownCosts,
    sold: BoolArray,
    *,
    at: datetime,
    until: date,
) -> dict[str, Any]:
    """Columns of a catalogue: price limits, earlier prices, how old inputs are, recent sales."""
    recent, sales_end = recent_sales(conn, keys, sold, until=until)
    ages = price_ages(conn, keys.product, keys.place, at=at)
    return {
        **limits_in_force(conn, keys),
        "price_day_ago": ages.day_ago,
        "price_week_ago": ages.week_ago,
        "changed_at": ages.changed_at,
        "inputs_at": np.fmin(cost.as_of, sales_end),
        "trusted_cost": costs_trusted(conn, keys, at=at),
        "recent_units": recent,
    }


def _prices(
    conn: Connection,
    *,
    version: int | None,
    until: date,
    market: int | None,
    chosen: sa.Select[int] | None,
) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    """Product, market, price of every pair that has one, and whether sales of it are on record.

    The book's price comes first, else that of the sales.
    """
    paid = sa.cast(sa.func.round(sales.c.revenue_minor / sales.c.units), sa.BigInteger)
    priced = (sales.c.regular_price_minor.is_not(None)) | (
        (sales.c.units > 0) & (sales.c.revenue_minor > 0)
    )
    newest = (
        sa.select(
            sales.c.product_id, sales.c.market_id, sa.func.max(sales.c.period_start).label("day")
        )
        .where(sales.c.period_start <= until, priced)
        .group_by(sales.c.product_id, sales.c.market_id)
    )
    if market is not None:
        newest = newest.where(sales.c.market_id == market)
    if chosen is not None:
        newest = newest.where(sales.c.product_id.in_(chosen))
    last = newest.subquery()
    from_sales = sa.select(
        sales.c.product_id,
        sales.c.market_id,
        sa.func.coalesce(sales.c.regular_price_minor, paid),
    ).join_from(
        sales,
        last,
        (last.c.product_id == sales.c.product_id)
        & (last.c.market_id == sales.c.market_id)
        & (last.c.day == sales.c.period_start),
    )
    found = [read_columns(conn, from_sales, ("int", "int", "int"))]
    sold = pd.MultiIndex.from_arrays(found[0][:2])
    if version is not None:
        book = prices_at(version)
        in_force = sa.select(book.c.product_id, book.c.market_id, book.c.price_minor)
        if market is not None:
            in_force = in_force.where(book.c.market_id == market)
        if chosen is not None:
            in_force = in_force.where(book.c.product_id.in_(chosen))
        found.insert(0, read_columns(conn, in_force, ("int", "int", "int")))
    product, place, price = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # The book comes first, so its price is the one that is kept.
    pairs = pd.MultiIndex.from_arrays([product, place])
    kept = ~pairs.duplicated() & (price > 0)
    return product[kept], place[kept], price[kept], np.asarray(pairs[kept].isin(sold))
