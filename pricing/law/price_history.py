"""What was charged when: the rows that a legal window is read from.

A window is half open, [opens, closes): a price set at `closes` is not in it, the price that was
already in force at `opens` is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray, StrArray, frozen
from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidPriceHistory

TimeArray: TypeAlias = NDArray[np.datetime64]
"""Instants in UTC, datetime64[s]; NaT where there is none."""

NEVER: Final = np.datetime64("NaT", "s")
_END: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class PriceHistory:
    """Prices of n keys, each row valid from its moment until the next row of its key.

    A key is one product in one market, that is one channel and store, in the public tier. Build one
    with `PriceHistory.of`, which sorts.

    Attributes:
        keys: n, how many keys there are; keys are numbers from 0.
        key: (m,) whose price the row is, ascending.
        since: (m,) from when it applied; ascending within a key.
        until: (m,) int, Unix second at which it ended; the largest integer where it still applies.
        price: (m,) int, minor units; UNKNOWN where the product was not on sale.
        source: (m,) where the row comes from, for a reader.
    """

    keys: int
    key: IntArray
    since: TimeArray
    until: IntArray
    price: IntArray
    source: StrArray

    @classmethod
    def of(
        cls,
        keys: int,
        *,
        key: Sequence[int] | IntArray,
        since: Sequence[datetime] | TimeArray,
        price: Sequence[int] | IntArray,
        source: Sequence[str] | StrArray | None = None,
    ) -> PriceHistory:
        """A history from rows in any order.

        Of two rows of a key at the same moment the later one in the input counts; the other one
        applied for no time at all.

        Raises:
            InvalidPriceHistory: unequal columns, a key out of range, no time, or a price that is
                neither above zero nor UNKNOWN.
        """
        key = np.asarray(key, dtype=np.int64)
        moments = _instants(since)
        price = np.asarray(price, dtype=np.int64)
        told = np.asarray([""] * len(key) if source is None else source, dtype=np.str_)
        if not len(key) == len(moments) == len(price) == len(told):
            raise InvalidPriceHistory("key, since, price and source must have the same rows")
        if len(key) and not 0 <= key.min() <= key.max() < keys:
            raise InvalidPriceHistory(f"key must lie from 0 to {keys - 1}")
        if np.isnat(moments).any():
            raise InvalidPriceHistory("since is missing in a row; every price applied from a time")
        if ((price <= 0) & (price != UNKNOWN)).any():
            raise InvalidPriceHistory("price must be above zero, or UNKNOWN where not on sale")
        order = np.lexsort((np.arange(len(key)), moments, key))
        key, moments, price, told = key[order], moments[order], price[order], told[order]
        until = np.full(len(key), _END, dtype=np.int64)
        follows = key[1:] == key[:-1]
        until[:-1][follows] = seconds(moments[1:][follows])
        return cls(keys, frozen(key), frozen(moments), frozen(until), frozen(price), frozen(told))

    def __len__(self) -> int:
        return len(self.key)

    def take(self, keys: IntArray) -> PriceHistory:
        """The histories of these keys, in this order; a key may be asked for more than once."""
        first = np.searchsorted(self.key, keys, side="left")
        rows_of = np.searchsorted(self.key, keys, side="right") - first
        ends = np.cumsum(rows_of)
        start = np.repeat(first - (ends - rows_of), rows_of)
        rows = start + np.arange(int(ends[-1]) if len(ends) else 0)
        return PriceHistory(
            len(keys),
            frozen(np.repeat(np.arange(len(keys)), rows_of)),
            frozen(self.since[rows]),
            frozen(self.until[rows]),
            frozen(self.price[rows]),
            frozen(self.source[rows]),
        )

    def inside(self, opens: TimeArray, closes: TimeArray) -> IntArray:
        """(m,) seconds that each row was in force in its key's window [opens, closes).

        Args:
            opens: (n,) start of each key's window; NaT for no window.
            closes: (n,) its end.
        """
        begin = np.maximum(seconds(self.since), seconds(opens)[self.key])
        end = np.minimum(self.until, seconds(closes)[self.key])
        none = (np.isnat(opens) | np.isnat(closes))[self.key]
        return np.where(none, 0, np.maximum(end - begin, 0))

    def on_sale(self) -> BoolArray:
        """(m,) True where the row is a price."""
        known: BoolArray = self.price != UNKNOWN
        return known

    def lowest(self, opens: TimeArray, closes: TimeArray) -> IntArray:
        """(n,) lowest price in each key's window; UNKNOWN where nothing was on sale in it."""
        return self._extreme(opens, closes, highest=False)

    def highest(self, opens: TimeArray, closes: TimeArray) -> IntArray:
        """(n,) highest price in each key's window; UNKNOWN where nothing was on sale in it."""
        return self._extreme(opens, closes, highest=True)

    def average(self, opens: TimeArray, closes: TimeArray) -> FloatArray:
        """(n,) mean price in each key's window, weighted by time; NaN where nothing was on sale."""
        lasted = np.where(self.on_sale(), self.inside(opens, closes), 0)
        total = np.bincount(self.key, lasted, minlength=self.keys)
        summed = np.bincount(self.key, lasted * self.price.astype(np.float64), minlength=self.keys)
        with np.errstate(invalid="ignore"):
            mean: FloatArray = summed / np.where(total > 0, total, np.nan)
        return mean

    def last_before(self, moment: TimeArray) -> IntArray:
        """(n,) row of the last price that applied before a moment; -1 where there is none."""
        ended = self.inside(np.full(self.keys, np.datetime64(0, "s")), moment)
        rows = np.flatnonzero((ended > 0) & self.on_sale())
        found = np.full(self.keys, -1, dtype=np.int64)
        found[self.key[rows]] = rows  # rows ascend, so the last one stays
        return found

    def first_sale(self) -> TimeArray:
        """(n,) when each key first had a price; NaT where it never did."""
        rows = np.flatnonzero(self.on_sale())[::-1]
        found = np.full(self.keys, NEVER)
        found[self.key[rows]] = self.since[rows]
        return found

    def _extreme(self, opens: TimeArray, closes: TimeArray, *, highest: bool) -> IntArray:
        used = np.flatnonzero((self.inside(opens, closes) > 0) & self.on_sale())
        none = 0 if highest else _END
        found = np.full(self.keys, none, dtype=np.int64)
        (np.maximum if highest else np.minimum).at(found, self.key[used], self.price[used])
        return np.where(found == none, UNKNOWN, found)


