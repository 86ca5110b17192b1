"""What of the calendar a series has seen: what was never seen has no effect to be told.

A product that was sold for 22 weeks says nothing of the rest of the year. Waves of the year and a
trend fitted to it answer for the other 30 weeks all the same, by any factor: the level "of an
average week" then lies outside everything that was ever sold. So a term of the calendar enters a
series only where its own span has seen it, and averages run over what was seen.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import BoolArray, FloatArray, IntArray
from models.calendar import DAYS_A_YEAR

_STRETCHES: Final = 13
"""The year in stretches of four weeks."""
_MOST_OF_THE_YEAR: Final = 10
_HALF_THE_YEAR: Final = 7
_DAYS: Final = 7
WEEKS_FOR_YEARLY_TERMS: Final = 52


def richness(weeks: FloatArray, stretches: IntArray) -> IntArray:
    """(s,) 2 where a year was seen, 1 where half a year was, 0 below.

    Args:
        weeks: (s,) from the first to the last period seen.
        stretches: (s,) of the 13 stretches of the year, how many were seen.
    """
    year = (weeks >= WEEKS_FOR_YEARLY_TERMS) & (stretches >= _MOST_OF_THE_YEAR)
    half = (weeks >= WEEKS_FOR_YEARLY_TERMS / 2) & (stretches >= _HALF_THE_YEAR)
    return np.where(year, 2, np.where(half, 1, 0)).astype(np.int64)


def seen_of(
    used: BoolArray, when: IntArray, day: IntArray, days: int
) -> tuple[FloatArray, IntArray]:
    """(s,) weeks from the first to the last period seen, and (s,) stretches of the year seen.

    Args:
        used: (s, t) cells that count, in the order of time.
        when: (s, t) period of each cell.
        day: (p,) first day of each period, days since 1970.
        days: length of a period.
    """
    series, t = used.shape
    row = np.arange(series)
    first, last = used.argmax(axis=1), t - 1 - used[:, ::-1].argmax(axis=1)
    span = (day[when[row, last]] - day[when[row, first]] + days) / _DAYS
    stretch = (day % DAYS_A_YEAR * (_STRETCHES / DAYS_A_YEAR)).astype(np.int64)
    there = np.zeros((series, _STRETCHES), dtype=np.bool_)
    at, cell = np.nonzero(used)
    there[at, stretch[when[at, cell]]] = True
    return np.where(used.any(axis=1), span, 0.0), there.sum(axis=1).astype(np.int64)


def entering(names: tuple[str, ...], rich: IntArray, *, chosen: BoolArray) -> BoolArray:
    """(s, c) which terms of the calendar enter which series.

    Args:
        names: (c,) of the terms.
        rich: (s,) see `richness`.
        chosen: (c,) terms that somebody asked for by number, whatever was seen.
    """
    need = np.array([_needed(name) for name in names], dtype=np.int64)
    enters: BoolArray = (rich[:, None] >= need) | chosen
    return enters


def _needed(name: str) -> int:
    if name == "trend":
        return 2
    if not name.startswith("wave_"):
        return 0
    return 1 if int(name.removeprefix("wave_")) < 2 else 2


def plain_of(
    names: tuple[str, ...], column: NDArray[np.float64], used: BoolArray, rich: IntArray, j: int
) -> FloatArray:
    """(s,) value of one term in a plain period, as near as the series has seen it.

    Args:
        names: (c,) of the terms.
        column: (s, t) the term; its value in a plain period is 0.
        used: (s, t) cells that count.
        rich: (s,) see `richness`.
        j: which of the terms it is.
    """
    if names[j].startswith("wave_"):
        mean = (column * used).sum(axis=1) / np.maximum(used.sum(axis=1), 1)
        return np.where(rich == 2, 0.0, mean)
    return nearest_to_zero(column, used)


def nearest_to_zero(column: NDArray[np.float64], used: BoolArray) -> FloatArray:
    """(s,) 0, or the end that is nearest to it of the values (s, t) that a series has seen."""
    if used.all():
        low, high = column.min(axis=1), column.max(axis=1)
    else:
        low = column.min(axis=1, where=used, initial=np.inf)
        high = column.max(axis=1, where=used, initial=-np.inf)
    nearest = np.minimum(np.maximum(0.0, low), high)
    return np.asarray(np.where(used.any(axis=1), nearest, 0.0), dtype=np.float64)
