from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidPanel, InvalidSpec
from models.sensitivity.cleaning import PackChange, PanelSpec, Period
from models.sensitivity.fit import fit_demand
from models.sensitivity.panel import build_panel
from models.sensitivity.spec import FitSpec


def history(**columns: object) -> pd.DataFrame:
    """Four plain weeks of one product, with columns replaced or added."""
    plain: dict[str, object] = {
        "sku": "A",
        "market": "online",
        "period_start": pd.date_range("2026-01-05", periods=4, freq="7D"),
        "units": [5.0, 6.0, 7.0, 8.0],
        "price": [2.0, 2.0, 2.5, 2.5],
    }
    return pd.DataFrame(plain | columns)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"units": [np.nan, 6, 7, 8]}, "units_not_a_number"),
        ({"units": [np.inf, 6, 7, 8]}, "units_not_a_number"),
        ({"units": [-1.0, 6, 7, 8]}, "returns"),
        ({"stock_out": [True, False, False, False]}, "stock_out"),
        ({"price": [np.nan, 2, 2, 2]}, "price_not_known"),
        ({"price": [np.inf, 2, 2, 2]}, "price_not_known"),
        ({"price": [0.0, 2, 2, 2]}, "zero_price"),
        ({"price": [-2.0, 2, 2, 2]}, "zero_price"),
        ({"price": [200.0, 2, 2, 2]}, "price_jump"),
        (
            {
                "units": [0.0, 6, 7, 8],
                "deal": [1.0, 0, 0, 0],
                "regular_price": [2.0, 2.0, 2.5, 2.5],
            },
            "promotion_price_not_known",
        ),
    ],
)
def test_a_row_that_can_not_be_used_is_dropped_with_its_reason(
    columns: dict[str, object], reason: str
) -> None:
    panel, report = build_panel(history(**columns))
    assert report.dropped == {reason: 1}
    assert (report.rows_in, report.rows_kept, report.periods) == (4, 3, 3)
    assert panel.units.tolist() == [6, 7, 8]


@pytest.mark.parametrize(
    "flags",
    [
        [True, None, False, None],
        pd.array([True, None, False, None], dtype="boolean"),
        [1.0, np.nan, 0.0, np.nan],
    ],
)
def test_an_unknown_stock_out_is_none(flags: object) -> None:
    _, report = build_panel(history(stock_out=flags))
    assert report.dropped == {"stock_out": 1}


def test_the_first_of_two_rows_of_one_week_counts() -> None:
    again = pd.concat([history(), history(units=[50.0, 60, 70, 80])])
    panel, report = build_panel(again)
    assert report.dropped == {"duplicate": 4}
    assert panel.units.tolist() == [5, 6, 7, 8]


def test_weeks_without_a_sale_are_kept_at_the_regular_price() -> None:
    panel, _ = build_panel(history(units=[0.0, 6, 7, 8], regular_price=[2.0, 2.0, 2.5, 2.5]))
    assert panel.units.tolist() == [0, 6, 7, 8]


def test_a_series_without_a_usable_row_stays_in_the_panel() -> None:
    panel, _ = build_panel(pd.concat([history(), history(sku="B", stock_out=True)]))
    assert panel.sku.tolist() == ["A", "B"]
    assert panel.lengths.tolist() == [4, 0]


def test_series_are_sorted_by_sku_and_market_and_rows_by_time() -> None:
    shuffled = pd.concat([history(sku="B"), history(market="store"), history()]).iloc[::-1]
    panel, _ = build_panel(shuffled)
    assert list(zip(panel.sku, panel.market, strict=True)) == [
        ("A", "online"),
        ("A", "store"),
        ("B", "online"),
    ]
    assert (np.diff(panel.period_start[:4]) > np.timedelta64(0)).all()
    assert panel.units.tolist() == [5, 6, 7, 8] * 3


def test_days_are_summed_to_whole_weeks_from_monday() -> None:
    days = pd.date_range("2026-01-03", "2026-01-19")  # Saturday to Monday
    frame = pd.DataFrame(
        {
            "sku": "A",
            "market": "m",
            "period_start": days,
            "units": 1.0,
            "price": np.where(days.day_of_week < 5, 2.0, 3.5),
            "deal": (days.day_of_week < 5).astype(float),
        }
    )
    panel, report = build_panel(frame)
    assert report.dropped == {"partial_week": 3}
    assert (report.rows_kept, report.periods) == (14, 2)
    assert panel.period_start.astype(str).tolist() == ["2026-01-05", "2026-01-12"]
    assert panel.units.tolist() == [7, 7]
    assert panel.price.tolist() == pytest.approx([(5 * 2 + 2 * 3.5) / 7] * 2)
    assert panel.deal.tolist() == pytest.approx([5 / 7] * 2)


