"""Spans between sightings: a price is known only as long as somebody looks, a gap stays a gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.competitors.cadence import USUAL_CADENCE, cadence_of
from models.competitors.history import STATES, price_spans
from models.competitors.panel import rival_panel
from models.errors import InvalidPanel

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def sightings(*told: tuple[float, str, float], url: str = "a", sku: str = "tea") -> pd.DataFrame:
    """Days after the start, state and price of each."""
    rows = [
        {
            "site": "north", "url": url, "sku": sku, "state": state, "price": price,
            "at": (START + days * DAY).replace(tzinfo=None), "list_price": np.nan,
            "availability": "in_stock" if state == "observed" else "",
        }
        for days, state, price in told
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"at": "datetime64[us]"})


def spans(*told: tuple[float, str, float], until: float, cadence: timedelta = DAY) -> list[object]:
    """(state, first day, last day, price) of each span."""
    found = price_spans(sightings(*told), {"north": cadence}, until=START + until * DAY)
    start = np.datetime64(START.replace(tzinfo=None), "us")
    ends = found[["start", "end"]].to_numpy(dtype="datetime64[us]")
    days = ((ends - start) / np.timedelta64(1, "D")).tolist()
    prices = [None if np.isnan(price) else price for price in found["price"]]
    return [
        (state, *span, price)
        for state, span, price in zip(found["state"], days, prices, strict=True)
    ]


def test_prices_hold_until_the_next_sighting() -> None:
    told = ((0, "observed", 5.0), (1, "observed", 5.0), (2, "observed", 6.0))
    assert spans(*told, until=3) == [("observed", 0, 2, 5.0), ("observed", 2, 3, 6.0)]


def test_a_sighting_speaks_no_longer_than_one_and_a_half_cadences() -> None:
    told = ((0, "observed", 5.0), (10, "observed", 5.0))
    assert spans(*told, until=11) == [
        ("observed", 0, 1.5, 5.0),
        ("unseen", 1.5, 10, None),
        ("observed", 10, 11, 5.0),
    ]
    assert spans(*told, until=11, cadence=7 * DAY) == [("observed", 0, 11, 5.0)]


def test_what_is_no_price_stays_a_gap_with_its_reason() -> None:
    told = ((0, "observed", 5.0), (1, "blocked", np.nan), (2, "held", 50.0), (3, "gone", np.nan))
    assert spans(*told, until=4) == [
        ("observed", 0, 1, 5.0),
        ("blocked", 1, 2, None),
        ("held", 2, 3, None),
        ("gone", 3, 4, None),
    ]


def test_what_lies_ahead_is_not_known_yet() -> None:
    told = ((0, "observed", 5.0), (2, "observed", 6.0))
    assert spans(*told, until=1) == [("observed", 0, 1, 5.0)]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(STATES[:-1]), st.sampled_from([5.0, 6.0])),
        min_size=1,
        max_size=30,
        unique_by=lambda told: told[0],
    )
)
def test_spans_cover_the_record_without_overlap_and_only_observed_ones_have_a_price(
    told: list[tuple[int, str, float]],
) -> None:
    found = price_spans(sightings(*told), {"north": DAY}, until=START + 61 * DAY)
    assert found["start"].iloc[0] == pd.Timestamp(START.replace(tzinfo=None)) + min(told)[0] * DAY
    assert (found["start"].iloc[1:].to_numpy() == found["end"].iloc[:-1].to_numpy()).all()
    assert found["end"].iloc[-1] == pd.Timestamp(START.replace(tzinfo=None)) + 61 * DAY
    assert (found["price"].notna() == (found["state"] == "observed")).all()
    assert found["sightings"].sum() == len(told)


def test_a_site_without_a_cadence_and_a_frame_without_a_column_are_refused() -> None:
    with pytest.raises(InvalidPanel, match="north"):
        price_spans(sightings((0, "observed", 5.0)), {}, until=START)
    with pytest.raises(InvalidPanel, match="price"):
        price_spans(sightings((0, "gone", 1.0)).drop(columns="price"), {"north": DAY}, until=START)


def test_the_cadence_is_the_schedule_else_the_usual_time_between_crawls() -> None:
    crawls = [START + days * DAY for days in (6, 0, 2, 4, 14)]
    assert cadence_of(timedelta(hours=6), crawls) == timedelta(hours=6)
    assert cadence_of(None, crawls) == 2 * DAY
    assert cadence_of(None, crawls[:2]) == USUAL_CADENCE


def test_the_panel_takes_what_was_known_at_the_end_of_each_day() -> None:
    told = sightings((0, "observed", 5.0), (1, "observed", 6.0), (2, "failed", np.nan),
                     (4, "observed", 7.0))  # fmt: skip
    until = START + 4.1 * DAY
    found = price_spans(told, {"north": DAY}, until=until)
    start = pd.Timestamp(START.replace(tzinfo=None)).as_unit("us")
    ours = pd.DataFrame(
        {"sku": ["tea"], "start": [start], "end": [start + 10 * DAY], "price": [4.0]}
    )
    panel = rival_panel(found, ours, {"tea": "drinks", "cup": "ware"}, {"north": DAY},
                        since=date(2026, 3, 1), until=until)  # fmt: skip
    nan = np.nan
    np.testing.assert_array_equal(panel.price, [[nan, 5.0, 6.0, nan, nan, 7.0]])
    np.testing.assert_array_equal(panel.in_stock, [[nan, 1.0, 1.0, nan, nan, 1.0]])
    np.testing.assert_array_equal(panel.ours[1], [nan, 4.0, 4.0, 4.0, 4.0, 4.0])
    np.testing.assert_array_equal(panel.ours[0], [nan] * 6)
    assert panel.sku.tolist() == ["cup", "tea"]


def test_of_two_pages_of_a_product_the_cheaper_one_in_stock_counts() -> None:
    both = pd.concat([
        sightings((0, "observed", 5.0)),
        sightings((0, "observed", 4.0), url="b"),
        sightings((0, "observed", 3.0), url="c").assign(availability="out_of_stock"),
    ])  # fmt: skip
    until = START + DAY
    found = price_spans(both, {"north": DAY}, until=until)
    ours = pd.DataFrame({"sku": [], "start": [], "end": [], "price": []})
    panel = rival_panel(found, ours, {"tea": "drinks"}, {"north": DAY}, since=date(2026, 3, 2),
                        until=until)  # fmt: skip
    np.testing.assert_array_equal(panel.price, [[4.0, 4.0]])
    np.testing.assert_array_equal(panel.in_stock, [[1.0, 1.0]])


def test_a_record_that_begins_ahead_of_now_is_refused() -> None:
    empty = price_spans(sightings((0, "gone", np.nan)), {"north": DAY}, until=START)
    with pytest.raises(InvalidPanel, match="lies ahead"):
        rival_panel(empty, empty, {}, {"north": DAY}, since=date(2027, 1, 1), until=START)
