"""Bad input is explained; paths and plans keep their rules; futures and risk mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.errors import InvalidLimits
from pricing.markdown import Effort, plan
from pricing.markdown.errors import (
    InfeasibleClearance,
    InvalidClearance,
    UnreachableTarget,
)
from pricing.markdown.items import ClearanceItems
from pricing.markdown.limits import MarkdownLimits
from pricing.markdown.paths import groups_by_rules, path_tree
from pricing.markdown.scenarios import Scenarios
from pricing.solving.risk import Risk
from tests.pricing.markdown.clearances import allowed_paths, outcome, path_of, random_items


def two_items(**columns: object) -> ClearanceItems:
    """Two products, four weeks, prices 60/54/48/36, stock for more than four weeks."""
    usual: dict[str, Any] = {
        "sku": ["A", "B"],
        "ladder": np.array([[6000, 5400, 4800, 3600]] * 2),
        "demand": np.full((2, 4), 10.0),
        "stock": np.array([100.0, 80.0]),
        "elasticity": np.array([-2.0, -3.0]),
        "currency": "USD",
    }
    return ClearanceItems.of(**{**usual, **columns})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"stock": np.array([0.0, 5.0])}, "'A' in 'all': stock is zero"),
        ({"exit_week": np.array([4, 0])}, "'B' in 'all': the exit lies in the past"),
        ({"ladder": np.full((2, 4), -1)}, "the ladder is empty"),
        ({"ladder": np.array([[6000, 5400, 5400, 3600]] * 2)}, "the ladder does not fall"),
        ({"ladder": np.array([[6000, -1, 4800, 3600]] * 2)}, "hole"),
        ({"ladder": np.array([[6000.0, 5400, 4800, 3600]] * 2)}, "integers"),
        ({"salvage": 3700}, "salvage brings more than the lowest price"),
        ({"target": 80.0}, "from 0 to 1"),
        ({"demand": np.full((2, 4), np.nan)}, "demand must be a number"),
        ({"sku": ["A", "A"]}, "stands in the list twice"),
        ({"stock": np.array([1.0, 2.0, 3.0])}, "shape"),
        ({"colour": 1}, "no column is called 'colour'"),
    ],
)
def test_items_that_cannot_be_are_refused_by_name(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidClearance, match=message):
        two_items(**columns)


def test_an_impossible_target_says_what_is_possible() -> None:
    items = two_items(target=0.99, shortfall=np.inf, stock=np.array([200.0, 300.0]))
    with pytest.raises(UnreachableTarget, match="no allowed price path sells more than") as caught:
        plan(items)
    # The figure in the message is reachable, as it says.
    share = float(str(caught.value).split("more than ")[1].split("%")[0]) / 100 - 0.001
    plan(items.replaced(np.arange(1), {"target": np.array([share])}))


def test_a_hard_target_is_met_where_it_can_be() -> None:
    found = plan(two_items(target=0.7, shortfall=np.inf))
    assert (found.course.unsold <= 0.3 * np.array([100.0, 80.0]) + 1e-9).all()


def test_conflicting_limits_are_named_with_the_smallest_relaxation_that_helps() -> None:
    items = two_items()
    limits = MarkdownLimits(budget=20_000, revenue_floor=700_000, labels_per_week=2)
    with pytest.raises(InfeasibleClearance) as caught:
        plan(items, limits)
    assert set(caught.value.conflicting) == {"budget", "revenue_floor"}
    assert caught.value.conflicting[0] in str(caught.value)
    budget = caught.value.relaxations["budget"]
    floor = caught.value.relaxations["revenue_floor"]
    assert budget > 20_000
    assert floor < 700_000
    plan(items, MarkdownLimits(budget=int(budget), revenue_floor=700_000, labels_per_week=2))
    plan(items, MarkdownLimits(budget=20_000, revenue_floor=int(floor), labels_per_week=2))
    with pytest.raises(InfeasibleClearance):
        plan(items, MarkdownLimits(budget=int(budget * 0.99), revenue_floor=700_000))
    with pytest.raises(InfeasibleClearance):
        plan(items, MarkdownLimits(budget=20_000, revenue_floor=int(floor * 1.01)))


def test_a_billion_paths_are_planned_without_listing_them() -> None:
    rungs = np.arange(40)
    items = two_items(
        ladder=np.array([6000 - 100 * rungs] * 2), demand=np.full((2, 30), 1.0), max_changes=10
    )
    found = plan(items)
    assert 0 <= found.report.gap <= 0.02
    assert (np.diff(found.price, axis=1) <= 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: MarkdownLimits(budget=-1),
        lambda: MarkdownLimits(average_discount=30.0),
        lambda: Effort(gap=-1.0),
        lambda: Risk(weight=2.0),
        lambda: Scenarios(np.zeros((1, 2)), np.zeros((1, 2))),
    ],
)
def test_settings_out_of_range_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(InvalidLimits):
        wrong()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_tree_holds_exactly_the_allowed_paths(seed: int) -> None:
    items = random_items(np.random.default_rng(seed), 2, weeks=4, rungs=4)
    for rules, members in groups_by_rules(items).items():
        tree = path_tree(rules)
        listed = {tuple(path) for path in tree.rungs(np.arange(tree.size)).tolist()}
        assert len(listed) == tree.size
        for i in members.tolist():
            assert listed == set(allowed_paths(items, i))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_prices_never_rise_and_every_limit_holds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = random_items(rng, 12, weeks=5, rungs=5)
    wish = plan(items)
    limits = MarkdownLimits(
        budget=(budget := int(wish.course.given_away.sum() * rng.uniform(0.1, 1))),
        marked_down_at_once=(most := int(rng.integers(1, 12))),
        labels_per_week=(labels := int(rng.integers(1, 20))),
    )
    found = plan(items, limits)
    assert (np.diff(found.price, axis=1) <= 0).all()
    assert found.course.given_away.sum() <= budget * (1 + 1e-9)
    assert found.course.down.sum(axis=0).max() <= most
    for market in ("a", "b"):
        mine = items.market == market
        per_week = (found.course.changed * items.labels[:, None])[mine].sum(axis=0)
        assert per_week.max(initial=0) <= labels
    assert found.report.objective <= wish.report.bound * (1 + 1e-12)
    assert found.course.value.sum() <= found.report.bound * (1 + 1e-9)


def test_a_plan_against_futures_maximises_their_risk_adjusted_worth() -> None:
    rng = np.random.default_rng(5)
    checked = 0
    for _ in range(12):
        items = random_items(rng, 2, weeks=3, rungs=3)
        futures = Scenarios.drawn(rng, 4, 2, common=0.5, own=0.3, elasticity=0.5)
        risk = Risk(weight=float(rng.choice([0.0, 0.5, 1.0])), level=0.6)
        options = [
            [
                np.array(
                    [
                        outcome(items, i, p, futures.scale[s, i], futures.elasticity[s, i])[0]
                        for s in range(4)
                    ]
                )
                for p in allowed_paths(items, i)
            ]
            for i in range(2)
        ]
        expected = max(risk.worth(a + b) for a, b in product(*options))
        found = plan(items, scenarios=futures, risk=risk, effort=Effort(gap=0.0))
        paths = [path_of(items, i, found.price[i]) for i in range(2)]
        reached = risk.worth(
            sum(
                np.array(
                    [
                        outcome(items, i, paths[i], futures.scale[s, i], futures.elasticity[s, i])[
                            0
                        ]
                        for s in range(4)
                    ]
                )
                for i in range(2)
            )  # type: ignore[arg-type]
        )
        assert reached == pytest.approx(expected, rel=1e-6)
        assert found.report.objective == pytest.approx(expected, rel=1e-6)
        assert found.report.bound >= expected * (1 - 1e-9)
        checked += risk.weight > 0
    assert checked > 3


def test_cvar_is_the_mean_of_the_worst_futures() -> None:
    values = np.array([5.0, 1.0, 3.0, 9.0])
    assert Risk(1.0, 0.5).worth(values) == pytest.approx(2.0)
    assert Risk(1.0, 0.75).worth(values) == pytest.approx(1.0)
    assert Risk(0.5, 0.5).worth(values) == pytest.approx((4.5 + 2.0) / 2)


def test_equal_input_gives_an_equal_plan() -> None:
    items = random_items(np.random.default_rng(9), 60, weeks=5, rungs=5)
    limits = MarkdownLimits(budget=int(0.4 * plan(items).course.given_away.sum()))
    first, second = plan(items, limits), plan(items, limits)
    assert (first.price == second.price).all()
