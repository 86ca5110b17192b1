"""Items that take customers from each other, and stock that stores share."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats

from pricing.markdown import (
    ClearanceHistory,
    ClearanceItems,
    ClearanceState,
    Effort,
    MarkdownLimits,
    plan,
    plan_with_rivals,
    replan,
)
from pricing.markdown.allocation import allocate, expected_sales
from pricing.markdown.errors import InfeasibleClearance, InvalidClearance
from pricing.markdown.rivals import rival_factor
from pricing.markdown.trajectories import follow
from tests.pricing.markdown.clearances import allowed_paths, random_items


def category(rng: np.random.Generator, n: int) -> tuple[ClearanceItems, sparse.csr_array]:
    items = random_items(rng, n, weeks=3, rungs=3)
    items = items.replaced(np.arange(n), {"broken_at": np.zeros(n), "exit_week": np.full(n, 3)})
    share = rng.uniform(-0.3, 1.2, (n, n)) * (rng.random((n, n)) < 0.8)
    np.fill_diagonal(share, 0.0)
    return items, sparse.csr_array(share)


def best_together(
    items: ClearanceItems, cross: sparse.csr_array, limits: MarkdownLimits
) -> float | None:
    """The best of all plans, with all effects."""
    options = [allowed_paths(items, i) for i in range(len(items))]
    best = None
    for choice in product(*options):
        rungs = np.array(choice)
        demand = items.demand * rival_factor(items, cross, rungs)
        course = follow(items, rungs, demand)
        if limits.budget is not None and course.given_away.sum() > limits.budget + 1e-7:
            continue
        value = float(course.value.sum())
        best = value if best is None else max(best, value)
    return best


def test_plans_of_rivals_are_judged_exactly_and_never_exceed_their_bound() -> None:
    rng = np.random.default_rng(3)
    shares, reached = [], 0
    for _ in range(60):
        items, cross = category(rng, int(rng.integers(2, 4)))
        limits = MarkdownLimits()
        if rng.random() < 0.4:
            limits = MarkdownLimits(budget=int(3e-2 * (items.supply * items.price[:, 0]).sum()))
        best = best_together(items, cross, limits)
        assert best is not None
        found = plan_with_rivals(items, cross, limits, effort=Effort(gap=0.0))
        rungs = found.course.rungs
        exact = follow(items, rungs, items.demand * rival_factor(items, cross, rungs))
        assert found.report.objective == pytest.approx(exact.value.sum(), rel=1e-9)
        if limits.budget is not None:
            assert exact.given_away.sum() <= limits.budget + 1e-6
        assert found.report.objective <= best * (1 + 1e-9)
        assert found.report.bound >= best * (1 - 1e-9)
        shares.append(found.report.objective / best)
        reached += found.report.objective >= best * (1 - 1e-9)
    # A fixed point is an approximation: this is how good it is on small categories.
    assert reached >= 35
    assert np.mean(shares) >= 0.99


def test_a_rival_that_takes_nobody_changes_nothing() -> None:
    items, _ = category(np.random.default_rng(5), 3)
    none = sparse.csr_array((3, 3))
    alone, beside = plan(items), plan_with_rivals(items, none)
    assert beside.report.objective == pytest.approx(alone.report.objective)
    assert beside.report.bound == pytest.approx(alone.report.bound)
    assert (beside.price == alone.price).all()


def test_what_has_no_bound_or_no_plan_is_refused() -> None:
    items, cross = category(np.random.default_rng(5), 3)
    broken = items.replaced(np.arange(3), {"broken_at": np.full(3, 5.0)})
    with pytest.raises(InvalidClearance, match="broken"):
        plan_with_rivals(broken, cross)
    with pytest.raises(InvalidClearance, match="diagonal"):
        plan_with_rivals(items, sparse.csr_array(np.eye(3)))
    with pytest.raises(InfeasibleClearance):
        plan_with_rivals(items, cross, MarkdownLimits(revenue_floor=10**12))


def test_a_season_under_way_learns_beside_its_rivals() -> None:
    """Sales that fell because a rival got cheaper are not taken for a weak season."""
    items = ClearanceItems.of(
        ["A", "B"],
        np.array([[1000, 900, 800], [1000, 900, 800]]),
        np.full((2, 6), 100.0),
        np.array([700.0, 700.0]),
        currency="EUR",
        elasticity=np.array([-2.0, -2.0]),
    )
    cross = sparse.csr_array(np.array([[0.0, 1.0], [0.0, 0.0]]))
    price = np.array([[1000, 1000, 1000], [800, 800, 800]])
    own = np.array([1.0, 0.8**-2.0])
    units = np.tile((100 * own * np.array([0.8, 1.0]))[:, None], 3)
    history = ClearanceHistory(price, units, np.zeros((2, 3), np.bool_))
    aware = replan(ClearanceState(items, cross=cross), history)
    blind = replan(ClearanceState(items), history)
    assert abs(aware.belief.mean[0, 0]) < 0.02
    assert blind.belief.mean[0, 0] < -0.1
    assert aware.plan is not None
    assert aware.plan.report.method == "fixed_point"


def test_shared_stock_goes_where_it_sells() -> None:
    """As good as trying every split of twelve units among three stores."""
    mean = np.array([2.0, 5.0, 9.0])
    units = allocate(12, mean, 0.4)
    assert units.sum() == 12
    best = max(
        expected_sales(np.array([a, b, 12 - a - b]), mean, 0.4).sum()
        for a in range(13)
        for b in range(13 - a)
    )
    assert expected_sales(units, mean, 0.4).sum() == pytest.approx(best)
    size = 1 / 0.4**2
    law = stats.nbinom(size, size / (size + mean[1]))
    demand = np.arange(400)
    plain = float((np.minimum(demand, 4) * law.pmf(demand)).sum())
    assert expected_sales(np.array([0, 4, 0]), mean, 0.4)[1] == pytest.approx(plain)


@settings(max_examples=40, deadline=None)
@given(
    units=st.integers(0, 400),
    mean=st.lists(st.floats(0, 60), min_size=1, max_size=6),
    spread=st.floats(0, 1),
)
def test_every_unit_is_allotted_once(units: int, mean: list[float], spread: float) -> None:
    found = allocate(units, np.array(mean), spread)
    assert found.sum() == units
    assert (found >= 0).all()


def test_allocation_without_stores_is_refused() -> None:
    for mean in (np.zeros(0), np.array([-1.0])):
        with pytest.raises(InvalidClearance):
            allocate(3, mean, 0.2)
