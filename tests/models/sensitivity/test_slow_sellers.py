"""Slow sellers: a default fit takes them as counts, with instruments and without.

The worlds are made here, of numpy alone: no code of `simulations` says what is right.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.estimators.count_instruments import fit_iv_counts
from models.sensitivity.batched_counts import count_regressions
from models.sensitivity.design import calendar_of, design_block
from models.sensitivity.evidence import evidence_of
from models.sensitivity.fit import fit_demand
from models.sensitivity.form_choice import forms_by_sales
from models.sensitivity.panel import Panel, build_panel
from models.sensitivity.partialling import partial_out
from models.sensitivity.spec import BY_SALES, DemandForm, Estimator, FitSpec

TRUTH = -2.0


def shelf(
    seed: int,
    mean: float,
    *,
    products: int = 60,
    weeks: int = 104,
    follows: bool = False,
    scatter: float = 0.0,
) -> pd.DataFrame:
    """Counts along mean · price^-2, prices within ± 20 %.

    With `follows`, prices rise with demand that nobody wrote down, and costs move them besides;
    `scatter` is the variance of what customers do beyond chance.
    """
    rng = np.random.default_rng(seed)
    shape = (products, weeks)
    log_price = rng.uniform(np.log(0.8), np.log(1.2), shape)
    hidden, cost = np.zeros(shape), np.full(shape, np.nan)
    if follows:
        log_cost, hidden = rng.normal(0.0, 0.12, shape), rng.normal(0.0, 0.5, shape)
        log_price = log_cost + 0.25 * hidden + rng.normal(0.0, 0.03, shape)
        cost, hidden = np.exp(log_cost), hidden - 0.125
    luck = rng.gamma(1.0 / scatter, scatter, shape) if scatter else 1.0
    units = rng.poisson(mean * np.exp(TRUTH * log_price + hidden) * luck)
    return pd.DataFrame(
        {
            "sku": np.repeat([f"P{i:03d}" for i in range(products)], weeks),
            "market": "m",
            "category": "spares",
            "period_start": np.tile(
                pd.date_range("2024-01-01", periods=weeks, freq="7D"), products
            ),
            "units": units.ravel().astype(np.float64),
            "price": np.exp(log_price).ravel(),
            "cost": cost.ravel(),
        }
    )


def panel_of(frame: pd.DataFrame) -> Panel:
    return build_panel(frame)[0]


@pytest.mark.parametrize("mean", [0.2, 0.5, 1.5])
@pytest.mark.parametrize("follows", [False, True])
def test_a_default_fit_of_slow_sellers_finds_what_was_planted(mean: float, follows: bool) -> None:
    found = []
    for seed in range(3):
        made = fit_demand(panel_of(shelf(seed, mean, follows=follows)))
        (category,) = made.report.categories
        found.append(category.elasticity)
        assert abs(category.elasticity - TRUTH) < 3.5 * category.std_error
        assert category.std_error < 0.35
        demand = made.curves.demand
        error = np.sqrt(demand.covariance[:, 1, 1])
        assert (np.abs(demand.elasticity - TRUTH) < 1.96 * error).mean() > 0.85
        alone = np.char.find(made.curves.method, "category") < 0
        start = "control-function " if follows else ""
        assert all(
            method.startswith((f"{start}poisson", f"{start}negative-binomial"))
            for method in made.curves.method[alone]
        )
    assert np.mean(found) == pytest.approx(TRUTH, abs=0.35)


def test_where_prices_follow_demand_the_naive_count_regression_would_be_wrong() -> None:
    panel = panel_of(shelf(3, 1.5, follows=True))
    naive = fit_demand(panel, FitSpec(estimator=Estimator.OLS)).report.categories[0]
    made = fit_demand(panel)
    assert naive.elasticity > TRUTH + 5.0 * naive.std_error
    assert made.report.ols_less_2sls is not None
    assert made.report.ols_less_2sls > 0.5
    assert any("prices follow demand" in text for text in made.report.warnings)


def test_counts_that_scatter_beyond_chance_are_negative_binomial_with_wider_errors() -> None:
    chance = fit_demand(panel_of(shelf(4, 1.5))).curves
    scattered = fit_demand(panel_of(shelf(4, 1.5, scatter=1.5))).curves
    binomial = np.char.startswith(scattered.method, "negative-binomial")
    assert binomial.mean() > 0.9
    assert np.char.startswith(chance.method, "poisson").mean() > 0.9
    assert scattered.own_std_error.mean() > 1.3 * chance.own_std_error.mean()
    covered = np.abs(scattered.own_elasticity - TRUTH) < 1.96 * scattered.own_std_error
    assert covered.mean() > 0.85


@pytest.mark.parametrize(
    ("units", "slow"),
    [
        # Most weeks below five.
        ([0.0, 1.0, 0.0, 3.0] * 20, True),
        ([4.0, 4.0, 9.0] * 20, True),
        # Half of them are five or more.
        ([5.0] * 60, False),
        ([4.0, 5.0] * 30, False),
        # Sold by weight: no counts, however few.
        ([0.5, 1.0, 0.25] * 20, False),
    ],
)
def test_few_whole_units_in_most_periods_make_a_series_one_of_counts(
    units: list[float], slow: bool
) -> None:
    frame = shelf(1, 1.0, products=1, weeks=len(units)).assign(units=units)
    panel = panel_of(frame)
    design = design_block(panel, calendar_of(panel, FitSpec()), FitSpec(), 0, 1)
    assert (BY_SALES[int(forms_by_sales(design)[0])] is DemandForm.POISSON) == slow


def test_a_form_that_somebody_names_is_kept() -> None:
    panel = panel_of(shelf(2, 0.5))
    named = fit_demand(panel, FitSpec(forms=(DemandForm.LOG_LOG,))).curves
    assert set(named.method) == {"ols+pooled"}


def test_a_product_that_hardly_sold_takes_its_category_and_says_why() -> None:
    frame = shelf(5, 1.5, products=20)
    rare = (frame["sku"] == "P003") & (frame.groupby("sku").cumcount() % 26 != 0)
    frame = frame.assign(units=np.where(rare, 0.0, frame["units"]))
    curves = fit_demand(panel_of(frame)).curves
    assert curves.status[3] == "too_few_sales"
    assert curves.method[3] == "category"
    assert curves.demand.known.all()


@pytest.mark.parametrize("seed", range(3))
def test_batched_control_functions_equal_those_of_one_table_at_a_time(seed: int) -> None:
    frame = shelf(seed, 1.5, products=4, follows=True)
    panel = panel_of(frame)
    spec = FitSpec(forms=(DemandForm.POISSON,), controls=(), harmonics=0, trend=False)
    design = design_block(panel, calendar_of(panel, spec), spec, 0, len(panel))
    seen = evidence_of(design, partial_out(design), spec)
    for i, (_, rows) in enumerate(frame.groupby("sku", sort=True)):
        alone = fit_iv_counts(rows, "units ~ 1 [log(price) ~ log(cost)]")
        assert seen.iv.elasticity[i] == pytest.approx(alone.elasticity, rel=1e-6)
        # The sibling widens by n / (n - k).
        assert seen.iv.std_error[i] == pytest.approx(alone.std_error, rel=0.03)
        assert seen.wu_hausman_t[i] ** 2 == pytest.approx(alone.endogeneity.statistic, rel=0.05)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), stray=st.integers(0, 5))
def test_a_series_that_runs_away_changes_nothing_for_the_others(seed: int, stray: int) -> None:
    """One whose control goes with zeros only has no estimate; its neighbours have theirs alone."""
    rng = np.random.default_rng(seed)
    columns = np.stack(
        [np.ones((6, 60)), rng.random((6, 60)) < 0.3, rng.normal(0, 0.4, (6, 60))], axis=2
    )
    units = rng.poisson(np.exp(0.3 - 1.5 * columns[..., 2])).astype(np.float64)
    units[stray] *= columns[stray, :, 1] == 0
    used = np.ones((6, 60), dtype=np.bool_)
    together = count_regressions(units, columns, used, negative_binomial=True).slope
    for i in set(range(6)) - {stray}:
        one = slice(i, i + 1)
        alone = count_regressions(units[one], columns[one], used[one], negative_binomial=True).slope
        np.testing.assert_allclose(together.elasticity[one], alone.elasticity, rtol=1e-9)
        np.testing.assert_allclose(together.std_error[one], alone.std_error, rtol=1e-9)
