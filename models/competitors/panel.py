"""Competitors' prices by the day, as the market analysis reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.arrays import FloatArray, IntArray, StrArray, frozen
from models.competitors.history import OBSERVED
from models.errors import InvalidPanel

OUT_OF_STOCK: Final = ("out_of_stock", "discontinued")
IN_STOCK: Final = ("in_stock", "limited")

_DAY: Final = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, eq=False)
class RivalPanel:
    """Prices of l series (one of our products at one competitor) on d days, at each day's end.

    Attributes:
        sellers: names of the competitors, sorted.
        sku: (p,) our products, sorted.
        category: (p,) of each product.
        days: (d,) datetime64[D], consecutive, UTC.
        ours: (p, d) what we ask, major units; NaN where we do not know.
        seller: (l,) row in `sellers` of each series.
        product: (l,) row in `sku` of each series.
        price: (l, d) what they ask; NaN on days on which that is not known.
        list_price: (l, d) the price it is compared with on the page; NaN for none.
        in_stock: (l, d) 1 in stock, 0 not, NaN not known.
        cadence: (s,) days between two looks at each competitor.
        decimals: of the market's currency.
    """

    sellers: tuple[str, ...]
    sku: StrArray
    category: StrArray
    days: NDArray[np.datetime64]
    ours: FloatArray
    seller: IntArray
    product: IntArray
    price: FloatArray
    list_price: FloatArray
    in_stock: FloatArray
    cadence: FloatArray
    decimals: int = 2

    def __post_init__(self) -> None:
        n_series, n_days = len(self.seller), len(self.days)
        shapes = {
            "category": (len(self.sku),), "ours": (len(self.sku), n_days),
            "product": (n_series,), "price": (n_series, n_days),
            "list_price": (n_series, n_days), "in_stock": (n_series, n_days),
            "cadence": (len(self.sellers),),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InvalidPanel(f"{name} has the shape {getattr(self, name).shape}, not {shape}")
        for name in ("ours", "price", "list_price", "in_stock", "cadence"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def rows(self, seller: str, category: str | None = None) -> IntArray:
        """Series of a competitor, of one category or of all; (k,) rows."""
        chosen = self.seller == self.sellers.index(seller)
        if category is not None:
            chosen &= self.category[self.product] == category
        return np.flatnonzero(chosen)

    def products(self, category: str | None = None) -> IntArray:
        """Our products of a category, or all; (k,) rows of `sku`."""
        return np.flatnonzero((self.category == category) | (category is None))

    def by_product(self, seller: str) -> FloatArray:
        """A competitor's prices aligned to our products, (p, d); NaN where it has none."""
        aligned = np.full(self.ours.shape, np.nan)
        rows = self.rows(seller)
        aligned[self.product[rows]] = self.price[rows]
        return aligned


def rival_panel(
    spans: pd.DataFrame,
    ours: pd.DataFrame,
    category: Mapping[str, str],
    cadence: Mapping[str, timedelta],
    *,
    since: date,
    until: datetime,
    decimals: int = 2,
) -> RivalPanel:
    """Spans by the day: what was known of each product at each competitor at the day's end.

    Where a competitor shows a product on several pages, the lowest price in stock counts.

    Args:
        spans: of `price_spans`.
        ours: our own prices as spans: `sku`, `start`, `end` (datetime64, UTC), `price` (major
            units).
        category: of each of our products that is compared, by SKU.
        cadence: time between two looks, by competitor; these are the competitors.
        since: the first day.
        until: now, aware; its day is the last one, as it stands now.
        decimals: of the market's currency.

    Raises:
        InvalidPanel: `until` lies before `since`.
    """
    now = np.datetime64(until.astimezone(UTC).replace(tzinfo=None), "us")
    days = np.arange(np.datetime64(since, "D"), now.astype("datetime64[D]") + _DAY, _DAY)
    if not len(days):
        raise InvalidPanel(f"the market is looked at since {since}, which lies ahead")
    closes = np.append((days[:-1] + _DAY).astype("datetime64[us]"), now)
    sku = np.array(sorted(category), dtype=np.str_)
    sellers = tuple(sorted(cadence))
    known = spans[spans["sku"].isin(category) & spans["site"].isin(sellers)]
    known = known[known["state"] == OBSERVED]
    seller = np.searchsorted(np.array(sellers), known["site"].to_numpy(dtype=np.str_))
    product = np.searchsorted(sku, known["sku"].to_numpy(dtype=np.str_))
    keys, series = np.unique(seller * max(len(sku), 1) + product, return_inverse=True)
    stock = _stock(known["availability"])
    # The last one written counts: not in stock first, then from dear to cheap.
    order = np.lexsort((-known["price"].to_numpy(np.float64), np.nan_to_num(stock, nan=0.5)))
    cells = _cells(known, closes, order)
    filled = {}
    for name, values in (
        ("price", known["price"].to_numpy(np.float64)),
        ("list_price", known["list_price"].to_numpy(np.float64)),
        ("in_stock", stock),
    ):
        filled[name] = np.full((len(keys), len(days)), np.nan)
        filled[name][series[cells[0]], cells[1]] = values[cells[0]]
    return RivalPanel(
        sellers=sellers,
        sku=sku,
        category=np.array([category[name] for name in sku.tolist()], dtype=np.str_),
        days=days,
        ours=_our_days(ours, sku, closes),
        seller=keys // max(len(sku), 1),
        product=keys % max(len(sku), 1),
        cadence=np.array([cadence[name] / timedelta(days=1) for name in sellers]),
        decimals=decimals,
        **filled,
    )


def _our_days(ours: pd.DataFrame, sku: StrArray, closes: NDArray[np.datetime64]) -> FloatArray:
    asked = np.full((len(sku), len(closes)), np.nan)
    mine = ours[ours["sku"].isin(sku.tolist())]
    row = np.searchsorted(sku, mine["sku"].to_numpy(dtype=np.str_))
    span, day = _cells(mine, closes, np.arange(len(mine)))
    asked[row[span], day] = mine["price"].to_numpy(np.float64)[span]
    return asked


def _cells(
    spans: pd.DataFrame, closes: NDArray[np.datetime64], order: IntArray
) -> tuple[IntArray, IntArray]:
    """Span and day of every day that closes within a span; spans in this order."""
    start = spans["start"].to_numpy().astype("datetime64[us]")
    end = spans["end"].to_numpy().astype("datetime64[us]")
    begin = np.searchsorted(closes, start, side="right")[order]
    stop = np.searchsorted(closes, end, side="right")[order]
    count = np.maximum(stop - begin, 0)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(order, count), np.repeat(begin, count) + offset


def _stock(availability: pd.Series[str]) -> FloatArray:
    told: FloatArray = np.select(
        [availability.isin(IN_STOCK), availability.isin(OUT_OF_STOCK)], [1.0, 0.0], np.nan
    )
    return told
