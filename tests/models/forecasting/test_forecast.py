"""Forecasts: known shapes are continued, stock-outs are not learned, intervals hold."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest

import models.forecasting.forecast
from models.errors import InvalidPanel, InvalidSpec
from models.forecasting.forecast import ForecastSpec, backtest, forecast, wmape
from models.forecasting.methods import Past, median
from tests.shared_data import shared_data


def history(rng: np.random.Generator, series: int = 30, weeks: int = 130) -> pd.DataFrame:
    """Season, prices and features of a known law, with gaps."""
    week = np.arange(weeks)
    price = 2.0 * np.where(rng.random((series, weeks)) < 0.2, 0.75, 1.0)
    feature = ((price < 2.0) & (rng.random((series, weeks)) < 0.5)).astype(float)
    season = 0.3 * np.sin(2 * np.pi * week / 52.18)
    log_units = rng.normal(4, 0.4, (series, 1)) + season - 2 * np.log(price / 2) + 0.4 * feature
    units = rng.poisson(np.exp(log_units + rng.normal(0, 0.1, log_units.shape))).astype(float)
    frame = pd.DataFrame(
        {
            "sku": np.repeat([f"S{i}" for i in range(series)], weeks),
            "market": "online",
            "period_start": np.tile(pd.date_range("2023-01-02", periods=weeks, freq="7D"), series),
            "units": units.ravel(),
            "price": price.ravel(),
            "feature": feature.ravel(),
            "stock_out": False,
        }
    )
    return frame[rng.random(len(frame)) > 0.03]


def test_price_and_promotion_paths_beat_every_method_without_them() -> None:
    frame = history(np.random.default_rng(0))
    with_paths = backtest(frame, ForecastSpec(horizon=10, promotions=("feature",)))
    without = backtest(frame, ForecastSpec(horizon=10, price=None))
    naive = backtest(frame, ForecastSpec(horizon=10, price=None, methods=("seasonal-naive",)))
    assert wmape(with_paths) < 0.16
    assert wmape(with_paths) < 0.6 * wmape(without)
    assert wmape(without) < wmape(naive)
    held = (with_paths["actual"] >= with_paths["low"]) & (
        with_paths["actual"] <= with_paths["high"]
    )
    assert 0.90 <= held.mean() <= 0.985
    assert (with_paths["method"] == "drivers").mean() > 0.9


def test_a_stock_out_is_not_learned_as_low_demand() -> None:
    frame = history(np.random.default_rng(1), series=4)
    empty = frame["period_start"] >= frame["period_start"].max() - pd.Timedelta(weeks=5)
    frame = frame.assign(
        units=frame["units"].where(~empty, 0.0), stock_out=frame["stock_out"] | empty
    )
    blind = forecast(frame, ForecastSpec(horizon=4, price=None))
    seeing = forecast(frame, ForecastSpec(horizon=4, price=None, stock_out="stock_out"))
    usual = frame.loc[~empty, "units"].mean()
    assert seeing.table["units"].mean() > 0.6 * usual
    assert blind.table["units"].mean() < 0.6 * usual


def test_intermittent_demand_and_dead_products() -> None:
    rng = np.random.default_rng(2)
    weeks = pd.date_range("2023-01-02", periods=120, freq="7D")
    rare = rng.poisson(0.3, (40, 120)).astype(float)
    rare[0, 60:] = 0.0
    frame = pd.DataFrame(
        {
            "sku": np.repeat(np.arange(40), 120),
            "market": "m",
            "period_start": np.tile(weeks, 40),
            "units": rare.ravel(),
        }
    )
    spec = ForecastSpec(horizon=6, price=None, methods=("intermittent",))
    table = forecast(frame, spec).table
    assert table[table["sku"] > 0]["units"].mean() == pytest.approx(0.3, abs=0.05)
    assert table[table["sku"] == 0]["units"].max() < 0.02


def test_new_products_follow_the_launches_of_their_category() -> None:
    rng = np.random.default_rng(3)
    age = np.arange(60)
    curve = 40 * np.exp(-age / 12) + 4
    rows = []
    for i in range(12):
        born = 10 + 5 * i if i < 11 else 110
        length = min(60, 120 - born)
        units = rng.poisson(curve[:length] * rng.uniform(0.8, 1.2))
        when = pd.date_range("2023-01-02", periods=120, freq="7D")[born : born + length]
        rows.append(pd.DataFrame({"sku": f"S{i}", "period_start": when, "units": units}))
    old = pd.DataFrame(
        {"sku": "old", "period_start": pd.date_range("2023-01-02", periods=120, freq="7D")}
    ).assign(units=30)
    frame = pd.concat([*rows, old]).assign(market="m", units=lambda f: f["units"].astype(float))
    table = forecast(frame, ForecastSpec(horizon=8, price=None, harmonics=0)).table
    fresh = table[table["sku"] == "S11"]
    assert (fresh["method"] == "life-cycle").all()
    np.testing.assert_allclose(fresh["units"], curve[10:18], rtol=0.35)
    assert fresh["units"].iloc[-1] < fresh["units"].iloc[0]


def test_planned_prices_move_the_forecast() -> None:
    frame = history(np.random.default_rng(4), series=8)
    start = frame["period_start"].max() + pd.Timedelta(weeks=1)
    plan = pd.DataFrame(
        {"sku": "S0", "market": "online", "period_start": [start], "price": 1.5, "feature": 1.0}
    )
    spec = ForecastSpec(horizon=2, promotions=("feature",), methods=("drivers",))
    plain = plan.assign(price=2.0, feature=0.0)
    usual, planned = (forecast(frame, spec, future=f).table for f in (plain, plan))
    ratio = planned["units"] / usual["units"]
    assert ratio[0] > 1.6
    assert ratio[2:].to_numpy() == pytest.approx(1.0)


def test_what_can_not_be_forecast_is_refused() -> None:
    frame = history(np.random.default_rng(5), series=2)
    with pytest.raises(InvalidSpec, match="'magic'"):
        ForecastSpec(methods=("magic",))
    with pytest.raises(InvalidSpec, match="horizon"):
        ForecastSpec(horizon=0)
    with pytest.raises(InvalidPanel, match="too few"):
        forecast(frame[frame["period_start"] < "2023-02-01"])
    with pytest.raises(InvalidPanel, match="dates"):
        forecast(frame.assign(period_start=1))


def test_the_worked_example_holds() -> None:
    namespace = {"pd": pd, "forecast": forecast, "ForecastSpec": ForecastSpec}
    assert doctest.testmod(models.forecasting.forecast, extraglobs=namespace).failed == 0


def juice(stores: int) -> pd.DataFrame:
    raw = pd.read_csv(shared_data("oj/oj_weekly.csv"), parse_dates=["week_start"])
    return raw[raw["store"].isin(sorted(raw["store"].unique())[:stores])]


def juice_spec(**options: object) -> ForecastSpec:
    asked: dict[str, object] = {
        "by": ("sku", "store"),
        "period": "week_start",
        "units": "units_oz",
        "horizon": 8,
        "price": "price_per_64oz",
        "promotions": ("deal", "feature"),
        "category": "sku",
    }
    return ForecastSpec(**(asked | options))  # type: ignore[arg-type]


def only(method: str) -> ForecastSpec:
    """One method that is told nothing but what was sold."""
    return juice_spec(methods=(method,), origins=1, price=None, promotions=())


def test_orange_juice_with_planned_prices_beats_seasonal_naive() -> None:
    frame = juice(100)
    table = backtest(frame, juice_spec())
    assert wmape(table) < 0.60 * wmape(backtest(frame, only("seasonal-naive")))
    held = (table["actual"] >= table["low"]) & (table["actual"] <= table["high"])
    assert 0.90 <= held.mean() <= 0.98


def test_orange_juice_without_plans_beats_seasonal_naive_and_the_level() -> None:
    frame = juice(30)
    mine = wmape(backtest(frame, juice_spec(), origins=5, planned=False))
    assert mine < 0.75 * wmape(backtest(frame, only("seasonal-naive"), origins=5))
    assert mine < wmape(backtest(frame, only("level"), origins=5))


@pytest.mark.slow
def test_orange_juice_beats_the_ets_of_statsmodels_with_and_without_plans() -> None:
    # All 83 stores, five origins eight weeks apart, the same weeks for all three.
    frame = juice(100)
    ets = wmape(backtest(frame, only("ets"), origins=5))
    assert wmape(backtest(frame, juice_spec(), origins=5, planned=False)) < ets
    assert wmape(backtest(frame, juice_spec(), origins=5)) < 0.80 * ets


def test_prices_that_nobody_plans_are_not_known_in_the_trials_either() -> None:
    frame = history(np.random.default_rng(2))
    spec = ForecastSpec(horizon=6, promotions=("feature",), methods=("level", "drivers"))
    later = frame[frame["period_start"] > frame["period_start"].max() - pd.Timedelta(weeks=6)]
    before = frame.drop(later.index)
    blind = forecast(before, spec).accuracy["wmape"]
    seeing = forecast(before, spec, future=later).accuracy["wmape"]
    assert seeing["drivers"] < 0.7 * blind["drivers"]
    assert seeing["level"] == pytest.approx(blind["level"])


def test_the_median_passes_over_what_is_not_known() -> None:
    units = np.array([[1.0, np.nan, 5, 2, np.nan], [np.nan] * 5, [4.0, 1, 2, 3, np.nan]])
    nothing = np.zeros((3, 7, 0))
    past = Past(units, nothing, np.zeros(0), np.zeros(3, dtype=np.int64), 2, 52)
    assert np.nan_to_num(median(past)).tolist() == [[2, 2], [0, 0], [2.5, 2.5]]


def test_statsmodels_methods_continue_a_level() -> None:
    frame = history(np.random.default_rng(6), series=2, weeks=60)
    for method in ("ets", "arima", "unobserved-components"):
        spec = ForecastSpec(horizon=3, price=None, harmonics=0, methods=(method,), origins=1)
        found = forecast(frame, spec).table
        assert np.isfinite(found["units"]).all()
        assert found["units"].between(5, 500).all()