def test_a_week_of_days_without_a_sale_keeps_its_listed_price() -> None:
    days = pd.date_range("2026-01-05", periods=14)
    frame = pd.DataFrame(
        {"sku": "A", "market": "m", "period_start": days, "units": 0.0, "price": 2.5}
    )
    panel, _ = build_panel(frame)
    assert panel.price.tolist() == [2.5, 2.5]


def test_unknown_categories_and_flags_mean_nothing_is_known() -> None:
    panel, _ = build_panel(history(category=None, deal=np.nan, cost=0.0))
    assert panel.category.tolist() == [""]
    assert panel.deal.tolist() == [0] * 4
    assert np.isnan(panel.cost).all()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (history().drop(columns="units"), "lacks units; it has sku, market"),
        (history().iloc[:0], "no rows"),
        (history(sku=["A", "A", None, "A"]), "sku is missing in 1 rows"),
        (history(period_start="2026-01-05"), "period_start must hold dates"),
        (history(units=list("abcd")), "units must hold numbers"),
        (
            history(period_start=pd.date_range("2026-01-01", periods=4, freq="MS")),
            "31 days apart.*daily or weekly",
        ),
    ],
)
def test_a_frame_that_no_estimator_can_read_is_refused(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InvalidPanel, match=message):
        build_panel(frame)


@settings(deadline=None, max_examples=50)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.integers(0, 30),
            st.sampled_from([0.0, 1.0, 4.0, -1.0, np.nan]),
            st.sampled_from([1.0, 1.1, 0.0, 99.0, np.nan]),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    ),
    step=st.sampled_from([1, 7]),
)
def test_the_report_accounts_for_every_row(
    rows: list[tuple[str, int, float, float, bool]], step: int
) -> None:
    # A series without gaps, so that the history is daily or weekly whatever was drawn.
    steady = [("C", period, 1.0, 1.0, False) for period in range(60)]
    sku, period, units, price, stock_out = zip(*rows, *steady, strict=True)
    start = pd.Timestamp("2026-01-05") + pd.to_timedelta(np.array(period) * step, "D")
    frame = pd.DataFrame(
        {
            "sku": sku,
            "market": "m",
            "period_start": start,
            "units": units,
            "price": price,
            "stock_out": stock_out,
        }
    )
    panel, report = build_panel(frame)
    assert report.rows_in == report.rows_kept + sum(report.dropped.values())
    assert report.periods == len(panel.units) == panel.lengths.sum()
    assert (panel.price > 0).all()
    assert (panel.units >= 0).all()


def test_missing_weeks_are_counted_as_gaps() -> None:
    holes = history().iloc[[0, 3]]
    _, report = build_panel(pd.concat([holes, history(sku="B")]))
    assert (report.gaps, report.gapped_series) == (2, 1)
    assert report.as_dict()["gaps"] == 2


def test_a_change_of_pack_size_starts_the_series_anew() -> None:
    frame = pd.concat([history(pack_size=[500.0, 500, 400, 400]), history(sku="B", pack_size=1.0)])
    panel, report = build_panel(frame)
    assert report.dropped == {"older_pack_size": 2}
    assert report.pack_changes == 1
    assert panel.units.tolist() == [7, 8, 5, 6, 7, 8]


def test_or_its_weeks_are_read_in_the_newest_pack() -> None:
    frame = history(pack_size=[500.0, np.nan, 400, 400], cost=[1.0, 1, 1, 1])
    panel, report = build_panel(frame, PanelSpec(pack_change=PackChange.UNIT_PRICE))
    assert report.dropped == {}
    assert report.pack_changes == 1
    assert panel.units.tolist() == pytest.approx([5 * 1.25, 6, 7, 8])
    assert panel.price.tolist() == pytest.approx([2 / 1.25, 2, 2.5, 2.5])
    assert panel.cost.tolist() == pytest.approx([1 / 1.25, 1, 1, 1])


