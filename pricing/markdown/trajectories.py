"""What happens to items on given price paths, week by week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from pricing.markdown.items import ClearanceItems


@dataclass(frozen=True, slots=True, eq=False)
class Trajectories:
    """Expected course of n items over t weeks; money is minor units.

    Attributes:
        rungs: (n, t) rung asked; after the exit, the last one.
        units: (n, t) units sold.
        left: (n, t) units on hand at the end of each week.
        changed: (n, t) True where the price changes.
        down: (n, t) True where an item that still sells stands below its full price.
        revenue: (n,) net of tax, salvage not counted.
        given_away: (n,) (full price - price paid) · units.
        at_full_price: (n,) the same units at the full price.
        salvage: (n,) what the units left at the exit bring.
        costs: (n,) holding and labels.
        value: (n,) revenue + salvage - costs - charge on missed units; -inf where a hard target
            is missed.
    """

    rungs: IntArray
    units: FloatArray
    left: FloatArray
    changed: BoolArray
    down: BoolArray
    revenue: FloatArray
    given_away: FloatArray
    at_full_price: FloatArray
    salvage: FloatArray
    costs: FloatArray
    value: FloatArray

    @property
    def unsold(self) -> FloatArray:
        """(n,) units left at the exit."""
        return self.left[:, -1]


def follow(
    items: ClearanceItems,
    rungs: IntArray,
    demand: FloatArray | None = None,
    response: FloatArray | None = None,
) -> Trajectories:
    """Let each item follow a price path.

    Args:
        items: n items.
        rungs: (n, t) rung of each week; weeks after the exit are ignored.
        demand: (n, t) instead of the items' own.
        response: (n, r) instead of the items' own.
    """
    n, weeks = rungs.shape
    demand = items.demand if demand is None else demand
    response = items.response if response is None else response
    is_open = items.open_weeks
    rungs = np.where(is_open, rungs, np.take_along_axis(rungs, items.exit_week[:, None] - 1, 1))
    price = np.take_along_axis(items.price, rungs, axis=1)
    factor = np.take_along_axis(response, rungs, axis=1)
    stock, reference = items.stock.copy(), items.reference
    units, left = np.zeros((n, weeks)), np.zeros((n, weeks))
    breaks, refers = bool(items.broken_at.any()), bool(items.reference_effect.any())
    for week in range(weeks):
        stock = stock + items.arrivals[:, week] * is_open[:, week]
        wanted = demand[:, week] * factor[:, week]
        if breaks:
            at = np.where(items.broken_at > 0, items.broken_at, 1e-300)
            wanted = wanted * np.minimum(stock / at, 1.0) ** items.broken_power
        if refers:
            gap = (reference - price[:, week]) / reference
            wanted = wanted * np.exp(items.reference_effect * gap)
            memory = items.reference_memory
            reference = memory * reference + (1.0 - memory) * price[:, week]
        units[:, week] = np.where(is_open[:, week], np.minimum(wanted, stock), 0.0)
        stock = stock - units[:, week]
        left[:, week] = stock
    return _accounts(items, rungs, price, units, left)


def _accounts(
    items: ClearanceItems, rungs: IntArray, price: FloatArray, units: FloatArray, left: FloatArray
) -> Trajectories:
    is_open = items.open_weeks
    paid = (price * units).sum(axis=1)
    full = items.full_price * units.sum(axis=1)
    changed = np.diff(rungs, axis=1, prepend=0) != 0
    salvage = items.salvage * left[:, -1]
    held = items.holding * (left * is_open).sum(axis=1)
    costs = held + items.labels * items.label_cost * changed.sum(axis=1)
    supply = items.supply
    short = items.target * supply - (supply - left[:, -1])
    missed = np.where(short > 1e-9 * supply, short, 0.0)
    hard = np.isinf(items.shortfall)
    charge = np.where(hard, 0.0, items.shortfall) * missed
    revenue = paid / (1.0 + items.tax_rate)
    value = revenue + salvage - costs - charge
    return Trajectories(
        rungs=rungs,
        units=units,
        left=left,
        changed=changed,
        down=(price < items.full_price[:, None]) & is_open,
        revenue=revenue,
        given_away=full - paid,
        at_full_price=full,
        salvage=salvage,
        costs=costs,
        value=np.where(hard & (missed > 0), -np.inf, value),
    )
