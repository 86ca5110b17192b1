"""A price book: all prices in force at once, immutable and numbered.

Prices lie in sorted arrays, not in a dictionary of records: a million of them take a tenth of the
memory, load in one piece, and a new version replaces the old one without a pause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import IntArray, StrArray, frozen
from pricing.catalogue import Labels
from pricing.currencies import decimals
from pricing.errors import InvalidCatalogue
from pricing.money import Money

PUBLIC: Final = "public"
"""The tier of a customer of whom nothing is known."""


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """One price of a price book."""

    sku: str
    market: str
    tier: str
    price: Money


@dataclass(frozen=True, slots=True, eq=False)
class PriceBook:
    """Prices by (sku, market, tier), in the order of their keys.

    Attributes:
        version: number of the book; later books have greater numbers.
        published_at: when it went live, UTC.
        sku: (n,) product keys; rows are sorted by (market, tier, sku) code points.
        market: (n,) market codes.
        tier: (n,) price tiers.
        price: (n,) int, minor units.
        currencies: currency of each name in `market.names`.

    Build one with `PriceBook.of`, which sorts.
    """

    version: int
    published_at: datetime
    sku: StrArray
    market: Labels
    tier: Labels
    price: IntArray
    currencies: tuple[str, ...]
    _segments: dict[tuple[str, str], tuple[int, int]]

    @classmethod
    def of(
        cls,
        *,
        version: int,
        published_at: datetime,
        sku: Sequence[str] | StrArray,
        market: Sequence[str] | StrArray,
        tier: Sequence[str] | StrArray,
        price: Sequence[int] | IntArray,
        currencies: Mapping[str, str],
    ) -> PriceBook:
        """A price book from columns in any order.

        Args:
            version: its number, 1 or more.
            published_at: aware UTC time.
            sku: (n,) product keys.
            market: (n,) market codes.
            tier: (n,) tiers.
            price: (n,) minor units, above zero.
            currencies: currency by market code.

        Raises:
            InvalidCatalogue: unequal columns, a repeated key, a price that is not above zero, or a
                market without a currency.
        """
        if published_at.tzinfo is None:
            raise InvalidCatalogue("published_at has no time zone; pass an aware UTC datetime")
        names = np.asarray(sku, dtype=np.str_)
        amounts = np.asarray(price, dtype=np.int64)
        if (np.char.str_len(names) == 0).any():
            raise InvalidCatalogue("a sku is blank")
        markets, tiers = Labels.of(market), Labels.of(tier)
        if not len(names) == len(amounts) == len(markets) == len(tiers):
            raise InvalidCatalogue("sku, market, tier and price must have the same number of rows")
        if (amounts <= 0).any():
            free = str(names[np.argmax(amounts <= 0)])
            raise InvalidCatalogue(f"price of {free!r} is not above zero")
        unpriced = sorted(set(markets.names) - set(currencies))
        if unpriced:
            raise InvalidCatalogue(f"no currency is given for market {unpriced[0]!r}")
        order = np.lexsort((names, tiers.codes, markets.codes))
        names, amounts = names[order], amounts[order]
        markets, tiers = markets.take(order), tiers.take(order)
        segment = markets.codes * max(len(tiers.names), 1) + tiers.codes
        again = (names[1:] == names[:-1]) & (segment[1:] == segment[:-1])
        if again.any():
            raise InvalidCatalogue(
                f"{str(names[1:][again][0])!r} has more than one price in one market and tier"
            )
        for code in markets.names:
            decimals(currencies[code])
        return cls(
            version=version,
            published_at=published_at,
            sku=frozen(names),
            market=markets,
            tier=tiers,
            price=frozen(amounts),
            currencies=tuple(currencies[code] for code in markets.names),
            _segments=_segments(segment, markets, tiers),
        )

    def __len__(self) -> int:
        return len(self.sku)

    @property
    def markets(self) -> tuple[str, ...]:
        """The markets that have prices here."""
        return self.market.names

    def row(self, sku: str, market: str, tier: str = PUBLIC) -> int:
        """Row of a key, -1 where there is none. Binary search: log2(n) string comparisons."""
        start, stop = self._segments.get((market, tier), (0, 0))
        if len(sku) > self._longest:
            return -1
        found = start + int(np.searchsorted(self.sku[start:stop], sku))
        return found if found < stop and self.sku[found] == sku else -1

    def rows(self, skus: Sequence[str] | StrArray, market: str, tier: str = PUBLIC) -> IntArray:
        """(m,) rows of several products in one market and tier, -1 where there is no price."""
        start, stop = self._segments.get((market, tier), (0, 0))
        # "" is no SKU; numpy drops trailing NULs, so a text with one would find its neighbour.
        wanted = np.array(
            ["" if len(sku) > self._longest or "\0" in sku else sku for sku in skus], dtype=np.str_
        )
        if start == stop or len(wanted) == 0:
            return np.full(len(wanted), -1, dtype=np.int64)
        part = self.sku[start:stop]
        found = np.minimum(np.searchsorted(part, wanted), len(part) - 1)
        return np.where(part[found] == wanted, start + found, -1)

    @property
    def _longest(self) -> int:
        """Characters of the longest SKU: to search for more, numpy would copy the whole column."""
        return self.sku.dtype.itemsize // 4

    def entry(self, row: int) -> PriceEntry:
        """One row as a record."""
        code = int(self.market.codes[row])
        return PriceEntry(
            sku=str(self.sku[row]),
            market=self.market.names[code],
            tier=self.tier[row],
            price=Money(int(self.price[row]), self.currencies[code]),
        )

    def __iter__(self) -> Iterator[PriceEntry]:
        return (self.entry(row) for row in range(len(self)))


def _segments(
    segment: NDArray[np.int64], markets: Labels, tiers: Labels
) -> dict[tuple[str, str], tuple[int, int]]:
    """First and last-plus-one row of each (market, tier), of rows sorted by segment."""
    starts = np.flatnonzero(np.diff(segment, prepend=-1))
    stops = np.append(starts, len(segment))[1:]
    return {
        (markets[int(start)], tiers[int(start)]): (int(start), int(stop))
        for start, stop in zip(starts, stops, strict=True)
    }
