"""Model health and acceptance: drift is told, a worse fit stays out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.demand import FittedCurves
from models.sensitivity.fit import fit_demand
from models.sensitivity.health import accept, health
from models.sensitivity.panel import Panel, build_panel
from models.sensitivity.spec import FitSpec
from simulations.demo_market.market import COUNTRY
from tests.demo_panel import demo_market, sales_frame


@pytest.fixture(scope="module")
def weeks() -> tuple[FittedCurves, Panel]:
    """A fit without the last twelve weeks, and the panel with them."""
    sales = sales_frame(demo_market(products=48))
    cut = sales["period_start"].max() - np.timedelta64(12, "W")
    before, _ = build_panel(sales[sales["period_start"] <= cut])
    whole, _ = build_panel(sales)
    return fit_demand(before, FitSpec(country=COUNTRY)).curves, whole


def scaled(panel: Panel, factor: float) -> Panel:
    return replace(panel, units=panel.units * factor)


def test_a_fit_on_the_same_law_is_well(weeks: tuple[FittedCurves, Panel]) -> None:
    curves, panel = weeks
    found = health(curves, panel)
    assert found.rows > 200
    assert abs(found.bias) < 0.15
    assert 0.80 < found.coverage <= 1.0
    assert found.age_days == 84


def test_drifted_levels_and_old_fits_raise_alerts(weeks: tuple[FittedCurves, Panel]) -> None:
    curves, panel = weeks
    found = health(curves, scaled(panel, 2.0))
    assert found.stale
    assert any("more than the curves say" in text for text in found.alerts)
    later = replace(panel, period_start=panel.period_start + np.timedelta64(364, "D"))
    assert any("fit again" in text for text in health(curves, later).alerts)


def test_elasticities_that_moved_are_told(weeks: tuple[FittedCurves, Panel]) -> None:
    curves, panel = weeks
    demand = replace(curves.demand, elasticity=curves.demand.elasticity - 3.0)
    found = health(curves, panel, newer=replace(curves, demand=demand))
    assert any("three standard errors" in text for text in found.alerts)
    assert health(curves, panel, newer=curves).series["elasticity_shift"].abs().max() == 0


def test_a_fit_is_accepted_only_if_it_beats_the_one_in_use(
    weeks: tuple[FittedCurves, Panel],
) -> None:
    curves, panel = weeks
    worse = replace(curves, demand=replace(curves.demand, log_base=curves.demand.log_base + 0.8))
    assert accept(curves, None, panel).accepted
    better = accept(curves, worse, panel)
    assert better.accepted
    assert better.new_error < better.old_error
    refused = accept(worse, curves, panel)
    assert not refused.accepted
    assert "one in use stays" in refused.why


def test_a_fit_that_has_seen_everything_is_no_judge(weeks: tuple[FittedCurves, Panel]) -> None:
    curves, panel = weeks
    whole = fit_demand(panel, FitSpec(country=COUNTRY)).curves
    found = accept(curves, whole, panel)
    assert found.accepted
    assert "has seen all but 0" in found.why
