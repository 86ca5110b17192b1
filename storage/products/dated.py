"""Facts that hold from their date on until the next one: costs, counted stock, price limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from models.arrays import FloatArray, IntArray
from pricing.catalogue import UNKNOWN
from storage.bulk import Kind, read_columns

_DAY_BITS: Final = 22
"""Days since 1970 fit into 22 bits until the year 13453."""

_NOTHING: Final[dict[Kind, Any]] = {
    "float": np.nan,
    "money": UNKNOWN,
    "str": "",
    "day": np.datetime64("NaT"),
}


def values_on(
    conn: Connection,
    since: sa.Column[Any],
    value: sa.ColumnElement[Any],
    product: IntArray,
    market: IntArray,
    day: NDArray[np.datetime64],
    chosen: sa.Select[int] | None = None,
) -> FloatArray:
    """(n,) the value in force for each product and market on each day; see `facts_on`.

    Returns:
        The value of the greatest date up to the day; NaN before the first one known.
    """
    (values,) = facts_on(conn, since, [(value, "float")], product, market, day, chosen)
    return values


def facts_on(
    conn: Connection,
    since: sa.Column[Any],
    facts: Sequence[tuple[sa.ColumnElement[Any], Kind]],
    product: IntArray,
    market: IntArray,
    day: NDArray[np.datetime64],
    chosen: sa.Select[int] | None = None,
) -> list[NDArray[Any]]:
    """What the row in force for each product and market on each day says, an array a fact.

    Args:
        conn: an open transaction.
        since: date column of the table that has the facts.
        facts: its columns, or expressions over them, and what they become: `float`, `money`,
            `str` or `day`.
        product: (n,) product numbers.
        market: (n,) market numbers.
        day: (n,) datetime64[D].
        chosen: numbers of the products in question, as `chosen_products` gives them; None for all.

    Returns:
        The facts (n,) of the greatest date up to the day; NaN, UNKNOWN, `""` or NaT before the
        first one known, and where that row has none.
    """
    table = since.table
    keys = (table.c.product_id, table.c.market_id, since)
    query = sa.select(*keys, *(fact for fact, _ in facts)).order_by(*keys)
    if len(day):
        query = query.where(since <= day.max().item())
    if chosen is not None:
        query = query.where(table.c.product_id.in_(chosen))
    kinds: tuple[Kind, ...] = ("int", "int", "day", *(kind for _, kind in facts))
    product_of, market_of, start, *values = read_columns(conn, query, kinds)
    nothing = [np.full(len(product), _NOTHING[kind]) for _, kind in facts]
    if not len(start) or not len(product):
        return [blank.astype(known.dtype) for blank, known in zip(nothing, values, strict=True)]
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
    return [
        np.where(found, known[np.maximum(last, 0)], blank)
        for known, blank in zip(values, nothing, strict=True)
    ]
