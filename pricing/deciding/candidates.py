"""The prices that each row may choose from: rungs of its market's ladder between its limits."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from models.arrays import BoolArray, IntArray
from pricing.catalogue import UNKNOWN, Catalogue, Market
from pricing.deciding.guardrails import PriceBounds
from pricing.deciding.policy import PricingPolicy
from pricing.deciding.strategies import StrategyPlan
from pricing.law.legal_bounds import LegalBounds
from pricing.price_points import EndingRule, candidate_grid
from pricing.solving.relations import TiedRows


class Ladders:
    """The price ladders of a run's markets, each built as far up as anybody asked."""

    def __init__(self, policy: PricingPolicy) -> None:
        self._policy = policy
        self._known: dict[str, tuple[int, IntArray]] = {}

    def upto(self, market: Market, top: int) -> IntArray:
        """Presentable prices of a market, ascending; all of those up to `top`, perhaps more."""
        height, ladder = self._known.get(market.code, (0, np.empty(0, dtype=np.int64)))
        if height < top:
            rule = self._policy.endings.get(market.code) or EndingRule.usual(market.currency)
            ladder = rule.ladder(top)
            self._known[market.code] = (top, ladder)
        return ladder


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
    ladders = Ladders(policy)
    prices, valid = row_candidates(catalogue, bounds, policy.candidates, ladders, plan)
    one_grid_a_family(prices, valid, catalogue, bounds, ladders, tied, fixed=plan.frozen)
    return prices, valid


def row_candidates(
    catalogue: Catalogue, bounds: PriceBounds, k: int, ladders: Ladders, plan: StrategyPlan
) -> tuple[IntArray, BoolArray]:
    """The candidates of rows that stand alone; see `candidate_prices`."""
    n = len(catalogue)
    prices = np.zeros((n, 1 + k), dtype=np.int64)
    valid = np.zeros((n, 1 + k), dtype=np.bool_)
    prices[:, 0], valid[:, 0] = catalogue.price, True
    free = bounds.hold == 0
    for code, market in enumerate(catalogue.markets):
        here = free & (catalogue.market.codes == code)
        rows = slice(None) if here.all() else np.flatnonzero(here)
        upper = bounds.upper[rows]
        if len(upper):
            ladder = ladders.upto(market, int(upper.max()))
            prices[rows, 1:], valid[rows, 1:] = candidate_grid(bounds.lower[rows], upper, ladder, k)
    _aim(prices, valid, catalogue, bounds, ladders, plan)
    valid[:, 1:] &= prices[:, 1:] != catalogue.price[:, None]
    return prices, valid


def one_grid_a_family(
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    bounds: PriceBounds,
    ladders: Ladders,
    tied: TiedRows,
    *,
    fixed: BoolArray,
    step: IntArray | None = None,
    legal: LegalBounds | None = None,
) -> None:
    """Give rows that must have one price the same candidates, in place.

    `fixed` (n,) are rows that a strategy keeps where they are; `step` (n,) the only price that a
    row on its way back to a level may move to, UNKNOWN for none. The family goes as far that way as
    all of its rows may. Where that leaves a row no lawful price (`legal`) that it could have alone,
    those that may move go without those that may not, and at last it goes by itself.
    """

    def narrow(family: IntArray) -> None:
        if step is not None and (step[family] != UNKNOWN).any():
            _one_step(family, prices, valid, catalogue, bounds, ladders, fixed, step)
        else:
            _one_grid(family, prices, valid, catalogue, bounds, ladders, fixed)
        valid[family, 1:] &= prices[family, 1:] != catalogue.price[family, None]

    for family in _families(tied, len(catalogue)):
        alone = prices[family], valid[family]
        narrow(family)
        if legal is None or not (lawless := _lawless(family, catalogue, legal, *alone)).any():
            continue
        if _lawless(family, catalogue, legal, prices[family], valid[family])[lawless].all():
            continue
        free = (bounds.hold[family] == 0) & ~fixed[family]
        prices[family], valid[family] = alone
        narrow(family[free])
        met = _lawless(family, catalogue, legal, prices[family], valid[family])
        left = lawless & ~met
        prices[family[left]], valid[family[left]] = alone[0][left], alone[1][left]


