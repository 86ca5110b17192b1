"""Plan bundles and say what to expect of them: one job for every way in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from api.work.progress import Progress, silent
from models.arrays import IntArray
from pricing.bundles import BundlePlan, BundleProblem, Effort, InfeasibleBundles, plan_bundles
from pricing.bundles.market import Market, Outcome
from pricing.bundles.plan import unwatched
from pricing.bundles.sales import BundleSales, bundle_sales
from pricing.bundles.valuations import spread_out
from simulations.scenarios.bundle_outlook import BundleDoubt, bundle_outlook
from simulations.scenarios.outlook import Outlook

NOTHING: Final = "do nothing"
SINGLES: Final = "component pricing"
PLAN: Final = "plan"
LOWER: Final = 0.8
_STEPS: Final = 5
_AGAIN: Final = 0.25
"""Share of the time that planning once more for lower demand may take."""


@dataclass(frozen=True, slots=True, eq=False)
class BundleAnswer:
    """A plan and what to expect.

    Attributes:
        plan: for the segments as they were planned for, spread out into unlike customers.
        outcome: what the segments as they were given do at its prices.
        before: what they do at the prices in force.
        sales: of each bundle, among the segments as they were given.
        against: profit in minor units if all who are indifferent do what is worst for the seller.
        outlook: the plan beside doing nothing and the best single prices.
        fewer: the same with a fifth fewer customers.
        poorer: the same where all would pay a fifth less.
        replanned_poorer: the plan one would have made, had one known that; None where the limits
            then conflict.
    """

    plan: BundlePlan
    outcome: Outcome
    before: Outcome
    sales: tuple[BundleSales, ...]
    against: float
    outlook: Outlook
    fewer: Outlook
    poorer: Outlook
    replanned_poorer: BundlePlan | None


def plan_with_outlook(
    problem: BundleProblem,
    doubt: BundleDoubt,
    *,
    rng: np.random.Generator,
    planned: int = 1,
    draws: int = 500,
    effort: Effort | None = None,
    progress: Progress = silent,
    better: Callable[[Outcome, int], None] = unwatched,
) -> BundleAnswer:
    """Plan, then simulate the plan beside its alternatives.

    Args:
        problem: what is to be planned.
        doubt: what is not known of customers.
        rng: source of the search and of the futures.
        planned: unlike customers into which each segment is split for planning.
        draws: futures simulated.
        effort: how long to search.
        progress: told after each step.
        better: told of each better plan, with the bound.

    Raises:
        PricingError: as `pricing.bundles.plan_bundles`.
    """
    effort = effort or Effort()
    wide = spread_out(problem, float(np.hypot(doubt.segment, doubt.customer)), planned, rng)
    found = plan_bundles(wide, rng=rng, effort=effort, watch=better)
    progress("plan", 1, _STEPS)
    market = Market(problem)
    outcome = market.outcome(found.outcome.posted)
    before = market.outcome(found.nothing.posted)
    plans = {
        NOTHING: found.nothing.posted,
        SINGLES: found.singles.posted,
        PLAN: found.outcome.posted,
    }
    seed = int(rng.integers(2**32))

    def simulate(sizes: float, values: float) -> Outlook:
        return bundle_outlook(
            problem, plans, doubt, rng=np.random.default_rng(seed),
            draws=draws, sizes=sizes, values=values,
        )  # fmt: skip

    outlook = simulate(1.0, 1.0)
    progress("simulate", 2, _STEPS)
    fewer = simulate(LOWER, 1.0)
    progress("simulate fewer customers", 3, _STEPS)
    poorer = simulate(1.0, LOWER)
    progress("simulate lower valuations", 4, _STEPS)
    replanned = _for_lower(wide, effort, rng)
    progress("plan for lower valuations", _STEPS, _STEPS)
    return BundleAnswer(
        plan=found,
        outcome=outcome,
        before=before,
        sales=bundle_sales(market, outcome, before),
        against=_against(market, outcome),
        outlook=outlook,
        fewer=fewer,
        poorer=poorer,
        replanned_poorer=replanned,
    )


def _for_lower(
    problem: BundleProblem, effort: Effort, rng: np.random.Generator
) -> BundlePlan | None:
    value: IntArray = np.floor(problem.value * LOWER).astype(np.int64)
    again = replace(effort, seconds=effort.seconds * _AGAIN)
    try:
        return plan_bundles(problem.replaced(value=value), rng=rng, effort=again)
    except InfeasibleBundles:
        return None


def _against(market: Market, outcome: Outcome) -> float:
    """Profit where every indifferent segment does what brings least."""
    gain = market.gains(outcome.effective)
    surplus = market.value - outcome.effective.price
    tied = surplus == surplus.max(axis=1, keepdims=True)
    worst = np.where(tied, gain, np.iinfo(np.int64).max).argmin(axis=1)
    return float(int(market.size @ gain[worst]) / 10_000)
