"""Since when prices hold, and what they were before: what limits on the pace of changes rest on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from models.arrays import IntArray
from pricing.catalogue import UNKNOWN, TimeArray
from pricing.price_book import PUBLIC
from storage.bulk import read_columns
from storage.prices.price_books import prices_at, version_at
from storage.tables import price_book_entries, price_books


@dataclass(frozen=True, slots=True, eq=False)
class PriceAges:
    """What price books say of the prices in force, aligned to pairs of product and market.

    Attributes:
        day_ago: (n,) minor units 24 hours before; UNKNOWN where no book held one.
        week_ago: (n,) the same seven days before.
        changed_at: (n,) when the price in force was published; NaT where no book holds it.
    """

    day_ago: IntArray
    week_ago: IntArray
    changed_at: TimeArray


def price_ages(conn: Connection, product: IntArray, place: IntArray, *, at: datetime) -> PriceAges:
    """Ages of the public prices of these products in these markets at a time.

    Args:
        conn: an open transaction.
        product: (n,) product numbers.
        place: (n,) market numbers.
        at: the time, aware.
    """
    wanted = pd.MultiIndex.from_arrays([product, place])
    return PriceAges(
        day_ago=_prices_before(conn, wanted, at - timedelta(days=1)),
        week_ago=_prices_before(conn, wanted, at - timedelta(days=7)),
        changed_at=_changed_at(conn, wanted, at),
    )


def _prices_before(conn: Connection, wanted: pd.MultiIndex, at: datetime) -> IntArray:
    price = np.full(len(wanted), UNKNOWN, dtype=np.int64)
    version = version_at(conn, at)
    if version is not None:
        book = prices_at(version)
        query = sa.select(book.c.product_id, book.c.market_id, book.c.price_minor)
        product, place, then = read_columns(conn, query, ("int", "int", "int"))
        rows = pd.MultiIndex.from_arrays([product, place]).get_indexer(wanted)
        price[rows >= 0] = then[rows[rows >= 0]]
    return price


def _changed_at(conn: Connection, wanted: pd.MultiIndex, at: datetime) -> TimeArray:
    changed = np.full(len(wanted), np.datetime64("NaT"), dtype="datetime64[s]")
    version = version_at(conn, at)
    if version is None:
        return changed
    entries = price_book_entries
    query = (
        sa.select(entries.c.product_id, entries.c.market_id, sa.func.max(entries.c.version))
        .where(entries.c.tier == PUBLIC, entries.c.version <= version)
        .group_by(entries.c.product_id, entries.c.market_id)
    )
    product, place, last = read_columns(conn, query, ("int", "int", "int"))
    published = {
        row.version: np.datetime64(row.published_at.astimezone(UTC).replace(tzinfo=None), "s")
        for row in conn.execute(sa.select(price_books.c.version, price_books.c.published_at))
    }
    rows = pd.MultiIndex.from_arrays([product, place]).get_indexer(wanted)
    numbers, places = np.unique(last, return_inverse=True)
    times = np.array([published[int(n)] for n in numbers], dtype="datetime64[s]")
    changed[rows >= 0] = times[places][rows[rows >= 0]] if len(times) else changed[rows >= 0]
    return changed
