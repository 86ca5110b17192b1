"""Bundle plans in the same futures."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import IntArray
from pricing.bundles.market import NOT_OFFERED, Market
from pricing.bundles.problem import SHARES, BundleProblem
from simulations.errors import InvalidScenario
from simulations.scenarios.bundle_outlook import BundleDoubt, bundle_outlook

CERTAIN = BundleDoubt(size=0.0, segment=0.0, customer=0.0, sampled=1)


def problem() -> BundleProblem:
    return BundleProblem.of(
        ["pan", "lid"], [10, 2], [40, 15], [30, 20, 10], np.array([[44, 9], [25, 14], [42, 16]]),
        currency="EUR",
    )  # fmt: skip


def prices(bundle: int = NOT_OFFERED) -> IntArray:
    return np.array([NOT_OFFERED, 40, 15, bundle])


def test_without_doubt_a_future_is_the_plan_itself() -> None:
    plans = {"nothing": prices(), "plan": prices(47)}
    seen = bundle_outlook(problem(), plans, CERTAIN, rng=np.random.default_rng(0), draws=3)
    market = Market(problem())
    for name, posted in plans.items():
        assert seen.of(name, "profit").mean == market.outcome(posted).profit / SHARES
        assert seen.of(name, "units").mean == market.outcome(posted).units.sum()
    assert seen.of("plan", "given_away").mean == 8 * 40
    assert seen.difference("plan", "nothing", "revenue").mean == 47 * 40 - 30 * 40 - 10 * 55


def test_intervals_hold_the_mean_and_lower_demand_scales_it() -> None:
    plans = {"plan": prices(47)}
    seen = [
        bundle_outlook(
            problem(), plans, BundleDoubt(), rng=np.random.default_rng(1), draws=80, sizes=sizes
        ).of("plan", "profit")
        for sizes in (1.0, 0.8)
    ]
    assert seen[0].low < seen[0].mean < seen[0].high
    assert seen[1].mean == pytest.approx(0.8 * seen[0].mean)


def test_stock_that_runs_out_is_shared() -> None:
    short = problem().replaced(stock=np.array([20, -1]))
    seen = bundle_outlook(
        short, {"plan": prices(47)}, CERTAIN, rng=np.random.default_rng(0), draws=1
    )
    # 40 want the set, 20 pans are there: half of them are served.
    assert seen.of("plan", "units").mean == 40
    assert seen.of("plan", "revenue").mean == 20 * 47


def test_nonsense_is_refused() -> None:
    with pytest.raises(InvalidScenario, match="at least one plan"):
        bundle_outlook(problem(), {}, CERTAIN, rng=np.random.default_rng(0))
    with pytest.raises(InvalidScenario, match="doubt"):
        BundleDoubt(size=-1)
    with pytest.raises(InvalidScenario, match="sampled"):
        BundleDoubt(sampled=0)
