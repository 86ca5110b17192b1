"""Levels of curves: no history, however short, makes one that its sales did not carry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.demand import FittedCurves
from models.sensitivity.fit import DemandFit, fit_demand
from models.sensitivity.panel import build_panel
from models.sensitivity.spec import DemandForm, FitSpec

WEEKS = 53


def history(
    sku: str, weeks: int, seed: int, *, ends_before: int = 0, launch: bool = False
) -> pd.DataFrame:
    """`weeks` of sales along 100 · (price / 3)^-2, the last of them `ends_before` weeks ago."""
    rng = np.random.default_rng(seed)
    price = rng.choice([2.4, 2.7, 3.0, 3.3, 3.6], weeks)
    expected = 100.0 * (price / 3.0) ** -2.0
    if launch:
        expected = expected * np.linspace(0.1, 1.0, weeks)
    newest = pd.Timestamp("2026-01-05") - pd.Timedelta(weeks=ends_before)
    return pd.DataFrame(
        {
            "sku": sku,
            "market": "online",
            "category": "gifts",
            "period_start": pd.date_range(end=newest, periods=weeks, freq="7D"),
            "units": rng.poisson(expected).astype(np.float64),
            "price": price,
        }
    )


def fit(frame: pd.DataFrame, **options: object) -> DemandFit:
    panel, _ = build_panel(frame)
    return fit_demand(panel, FitSpec(**options))  # type: ignore[arg-type]


def levels(curves: FittedCurves, price: float = 3.0) -> list[float]:
    return [float(units) for units in curves.demand.units(np.full(len(curves), price))]


@pytest.mark.parametrize("form", list(DemandForm))
@pytest.mark.parametrize("seed", range(3))
def test_short_series_among_long_ones_have_the_level_of_their_own_sales(
    form: DemandForm, seed: int
) -> None:
    frames = [history(f"L{i}", WEEKS, 100 * seed + i) for i in range(6)]
    frames += [history(f"S{i}", 22, 100 * seed + 10 + i, launch=i >= 3) for i in range(6)]
    curves = fit(pd.concat(frames), forms=(form,)).curves
    assert set(curves.status) == {"ok"}
    found = levels(curves)
    assert all(75 < level < 135 for level in found[:9]), found
    # A launch that rises from a tenth sold 55 a week in the mean.
    assert all(35 < level < 85 for level in found[9:]), found


@settings(max_examples=25, deadline=None)
@given(
    spans=st.lists(st.tuples(st.integers(12, 110), st.integers(0, 40)), min_size=3, max_size=6),
    long=st.integers(53, 130),
    country=st.sampled_from([None, "DE", "US"]),
    form=st.sampled_from(list(DemandForm)),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_span_makes_a_level_that_was_never_sold(
    spans: list[tuple[int, int]], long: int, country: str | None, form: DemandForm, seed: int
) -> None:
    frames = [history(f"L{i}", long, seed + i) for i in range(4)]
    frames += [
        history(f"S{i}", weeks, seed + 10 + i, ends_before=gap)
        for i, (weeks, gap) in enumerate(spans)
    ]
    curves = fit(pd.concat(frames), country=country, forms=(form,)).curves
    assert all(60 < level < 160 for level in levels(curves)), levels(curves)


def test_a_product_seen_in_one_season_is_not_told_that_of_another() -> None:
    """Long series sell four times as much in winter; the short one lived in summer only."""
    frames = []
    for i in range(6):
        one = history(f"L{i}", 105, i)
        day = one["period_start"].dt.day_of_year.to_numpy(np.float64)
        swing = np.exp(0.7 * np.cos(2.0 * np.pi * day / 365.25))
        frames.append(one.assign(units=np.rint(one["units"] * swing)))
    summer = history("SUMMER", 18, 50, ends_before=20)
    found = fit(pd.concat([*frames, summer])).curves
    row = found.sku.tolist().index("SUMMER")
    assert levels(found)[row] == pytest.approx(100.0, rel=0.2)


def mistyped(sku: str = "CENTS") -> pd.DataFrame:
    """A product whose newest regular price lost two digits."""
    frame = history(sku, WEEKS, 7)
    return frame.assign(regular_price=np.where(np.arange(WEEKS) == WEEKS - 1, 0.03, 3.6))


@pytest.mark.parametrize("form", [DemandForm.LOG_LOG, DemandForm.POISSON])
def test_a_level_that_no_sales_carry_is_held_with_both_figures(form: DemandForm) -> None:
    frames = [history(f"L{i}", WEEKS, i).assign(regular_price=3.6) for i in range(6)]
    made = fit(pd.concat([*frames, mistyped()]), forms=(form,))
    row = made.curves.sku.tolist().index("CENTS")
    assert made.curves.status[row] == "implausible_level"
    assert made.curves.demand.known.tolist() == [sku != "CENTS" for sku in made.curves.sku]
    (doubt,) = made.report.implausible_levels
    sold = mistyped()["units"]
    assert (doubt.sku, doubt.market) == ("CENTS", "online")
    assert doubt.level > 3.0 * doubt.best
    assert doubt.best == sold.max()
    assert doubt.usual == sold.median()
    assert made.report.statuses["implausible_level"] == 1
    told = [text for text in made.report.warnings if "CENTS" in text]
    assert any(f"{sold.max():.4g}" in text and "implausible_level" in text for text in told)


def test_a_regular_price_that_is_seldom_charged_is_no_fault_of_the_level() -> None:
    """Nine weeks in ten on a deal at half the price, for which customers come."""
    rng = np.random.default_rng(3)
    weeks = 104
    deal = rng.random(weeks) < 0.9
    price = np.where(deal, 5.0, 10.0) * np.exp(rng.normal(0.0, 0.03, weeks))
    frame = pd.DataFrame(
        {
            "sku": "DEAL",
            "market": "online",
            "category": "gifts",
            "period_start": pd.date_range("2024-01-01", periods=weeks, freq="7D"),
            "units": rng.poisson(400.0 * (price / 5.0) ** -4.0).astype(np.float64),
            "price": price,
            "regular_price": 10.0,
        }
    )
    curves = fit(frame, pooled=False).curves
    assert curves.status.tolist() == ["ok"]
    assert levels(curves, 5.0) == pytest.approx([400.0], rel=0.15)
