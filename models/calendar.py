"""What the calendar does to demand, as columns: season, holidays, festivals, gift season."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

import holidays
import numpy as np
from dateutil.easter import easter
from numpy.typing import NDArray

from models.arrays import FloatArray
from models.errors import InvalidSpec

DateArray = NDArray[np.datetime64]

DAYS_A_YEAR: Final = 365.25
GIFT_SEASON: Final = ((12, 11), (12, 24))
"""First and last day (month, day) of the weeks before Christmas in which gifts are bought."""


_LUNAR_NEW_YEAR: Final = {
    2015: (2, 19), 2016: (2, 8), 2017: (1, 28), 2018: (2, 16), 2019: (2, 5), 2020: (1, 25),
    2021: (2, 12), 2022: (2, 1), 2023: (1, 22), 2024: (2, 10), 2025: (1, 29), 2026: (2, 17),
    2027: (2, 6), 2028: (1, 26), 2029: (2, 13), 2030: (2, 3), 2031: (1, 23), 2032: (2, 11),
    2033: (1, 31), 2034: (2, 19), 2035: (2, 8),
}  # fmt: skip
"""Month and day of the first day of the Chinese year."""


def _black_friday(year: int) -> tuple[date, date]:
    """The Friday after the fourth Thursday of November, to the Monday after."""
    first = date(year, 11, 1)
    thursday = 1 + (3 - first.weekday()) % 7 + 21
    friday = date(year, 11, thursday) + timedelta(days=1)
    return friday, friday + timedelta(days=3)


def _lunar_new_year(year: int) -> tuple[date, date] | None:
    """Two weeks of buying before the feast and the week of it; None outside the table."""
    if year not in _LUNAR_NEW_YEAR:
        return None
    feast = date(year, *_LUNAR_NEW_YEAR[year])
    return feast - timedelta(days=14), feast + timedelta(days=6)


FESTIVALS: Final[dict[str, Callable[[int], tuple[date, date] | None]]] = {
    "double-11": lambda year: (date(year, 11, 1), date(year, 11, 11)),
    "618": lambda year: (date(year, 6, 1), date(year, 6, 18)),
    "black-friday": _black_friday,
    "chinese-new-year": _lunar_new_year,
    "easter": lambda year: (easter(year) - timedelta(days=9), easter(year)),
}
"""Name to first and last day in a year: days on which more is bought, not public holidays."""


def festival_share(period_start: DateArray, period_days: int, name: str) -> FloatArray:
    """(t,) share of each period's days that belong to a festival.

    Args:
        period_start: (t,) first day of each period, `datetime64[D]`.
        period_days: length of a period.
        name: of `FESTIVALS`.

    Raises:
        InvalidSpec: there is no festival of this name.
    """
    if name not in FESTIVALS:
        raise InvalidSpec(f"no festival {name!r}; there are {', '.join(FESTIVALS)}")
    days = _days(period_start, period_days)
    inside = np.zeros(days.shape, dtype=np.bool_)
    if days.size:
        years = days.astype("datetime64[Y]").astype(np.int64) + 1970
        for year in range(int(years.min()), int(years.max()) + 1):
            if (span := FESTIVALS[name](year)) is not None:
                inside |= (days >= np.datetime64(span[0])) & (days <= np.datetime64(span[1]))
    share: FloatArray = inside.mean(axis=1)
    return share


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
