"""Promotions after the fact: planted lifts are found, nothing is found where nothing was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.campaigns.kpis import campaign_kpis
from models.campaigns.promotion_response import fit_promotion_response
from models.campaigns.uplift import Method, measure_uplift
from models.errors import InvalidPanel, InvalidSpec, NotIdentified


def stores(
    rng: np.random.Generator, lift: float, *, treated: int = 4, count: int = 24, weeks: int = 40
) -> pd.DataFrame:
    """Stores that share a season; the first ones have a promotion in the last eight weeks."""
    common = np.cumsum(rng.normal(0, 0.05, weeks))[:, None] * rng.uniform(0.7, 1.3, count)
    log_units = rng.normal(5, 0.6, count) + common + rng.normal(0, 0.08, (weeks, count))
    log_units[-8:, :treated] += np.log1p(lift)
    index = pd.MultiIndex.from_product([range(weeks), range(count)], names=["week", "store"])
    return pd.DataFrame({"units": np.exp(log_units).ravel()}, index=index).reset_index()


@pytest.mark.parametrize(
    ("method", "treated", "count"),
    [
        (Method.DIFFERENCES, 4, 24),
        (Method.SYNTHETIC, 1, 24),
        (Method.STRUCTURAL, 1, 4),
    ],
)
def test_planted_lifts_are_found_with_honest_intervals(
    method: Method, treated: int, count: int
) -> None:
    rng = np.random.default_rng(0)
    found, held = [], []
    for _ in range(12 if method is Method.STRUCTURAL else 40):
        frame = stores(rng, 0.25, treated=treated, count=count)
        answer = measure_uplift(
            frame,
            unit="store",
            period="week",
            outcome="units",
            treated=range(treated),
            start=32,
            rng=rng,
        )
        assert answer.method is method
        found.append(answer.lift)
        held.append(answer.ci_low <= 0.25 <= answer.ci_high)
    # Three standard errors of the mean; lifts of single draws scatter by 0.07 and less.
    tolerance = 3.0 * 0.07 / np.sqrt(len(found))
    assert np.std(found) < 0.07 * (1 + 2 / np.sqrt(len(found)))
    assert np.mean(found) == pytest.approx(0.25, abs=tolerance)
    assert np.mean(held) >= 0.85


@pytest.mark.parametrize(("method", "treated"), [(Method.DIFFERENCES, 4), (Method.SYNTHETIC, 1)])
def test_nothing_is_found_where_nothing_happened(method: Method, treated: int) -> None:
    rng = np.random.default_rng(1)
    false_alarms = []
    for _ in range(60):
        answer = measure_uplift(
            stores(rng, 0.0, treated=treated),
            unit="store",
            period="week",
            outcome="units",
            treated=range(treated),
            start=32,
            method=method,
            rng=rng,
        )
        false_alarms.append(answer.p_value < 0.05)
    assert np.mean(false_alarms) <= 0.12


def test_the_answer_says_what_was_gained_and_what_the_placebos_say() -> None:
    rng = np.random.default_rng(2)
    frame = stores(rng, 0.5)
    answer = measure_uplift(
        frame, unit="store", period="week", outcome="units", treated=range(4), start=32, rng=rng
    )
    sold = frame[(frame["week"] >= 32) & (frame["store"] < 4)]["units"].sum()
    assert answer.incremental == pytest.approx(sold * (1 - 1 / 1.5), rel=0.15)
    assert answer.incremental_low < answer.incremental < answer.incremental_high
    assert len(answer.placebo_units) == 20
    assert abs(answer.placebo_before[0]) < 0.2
    during = answer.path.iloc[32:]
    assert (during["actual"] / during["expected"]).mean() == pytest.approx(1.5, rel=0.15)


def test_units_that_drift_apart_already_are_told() -> None:
    rng = np.random.default_rng(3)
    frame = stores(rng, 0.0)
    drift = np.where(frame["store"] < 4, np.exp(0.03 * frame["week"]), 1.0)
    frame["units"] *= drift
    answer = measure_uplift(
        frame, unit="store", period="week", outcome="units", treated=range(4), start=32, rng=rng
    )
    assert any("drifting apart" in text for text in answer.warnings)


def test_what_can_not_be_measured_is_refused() -> None:
    rng = np.random.default_rng(4)
    frame = stores(rng, 0.1)
    ask = {"unit": "store", "period": "week", "outcome": "units", "rng": rng}
    for changes, error, message in (
        ({"treated": [99], "start": 32}, InvalidSpec, "not in 'store'"),
        ({"treated": [0], "start": 2}, NotIdentified, "2 periods before"),
        ({"treated": [0], "start": 32, "method": "magic"}, InvalidSpec, "'structural'"),
    ):
        with pytest.raises(error, match=message):
            measure_uplift(frame, **ask, **changes)  # type: ignore[arg-type]
    with pytest.raises(InvalidPanel, match=r"lacks 1 of 40"):
        measure_uplift(frame.drop(index=5), **ask, treated=[0], start=32)  # type: ignore[arg-type]
    with pytest.raises(InvalidPanel, match="sum them first"):
        measure_uplift(pd.concat([frame, frame]), **ask, treated=[0], start=32)  # type: ignore[arg-type]
    two = frame[frame["store"] < 2]
    with pytest.raises(NotIdentified, match="two controls"):
        measure_uplift(two, **ask, treated=[0], start=32, method="synthetic-control")  # type: ignore[arg-type]


def promoted(rng: np.random.Generator, series: int = 40, weeks: int = 156) -> pd.DataFrame:
    """Weeks with promotions of three depths, a feature, and customers who stock up."""
    depth = np.where(
        rng.random((series, weeks)) < 0.15, rng.choice([0.15, 0.25, 0.35], (series, weeks)), 0
    )
    feature = (depth > 0) & (rng.random((series, weeks)) < 0.5)
    lift = np.select([depth == 0.15, depth == 0.25, depth == 0.35], np.log([1.4, 1.8, 2.5]), 0.0)
    after = np.zeros((series, weeks))
    after[:, 1:] = np.where((depth[:, :-1] > 0) & (depth[:, 1:] == 0), np.log(0.8), 0.0)
    when = pd.date_range("2023-01-02", periods=weeks, freq="7D")
    season = 0.2 * np.sin(2 * np.pi * np.arange(weeks) / 52.18)
    log_units = rng.normal(5, 0.4, (series, 1)) + season + lift + np.log(1.25) * feature + after
    units = rng.poisson(np.exp(log_units + rng.normal(0, 0.15, log_units.shape)))
    return pd.DataFrame(
        {
            "sku": np.repeat(np.arange(series), weeks),
            "market": "online",
            "period_start": np.tile(when, series),
            "units": units.ravel(),
            "regular_price": 10.0,
            "price": 10.0 * (1 - depth.ravel()),
            "feature": feature.ravel().astype(float),
        }
    )


def test_lift_by_depth_and_mechanic_within_ten_percent_and_the_dip_after() -> None:
    found = fit_promotion_response(promoted(np.random.default_rng(5)), mechanics=["feature"])
    lift = found.lifts.set_index("term")["lift"] + 1.0
    assert lift["depth 10% to 20%"] == pytest.approx(1.4, rel=0.1)
    assert lift["depth 20% to 30%"] == pytest.approx(1.8, rel=0.1)
    assert lift["depth 30% to 40%"] == pytest.approx(2.5, rel=0.1)
    assert lift["feature"] == pytest.approx(1.25, rel=0.1)
    assert lift["week 1 after"] == pytest.approx(0.8, rel=0.1)
    assert lift["week 3 after"] == pytest.approx(1.0, abs=0.05)
    assert 0.05 < found.pulled_forward < 0.5
    total = found.weeks["baseline"] + found.weeks["incremental"]
    np.testing.assert_allclose(total, promoted(np.random.default_rng(5))["units"])


def test_without_a_promotion_there_is_nothing_to_learn() -> None:
    flat = promoted(np.random.default_rng(6), series=3).assign(price=10.0)
    with pytest.raises(NotIdentified, match="no promotion"):
        fit_promotion_response(flat, mechanics=["feature"])


def test_campaign_figures_with_intervals() -> None:
    rng = np.random.default_rng(7)
    days = pd.date_range("2026-01-01", periods=56, freq="D")
    parts = []
    for i, day in enumerate(days):
        orders = rng.poisson(40 if i < 28 else 60)
        parts.append(
            pd.DataFrame(
                {
                    "date": day,
                    "order": [f"{i}-{j}" for j in range(orders)],
                    "customer": rng.integers(0, 500, orders),
                    "units": 2,
                    "revenue": rng.normal(50, 5, orders),
                    "cost": 30.0,
                    "coupon": (rng.random(orders) < 0.2) & (i >= 28),
                }
            )
        )
    table = campaign_kpis(
        pd.concat(parts),
        start=days[28],
        end=days[-1],
        rng=rng,
        visits=pd.DataFrame({"date": days, "visits": 1000}),
        coupons_issued=2000,
        funding=2800.0,
    )
    figures: Any = table.T.to_dict()
    at = figures["orders a day"]
    assert at["ci_low"] < 20 < at["ci_high"]
    assert at["difference"] == pytest.approx(20, abs=5)
    assert figures["average order value"]["difference"] == pytest.approx(0, abs=1)
    assert figures["conversion"]["during"] == pytest.approx(0.06, abs=0.005)
    assert figures["margin after funding a day"]["during"] == pytest.approx(60 * 20 + 100, rel=0.1)
    assert 0.1 < figures["coupon redemption rate"]["during"] < 0.25
    assert "new customers a day" in table.index
    with pytest.raises(InvalidPanel, match="no orders"):
        campaign_kpis(pd.concat(parts), start=days[0], end=days[5], rng=rng)