def _lawless(
    family: IntArray, catalogue: Catalogue, legal: LegalBounds, prices: IntArray, valid: BoolArray
) -> BoolArray:
    """Which rows of a family stand beyond the law, and have a candidate that does not."""
    here = legal.take(family)
    lawful = (prices >= here.lower[:, None]) & (prices <= here.upper[:, None]) & valid
    return here.broken(catalogue.price[family]) & lawful[:, 1:].any(axis=1)


def _aim(
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    bounds: PriceBounds,
    ladders: Ladders,
    plan: StrategyPlan,
) -> None:
    """Put the presentable price next to each target in the last column, in place.

    Next to it is the greatest one not above it; where the limits do not reach so low, the least one
    that they allow. A price set by hand is taken as it is.
    """
    valid[plan.frozen, 1:] = False
    aims = plan.aims & (bounds.hold == 0) & (bounds.lower <= bounds.upper) & ~plan.frozen
    for code, market in enumerate(catalogue.markets):
        rows = np.flatnonzero(aims & (catalogue.market.codes == code))
        if len(rows) == 0:
            continue
        lower, upper = bounds.lower[rows], bounds.upper[rows]
        wanted = np.clip(np.floor(plan.target[rows] + 1e-6), lower, upper).astype(np.int64)
        ladder = ladders.upto(market, int(upper.max()))
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


def _one_step(
    family: IntArray,
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    bounds: PriceBounds,
    ladders: Ladders,
    fixed: BoolArray,
    step: IntArray,
) -> None:
    """Give a family of which rows are on their way one candidate: the furthest that all may take.

    A row on its way may go anywhere between its price in force and its step. Rows that may not
    move, and ways that part, leave none.
    """
    prices[family, 1:], valid[family, 1:] = 0, False
    if (bounds.hold[family] != 0).any() or fixed[family].any():
        return
    steps, old = step[family], catalogue.price[family]
    up, down = (steps != UNKNOWN) & (steps > old), (steps != UNKNOWN) & (steps < old)
    lower = int(np.where(up, old + 1, np.where(down, steps, bounds.lower[family])).max())
    upper = int(np.where(up, steps, np.where(down, old - 1, bounds.upper[family])).min())
    if lower > upper or (up.any() and down.any()):
        return
    ladder = _shared_ladder(family, catalogue, ladders, upper)
    within = ladder[(ladder >= lower) & (ladder <= upper)]
    if len(within) == 0:
        return
    price = int(within[-1] if up.any() else within[0])
    prices[family, 1], valid[family, 1] = price, True
    short = family[up & (bounds.lower[family] > price)]
    bounds.upper[short] = price
    short = family[down & (bounds.upper[family] < price)]
    bounds.lower[short] = price


def _one_grid(
    family: IntArray,
    prices: IntArray,
    valid: BoolArray,
    catalogue: Catalogue,
    bounds: PriceBounds,
    ladders: Ladders,
    fixed: BoolArray,
) -> None:
    """Give the rows of a family the same candidates, in place."""
    k = prices.shape[1] - 1
    prices[family, 1:], valid[family, 1:] = 0, False
    held = (bounds.hold[family] != 0) | fixed[family]
    free = family[~held]
    if len(free) == 0:
        return
    lower, upper = int(bounds.lower[free].max()), int(bounds.upper[free].min())
    if held.any():
        # A price that may not move leaves the others one candidate: to join it.
        theirs = int(catalogue.price[family[held][0]])
        if lower <= theirs <= upper:
            prices[free, 1], valid[free, 1] = theirs, True
        return
    ladder = _shared_ladder(free, catalogue, ladders, max(upper, 1))
    rungs, real = candidate_grid(np.array([lower]), np.array([upper]), ladder, k)
    prices[free, 1:], valid[free, 1:] = rungs, real


def _shared_ladder(rows: IntArray, catalogue: Catalogue, ladders: Ladders, top: int) -> IntArray:
    """The prices that are presentable in the markets of all these rows."""
    first, *others = (
        ladders.upto(catalogue.markets[code], top)
        for code in np.unique(catalogue.market.codes[rows]).tolist()
    )
    ladder = first
    for other in others:
        ladder = np.intersect1d(ladder, other)
    return ladder
