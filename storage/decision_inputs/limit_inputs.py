"""What limits and strategies read beside price, cost and stock: who allows what, how old, how fast.

Days are those of each market's own calendar; what is asked for by the second becomes its midnight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy.engine import Connection

from models.arrays import FloatArray, IntArray, StrArray
from pricing.catalogue import Market, TimeArray
from storage.bulk import read_columns
from storage.products.costs import COST_MINOR
from storage.products.dated import facts_on
from storage.tables import costs, price_limits, sales, stock

_PERIOD: Final = timedelta(days=7)
"""Demand curves speak of weeks, so recent sales do."""

_DAYS: Final = 10**7
"""More days than any date has since 1970."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """Pairs of product and market, and the day that it is there.

    Attributes:
        product: (n,) product numbers.
        place: (n,) market numbers.
        market: (n,) codes into `markets`.
        markets: the markets themselves.
        day: (n,) datetime64[D], the local date.
        chosen: numbers of the products in question; None for all.
    """

    product: IntArray
    place: IntArray
    market: IntArray
    markets: Sequence[Market]
    day: NDArray[np.datetime64]
    chosen: sa.Select[int] | None

    def midnights(self, day: NDArray[np.datetime64]) -> TimeArray:
        """(n,) when each local day begins, in UTC; NaT where there is none."""
        begins = np.full(len(day), np.datetime64("NaT"), dtype="datetime64[s]")
        known = np.flatnonzero(~np.isnat(day))
        days = day[known].astype("datetime64[D]").astype(np.int64)
        _, first, which = np.unique(
            self.market[known] * _DAYS + days, return_index=True, return_inverse=True
        )
        found = [
            datetime.combine(day[row].item(), time(), self._zone(row)).astimezone(UTC)
            for row in known[first].tolist()
        ]
        if found:
            naive = [moment.replace(tzinfo=None) for moment in found]
            begins[known] = np.array(naive, dtype="datetime64[s]")[which]
        return begins

    def _zone(self, row: int) -> ZoneInfo:
        return ZoneInfo(self.markets[int(self.market[row])].time_zone)

    def facts(
        self,
        conn: Connection,
        since: sa.Column[Any],
        facts: Sequence[tuple[sa.ColumnElement[Any], Any]],
    ) -> list[NDArray[Any]]:
        """What is in force on the day; see `facts_on`."""
        return facts_on(conn, since, facts, self.product, self.place, self.day, self.chosen)


@dataclass(frozen=True, slots=True, eq=False)
class KnownCosts:
    """Costs in force, with where they come from.

    Attributes:
        cost: (n,) minor units; UNKNOWN where none is known in the market's currency.
        currency: (n,) the currency in which a cost was stated, where it is another; else `""`.
        as_of: (n,) when somebody last knew it to be right; NaT where nobody said.
    """

    cost: IntArray
    currency: StrArray
    as_of: TimeArray


def costs_in_force(conn: Connection, keys: Keys) -> KnownCosts:
    """The newest costs up to the day."""
    currency = sa.func.coalesce(costs.c.currency, "")
    cost, stated, as_of = keys.facts(
        conn,
        costs.c.valid_from,
        [(COST_MINOR, "money"), (currency, "str"), (costs.c.as_of, "day")],
    )
    return KnownCosts(cost, stated, keys.midnights(as_of))


def stock_on_hand(conn: Connection, keys: Keys) -> tuple[FloatArray, TimeArray]:
    """(n,) units last counted, NaN for never, and (n,) when they expire: the end of a local day."""
    units, last_day = keys.facts(
        conn, stock.c.counted_at, [(stock.c.units, "float"), (stock.c.expires_at, "day")]
    )
    after: NDArray[np.datetime64] = (last_day + np.timedelta64(1, "D")).astype("datetime64[D]")
    return units, keys.midnights(after)


def limits_in_force(conn: Connection, keys: Keys) -> dict[str, IntArray]:
    """Columns `minimum_price`, `maximum_price`, `rrp` and `map_floor` of a catalogue."""
    table = price_limits.c
    columns = {
        "minimum_price": table.minimum_minor,
        "maximum_price": table.maximum_minor,
        "rrp": table.rrp_minor,
        "map_floor": table.map_minor,
    }
    found = keys.facts(conn, table.valid_from, [(column, "money") for column in columns.values()])
    return dict(zip(columns, found, strict=True))


def recent_sales(
    conn: Connection, keys: Keys, sold_before: NDArray[np.bool_], *, until: date
) -> tuple[FloatArray, TimeArray]:
    """Units sold in the last week on record of each market, and when that record ends.

    A market's record is as old as its newest row: a product that did not sell this week is not
    unknown, it sold nothing. So a slow product is never taken for a feed that stopped.

    Args:
        conn: an open transaction.
        keys: n pairs.
        sold_before: (n,) True where any sale is on record; without, nothing is known.
        until: the last day that counts.

    Returns:
        units (n,), NaN where nothing was ever sold; and (n,) the local midnight at which the newest
        period on record begins, NaT for a market without sales.
    """
    newest = (
        sa.select(sales.c.market_id, sa.func.max(sales.c.period_start))
        .where(sales.c.period_start <= until)
        .group_by(sales.c.market_id)
    )
    last: dict[int, date] = {row[0]: row[1] for row in conn.execute(newest)}
    units = np.where(sold_before, 0.0, np.nan)
    wanted = pd.MultiIndex.from_arrays([keys.product, keys.place])
    for day in sorted(set(last.values())):
        query = (
            sa.select(sales.c.product_id, sales.c.market_id, sa.func.sum(sales.c.units))
            .where(
                sales.c.market_id.in_([number for number, end in last.items() if end == day]),
                sales.c.period_start > day - _PERIOD,
                sales.c.period_start <= until,
            )
            .group_by(sales.c.product_id, sales.c.market_id)
        )
        if keys.chosen is not None:
            query = query.where(sales.c.product_id.in_(keys.chosen))
        product, place, sold = read_columns(conn, query, ("int", "int", "float"))
        rows = pd.MultiIndex.from_arrays([product, place]).get_indexer(wanted)
        units[rows >= 0] = sold[rows[rows >= 0]]
    ends = np.array([last.get(number) for number in keys.place.tolist()], dtype="datetime64[D]")
    return units, keys.midnights(ends)
