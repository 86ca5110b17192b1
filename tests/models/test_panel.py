from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InvalidPanel
from models.panel import build_panel


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
