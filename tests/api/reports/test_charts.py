"""Every chart is drawn whatever its numbers, and says what it does not show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.jobs.market_analysis import PriceRecord
from api.reports.charts import draw_what_if
from api.reports.diagnosis_chart import draw_diagnosis
from api.reports.history_chart import draw_price_record
from api.reports.pareto_chart import draw_front
from models.arrays import FloatArray
from models.competitors.history import OBSERVED
from models.demand import ConstantElasticityDemand
from models.sensitivity.diagnostics import Diagnosis
from simulations.scenarios.what_if import WhatIf

ABSURD = (np.nan, np.inf, -np.inf, 0.0, -3.0, 5e-324, 1e-300, 2.8e11, 1e300, -1.7e308, 1.7e308)
any_number = st.one_of(st.sampled_from(ABSURD), st.floats(-1e3, 1e3), st.floats())


def answer(draws: FloatArray) -> WhatIf:
    """Three scenarios, the second of which is the base."""
    return WhatIf(
        scenarios=("-5%", "+0%", "+5%"), currency="EUR", periods=4, rows=3,
        left_out={}, draws=draws, base_draws=draws[:, :, 1],
    )  # fmt: skip


def diagnosis(units: FloatArray, level: float, variance: float) -> Diagnosis:
    """Twenty weeks and a curve through price 1.50."""
    rng = np.random.default_rng(1)
    weeks = pd.DataFrame(
        {
            "period_start": pd.date_range("2025-01-06", periods=20, freq="7D"),
            "price": rng.uniform(1.0, 2.0, 20),
            "units": units,
            "residual": units,
            "first_stage": rng.normal(size=20),
            "price_left": units[::-1],
        }
    )
    curve = ConstantElasticityDemand(
        np.array([1.5]), np.array([level]), np.array([-2.0]),
        np.diag([variance, 0.1])[None], np.array([0.1]),
    )  # fmt: skip
    return Diagnosis("tea", "online", pd.DataFrame(), weeks, curve, ())


def front(figures: FloatArray) -> pd.DataFrame:
    return pd.DataFrame(
        {"weight_revenue": np.arange(3.0), "profit": figures[:3], "revenue": figures[3:]}
    )


def record(prices: list[float]) -> PriceRecord:
    days = pd.date_range("2025-01-01", periods=len(prices) + 1)
    spans = pd.DataFrame(
        {
            "site": "rival",
            "url": "https://rival.example/tea",
            "state": OBSERVED,
            "start": days[:-1],
            "end": days[1:],
            "price": prices,
        }
    )
    since = datetime(2025, 1, 1, tzinfo=UTC)
    return PriceRecord("tea", "online", "EUR", spans, {}, since, since)


def is_a_picture(path: Path) -> bool:
    start = path.read_bytes()[:8]
    return start.startswith((b"\x89PNG", b"<?xml"))


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_sane_numbers_are_drawn_without_a_note(tmp_path: Path, ending: str) -> None:
    rng, path = np.random.default_rng(0), tmp_path / f"chart.{ending}"
    sane = 100.0 + rng.normal(size=(3, 400, 3))
    twenty = 5.0 + np.arange(20.0) % 3
    charts: tuple[Callable[[], tuple[str, ...]], ...] = (
        lambda: draw_what_if(answer(sane), path),
        lambda: draw_diagnosis(diagnosis(twenty, 1.6, 0.01), path),
        lambda: draw_front(front(np.arange(6.0)), ("profit", "revenue"), path),
        lambda: draw_price_record(record([1.0, 1.2, 0.9]), path),
    )
    for draw in charts:
        assert draw() == ()
        assert is_a_picture(path)
        path.unlink()


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_an_interval_that_its_own_mean_lies_outside_of_is_drawn_and_told(
    tmp_path: Path, ending: str
) -> None:
    """What levels of 2.8e11 with errors to match made of a what-if: a mean above the high end."""
    draws = np.exp(12.0 * np.random.default_rng(0).normal(size=(3, 200, 3)))
    found, path = answer(draws), tmp_path / f"what-if.{ending}"
    one = found.difference("-5%", "units")
    assert not one.low <= one.mean <= one.high
    notes = draw_what_if(found, path)
    assert is_a_picture(path)
    assert any("units at -5%" in note and "outside its own 95% interval" in note for note in notes)


def test_a_loss_as_the_base_has_intervals_and_grows_downward(tmp_path: Path) -> None:
    draws = -100.0 + np.random.default_rng(0).normal(size=(3, 200, 3))
    assert draw_what_if(answer(draws), tmp_path / "loss.svg") == ()


def test_what_cannot_be_drawn_is_counted(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(2), tmp_path / "chart.svg"
    draws = 100.0 + rng.normal(size=(3, 200, 3))
    draws[2, :, 2] = np.inf
    (said,) = draw_what_if(answer(draws), path)
    assert said.startswith("profit: 3 of 9 figures are no numbers or lie beyond 1,000,000 %")
    assert "are not drawn" in path.read_text()

    (said,) = draw_front(front(np.array([1, 2, np.inf, 3, 2, 1.0])), ("profit", "revenue"), path)
    assert said.startswith("1 of 3 answers are not drawn")
    (said,) = draw_price_record(record([1.0, 1e300, 2.0]), path)
    assert said.startswith("1 of 3 prices are no numbers")
    twenty = 5.0 + np.arange(20.0) % 3
    (said,) = draw_diagnosis(diagnosis(twenty, 1.6, 1e4), path)
    assert said.startswith("the curve or its band exceeds 100 times the best week")
    (said,) = draw_diagnosis(diagnosis(np.where(twenty > 6, np.nan, twenty), 1.6, 0.01), path)
    assert said.startswith("18 of 100 figures of the weeks")


@settings(max_examples=10, deadline=None)
@given(st.lists(any_number, min_size=20, max_size=20), any_number, st.floats(-900, 900))
def test_no_number_stops_a_chart(numbers: list[float], variance: float, level: float) -> None:
    values = np.array(numbers)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "chart.svg"
        draws = np.resize(values, (3, 12, 3))
        spread = float(np.nan_to_num(np.abs(variance), nan=1.0, posinf=1e300))
        charts: tuple[Callable[[], tuple[str, ...]], ...] = (
            lambda: draw_what_if(answer(draws), path),
            lambda: draw_diagnosis(diagnosis(values, level, spread), path),
            lambda: draw_front(front(values[:6]), ("profit", "revenue"), path),
            lambda: draw_price_record(record(numbers), path),
        )
        for draw in charts:
            notes = draw()
            assert is_a_picture(path)
            assert all(notes)
            path.unlink()
