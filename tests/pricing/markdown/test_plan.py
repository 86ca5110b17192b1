"""A plan equals brute force, keeps every rule, and its bound is never below the truth."""

from __future__ import annotations

import numpy as np
import pytest

from pricing.markdown import Effort, plan
from pricing.markdown.errors import InfeasibleClearance
from pricing.markdown.limits import MarkdownLimits
from tests.pricing.markdown.clearances import (
    allowed_paths,
    best_by_trying_all,
    outcome,
    path_of,
    random_items,
    within,
)


def random_limits(rng: np.random.Generator, scale: float, n: int) -> MarkdownLimits:
    """One to three joint limits, tight enough to bite, now and then impossible."""
    kinds = rng.choice(5, int(rng.integers(1, 4)), replace=False)
    return MarkdownLimits(
        budget=int(scale * rng.uniform(0, 0.06)) if 0 in kinds else None,
        labels_per_week=({"a": int(rng.integers(0, 4))} if rng.random() < 0.5 else 3)
        if 1 in kinds
        else None,
        average_discount=float(rng.uniform(0, 0.1)) if 2 in kinds else None,
        revenue_floor=int(scale * rng.uniform(0.05, 0.25)) if 3 in kinds else None,
        marked_down_at_once=int(rng.integers(0, n + 1)) if 4 in kinds else None,
    )


@pytest.mark.parametrize(
    ("tried", "impossible"), [(160, 1), pytest.param(500, 20, marks=pytest.mark.slow)]
)
def test_plans_equal_brute_force_on_tiny_clearances(tried: int, impossible: int) -> None:
    rng = np.random.default_rng(20261122)
    infeasible = coupled = 0
    for _ in range(tried):
        n = int(rng.integers(1, 4))
        items = random_items(rng, n, weeks=int(rng.integers(2, 4)), rungs=3)
        full = float((items.supply * items.ladder[:, 0]).sum())
        limits = random_limits(rng, full, n)
        expected = best_by_trying_all(items, limits)
        if expected is None:
            infeasible += 1
            with pytest.raises(InfeasibleClearance):
                plan(items, limits, effort=Effort(gap=0.0))
            continue
        found = plan(items, limits, effort=Effort(gap=0.0))
        paths = [path_of(items, i, found.price[i]) for i in range(n)]
        outcomes = [outcome(items, i, path) for i, path in enumerate(paths)]
        assert all(path in allowed_paths(items, i) for i, path in enumerate(paths))
        assert within(limits, [used for _, used in outcomes])
        assert sum(value for value, _ in outcomes) == pytest.approx(expected, rel=1e-7)
        assert found.course.value.sum() == pytest.approx(expected, rel=1e-7)
        assert found.report.bound >= expected - 1e-7 * abs(expected)
        assert found.report.status == "optimal"
        coupled += found.report.method == "column_generation"
    # The sample must contain what it is meant to test.
    assert infeasible > impossible
    assert coupled > 0.3 * tried


def judge_loose_gaps(seeds: range) -> list[str]:
    """Tiny clearances planned to a loose gap, against all plans there are; the statuses told."""
    told = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 4))
        items = random_items(rng, n, weeks=int(rng.integers(2, 4)), rungs=3)
        limits = random_limits(rng, float((items.supply * items.ladder[:, 0]).sum()), n)
        best = best_by_trying_all(items, limits)
        if best is None:
            continue
        gap = float(10.0 ** rng.uniform(-3, -1))
        found = plan(items, limits, effort=Effort(gap=gap))
        paths = [path_of(items, i, found.price[i]) for i in range(n)]
        report, size = found.report, abs(best)
        said = f"seed {seed}, gap {gap}: {report}, best {best}"
        assert within(limits, [used for _, used in map(outcome, [items] * n, range(n), paths)])
        assert report.objective <= best + 1e-9 * size, said
        assert report.bound >= best - 1e-9 * size, said
        if report.status == "optimal":
            assert report.objective >= best - 2e-9 * size, said
        elif report.status == "within_gap":
            assert 1e-9 < report.gap <= gap + 1e-9, said
        else:
            assert (report.status, report.gap > gap) == ("feasible", True), said
        told.append(report.status)
    return told


def test_what_stops_at_a_loose_gap_is_told_with_a_true_bound_and_not_as_optimal() -> None:
    assert judge_loose_gaps(range(100)).count("within_gap") > 10


@pytest.mark.slow
def test_what_stops_at_a_loose_gap_is_told_truly_of_thousands() -> None:
    assert judge_loose_gaps(range(1_000, 4_000)).count("within_gap") > 300
