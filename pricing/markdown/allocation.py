"""Pooled stock among the stores that sell it at one price.

The last unit of every store should have the same chance of being sold: that maximises the expected
units sold, since a store's expected sales are concave in its stock. Demand of a store over the
season is a negative binomial, counting and the season's luck together.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import stats

from models.arrays import FloatArray, IntArray
from pricing.markdown.errors import InvalidClearance

_HALVINGS: Final = 60


def allocate(units: int, mean: FloatArray, spread: float) -> IntArray:
    """(s,) whole units for each store, `units` in all.

    Args:
        units: to be shared out.
        mean: (s,) expected demand of each store.
        spread: standard deviation of log demand over the season.

    Raises:
        InvalidClearance: no store, or a number out of range.
    """
    if not len(mean) or units < 0 or (mean < 0).any() or not np.isfinite(mean).all():
        raise InvalidClearance(
            "allocation: give at least one store, and numbers from 0 up", ("allocation",)
        )
    if mean.sum() == 0:
        mean = np.ones(len(mean))
    low, high = 0.0, 1.0
    # The chance that one more unit is sold, equal in all stores, at which stock is used up.
    for _ in range(_HALVINGS):
        chance = (low + high) / 2.0
        if _stock_at(chance, mean, spread).sum() > units:
            low = chance
        else:
            high = chance
    found = np.minimum(_stock_at(high, mean, spread), units)
    left = units - int(found.sum())
    if left > 0:
        # Whole units that the common chance leaves over go where the next one sells best; more
        # than anybody can sell is shared by demand.
        spare = left if left <= len(mean) else 0
        next_best = np.argsort(-_chance(found, mean, spread), kind="stable")[:spare]
        found[next_best] += 1
        left -= spare
        if left:
            exact = left * mean / mean.sum()
            more = np.floor(exact).astype(np.int64)
            rest = np.argsort(-(exact - more), kind="stable")[: left - int(more.sum())]
            more[rest] += 1
            found = found + more
    return found


def expected_sales(stock: IntArray, mean: FloatArray, spread: float) -> FloatArray:
    """(s,) units that each store is expected to sell."""
    sold = np.zeros(len(mean))
    for store, (units, demand) in enumerate(zip(stock.tolist(), mean.tolist(), strict=True)):
        if units and demand > 0:
            k = np.arange(units)
            sold[store] = float(_chance(k, np.full(units, demand), spread).sum())
    return sold


def _chance(stock: IntArray, mean: FloatArray, spread: float) -> FloatArray:
    """(s,) chance that demand exceeds the stock."""
    size, share = _shape(mean, spread)
    return np.where(mean > 0, stats.nbinom.sf(stock, size, share), 0.0)


def _stock_at(chance: float, mean: FloatArray, spread: float) -> IntArray:
    """(s,) stock at which one more unit sells with at most this chance."""
    size, share = _shape(mean, spread)
    found = np.where(mean > 0, stats.nbinom.isf(chance, size, share), 0.0)
    stock: IntArray = np.clip(np.nan_to_num(found, posinf=1e15), 0, 1e15).astype(np.int64)
    return stock


def _shape(mean: FloatArray, spread: float) -> tuple[float, FloatArray]:
    """Size and success share of a negative binomial with variance mean + spread² mean²."""
    size = 1.0 / max(spread, 1e-3) ** 2
    return size, size / (size + np.maximum(mean, 1e-12))
