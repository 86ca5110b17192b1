"""Facts that hold from their date on until the next one: costs and counted stock."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from models.arrays import FloatArray, IntArray
from storage.bulk import read_columns

_DAY_BITS: Final = 22
"""Days since 1970 fit into 22 bits until the year 13453."""


def values_on(
    conn: Connection,
    since: sa.Column[Any],
    value: sa.Column[Any],
    product: IntArray,
    market: IntArray,
    day: NDArray[np.datetime64],
    chosen: sa.Select[int] | None = None,
) -> FloatArray:
    """(n,) the value in force for each product and market on each day.

    Args:
        conn: an open transaction.
        since: date column of the table that has the values.
        value: its column of values.
        product: (n,) product numbers.
        market: (n,) market numbers.
        day: (n,) datetime64[D].
        chosen: numbers of the products in question, as `chosen_products` gives them; None for all.

    Returns:
        The value of the greatest date up to the day; NaN before the first one known.
    """
    table = since.table
    keys = (table.c.product_id, table.c.market_id, since)
    query = sa.select(*keys, value).order_by(*keys)
    if len(day):
        query = query.where(since <= day.max().item())
    if chosen is not None:
        query = query.where(table.c.product_id.in_(chosen))
    product_of, market_of, start, values = read_columns(conn, query, ("int", "int", "day", "float"))
    if not len(values) or not len(product):
        return np.full(len(product), np.nan)
    markets = max(int(market_of.max()), int(market.max())) + 1
    series_of = product_of * markets + market_of
    series, codes = np.unique(series_of, return_inverse=True)
    asked_series = product * markets + market
    wanted = np.minimum(np.searchsorted(series, asked_series), len(series) - 1)
    wanted[series[wanted] != asked_series] = -1
    # The rows came sorted by (product, market, date), and codes rise with the first two.
    known_from = (codes.astype(np.int64) << _DAY_BITS) + start.astype(np.int64)
    asked = (wanted.astype(np.int64) << _DAY_BITS) + day.astype("datetime64[D]").astype(np.int64)
    last = np.searchsorted(known_from, asked, side="right") - 1
    found = (last >= 0) & (codes[np.maximum(last, 0)] == wanted)
    return np.where(found, values[np.maximum(last, 0)], np.nan)
