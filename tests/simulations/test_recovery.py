"""Planted truth: what the fit finds on the demo market against the law that made it."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import BoolArray, FloatArray
from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import build_panel
from models.sensitivity.spec import Estimator, FitSpec
from simulations.demo_market.market import COUNTRY, MarketSpec, generate_market
from tests.demo_panel import LAST_WEEK, demo_fit, demo_market, demo_panel, sales_frame


def covered(seed: int, estimator: Estimator = Estimator.AUTO) -> BoolArray:
    table = demo_fit(seed, estimator).curves.to_frame()
    truth = demo_market(seed).law.elasticity
    return (table["ci_low"].to_numpy() <= truth) & (truth <= table["ci_high"].to_numpy())


def errors(seed: int, estimator: Estimator = Estimator.AUTO) -> FloatArray:
    fitted = demo_fit(seed, estimator).curves.demand.elasticity
    return fitted - demo_market(seed).law.elasticity


def test_the_curves_stand_in_the_order_of_the_law() -> None:
    law, curves = demo_market().law, demo_fit().curves
    assert curves.sku.tolist() == law.sku.tolist()
    assert curves.market.tolist() == law.market.tolist()


def test_fitted_elasticities_lie_within_a_quarter_of_the_planted_ones() -> None:
    assert np.median(np.abs(errors(1))) <= 0.25
    assert abs(errors(1).mean()) <= 0.05


def test_95_percent_intervals_hold_the_planted_elasticities() -> None:
    assert 0.90 <= covered(1).mean() <= 0.98


def test_it_is_no_luck_of_the_seed() -> None:
    shares = []
    for seed in range(2, 10):
        assert np.median(np.abs(errors(seed))) <= 0.25
        shares.append(covered(seed).mean())
    assert 0.92 <= np.mean(shares) <= 0.97
    assert min(shares) >= 0.88


def test_least_squares_takes_customers_for_too_insensitive() -> None:
    """The shop raises prices when demand is high; naive estimates and their intervals are off."""
    naive = errors(1, Estimator.OLS)
    assert naive.mean() > 0.4
    assert covered(1, Estimator.OLS).mean() < 0.5
    report = demo_fit(1).report
    assert any("prices follow demand" in text for text in report.warnings)
    assert report.ols_less_2sls is not None
    assert report.ols_less_2sls > 0.4


def test_with_prices_that_do_not_follow_demand_both_estimators_agree() -> None:
    spec = MarketSpec(last_week=LAST_WEEK, products=120, reaction=0.0)
    market = generate_market(spec, np.random.default_rng(3))
    panel, _ = build_panel(sales_frame(market))
    for estimator in (Estimator.AUTO, Estimator.OLS):
        fit = fit_demand(panel, FitSpec(estimator=estimator, country=COUNTRY))
        error = fit.curves.demand.elasticity - market.law.elasticity
        assert abs(error.mean()) < 0.06
        assert np.median(np.abs(error)) < 0.2


def test_levels_are_found_with_honest_intervals() -> None:
    law, demand = demo_market().law, demo_fit().curves.demand
    truth = law.expected_units(law.start_price)
    low, high = demand.interval(law.start_price)
    assert np.median(demand.units(law.start_price) / truth) == pytest.approx(1.0, abs=0.02)
    assert 0.90 <= ((low <= truth) & (truth <= high)).mean() <= 0.98


def test_pooling_beats_each_series_on_its_own() -> None:
    alone = fit_demand(demo_panel(), FitSpec(country=COUNTRY, pooled=False)).curves
    truth = demo_market().law.elasticity
    unpooled = np.sqrt(((alone.demand.elasticity - truth) ** 2).mean())
    pooled = np.sqrt((errors(1) ** 2).mean())
    assert pooled < 0.75 * unpooled


def test_a_fixed_price_is_reported_and_borrows_from_its_category() -> None:
    market, curves = demo_market(), demo_fit().curves
    levels = market.sales.groupby(["sku", "market"])["regular_price"].nunique().to_numpy()
    still = levels == 1
    assert set(curves.status[still]) == {"price_never_moved"}
    assert set(curves.method[still]) <= {"category", "2sls+pooled"}
    assert np.isfinite(curves.demand.elasticity).all()


def test_prices_that_are_best_by_the_fit_earn_more_by_the_law() -> None:
    law, demand = demo_market().law, demo_fit().curves.demand
    grid = law.start_price[:, None] * np.linspace(0.85, 1.15, 31)
    grid = np.maximum(grid, 1.05 * law.unit_cost[:, None])
    fitted_profit = (grid - law.unit_cost[:, None]) * demand.units(grid)
    chosen = grid[np.arange(len(grid)), fitted_profit.argmax(axis=1)]
    gain = law.true_profit(chosen).sum() / law.true_profit(law.start_price).sum() - 1.0
    assert gain > 0.06
