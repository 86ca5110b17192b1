"""Clearances whose discounts are announced: the law on prior prices as rules of each item.

Where a reduction is shown from the full price, the law asks that nothing lower was asked in the
window before it began, so there is a first week in which it may begin. Where the law knows no
progressive reductions, a second step would be a reduction of its own, measured from the first
step's price: shown from the full price it would be unlawful, so one step is all there is. Both are
rules that an item's price paths keep by themselves; a plan that breaks the law is no path at all.
"""

from __future__ import annotations

import numpy as np

from models.arrays import FloatArray, IntArray
from pricing.markdown.errors import InvalidClearance
from pricing.markdown.items import ClearanceItems


def prior_by_week(past: FloatArray, now: FloatArray, weeks: int, window: int) -> FloatArray:
    """(n, t) lowest price asked in the window before each week, if the price stays as it is.

    Args:
        past: (n, k) lowest price of each week before the first one, the newest last; NaN where the
            goods were not on sale.
        now: (n,) price in force.
        weeks: t, weeks of the plan.
        window: weeks that the law looks back.

    Returns:
        Minor units; NaN where the goods were not on sale throughout the window: nothing can be
        announced yet.
    """
    n, known = past.shape
    before = np.full((n, window), np.nan)
    if known and window:
        shown = min(known, window)
        before[:, window - shown :] = past[:, known - shown :]
    line = np.column_stack([before, np.repeat(now[:, None], weeks, axis=1)])
    prior = np.empty((n, weeks))
    for week in range(weeks):
        prior[:, week] = line[:, week : week + window].min(axis=1, initial=np.inf)
    return prior


def announced(items: ClearanceItems, prior: FloatArray, *, progressive: bool) -> ClearanceItems:
    """The items with the rules that announcing from the full price brings.

    An item that stands below its full price already is within a reduction that was announced.

    Args:
        items: n items as they are before the first week.
        prior: (n, t) as `prior_by_week` gives it.
        progressive: a reduction that grows without interruption keeps its prior price.

    Raises:
        InvalidClearance: `prior` is of other items or weeks.
    """
    if prior.shape != (len(items), items.weeks):
        raise InvalidClearance(
            f"prior has shape {prior.shape}, not {(len(items), items.weeks)}", ("prior",)
        )
    lawful = prior >= items.full_price[:, None]
    first = np.where(lawful.any(axis=1), lawful.argmax(axis=1), items.weeks)
    running = items.ladder[:, 0] < items.full_price
    steps = items.max_changes if progressive else np.minimum(items.max_changes, 1)
    begins: IntArray = np.maximum(items.first_week, np.where(running, 0, first))
    return items.replaced(
        np.arange(len(items)),
        {
            "first_week": begins,
            "max_changes": np.where(running & (not progressive), 0, steps).astype(np.int64),
        },
    )
