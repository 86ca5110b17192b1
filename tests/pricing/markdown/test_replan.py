"""A season under way: learning from sales, planning the rest, keeping what was announced."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import IntArray
from pricing.markdown import (
    ClearanceHistory,
    ClearanceItems,
    ClearanceState,
    MarkdownLimits,
    Prior,
    Risk,
    plan,
    replan,
)
from pricing.markdown.errors import InfeasibleClearance, InvalidClearance
from pricing.markdown.learning import learn
from tests.pricing.markdown.clearances import random_items


def season(n: int, weeks: int, rng: np.random.Generator) -> ClearanceItems:
    start = rng.integers(2_000, 8_000, n)
    return ClearanceItems.of(
        [f"P{i}" for i in range(n)],
        np.rint(start[:, None] * np.array([1.0, 0.85, 0.7, 0.5])).astype(np.int64),
        np.repeat(rng.uniform(10, 60, n)[:, None], weeks, axis=1),
        np.full(n, 5_000.0),
        currency="EUR",
        elasticity=np.full(n, -2.0),
    )


def sold(
    items: ClearanceItems, rungs: IntArray, scale: np.ndarray, slope: np.ndarray, rng: object
) -> ClearanceHistory:
    """Poisson sales under a scale and an elasticity that differ from what was expected."""
    generator = rng if isinstance(rng, np.random.Generator) else np.random.default_rng(0)
    price = np.take_along_axis(items.ladder, rungs, axis=1)
    ratio = price / items.ladder[:, :1]
    mean = items.demand[:, : rungs.shape[1]] * np.take_along_axis(items.response, rungs, axis=1)
    mean = mean * scale[:, None] * ratio ** slope[:, None]
    units = generator.poisson(mean).astype(np.float64)
    return ClearanceHistory(price, units, np.zeros(units.shape, np.bool_))


def test_the_belief_finds_scale_and_elasticity_and_knows_how_sure_it_is() -> None:
    rng = np.random.default_rng(1)
    covered = []
    errors = []
    for _ in range(10):
        n = 40
        items = season(n, 12, rng)
        prior = Prior(common_drift=1e-4, own_drift=1e-4, noise=0.0)
        common = rng.normal(0, prior.common_scale), rng.normal(0, prior.common_elasticity)
        shift = common[0] + rng.normal(0, prior.own_scale, n)
        slope = common[1] + rng.normal(0, prior.own_elasticity, n)
        rungs = np.sort(rng.integers(0, 4, (n, 8)), axis=1)
        belief = learn(items, sold(items, rungs, np.exp(shift), slope, rng), prior)
        truth = np.column_stack([shift, slope, np.zeros(n)])
        spread = np.sqrt(np.diagonal(belief.covariance, axis1=1, axis2=2))
        covered.append((np.abs(belief.mean - truth) <= 1.96 * spread)[:, :2])
        errors.append(np.abs(belief.mean - truth))
    assert 0.92 <= float(np.mean(covered)) <= 0.98
    assert float(np.median(np.concatenate(errors), axis=0)[0]) < 0.08


def test_an_item_without_sales_history_learns_from_the_others() -> None:
    rng = np.random.default_rng(2)
    items = season(30, 12, rng)
    rungs = np.tile(np.array([0, 0, 1, 1, 2, 2]), (30, 1))
    history = sold(items, rungs, np.full(30, 1.6), np.full(30, -0.5), rng)
    units, out = history.units.copy(), history.sold_out.copy()
    # An item that never had a unit to sell says nothing.
    units[0], out[0] = 0.0, True
    belief = learn(items, ClearanceHistory(history.price, units, out), Prior())
    assert belief.common_mean[0] == pytest.approx(np.log(1.6), abs=0.15)
    assert belief.mean[0, 0] == pytest.approx(belief.common_mean[0], abs=0.15)
    assert belief.covariance[0, 0, 0] > 2 * belief.covariance[1, 0, 0]


def test_a_week_that_sold_out_raises_the_belief_instead_of_capping_it() -> None:
    rng = np.random.default_rng(3)
    items = season(1, 6, rng)
    price = np.repeat(items.ladder[:, :1], 2, axis=1)
    units = np.full((1, 2), items.demand[0, 0])
    seen = learn(items, ClearanceHistory(price, units, np.zeros((1, 2), np.bool_)), Prior())
    out = learn(items, ClearanceHistory(price, units, np.ones((1, 2), np.bool_)), Prior())
    assert abs(seen.mean[0, 0]) < 0.05
    assert out.mean[0, 0] > 0.1


def test_without_news_the_rest_of_the_plan_stands() -> None:
    rng = np.random.default_rng(4)
    for _ in range(10):
        items = random_items(rng, 6, weeks=5, rungs=4)
        # The reference price that customers carry is not known after a replan: leave it out.
        items = items.replaced(np.arange(6), {"reference_effect": np.zeros(6)})
        first = plan(items)
        weeks = 2
        history = ClearanceHistory(
            first.price[:, :weeks],
            first.course.units[:, :weeks],
            np.zeros((6, weeks), np.bool_),
        )
        sure = Prior(1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 0.1)
        rest = replan(ClearanceState(items, prior=sure), history)
        assert rest.plan is not None
        rows = np.flatnonzero(rest.open_items)
        planned = first.course
        tail = planned.value[rows].sum()
        # As good as the rest of the first plan: no other rest is better.
        done = (
            (first.price[:, :weeks] * planned.units[:, :weeks]).sum(axis=1) / (1 + items.tax_rate)
            - items.holding * planned.left[:, :weeks].sum(axis=1)
            - items.labels * items.label_cost * planned.changed[:, :weeks].sum(axis=1)
        )[rows].sum()
        assert rest.plan.course.value.sum() == pytest.approx(tail - done, rel=1e-3)
        assert (np.diff(rest.price, axis=1) <= 0).all()
        assert (rest.price[:, 0] <= first.price[:, weeks - 1]).all()


def test_changes_used_and_weeks_between_are_counted_over_the_whole_season() -> None:
    rng = np.random.default_rng(5)
    items = season(8, 8, rng).replaced(
        np.arange(8), {"max_changes": np.full(8, 2), "weeks_between": np.full(8, 3)}
    )
    rungs = np.tile(np.array([0, 1, 1]), (8, 1))
    history = sold(items, rungs, np.ones(8), np.zeros(8), rng)
    rest = replan(ClearanceState(items), history)
    whole = np.column_stack([history.price, rest.price])
    changed = np.diff(whole, axis=1) != 0
    assert changed.sum(axis=1).max() <= 2
    for row in changed:
        assert (np.diff(np.flatnonzero(row)) >= 3).all()


def test_a_plan_announced_is_torn_up_no_further_than_allowed() -> None:
    rng = np.random.default_rng(6)
    items = season(20, 8, rng)
    items = items.replaced(np.arange(20), {"stock": 1.4 * items.demand.sum(axis=1)})
    first = plan(items)
    history = sold(items, first.course.rungs[:, :2], np.full(20, 0.4), np.full(20, -1.0), rng)
    state = ClearanceState(items, earlier=first)
    free = replan(state, history)
    assert free.deviations > 12
    steady = replan(state, history, MarkdownLimits(deviations=12))
    assert steady.deviations <= 12
    kept = replan(state, history, MarkdownLimits(deviations=0))
    assert (kept.price == first.price[:, 2:]).all()
    assert free.plan is not None
    assert steady.plan is not None
    assert kept.plan is not None
    worth = [x.plan.report.objective for x in (kept, steady, free) if x.plan is not None]
    assert worth == sorted(worth)


def test_the_budget_of_a_season_counts_what_was_given_away() -> None:
    rng = np.random.default_rng(7)
    items = season(10, 8, rng)
    history = sold(items, np.full((10, 2), 2), np.ones(10), np.zeros(10), rng)
    spent = float(((items.ladder[:, :1] - history.price) * history.units).sum())
    budget = int(spent * 5)
    rest = replan(ClearanceState(items), history, MarkdownLimits(budget=budget))
    assert rest.plan is not None
    assert spent + rest.plan.course.given_away.sum() <= budget * (1 + 1e-9)
    # Prices do not rise again: what is left of a season below full price costs budget.
    with pytest.raises(InfeasibleClearance):
        replan(ClearanceState(items), history, MarkdownLimits(budget=int(spent)))
    eased = replan(ClearanceState(items), history, MarkdownLimits(budget=int(spent)), relax=True)
    assert eased.relaxed["budget"] > spent


def test_the_classroom_game_is_played_by_a_replan_loop() -> None:
    """15 weeks, 2,000 units, prices 60, 54, 48 and 36; how well a style sells is unknown."""
    rng = np.random.default_rng(8)
    items = ClearanceItems.of(
        ["STYLE"],
        np.array([[6000, 5400, 4800, 3600]]),
        np.full((1, 15), 110.0),
        np.array([2000.0]),
        currency="USD",
        response=np.array([[1.0, 1.31, 1.73, 2.81]]),
        first_week=1,
    )
    prior = Prior(common_scale=0.5, own_scale=0.01, own_elasticity=0.3, noise=0.2)
    shares = []
    for _ in range(25):
        truth = 110.0 * np.exp(0.5 * rng.standard_normal())
        luck = truth * np.exp(0.2 * rng.standard_normal(15))
        price = np.zeros((1, 0), dtype=np.int64)
        units, out = np.zeros((1, 0)), np.zeros((1, 0), dtype=np.bool_)
        stock = 2000.0
        for week in range(15):
            if stock <= 0:
                break
            state = ClearanceState(items, stock=np.array([stock]), prior=prior)
            ask = replan(state, ClearanceHistory(price, units, out)).price[0, 0]
            rung = items.ladder[0].tolist().index(ask)
            wanted = luck[week] * items.response[0, rung]
            sales = min(wanted, stock)
            stock -= sales
            price = np.append(price, [[ask]], axis=1)
            units = np.append(units, [[sales]], axis=1)
            out = np.append(out, [[wanted >= stock + sales]], axis=1)
        assert (np.diff(price) <= 0).all()
        assert price[0, 0] == 6000
        best = plan(items.replaced(np.arange(1), {"demand": luck[None, :]})).report.bound
        shares.append(float((price * units).sum()) / best)
    assert float(np.mean(shares)) >= 0.95


def test_risk_is_weighed_against_futures_drawn_from_what_is_still_unknown() -> None:
    rng = np.random.default_rng(9)
    items = season(5, 6, rng)
    history = sold(items, np.zeros((5, 2), np.int64), np.ones(5), np.zeros(5), rng)
    careful = replan(ClearanceState(items), history, risk=Risk(0.8, 0.75), draws=8, rng=rng)
    assert careful.plan is not None
    assert careful.plan.report.objective <= careful.plan.report.bound * (1 + 1e-9)
    with pytest.raises(InvalidClearance, match="rng"):
        replan(ClearanceState(items), history, draws=8)


def test_a_history_that_does_not_fit_is_refused() -> None:
    items = season(2, 4, np.random.default_rng(1))
    with pytest.raises(InvalidClearance, match="not on its ladder"):
        replan(
            ClearanceState(items),
            ClearanceHistory(np.full((2, 1), 17), np.ones((2, 1)), np.zeros((2, 1), np.bool_)),
        )
    with pytest.raises(InvalidClearance, match="is over"):
        replan(
            ClearanceState(items),
            ClearanceHistory(
                np.repeat(items.ladder[:, :1], 4, 1), np.ones((2, 4)), np.zeros((2, 4), np.bool_)
            ),
        )


def test_looking_ahead_waits_where_a_price_cannot_come_back() -> None:
    """With much still to learn a price stays higher than the plan at expected demand has it."""
    rng = np.random.default_rng(3)
    items = season(20, 8, rng)
    state = ClearanceState(items, prior=Prior(own_scale=0.8, own_elasticity=1.0))
    none = ClearanceHistory.none(20)
    blind = replan(state, none)
    ahead = replan(state, none, look_ahead=32, rng=np.random.default_rng(0))
    assert blind.plan is not None
    assert ahead.plan is not None
    assert ahead.price[:, 0].sum() > blind.price[:, 0].sum()
    assert ahead.plan.report.method == "look_ahead"
    assert ahead.plan.report.bound == pytest.approx(blind.plan.report.bound)
    assert ahead.plan.report.objective <= blind.plan.report.objective
    # Where all is known there is nothing to wait for.
    sure = Prior(1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6)
    known = ClearanceState(items, prior=sure)
    same = replan(known, none, look_ahead=4, rng=np.random.default_rng(0))
    assert (same.price == replan(known, none).price).all()
    with pytest.raises(InvalidClearance, match="source of chance"):
        replan(state, none, look_ahead=4)


def test_looking_ahead_keeps_joint_limits_and_pins() -> None:
    rng = np.random.default_rng(5)
    items = season(12, 6, rng)
    pins = items.pins.copy()
    pins[0, 0] = 1
    items = items.replaced(np.arange(12), {"pins": pins})
    free = plan(items)
    limits = MarkdownLimits(
        budget=int(0.5 * free.course.given_away.sum()), labels_per_week=4, deviations=40
    )
    state = ClearanceState(items, earlier=free)
    found = replan(
        state, ClearanceHistory.none(12), limits, look_ahead=8, rng=np.random.default_rng(0)
    )
    assert found.plan is not None
    assert found.price[0, 0] == items.ladder[0, 1]
    assert found.plan.course.given_away.sum() <= (limits.budget or 0)
    assert (found.plan.course.changed.sum(axis=0) <= 4).all()
    assert found.deviations <= 40
