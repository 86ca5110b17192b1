"""What the calendar does to demand, as columns: season's waves, holidays, gift season."""

from __future__ import annotations

from typing import Final

import holidays
import numpy as np
from numpy.typing import NDArray

from models.arrays import FloatArray
from models.errors import InvalidSpec

DateArray = NDArray[np.datetime64]

DAYS_A_YEAR: Final = 365.25
GIFT_SEASON: Final = ((12, 11), (12, 24))
"""First and last day (month, day) of the weeks before Christmas in which gifts are bought."""


def season_waves(period_start: DateArray, period_days: int, harmonics: int) -> FloatArray:
    """Fourier terms of the year at the middle of each period.

    Args:
        period_start: (t,) first day of each period, `datetime64[D]`.
        period_days: length of a period.
        harmonics: pairs of waves; 1 is one wave a year, 2 adds the half-year, ...

    Returns:
        (t, 2 · harmonics): sine and cosine of each harmonic in turn. Each averages 0 over a year.
    """
    days = period_start.astype("datetime64[D]").astype(np.float64) + period_days / 2.0
    angle = 2.0 * np.pi * days / DAYS_A_YEAR
    waves = [wave(k * angle) for k in range(1, harmonics + 1) for wave in (np.sin, np.cos)]
    return np.column_stack(waves) if waves else np.empty((len(period_start), 0))


def holiday_share(period_start: DateArray, period_days: int, country: str) -> FloatArray:
    """(t,) share of each period's days that are public holidays in the country.

    Args:
        period_start: (t,) first day of each period, `datetime64[D]`.
        period_days: length of a period.
        country: ISO 3166-1 alpha-2 code, such as `US` or `CN`.

    Raises:
        InvalidSpec: the country's holidays are not known.
    """
    days = _days(period_start, period_days)
    if not days.size:
        return np.empty(0)
    first, last = int(days.min().astype(object).year), int(days.max().astype(object).year)
    try:
        known = holidays.country_holidays(country, years=range(first, last + 1))
    except NotImplementedError:
        raise InvalidSpec(
            f"no holidays are known for country {country!r}; give a code such as 'US', 'DE' or "
            "'CN', or None to leave holidays out"
        ) from None
    feasts = np.array(sorted(known), dtype="datetime64[D]")
    share: FloatArray = np.isin(days, feasts).mean(axis=1)
    return share


def gift_season_share(period_start: DateArray, period_days: int) -> FloatArray:
    """(t,) share of each period's days that fall into the two weeks before Christmas."""
    days = _days(period_start, period_days)
    month_start = days.astype("datetime64[M]")
    month = month_start.astype(np.int64) % 12 + 1
    day = (days - month_start.astype("datetime64[D]")).astype(np.int64) + 1
    (month_first, day_first), (_, day_last) = GIFT_SEASON
    inside = (month == month_first) & (day >= day_first) & (day <= day_last)
    share: FloatArray = inside.mean(axis=1)
    return share


def _days(period_start: DateArray, period_days: int) -> DateArray:
    """(t, period_days) every day of every period."""
    day_of_period = np.arange(period_days).astype("timedelta64[D]")
    days: DateArray = period_start.astype("datetime64[D]")[:, None] + day_of_period
    return days
