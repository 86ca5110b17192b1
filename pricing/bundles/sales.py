"""What a bundle sells, to whom, and what these customers would have bought without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import IntArray
from pricing.bundles.market import Market, Outcome
from pricing.bundles.problem import SHARES


@dataclass(frozen=True, slots=True)
class BundleSales:
    """One bundle of a plan; money in minor units.

    Attributes:
        bundle: the set, as bits.
        price: what it asks.
        parts: what its parts ask together.
        cost: what it costs.
        buyers: customers who take it.
        new: buyers who bought nothing of it before.
        some: buyers who bought a part of it before.
        all: buyers who bought all of it before, one by one.
        profit: what its buyers bring with all that they buy.
        profit_before: what the same customers brought before.
        funding: what others pay toward it.
    """

    bundle: int
    price: int
    parts: int
    cost: int
    buyers: int
    new: int
    some: int
    all: int
    profit: float
    profit_before: float
    funding: float


def bundle_sales(market: Market, plan: Outcome, before: Outcome) -> tuple[BundleSales, ...]:
    """Each bundle of a plan, dearest first.

    Args:
        market: the customers.
        plan: what they do at the plan's prices.
        before: what they did at other prices, such as those in force.
    """
    found = []
    parts = market.sets.totals(plan.posted[market.singles])
    cost = market.sets.totals(market.problem.cost)
    gain, gain_before = market.gains(plan.effective), market.gains(before.effective)
    for bundle in plan.bundles.tolist():
        takes = np.array([bundle in plan.effective.parts(mask) for mask in plan.choice.tolist()])
        size: IntArray = market.size * takes
        had = before.choice & bundle
        saved = int(parts[bundle] - plan.posted[bundle])
        found.append(
            BundleSales(
                bundle=bundle,
                price=int(plan.posted[bundle]),
                parts=int(parts[bundle]),
                cost=int(cost[bundle]),
                buyers=int(size.sum()),
                new=int(size[had == 0].sum()),
                some=int(size[(had != 0) & (had != bundle)].sum()),
                all=int(size[had == bundle].sum()),
                profit=int(size @ gain[plan.choice]) / SHARES,
                profit_before=int(size @ gain_before[before.choice]) / SHARES,
                funding=int(size.sum()) * saved * int(market.funding[bundle]) / SHARES,
            )
        )
    return tuple(sorted(found, key=lambda sales: (-sales.price, sales.bundle)))
