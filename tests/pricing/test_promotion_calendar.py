"""Calendars equal brute force where they are tiny, and come with an honest gap where not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import sparse

from models.arrays import IntArray
from pricing.errors import InvalidLimits
from pricing.promotion_calendar import greedy_calendar, plan_calendar
from pricing.promotion_demand import PromotionProblem, follow_calendar
from pricing.promotion_limits import CalendarLimits


def random_problem(
    rng: np.random.Generator, n: int, weeks: int, mechanics: int, rivals: int
) -> PromotionProblem:
    """Products of categories of ten that take demand from some others, and give to a few."""
    margin = rng.uniform(100, 900, n)
    lift = 1.0 + rng.uniform(0.1, 1.5, (n, mechanics))
    cross = np.zeros((n, n))
    category = np.arange(n) // 10
    for i in range(n):
        group = np.flatnonzero((category == category[i]) & (np.arange(n) != i))
        chosen = rng.permutation(group)[:rivals]
        cross[i, chosen] = rng.uniform(-0.05, 0.015, len(chosen))
    return PromotionProblem(
        sku=np.array([f"P{i}" for i in range(n)]),
        category=np.array([f"c{k}" for k in category]),
        mechanics=tuple(f"m{k}" for k in range(mechanics)),
        base=rng.gamma(3, 20, (n, 1)) * rng.uniform(0.7, 1.3, (n, weeks)),
        margin=margin,
        promotion_margin=margin[:, None] * rng.uniform(0.4, 0.95, (n, mechanics)),
        discount=margin[:, None] * rng.uniform(0.1, 0.6, (n, mechanics)),
        lift=lift,
        fixed_cost=rng.uniform(0, 500, (n, mechanics)),
        pull=np.column_stack([rng.uniform(0, 0.3, n), rng.uniform(0, 0.15, n)]),
        cross=sparse.csr_array(cross),
        allowed=rng.random((n, weeks, mechanics)) < 0.9,
        most=rng.integers(1, 5, n),
        gap=rng.integers(1, 3, n),
    )


def plain_profit(problem: PromotionProblem, actions: IntArray) -> float:
    """Profit of a calendar, written as the law reads."""
    total = 0.0
    share = problem.cross.toarray()
    n, weeks = actions.shape

    def lift(i: int, week: int) -> float:
        return float(problem.lift[i, actions[i, week] - 1]) if actions[i, week] else 1.0

    for i in range(n):
        for week in range(weeks):
            dip = 1.0
            for k in range(problem.pull.shape[1]):
                if week - 1 - k >= 0:
                    dip -= problem.pull[i, k] * (lift(i, week - 1 - k) - 1)
            cross = 1 + sum(share[i, j] * (lift(j, week) - 1) for j in range(n))
            units = problem.base[i, week] * lift(i, week) * max(dip, 0.0) * cross
            a = actions[i, week]
            margin = problem.promotion_margin[i, a - 1] if a else problem.margin[i]
            total += units * margin - (problem.fixed_cost[i, a - 1] if a else 0.0)
    return float(total)


def plainly_kept(problem: PromotionProblem, limits: CalendarLimits, actions: IntArray) -> bool:
    for i, row in enumerate(actions):
        weeks = np.flatnonzero(row)
        if len(weeks) > problem.most[i] or (np.diff(weeks) < problem.gap[i]).any():
            return False
        if not all(problem.allowed[i, week, row[week] - 1] for week in weeks):
            return False
    for name, most in limits.slots.items():
        if ((actions == problem.mechanics.index(name) + 1).sum(axis=0) > most).any():
            return False
    if limits.budget is not None:
        given = follow_calendar(problem, actions).given_away.sum()
        if given > limits.budget * (1 + 1e-9):
            return False
    if limits.category_share is not None:
        for category in set(problem.category.tolist()):
            mine = problem.category == category
            most = max(int(limits.category_share * mine.sum() + 1e-9), 1)
            if ((actions[mine] > 0).sum(axis=0) > most).any():
                return False
    return True


def test_calendars_equal_brute_force_on_500_tiny_problems() -> None:
    rng = np.random.default_rng(20261122)
    promoted = 0
    for _ in range(500):
        n, weeks = int(rng.integers(1, 3)), 3
        problem = random_problem(rng, n, weeks, int(rng.integers(1, 3)), rivals=1)
        limits = CalendarLimits(
            slots={"m0": int(rng.integers(0, 2))} if rng.random() < 0.5 else {},
            budget=int(rng.uniform(0, 20_000)) if rng.random() < 0.5 else None,
            category_share=0.5 if rng.random() < 0.3 else None,
        )
        every = product(range(len(problem.mechanics) + 1), repeat=n * weeks)
        best = max(
            plain_profit(problem, actions)
            for one in every
            if plainly_kept(problem, limits, actions := np.array(one).reshape(n, weeks))
        )
        found = plan_calendar(problem, limits)
        assert plainly_kept(problem, limits, found.actions)
        assert plain_profit(problem, found.actions) == pytest.approx(best, rel=1e-7)
        assert found.report.objective == pytest.approx(best, rel=1e-7)
        assert found.report.bound >= best * (1 - 1e-9)
        promoted += bool(found.actions.any())
    assert promoted > 150


def test_a_quarter_of_a_category_tree_is_planned_within_one_percent_of_its_bound() -> None:
    rng = np.random.default_rng(3)
    problem = random_problem(rng, 60, 13, 4, rivals=4)
    limits = CalendarLimits(slots={"m0": 3, "m1": 5}, category_share=0.3, budget=3_000_000)
    greedy = greedy_calendar(problem, limits)
    found = plan_calendar(problem, limits, starts=[greedy])
    assert plainly_kept(problem, limits, found.actions)
    assert plain_profit(problem, found.actions) == pytest.approx(found.report.objective)
    assert found.report.gap <= 0.01
    assert found.report.objective >= follow_calendar(problem, greedy).profit.sum() * (1 - 1e-9)
    assert found.report.objective > found.unpromoted
    assert follow_calendar(problem, greedy).profit.sum() <= found.report.bound


def test_settings_that_cannot_be_are_refused() -> None:
    problem = random_problem(np.random.default_rng(1), 2, 3, 2, rivals=1)
    with pytest.raises(InvalidLimits, match="the mechanics are m0, m1"):
        plan_calendar(problem, CalendarLimits(slots={"flyer": 1}))
    with pytest.raises(InvalidLimits):
        CalendarLimits(category_share=30)
