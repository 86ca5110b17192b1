"""Ways to continue many series at once; arrays (series, periods), NaN where nothing is known.

What is not known (a gap, a stock-out) teaches nothing: every method passes over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray

_RATES: Final = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5])
_SHIFT: Final = 0.5
_WARM_UP: Final = 4
_SERIES_SPREAD: Final = 0.4
"""How far a series' own answer to a driver lies from its category's, standard deviation."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is known at an origin.

    Attributes:
        units: (s, t) sold; NaN where not known.
        drivers: (s, t + h, d) columns of past and future: season, price, promotions.
        season: (d,) True where a driver is a season's wave.
        group: (s,) category of each series.
        horizon: periods to continue.
        season_length: periods a year.
    """

    units: FloatArray
    drivers: FloatArray
    season: FloatArray
    group: IntArray
    horizon: int
    season_length: int


def level(past: Past) -> FloatArray:
    """(s, h) simple exponential smoothing of log units, rate chosen a series."""
    logged = np.log(past.units + _SHIFT)
    last = smoothed(logged)
    return np.repeat(_units(last)[:, None], past.horizon, axis=1)


def median(past: Past) -> FloatArray:
    """(s, h) middle of what was sold in the last year: what promotions come and go around."""
    last = past.units[:, -past.season_length :]
    middle = _median(last)
    middle = np.where(np.isfinite(middle), middle, _median(past.units))
    return np.repeat(middle[:, None], past.horizon, axis=1)


def combination(past: Past) -> FloatArray:
    """(s, h) geometric mean of the level, the median and the level times its category's season.

    Their errors differ, so that a part of them cancels (Bates and Granger 1969).
    """
    several = [np.log(method(past) + _SHIFT) for method in (level, median, seasonal)]
    return _units(np.asarray(np.mean(several, axis=0), dtype=np.float64))


def seasonal_naive(past: Past) -> FloatArray:
    """(s, h) what was sold a year before; the level where that is not known."""
    t, n = past.units.shape[1], past.season_length
    forecast = level(past)
    for h in range(past.horizon):
        back = t + h - n * int(np.ceil((h + 1) / n))
        if 0 <= back < t:
            forecast[:, h] = np.where(
                np.isfinite(past.units[:, back]), past.units[:, back], forecast[:, h]
            )
    return forecast


def seasonal(past: Past) -> FloatArray:
    """(s, h) level times the season of the category."""
    return _regression(past, past.season > 0)


def drivers(past: Past) -> FloatArray:
    """(s, h) level times season, price and promotions; each series leans on its category."""
    return _regression(past, np.ones(len(past.season), dtype=np.bool_))


def intermittent(past: Past) -> FloatArray:
    """(s, h) Teunter, Syntetos and Babai (2011): chance of a sale times its size, both smoothed.

    The chance also falls in periods without a sale, so that a product that died is forecast so.
    """
    units = past.units
    known = np.isfinite(units)
    sold = np.where(known, units > 0, np.nan)
    chance = smoothed(sold, rates=np.array([0.05, 0.1, 0.2]), start=_mean(sold))
    size = smoothed(np.where(units > 0, units, np.nan), rates=np.array([0.1]))
    forecast = np.clip(chance, 0.0, 1.0) * np.where(np.isfinite(size), size, 0.0)
    return np.repeat(forecast[:, None], past.horizon, axis=1)


def smoothed(
    values: FloatArray, rates: FloatArray = _RATES, start: FloatArray | None = None
) -> FloatArray:
    """(s,) last level of exponential smoothing; each series has the rate that foretold it best."""
    s, t = values.shape
    if start is None:
        start = _mean(values[:, : max(_WARM_UP, 1)])
        start = np.where(np.isfinite(start), start, _mean(values))
    now = np.repeat(start[:, None], len(rates), axis=1)
    error = np.zeros((s, len(rates)))
    for i in range(t):
        known = np.isfinite(values[:, i])[:, None]
        surprise = np.where(known, values[:, i, None] - now, 0.0)
        error += np.abs(surprise)
        now = now + rates * surprise
    best = error.argmin(axis=1)
    last: FloatArray = now[np.arange(s), best]
    return last


def _regression(past: Past, chosen: BoolArray) -> FloatArray:
    """Pooled regression on the chosen drivers, then smoothing of what it leaves."""
    t = past.units.shape[1]
    logged = np.log(past.units + _SHIFT)
    known = np.isfinite(logged)
    x = past.drivers[:, :, chosen]
    if not x.shape[2]:
        return level(past)
    count = np.maximum(known.sum(axis=1), 1)
    weight = known[..., None]
    centre = (np.where(weight, x[:, :t], 0.0)).sum(axis=1) / count[:, None]
    inside = np.where(weight, x[:, :t] - centre[:, None, :], 0.0)
    mean = np.where(known, logged, 0.0).sum(axis=1) / count
    y = np.where(known, logged - mean[:, None], 0.0)
    gram = np.matmul(inside.transpose(0, 2, 1), inside)
    right = np.matmul(inside.transpose(0, 2, 1), y[..., None])[..., 0]
    effects = _pooled_effects(gram, right, y, count, past.group)
    level_now = smoothed(logged - np.matmul(x[:, :t], effects[..., None])[..., 0])
    ahead = np.matmul(x[:, t:], effects[..., None])[..., 0]
    return _units(level_now[:, None] + ahead)


def _pooled_effects(
    gram: FloatArray, right: FloatArray, y: FloatArray, count: IntArray, group: IntArray
) -> FloatArray:
    """(s, d) effects of each series, drawn toward those of its category."""
    d = gram.shape[1]
    groups = int(group.max(initial=-1)) + 1
    together, answer = np.zeros((groups, d, d)), np.zeros((groups, d))
    np.add.at(together, group, gram)
    np.add.at(answer, group, right)
    small = 1e-6 * np.trace(together, axis1=1, axis2=2)[:, None, None] / d + 1e-9
    usual = np.linalg.solve(together + small * np.eye(d), answer[..., None])[..., 0]
    left = (y**2).sum(axis=1) - 2.0 * (right * usual[group]).sum(axis=1)
    left += np.einsum("si,sij,sj->s", usual[group], gram, usual[group])
    noise = np.maximum(left / count, 1e-6)
    precision = gram / noise[:, None, None] + np.eye(d) / _SERIES_SPREAD**2
    pull = right / noise[:, None] + usual[group] / _SERIES_SPREAD**2
    effects: FloatArray = np.linalg.solve(precision, pull[..., None])[..., 0]
    return effects


def _units(logged: FloatArray) -> FloatArray:
    units: FloatArray = np.maximum(np.exp(np.minimum(logged, 50.0)) - _SHIFT, 0.0)
    return units


def _median(values: FloatArray) -> FloatArray:
    """(s,) median of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    ordered = np.sort(np.where(known, values, np.inf), axis=1)
    row = np.arange(len(values))
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, np.maximum(count - 1, 0))
    middle = (ordered[row, low] + ordered[row, high]) / 2.0
    return np.where(count > 0, middle, np.nan)


def _mean(values: FloatArray) -> FloatArray:
    """(s,) mean of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: FloatArray = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
    return mean
