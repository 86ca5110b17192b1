from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.catalogue import UNKNOWN
from pricing.errors import InvalidPriceHistory
from pricing.law.price_history import (
    NEVER,
    PriceHistory,
    days_before,
    instant,
    local_midnight,
    moment_of,
)
from tests.pricing.price_rows import BERLIN, history, local, starting


def at(second: int) -> np.datetime64:
    return np.datetime64(second, "s")


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 60), st.integers(1, 9) | st.just(UNKNOWN)),
        max_size=14,
    ),
    opens=st.integers(0, 60),
    length=st.integers(0, 40),
    seed=st.integers(0, 9),
)
def test_a_window_is_what_each_of_its_seconds_says(
    rows: list[tuple[int, int, int]], opens: int, length: int, seed: int
) -> None:
    """Against the definition: look at the price in force in every second of the window."""
    order = np.random.default_rng(seed).permutation(len(rows))
    unique = {(key, since): price for key, since, price in rows}
    given_rows = [(key, since, price) for (key, since), price in unique.items()]
    shuffled = [given_rows[i] for i in order if i < len(given_rows)]
    made = PriceHistory.of(
        3,
        key=[row[0] for row in shuffled],
        since=np.array([at(row[1]) for row in shuffled], dtype="datetime64[s]"),
        price=[row[2] for row in shuffled],
    )
    window = np.full(3, at(opens)), np.full(3, at(opens + length))
    for key in range(3):
        mine = sorted((since, price) for k, since, price in shuffled if k == key)
        seen = []
        for second in range(opens, opens + length):
            past = [price for since, price in mine if since <= second]
            if past and past[-1] != UNKNOWN:
                seen.append(past[-1])
        assert made.lowest(*window)[key] == (min(seen) if seen else UNKNOWN)
        assert made.highest(*window)[key] == (max(seen) if seen else UNKNOWN)
        mean = made.average(*window)[key]
        assert np.isnan(mean) if not seen else mean == pytest.approx(np.mean(seen))
        sold = [since for since, price in mine if price != UNKNOWN]
        assert made.first_sale()[key] == (at(min(sold)) if sold else NEVER) or not sold


def test_the_last_price_before_a_moment_skips_the_time_off_sale() -> None:
    rows = history(("2026-01-01", 100), ("2026-02-01", 120), ("2026-03-01", UNKNOWN))
    assert rows.last_before(starting("2026-04-01"))[0] == 1
    assert rows.last_before(starting("2026-02-01"))[0] == 0
    assert rows.last_before(starting("2026-01-01"))[0] == -1


def test_of_two_prices_at_the_same_moment_the_later_one_counts() -> None:
    rows = history(("2026-01-01", 100), ("2026-01-01", 90))
    window = starting("2026-01-01"), starting("2026-01-02")
    assert rows.lowest(*window)[0] == rows.highest(*window)[0] == 90


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": [0]}, "above zero"),
        ({"price": [1, 2]}, "same rows"),
        ({"key": [1]}, "from 0 to 0"),
        ({"since": np.array(["NaT"], dtype="datetime64[s]")}, "since is missing"),
        ({"since": [datetime(2026, 1, 1)]}, "no time zone"),  # noqa: DTZ001
    ],
)
def test_rows_that_are_no_history_are_refused(change: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"key": [0], "since": [datetime(2026, 1, 1, tzinfo=UTC)]}
    with pytest.raises(InvalidPriceHistory, match=words):
        PriceHistory.of(1, **{**good, "price": [5], **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "days", "opens", "hours"),
    [
        # (start, days, expected local opening, hours between)
        ("2026-02-15", 30, "2026-01-16", 30 * 24),
        ("2026-02-15 15:00", 30, "2026-01-16", 30 * 24 + 15),
        ("2026-04-10", 30, "2026-03-11", 30 * 24 - 1),  # clocks went forward on 29 March
        ("2026-11-10", 30, "2026-10-11", 30 * 24 + 1),  # and back on 25 October
        ("2026-03-29 03:30", 1, "2026-03-28", 24 + 2.5),
    ],
)
def test_windows_count_calendar_days_of_the_market(
    start: str, days: int, opens: str, hours: float
) -> None:
    starts = starting(start)
    (found,) = days_before(starts, days, BERLIN)
    assert moment_of(found) == local(opens)
    assert (starts[0] - found) == np.timedelta64(int(hours * 3600), "s")


def test_a_midnight_that_the_clocks_skip_is_the_moment_of_the_jump() -> None:
    cairo = ZoneInfo("Africa/Cairo")  # 24 April 2026: from 00:00 to 01:00
    midnight = local_midnight(date(2026, 4, 24), cairo)
    assert midnight == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert midnight.astimezone(cairo).hour == 1


def test_an_instant_survives_the_way_there_and_back() -> None:
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert moment_of(instant(moment)) == moment