def days(weeks: int = 60, **columns: object) -> pd.DataFrame:
    """Daily sales of three products; Saturdays sell three times as much at lower prices."""
    rng = np.random.default_rng(6)
    when = pd.date_range("2024-01-01", periods=7 * weeks)
    saturday = when.day_of_week.to_numpy() == 5
    parts = []
    for sku in "ABC":
        price = 4.0 * np.where(saturday, 0.9, 1.0) * np.exp(rng.normal(0, 0.1, len(when)))
        visitors = 1000.0 * np.exp(rng.normal(0, 0.4, len(when)))
        units = rng.poisson(
            0.04 * visitors * np.exp(-2.0 * np.log(price / 4.0)) * np.where(saturday, 3.0, 1.0)
        )
        plain = {"sku": sku, "market": "m", "period_start": when, "units": units * 1.0}
        parts.append(pd.DataFrame({**plain, "price": price, "traffic": visitors} | columns))
    return pd.concat(parts, ignore_index=True)


def test_days_stay_days_where_asked_and_weekdays_are_held_constant() -> None:
    panel, report = build_panel(days(), PanelSpec(period=Period.DAY))
    assert panel.period_days == 1
    assert report.periods == report.rows_in
    spec = FitSpec(controls=("traffic",), pooled=False)
    found = fit_demand(panel, spec)
    demand = found.curves.demand
    error = np.sqrt(demand.covariance[:, 1, 1])
    assert (np.abs(demand.elasticity + 2.0) < 3.5 * error).all()
    # Without weekdays the low Saturday price gets the credit of Saturday.
    weekless = fit_demand(replace(panel, period_days=7), spec).curves.demand
    assert (weekless.elasticity < demand.elasticity - 0.3).all()
    # A plain period is an average day: the geometric mean of Saturday and the others.
    expected = 0.04 * 1000.0 * 3.0 ** (1 / 7)
    assert demand.units(np.full(3, 4.0)).mean() == pytest.approx(expected, rel=0.1)


def test_traffic_is_a_control_or_an_offset() -> None:
    panel, _ = build_panel(days())
    plain = fit_demand(panel, FitSpec(pooled=False)).curves
    held = fit_demand(panel, FitSpec(pooled=False, controls=("traffic",))).curves
    offset = fit_demand(panel, FitSpec(pooled=False, offset_traffic=True)).curves
    for found in (held, offset):
        assert (found.own_std_error < plain.own_std_error).all()
        assert (np.abs(found.own_elasticity + 2.0) < 4.0 * found.own_std_error).all()
    at = np.full(3, 4.0)
    np.testing.assert_allclose(offset.demand.units(at), plain.demand.units(at), rtol=0.1)


def test_errors_of_days_that_last_are_not_too_short() -> None:
    rng = np.random.default_rng(0)
    when = pd.date_range("2024-01-01", periods=364)
    z = []
    for _ in range(80):
        price, noise = (_lasting_noise(rng, 364) for _ in range(2))
        units = np.rint(np.exp(6.0 - 2.0 * 0.1 * price + 0.2 * noise))
        frame = pd.DataFrame(
            {"sku": "A", "market": "m", "period_start": when, "units": units}
        ).assign(price=4.0 * np.exp(0.1 * price))
        panel, _ = build_panel(frame, PanelSpec(period=Period.DAY))
        curves = fit_demand(panel, FitSpec(pooled=False)).curves
        z.append((curves.own_elasticity[0] + 2.0) / curves.own_std_error[0])
    # Taken as independent these errors would be 2.2 times too short.
    assert np.std(z) < 1.6


def _lasting_noise(rng: np.random.Generator, length: int) -> np.ndarray:
    """First-order autocorrelation 0.7, variance 1."""
    noise = np.empty(length)
    noise[0] = rng.normal()
    for i in range(1, length):
        noise[i] = 0.7 * noise[i - 1] + np.sqrt(1 - 0.49) * rng.normal()
    return noise


def test_what_can_not_be_read_by_day_or_twice_is_refused() -> None:
    with pytest.raises(InvalidPanel, match="holds weeks"):
        build_panel(history(), PanelSpec(period=Period.DAY))
    with pytest.raises(InvalidSpec, match="period 'month'"):
        PanelSpec(period="month")  # type: ignore[arg-type]
    with pytest.raises(InvalidSpec, match="not both"):
        FitSpec(controls=("traffic",), offset_traffic=True)
