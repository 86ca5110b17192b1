"""Outliers are judged beside price and promotions, and dealt with as asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.errors import InvalidSpec
from models.sensitivity.fit import fit_demand
from models.sensitivity.outliers import treat_outliers
from models.sensitivity.panel import Panel, build_panel


def panel_with_slips(slips: int = 4) -> Panel:
    """Series of elasticity -2 with strong promotions; in half of them keying slips of ten times."""
    rng = np.random.default_rng(3)
    shape = (20, 104)
    deal = rng.random(shape) < 0.15
    price = 5.0 * np.where(deal, 0.7, 1.0) * np.exp(rng.normal(0, 0.08, shape))
    units = rng.poisson(np.exp(5.5 - 2.0 * np.log(price / 5.0) + 0.9 * deal)).astype(np.float64)
    for i in range(0, 20, 2):
        # Slips where the price was low: they bend the slope as far as they can.
        low = np.argsort(price[i])[:slips]
        units[i, low] = np.rint(units[i, low] / 10)
    frame = pd.DataFrame(
        {
            "sku": np.repeat([f"S{i:02d}" for i in range(20)], 104),
            "market": "m",
            "period_start": np.tile(pd.date_range("2024-01-01", periods=104, freq="7D"), 20),
            "units": units.ravel(),
            "price": price.ravel(),
            "deal": deal.ravel() * 1.0,
        }
    )
    return build_panel(frame)[0]


def test_slips_are_found_and_promotions_are_not() -> None:
    same, found = treat_outliers(panel_with_slips())
    assert same.units.sum() == panel_with_slips().units.sum()
    spoilt = {f"S{i:02d}" for i in range(0, 20, 2)}
    assert set(found.table["sku"]) == spoilt
    assert len(found.table) == 40
    assert (found.table["distance"] < -6).all()
    ratio = found.table["expected"] / found.table["units"]
    assert ratio.median() == pytest.approx(10.0, rel=0.2)


@pytest.mark.parametrize("action", ["drop", "clip"])
def test_dealing_with_slips_repairs_the_elasticities(action: str) -> None:
    panel = panel_with_slips()
    treated, found = treat_outliers(panel, action=action)
    assert len(treated.units) == len(panel.units) - (40 if action == "drop" else 0)
    spoilt = fit_demand(panel).curves.own_elasticity[::2]
    repaired = fit_demand(treated).curves.own_elasticity[::2]
    assert np.abs(spoilt + 2.0).mean() > 0.5
    assert np.abs(repaired + 2.0).mean() < 0.35 * np.abs(spoilt + 2.0).mean()
    if action == "clip":
        _, still = treat_outliers(treated)
        assert len(still.table) <= len(found.table) // 5


def test_clean_data_have_hardly_any_outliers() -> None:
    _, found = treat_outliers(panel_with_slips(slips=0))
    assert len(found.table) <= 1  # of 2,080 periods of Poisson luck


def test_series_too_short_or_without_noise_have_none() -> None:
    weeks = pd.date_range("2025-01-06", periods=30, freq="7D")
    exact = pd.DataFrame(
        {"sku": "A", "market": "m", "period_start": weeks, "units": 20.0, "price": 2.0}
    )
    short = exact.head(6).assign(sku="B", units=[1.0, 2, 500, 1, 2, 1])
    _, found = treat_outliers(build_panel(pd.concat([exact, short]))[0])
    assert found.table.empty


def test_what_can_not_be_done_is_refused() -> None:
    panel = panel_with_slips(slips=0)
    with pytest.raises(InvalidSpec, match="one of 'report', 'drop', 'clip'"):
        treat_outliers(panel, action="ignore")
    with pytest.raises(InvalidSpec, match="above 2"):
        treat_outliers(panel, limit=1.0)