def instant(moment: datetime) -> np.datetime64:
    """An aware time as datetime64[s] in UTC.

    Raises:
        InvalidPriceHistory: the time has no zone.
    """
    if moment.tzinfo is None:
        raise InvalidPriceHistory(f"{moment} has no time zone; pass an aware time")
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


def moment_of(value: np.datetime64) -> datetime:
    """A datetime64 of this module as an aware UTC time."""
    return datetime.fromtimestamp(int(value.astype("datetime64[s]").astype(np.int64)), UTC)


def seconds(moments: TimeArray) -> IntArray:
    """Unix seconds; the smallest integer for NaT."""
    return moments.astype("datetime64[s]").astype(np.int64)


def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day where the clocks show this zone's time, in UTC.

    Where clocks skip midnight it is the moment of the jump; where midnight comes twice, the first.
    """
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def on_the_clock(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which the clocks of a zone show this time or a later one, in UTC.

    A time that the clocks skip is so the moment of the jump; of one that comes twice, the first.

    Args:
        wall: what the clocks show; without a zone of its own.
        zone: where.
    """
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # Skipped: the jump lies between the two readings of a time that does not exist.
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)

    def shown(second: int) -> datetime:
        return (early + timedelta(seconds=second)).astimezone(zone).replace(tzinfo=None)

    span = range(int((first - early).total_seconds()) + 1)
    return early + timedelta(seconds=bisect_left(span, wall, key=shown))


def days_before(starts: TimeArray, days: int, zone: ZoneInfo) -> TimeArray:
    """(n,) local midnight, this many calendar days before the local day of each start.

    A law counts days, not hours: across a change of clocks 30 days are 719 or 721 hours. A start
    in the middle of a day gets the whole first day on top, so no window is shorter than the law's.
    """
    distinct, place = np.unique(starts, return_inverse=True)
    opens = np.full(len(distinct), NEVER)
    for row, start in enumerate(distinct):
        if not np.isnat(start):
            local = moment_of(start).astimezone(zone).date()
            opens[row] = instant(local_midnight(local - timedelta(days=days), zone))
    return opens[place]


def _instants(values: Sequence[datetime] | NDArray[Any]) -> TimeArray:
    if isinstance(values, np.ndarray):
        return values.astype("datetime64[s]")
    return np.array([instant(value) for value in values], dtype="datetime64[s]")
