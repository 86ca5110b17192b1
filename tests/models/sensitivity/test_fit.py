from __future__ import annotations

import doctest
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.sensitivity.fit
import models.sensitivity.panel
from models.arrays import FloatArray
from models.errors import InvalidPanel, InvalidSpec
from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import build_panel
from models.sensitivity.shrinkage import Prior
from models.sensitivity.spec import Engine, Estimator, FitSpec
from tests.demo_panel import demo_panel

LADDER = np.array([1.0, 1.25, 1.5, 2.0])


def product(
    sku: str = "A",
    *,
    elasticity: float = -2.0,
    price: FloatArray | None = None,
    level: float = 10_000.0,
    noise: float = 0.05,
    weeks: int = 80,
    seed: int = 0,
    category: str = "tea",
) -> pd.DataFrame:
    """Weekly sales of one product along a known curve."""
    rng = np.random.default_rng(seed)
    paid = rng.choice(LADDER, weeks) if price is None else price
    units = level * paid**elasticity * np.exp(rng.normal(0.0, noise, weeks))
    return pd.DataFrame(
        {
            "sku": sku,
            "market": "online",
            "category": category,
            "period_start": pd.date_range("2025-01-06", periods=weeks, freq="7D"),
            "units": units,
            "price": paid,
        }
    )


def neighbours(count: int = 8) -> pd.DataFrame:
    """Well-behaved products of one category."""
    return pd.concat([product(f"N{i}", seed=i + 1) for i in range(count)])


def status_of(frame: pd.DataFrame, sku: str) -> dict[Any, Any]:
    """The row of one product in the table of curves."""
    panel, _ = build_panel(frame)
    table = fit_demand(panel).curves.to_frame().set_index("sku")
    return table.to_dict("index")[sku]


def test_a_known_curve_is_found_with_its_level() -> None:
    panel, _ = build_panel(product(noise=0.02))
    fit = fit_demand(panel, FitSpec(pooled=False))
    demand = fit.curves.demand
    assert demand.elasticity[0] == pytest.approx(-2.0, abs=0.03)
    assert demand.units(np.array([1.5]))[0] == pytest.approx(10_000 * 1.5**-2.0, rel=0.02)
    low, high = demand.interval(np.array([1.5]))
    assert low[0] < 10_000 * 1.5**-2.0 < high[0]
    assert fit.curves.method.tolist() == ["ols"]


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        # The price never moved.
        (product(price=np.full(80, 1.5)), "price_never_moved"),
        # A single week.
        (product(weeks=1), "too_few_periods"),
        (product(weeks=6), "too_few_periods"),
        # More at higher prices.
        (product(elasticity=1.5), "positive_elasticity"),
        # The price follows the calendar exactly, so season and price can not be told apart.
        (
            product(price=np.exp(0.3 * np.linspace(-1.0, 0.0, 80))),
            "price_moves_with_controls",
        ),
    ],
)
def test_a_series_that_can_not_stand_alone_says_why_and_takes_its_category(
    frame: pd.DataFrame, status: str
) -> None:
    row = status_of(pd.concat([frame, neighbours()]), "A")
    assert row["status"] == status
    assert -2.6 < row["elasticity"] < -0.5
    assert row["std_error"] > 0.0
    assert np.isfinite(row["base_units"])


def test_a_fallen_back_series_keeps_the_level_of_its_own_sales() -> None:
    still = product(price=np.full(80, 1.5), level=500.0)
    row = status_of(pd.concat([still, neighbours()]), "A")
    assert row["method"] == "category"
    assert np.isnan(row["own_elasticity"])
    assert row["base_units"] == pytest.approx(500 * 1.5**-2.0, rel=0.05)


def test_a_product_that_never_sold_gets_no_curve() -> None:
    row = status_of(pd.concat([product(level=0.0), neighbours()]), "A")
    assert row["status"] == "no_sales"
    assert np.isnan(row["elasticity"])


def test_a_series_without_usable_rows_gets_no_curve() -> None:
    panel, report = build_panel(pd.concat([product().assign(stock_out=True), neighbours()]))
    curves = fit_demand(panel).curves
    assert report.dropped == {"stock_out": 80}
    assert curves.status[0] == "no_usable_rows"
    assert curves.demand.known.tolist() == [False] + [True] * 8


def test_a_clear_positive_estimate_is_never_in_force() -> None:
    """Even where the whole category rises with the price."""
    rising = pd.concat(product(f"R{i}", elasticity=1.5, seed=i) for i in range(6))
    panel, _ = build_panel(rising)
    for spec in (FitSpec(), FitSpec(pooled=False)):
        fit = fit_demand(panel, spec)
        assert (fit.curves.demand.elasticity < 0).all()
        assert set(fit.curves.status) == {"positive_elasticity"}
        assert set(fit.curves.method) == {"prior"}
        assert any("sold more at higher prices" in text for text in fit.report.warnings)
        assert any("published elasticities" in text for text in fit.report.warnings)


def test_a_shop_whose_prices_never_moved_rests_on_the_prior_and_is_told_so() -> None:
    frame = pd.concat(product(f"S{i}", price=np.full(80, 2.0), seed=i) for i in range(3))
    panel, _ = build_panel(frame)
    fit = fit_demand(panel, FitSpec(prior=Prior(-2.0, 0.7)))
    assert set(fit.curves.method) == {"prior"}
    np.testing.assert_allclose(fit.curves.demand.elasticity, -2.0, atol=1e-6)
    assert (np.sqrt(fit.curves.demand.covariance[:, 1, 1]) > 0.7).all()
    assert len(fit.report.warnings) == 2


