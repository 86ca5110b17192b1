from __future__ import annotations

import numpy as np
import pytest

from models.calendar import gift_season_share, holiday_share, season_waves
from models.errors import InvalidSpec


def weeks(first: str, count: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.datetime64(first, "D") + 7 * np.arange(count)


def test_season_waves_average_zero_over_whole_years() -> None:
    waves = season_waves(weeks("2020-01-06", 52 * 28 + 5), 7, harmonics=2)
    assert waves.shape[1] == 4
    assert np.abs(waves.mean(axis=0)).max() < 0.002
    assert np.allclose((waves**2).mean(axis=0), 0.5, atol=0.002)


def test_no_harmonics_make_no_columns() -> None:
    assert season_waves(weeks("2020-01-06", 3), 7, harmonics=0).shape == (3, 0)


def test_the_week_of_independence_day_is_one_seventh_holiday() -> None:
    share = holiday_share(weeks("2025-06-23", 3), 7, "US")
    assert share.tolist() == pytest.approx([0.0, 1 / 7, 0.0])


def test_holidays_of_every_year_in_the_window_count() -> None:
    share = holiday_share(weeks("2023-01-02", 156), 7, "US")
    by_year = [share[i * 52 : (i + 1) * 52].sum() for i in range(3)]
    assert min(by_year) > 9 / 7


def test_an_unknown_country_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidSpec, match=r"'XX'.*None to leave holidays out"):
        holiday_share(weeks("2025-01-06", 2), 7, "XX")


def test_no_weeks_have_no_holidays() -> None:
    assert holiday_share(weeks("2025-01-06", 0), 7, "US").shape == (0,)


def test_the_gift_season_runs_from_the_eleventh_to_the_twenty_fourth_of_december() -> None:
    share = gift_season_share(weeks("2025-12-01", 5), 7)
    # 8-14 December holds four of its days, 15-21 all seven, 22-28 three.
    assert (share * 7).tolist() == pytest.approx([0, 4, 7, 3, 0])
