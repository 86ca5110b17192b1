"""Three orange juices in 83 supermarkets: real prices, real gaps, known margins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import Panel, build_panel
from models.sensitivity.spec import Estimator, FitSpec
from tests.shared_data import shared_data


@pytest.fixture(scope="module")
def juice() -> Panel:
    raw = pd.read_csv(shared_data("oj/oj_weekly.csv"))
    panel, report = build_panel(
        pd.DataFrame(
            {
                "sku": raw["sku"],
                "market": "store-" + raw["store"].astype(str).str.zfill(3),
                "category": "orange juice",
                "period_start": pd.to_datetime(raw["week_start"]),
                "units": raw["units_oz"] / 64,
                "price": raw["price_per_64oz"],
                "deal": raw["deal"],
                "feature": raw["feature"],
                "cost": raw["price_per_64oz"] * (1 - raw["gross_margin_pct"] / 100),
            }
        )
    )
    assert report.dropped == {}
    assert (report.periods, len(panel)) == (28_947, 249)
    return panel


def test_every_juice_in_every_store_has_a_sensible_elasticity(juice: Panel) -> None:
    curves = fit_demand(juice, FitSpec(country="US")).curves
    table = curves.to_frame()
    assert table["elasticity"].between(-4.0, -1.0).all()
    assert set(table["method"]) <= {"2sls+pooled", "ols+pooled"}
    by_juice = table.groupby("sku")["elasticity"].median()
    assert by_juice.between(-3.0, -1.5).all()


def test_without_promotion_controls_customers_look_more_sensitive(juice: Panel) -> None:
    """Features go with low prices: without them the price gets their credit."""
    controlled = FitSpec(estimator=Estimator.OLS, pooled=False, country="US")
    naive = FitSpec(estimator=Estimator.OLS, pooled=False, controls=())
    with_controls = fit_demand(juice, controlled).curves.demand.elasticity
    without = fit_demand(juice, naive).curves.demand.elasticity
    assert np.median(without) < np.median(with_controls) - 0.3


def test_the_report_warns_that_cost_instruments_and_least_squares_disagree(juice: Panel) -> None:
    report = fit_demand(juice, FitSpec(country="US")).report
    assert report.median_first_stage_f is not None
    assert report.median_first_stage_f > 10
    assert any("more sensitive than the instruments" in text for text in report.warnings)