def test_weak_instruments_where_prices_follow_demand_leave_the_category() -> None:
    panel = demo_panel(seed=2)
    strict = fit_demand(panel, FitSpec(country="US", minimum_f=200.0))
    weak = strict.curves.status == "weak_instruments"
    assert 100 < weak.sum() < 500
    assert set(strict.curves.method[weak]) == {"category"}


def test_weak_instruments_where_prices_do_not_follow_demand_leave_least_squares() -> None:
    rng = np.random.default_rng(3)
    frame = neighbours()
    frame = frame.assign(cost=np.exp(rng.normal(0.0, 0.2, len(frame))))
    panel, _ = build_panel(frame)
    methods = fit_demand(panel).curves.method
    assert "ols+pooled" in methods
    only_iv = fit_demand(panel, FitSpec(estimator=Estimator.TSLS)).curves.method
    assert "ols+pooled" not in only_iv


def test_the_engines_give_the_same_curves() -> None:
    panel = demo_panel(seed=4, products=36)
    batched = fit_demand(panel, FitSpec(country="US")).curves
    reference = fit_demand(panel, FitSpec(country="US", engine=Engine.STATSMODELS)).curves
    assert batched.method.tolist() == reference.method.tolist()
    for name in ("elasticity", "log_base", "covariance", "residual_variance"):
        np.testing.assert_allclose(
            getattr(batched.demand, name), getattr(reference.demand, name), rtol=1e-7, atol=1e-10
        )


@pytest.mark.parametrize("at_once", [1, 7, 100])
def test_blocks_of_any_size_give_the_same_curves(at_once: int) -> None:
    panel = demo_panel(seed=4, products=36)
    whole = fit_demand(panel, FitSpec(country="US")).curves.to_frame()
    parts = fit_demand(panel, FitSpec(country="US", series_at_once=at_once)).curves.to_frame()
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-9)


@settings(deadline=None, max_examples=20)
@given(rate=st.floats(1e-2, 1e4))
def test_the_currency_does_not_change_an_elasticity(rate: float) -> None:
    frame = pd.concat([product(), neighbours(3)])
    here, _ = build_panel(frame)
    there, _ = build_panel(frame.assign(price=frame["price"] * rate))
    a, b = fit_demand(here).curves.demand, fit_demand(there).curves.demand
    np.testing.assert_allclose(a.elasticity, b.elasticity, rtol=1e-6)
    np.testing.assert_allclose(a.log_base, b.log_base, rtol=1e-6)
    np.testing.assert_allclose(a.reference_price * rate, b.reference_price, rtol=1e-9)


def test_huge_sales_are_no_trouble() -> None:
    row = status_of(pd.concat([product(level=1e9), neighbours()]), "A")
    assert row["status"] == "ok"
    assert row["elasticity"] == pytest.approx(-2.0, abs=0.1)


def test_goods_sold_by_weight_leave_out_weeks_without_a_sale() -> None:
    frame = product(level=10.0)
    frame.loc[frame.index[:5], "units"] = 0.0
    row = status_of(pd.concat([frame, neighbours()]), "A")
    assert row["n_obs"] == 75


def test_provenance_and_report_say_what_the_fit_rests_on() -> None:
    panel, _ = build_panel(neighbours())
    fit = fit_demand(panel)
    rests_on = fit.curves.provenance
    assert str(rests_on.window_start) == "2025-01-06"
    assert str(rests_on.window_end) == "2026-07-19"
    assert (rests_on.rows, rests_on.period_days) == (640, 7)
    assert set(rests_on.software) == {"numpy", "pandas", "statsmodels"}
    plain = json.loads(json.dumps(fit.report.as_dict()))
    assert plain["series"] == 8
    assert plain["methods"] == {"ols+pooled": 8}
    assert plain["categories"][0]["category"] == "tea"
    assert plain["warnings"] == []


def test_a_panel_without_rows_is_refused() -> None:
    panel, _ = build_panel(product().assign(stock_out=True))
    with pytest.raises(InvalidPanel, match="no usable row"):
        fit_demand(panel)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"controls": ("weather",)}, "controls .*deal, feature, display"),
        ({"controls": ("deal", "deal")}, "different names"),
        ({"instruments": ("price",)}, "instruments .*cost, depth"),
        ({"estimator": Estimator.TSLS, "instruments": ()}, "needs instruments"),
        ({"estimator": "magic"}, "estimator 'magic' must be one of 'auto', 'ols', '2sls'"),
        ({"engine": "slide rule"}, "'batched', 'statsmodels'"),
        ({"harmonics": 7}, r"harmonics must lie in 0\.\.6"),
        ({"minimum_f": -1.0}, "minimum_f"),
        ({"series_at_once": 0}, "series_at_once"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidSpec, match=message):
        replace(FitSpec(), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [models.sensitivity.fit, models.sensitivity.panel])
def test_the_examples_in_the_docstrings_are_true(module: object) -> None:
    outcome = doctest.testmod(module)  # type: ignore[arg-type]
    assert outcome.attempted > 0
    assert outcome.failed == 0
