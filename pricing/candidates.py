"""The prices that each row may choose from: rungs of its market's ladder between its limits."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from models.arrays import BoolArray, IntArray
from pricing.catalogue import Catalogue
from pricing.guardrails import PriceBounds
from pricing.policy import PricingPolicy
from pricing.price_points import EndingRule, candidate_grid
from pricing.relations import TiedRows
from pricing.strategies import StrategyPlan


def candidate_prices(
    catalogue: Catalogue,
    bounds: PriceBounds,
    policy: PricingPolicy,
    tied: TiedRows,
    plan: StrategyPlan,
) -> tuple[IntArray, BoolArray]:
    """Candidates in minor units, the price in force first.

    Rows that must have one price get one grid between the tightest of their limits, on the rungs
    that all of their markets show.

    Returns:
        prices (n, 1 + k) and valid (n, 1 + k); an invalid cell holds 0, column 0 today's price.
    """
    n, k = len(catalogue), policy.candidates
    prices = np.zeros((n, 1 + k), dtype=np.int64)
    valid = np.zeros((n, 1 + k), dtype=np.bool_)
    prices[:, 0], valid[:, 0] = catalogue.price, True
    for code in range(len(catalogue.markets)):
        rows = np.flatnonzero((catalogue.market.codes == code) & (bounds.hold == 0))
        if len(rows):
            top = int(bounds.upper[rows].max())
            prices[rows, 1:], valid[rows, 1:] = candidate_grid(
                bounds.lower[rows], bounds.upper[rows], _ladder(catalogue, policy, code, top), k
            )
    _aim(prices, valid, catalogue, bounds, policy, plan)
    for family in _families(tied, n):
        _one_grid(family, prices, valid, catalogue, bounds, policy)
    valid[:, 1:] &= prices[:, 1:] != catalogue.price[:, None]
    return prices, valid


def _aim(
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    bounds: PriceBounds,
    policy: PricingPolicy,
    plan: StrategyPlan,
) -> None:
    """Put the presentable price next to each target in the last column, in place.

    Next to it is the greatest one not above it; where the limits do not reach so low, the least one
    that they allow. A price set by hand is taken as it is.
    """
    valid[plan.frozen, 1:] = False
    aims = plan.aims & (bounds.hold == 0) & (bounds.lower <= bounds.upper) & ~plan.frozen
    for code in range(len(catalogue.markets)):
        rows = np.flatnonzero(aims & (catalogue.market.codes == code))
        if len(rows) == 0:
            continue
        lower, upper = bounds.lower[rows], bounds.upper[rows]
        wanted = np.clip(np.floor(plan.target[rows] + 1e-6), lower, upper).astype(np.int64)
        ladder = _ladder(catalogue, policy, code, int(upper.max()))
        if len(ladder):
            below = np.searchsorted(ladder, wanted, side="right") - 1
            rung = ladder[np.maximum(below, 0)]
            above = ladder[np.minimum(np.searchsorted(ladder, lower), len(ladder) - 1)]
            rung = np.where((below >= 0) & (rung >= lower), rung, above)
        else:
            rung = np.zeros(len(rows), dtype=np.int64)
        rung = np.where(plan.exact[rows], wanted, rung)
        inside = (rung >= lower) & (rung <= upper)
        prices[rows[inside], -1], valid[rows[inside], -1] = rung[inside], True


def _ladder(catalogue: Catalogue, policy: PricingPolicy, code: int, top: int) -> IntArray:
    market = catalogue.markets[code]
    rule = policy.endings.get(market.code) or EndingRule.usual(market.currency)
    return rule.ladder(top)


def _families(tied: TiedRows, n: int) -> list[IntArray]:
    """Rows of every group that must have one price."""
    same = tied.where(tied.equal_pairs())
    if len(same) == 0:
        return []
    ties = sparse.coo_array((np.ones(len(same)), (same.row, same.other)), shape=(n, n))
    _, group = connected_components(ties, directed=False)
    members = np.unique(np.concatenate([same.row, same.other]))
    order = members[np.argsort(group[members], kind="stable")]
    edges = np.flatnonzero(np.diff(group[order])) + 1
    return [part.astype(np.int64) for part in np.split(order, edges)]


def _one_grid(
    family: IntArray,
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    bounds: PriceBounds,
    policy: PricingPolicy,
) -> None:
    """Give the rows of a family the same candidates, in place."""
    k = policy.candidates
    prices[family, 1:], valid[family, 1:] = 0, False
    held = bounds.hold[family] != 0
    free = family[~held]
    if len(free) == 0:
        return
    lower, upper = int(bounds.lower[free].max()), int(bounds.upper[free].min())
    if held.any():
        # A price that may not move leaves the others one candidate: to join it.
        fixed = int(catalogue.price[family[held][0]])
        if lower <= fixed <= upper:
            prices[free, 1], valid[free, 1] = fixed, True
        return
    ladder = _ladder(catalogue, policy, int(catalogue.market.codes[free[0]]), max(upper, 1))
    for code in np.unique(catalogue.market.codes[free])[1:].tolist():
        ladder = np.intersect1d(ladder, _ladder(catalogue, policy, code, max(upper, 1)))
    rungs, real = candidate_grid(np.array([lower]), np.array([upper]), ladder, k)
    prices[free, 1:], valid[free, 1:] = rungs, real
