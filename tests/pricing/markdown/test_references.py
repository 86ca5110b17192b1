"""Plans against the exact dynamic programme and the fluid bound."""

from __future__ import annotations

import numpy as np
import pytest

from pricing.markdown import ClearanceItems, plan
from pricing.markdown.errors import InvalidClearance
from tests.pricing.markdown.fluid import fluid_bound
from tests.pricing.markdown.stochastic import stochastic_value


def single(rng: np.random.Generator, weeks: int = 6) -> ClearanceItems:
    """A product that sells some dozens of units in a season."""
    base = rng.uniform(8, 16)
    start = int(rng.integers(2_000, 6_000))
    ladder = np.rint(start * np.array([[1.0, 0.85, 0.7, 0.5]])).astype(np.int64)
    return ClearanceItems.of(
        ["A"],
        ladder,
        base * rng.uniform(0.8, 1.2, (1, weeks)),
        np.array([float(round(base * weeks * rng.uniform(1.0, 1.8)))]),
        currency="EUR",
        elasticity=rng.uniform(-3.5, -1.2, 1),
        salvage=int(0.1 * start),
        max_changes=2,
    )


def test_re_solved_plans_reach_99_percent_of_the_exact_dynamic_programme() -> None:
    rng = np.random.default_rng(11)
    shares = []
    for _ in range(8):
        item = single(rng)
        value = stochastic_value(item)
        assert value.resolved <= value.best * (1 + 1e-12)
        assert value.best <= fluid_bound(item)[0] * (1 + 1e-9)
        shares.append(value.resolved / value.best)
    assert min(shares) >= 0.99


def test_the_dynamic_programme_of_one_week_is_the_best_expected_week() -> None:
    item = ClearanceItems.of(
        ["A"],
        np.array([[100, 50]]),
        np.array([[1.0]]),
        np.array([1.0]),
        currency="EUR",
        response=np.array([[1.0, 3.0]]),
    )
    # One unit, one week: it sells with probability 1 - exp(-mean).
    expected = max(100 * (1 - np.exp(-1.0)), 50 * (1 - np.exp(-3.0)))
    assert stochastic_value(item).best == pytest.approx(expected)


def test_no_plan_is_worth_more_than_the_fluid_bound() -> None:
    rng = np.random.default_rng(12)
    for _ in range(40):
        item = single(rng)
        value = float(plan(item).course.value.sum())
        assert value <= fluid_bound(item)[0] * (1 + 1e-9)
        assert value >= 0.8 * fluid_bound(item)[0]


def test_references_refuse_what_they_cannot_judge() -> None:
    item = single(np.random.default_rng(1))
    broken = item.replaced(np.arange(1), {"broken_at": np.array([5.0])})
    with pytest.raises(InvalidClearance, match="broken_at"):
        fluid_bound(broken)
    with pytest.raises(InvalidClearance, match="one item"):
        stochastic_value(item.take(np.array([0, 0])))
