"""What was charged when, as the law reads it: prices in force, and prices of sales."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from models.arrays import IntArray, StrArray
from pricing.catalogue import UNKNOWN
from pricing.law.price_history import PriceHistory, TimeArray, instant, local_midnight
from pricing.price_book import PUBLIC
from storage.bulk import read_columns
from storage.prices.price_books import KEY, version_at
from storage.products.keys import skus_of
from storage.products.markets import list_markets, market_id
from storage.products.products import chosen_products
from storage.tables import price_book_entries as entries
from storage.tables import price_books as books
from storage.tables import sales

_DAY = 86_400

OF_BOOK: Final = "price book "
"""How the source of a row begins that comes from a price book."""


def applied_prices(
    conn: Connection,
    market: str,
    *,
    skus: Collection[str] | None = None,
    since: datetime | None = None,
) -> tuple[StrArray, PriceHistory]:
    """Every public price that was in force in a market.

    From the first price book on, what the books said. Before it, what each period of the sales
    history says was asked: the lower of the price paid and the regular price, in whole minor units
    downward. A period is one row, so a price that applied for a part of it only shows in its mean.

    Args:
        conn: an open transaction.
        market: market code.
        skus: these products only.
        since: what was in force before this time is not asked for, so that a long history need not
            be read; the price in force at it stands as one row of the book of that time.

    Returns:
        (n,) SKUs, sorted, and their history with keys in that order.

    Raises:
        UnknownMarket: there is no such market.
    """
    number, zone = _place(conn, market)
    chosen = chosen_products(conn, skus=skus)
    base = None if since is None else version_at(conn, since)
    product, version, price = _in_books(conn, number, chosen, base)
    versions, place = np.unique(version, return_inverse=True)
    moments = _published(conn, versions)
    since_of = moments[place]
    source = np.array([f"{OF_BOOK}{value}" for value in versions.tolist()], dtype=np.str_)[place]

    sold, day, units, revenue, regular = _sales(conn, number, chosen, unless_in=base)
    asked = _asked(units, revenue, regular)
    started = _midnights(day, zone)
    before = started < _first_book(sold, product, since_of)
    keep = before & (asked != UNKNOWN)
    told = np.char.add("sales of ", day.astype(str)) if len(day) else np.empty(0, "U1")
    return _history(
        conn,
        np.concatenate([product, sold[keep]]),
        np.concatenate([since_of, started[keep]]),
        np.concatenate([price, asked[keep]]),
        np.concatenate([source, told[keep]]),
    )


def aligned(skus: StrArray, history: PriceHistory, wanted: StrArray) -> PriceHistory:
    """The histories of other SKUs, in their order; empty where nothing is on record.

    Args:
        skus: (n,) SKUs of the history's keys, sorted.
        history: as `applied_prices` and `transactions` give it.
        wanted: (m,) SKUs asked for.
    """
    if len(skus) == 0:
        return history.take(np.full(len(wanted), -1))
    found = np.minimum(np.searchsorted(skus, wanted), len(skus) - 1)
    return history.take(np.where(skus[found] == wanted, found, -1))


def _in_books(
    conn: Connection, market: int, chosen: sa.Select[int] | None, base: int | None
) -> list[IntArray]:
    """product, version, price of every public entry; as of `base` one row a product before it."""
    later = sa.select(entries.c.product_id, entries.c.version, entries.c.price_minor).where(
        entries.c.market_id == market, entries.c.tier == PUBLIC
    )
    queries = [later if base is None else later.where(entries.c.version > base)]
    if base is not None:
        earlier, later_one = entries.alias("earlier"), entries.alias("later_one")
        overtaken = sa.exists().where(
            *(later_one.c[name] == earlier.c[name] for name in KEY),
            later_one.c.version > earlier.c.version,
            later_one.c.version <= base,
        )
        queries.append(
            sa.select(earlier.c.product_id, sa.literal(base), earlier.c.price_minor).where(
                earlier.c.market_id == market,
                earlier.c.tier == PUBLIC,
                earlier.c.version <= base,
                ~overtaken,
            )
        )
    if chosen is not None:
        queries = [query.where(query.selected_columns[0].in_(chosen)) for query in queries]
    found = [read_columns(conn, query, ("int", "int", "money")) for query in queries]
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _published(conn: Connection, versions: IntArray) -> TimeArray:
    """(n,) when each version went live."""
    query = sa.select(books.c.version, books.c.published_at)
    moments = {row.version: instant(row.published_at) for row in conn.execute(query)}
    return np.array([moments[value] for value in versions.tolist()], dtype="datetime64[s]")


def _first_book(sold: IntArray, product: IntArray, since: TimeArray) -> TimeArray:
    """(m,) when a book first named each product sold; far ahead where none did."""
    end = np.datetime64("9999-12-31", "s")
    if not len(product):
        return np.full(len(sold), end)
    order = np.lexsort((since, product))
    names, first = np.unique(product[order], return_index=True)
    place = np.minimum(np.searchsorted(names, sold), len(names) - 1)
    return np.where(names[place] == sold, since[order][first][place], end)


def transactions(
    conn: Connection, market: str, *, skus: Collection[str] | None = None
) -> tuple[StrArray, PriceHistory]:
    """Every price at which something was sold in a market, over the period of its sale.

    The mean of a period stands for its transactions, rounded down; import sales by the day where
    the law looks at days.

    Args:
        conn: an open transaction.
        market: market code.
        skus: these products only.

    Returns:
        (n,) SKUs, sorted, and their history with keys in that order; UNKNOWN between sales.

    Raises:
        UnknownMarket: there is no such market.
    """
    number, zone = _place(conn, market)
    product, day, units, revenue, _ = _sales(conn, number, chosen_products(conn, skus=skus))
    sold = (units > 0) & (revenue > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        price = np.where(sold, np.floor(revenue / units), UNKNOWN).astype(np.int64)
    price = np.where(sold & (price < 1), 1, price)
    days = np.unique(day)
    length = int(np.diff(days.astype(np.int64)).min()) if len(days) > 1 else 1
    ends = day + np.timedelta64(length, "D")
    # The end comes first: where the next period begins at once, its row is the later one.
    return _history(
        conn,
        np.concatenate([product, product]),
        np.concatenate([_midnights(ends, zone), _midnights(day, zone)]),
        np.concatenate([np.full(len(product), UNKNOWN), price]),
        np.concatenate(
            [
                np.full(len(product), "", dtype=np.str_),
                np.char.add("sold in the period of ", day.astype(str))
                if len(day)
                else np.empty(0, "U1"),
            ]
        ),
    )


def _place(conn: Connection, market: str) -> tuple[int, ZoneInfo]:
    number = market_id(conn, market)
    zones = {item.code: item.time_zone for item in list_markets(conn)}
    return number, ZoneInfo(zones[market])


def _sales(
    conn: Connection,
    market: int,
    chosen: sa.Select[int] | None,
    *,
    unless_in: int | None = None,
) -> list[NDArray[Any]]:
    """product, day, units, revenue, regular price (NaN where unknown).

    Not of products that the price book `unless_in` had named by then: its prices count for them.
    """
    query = sa.select(
        sales.c.product_id,
        sales.c.period_start,
        sales.c.units,
        sales.c.revenue_minor,
        sales.c.regular_price_minor,
    ).where(sales.c.market_id == market)
    if chosen is not None:
        query = query.where(sales.c.product_id.in_(chosen))
    if unless_in is not None:
        named = sa.select(entries.c.product_id).where(
            entries.c.product_id == sales.c.product_id,
            entries.c.market_id == market,
            entries.c.tier == PUBLIC,
            entries.c.version <= unless_in,
        )
        query = query.where(~named.exists())
    return read_columns(conn, query, ("int", "day", "float", "float", "float"))


def _asked(
    units: NDArray[np.float64], revenue: NDArray[np.float64], regular: NDArray[np.float64]
) -> IntArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        paid = np.where((units > 0) & (revenue > 0), np.floor(revenue / units), np.nan)
    lower = np.fmin(paid, regular)
    return np.where(lower >= 1, np.nan_to_num(lower), UNKNOWN).astype(np.int64)


def _midnights(day: NDArray[Any], zone: ZoneInfo) -> TimeArray:
    distinct, place = np.unique(day, return_inverse=True)
    starts = np.array(
        [instant(local_midnight(value, zone)) for value in distinct.tolist()],
        dtype="datetime64[s]",
    )
    return starts[place]


def _history(
    conn: Connection, product: IntArray, since: TimeArray, price: IntArray, source: StrArray
) -> tuple[StrArray, PriceHistory]:
    numbers = np.unique(product)
    names = skus_of(conn, numbers)
    order = np.argsort(names)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    key = rank[np.searchsorted(numbers, product)]
    made = PriceHistory.of(len(numbers), key=key, since=since, price=price, source=source)
    return names[order], made
