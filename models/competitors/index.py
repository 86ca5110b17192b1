"""How dear competitors are against us: matched-model indices, at one time and chained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray
from models.competitors.figures import Figure, mean, share
from models.competitors.panel import RivalPanel

LEAST_PRODUCTS: Final = 5
"""Products in common below which there is no index."""

_EQUAL: Final = 1e-9
_STEP: Final = 7  # days


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """One competitor against us, in one category or in all.

    Attributes:
        category: None for all.
        index: geometric mean of their price over ours, in hundredths, over the products that both
            ask a known price for (Jevons); above 100 they are dearer. `n` counts products; the
            interval is that of the mean log ratio over products.
        coverage: share of our priced products of the category that are among them.
        cheaper, equal, dearer: share of these products for which we are that.
        weeks: (t,) last day of each week.
        direct: (t,) the index of each week over that week's products; NaN where too few.
        chained: (t,) the index carried on by the products that two weeks have in common, beginning
            at the first week's index: products that come and go do not move it.
        common: (t,) products on which each week's `direct` rests.
    """

    seller: str
    category: str | None
    index: Figure
    coverage: Figure
    cheaper: Figure
    equal: Figure
    dearer: Figure
    weeks: NDArray[np.datetime64]
    direct: FloatArray
    chained: FloatArray
    common: IntArray


def standing(panel: RivalPanel, seller: str, category: str | None = None) -> Standing:
    """A competitor's prices against ours on the last day, and over the weeks before.

    Offers that are out of stock are left out: nobody can buy at that price.

    Args:
        panel: prices by the day.
        seller: one of the panel's competitors.
        category: of our products, or None for all.
    """
    ours = panel.ours[panel.products(category)]
    log_ratio, now = _log_ratios(panel, seller, category)
    latest = log_ratio[:, -1]
    rows = np.flatnonzero(np.isfinite(latest))
    index = mean(latest[rows], least=LEAST_PRODUCTS, things="products in common")
    if index.value is not None and index.low is not None and index.high is not None:
        index = replace(
            index,
            value=100.0 * float(np.exp(index.value)),
            low=100.0 * float(np.exp(index.low)),
            high=100.0 * float(np.exp(index.high)),
        )
    priced = int(np.isfinite(ours[:, -1]).sum())
    n = len(rows)

    def of_common(chosen: BoolArray) -> Figure:
        return share(int(chosen.sum()), n, least=LEAST_PRODUCTS, things="products in common")

    gap = latest[rows]
    direct, chained, common = _over_time(log_ratio[:, now])
    return Standing(
        seller=seller,
        category=category,
        index=index,
        coverage=share(n, priced, least=1, things="products with a price of ours"),
        cheaper=of_common(gap > _EQUAL),
        equal=of_common(np.abs(gap) <= _EQUAL),
        dearer=of_common(gap < -_EQUAL),
        weeks=panel.days[now],
        direct=direct,
        chained=chained,
        common=common,
    )


def _log_ratios(
    panel: RivalPanel, seller: str, category: str | None
) -> tuple[FloatArray, IntArray]:
    """(k, d) log of theirs over ours by product, and the columns that close a week."""
    rows = panel.rows(seller, category)
    buyable = np.where(panel.in_stock[rows] == 0.0, np.nan, panel.price[rows])
    ours = panel.ours[panel.product[rows]]
    last = len(panel.days) - 1
    return np.log(buyable) - np.log(ours), np.arange(last % _STEP, last + 1, _STEP)


def _over_time(log_ratio: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Direct and chained index and the number of products, by week; log_ratio (k, t)."""
    known = np.isfinite(log_ratio)
    common = known.sum(axis=0)
    enough = common >= LEAST_PRODUCTS
    direct, chained = np.full(len(common), np.nan), np.full(len(common), np.nan)
    base: int | None = None
    for week in np.flatnonzero(enough).tolist():
        direct[week] = log_ratio[known[:, week], week].mean()
        if base is None:
            chained[week] = direct[week]
        else:
            both = known[:, week] & known[:, base]
            if both.sum() < LEAST_PRODUCTS:
                continue
            moved = log_ratio[both, week] - log_ratio[both, base]
            chained[week] = chained[base] + moved.mean()
        base = week
    return 100.0 * np.exp(direct), 100.0 * np.exp(chained), common
