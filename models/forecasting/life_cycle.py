"""New products: the curve that launches of the category followed, at this product's own level."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.forecasting.methods import Past, level

YOUNG: Final = 26
"""Periods since the first sale below which a product is new."""
_FIRST: Final = 4
"""Periods at launch that give a curve its scale."""
_LEAST_LAUNCHES: Final = 3
_SMOOTH: Final = 3


def life_cycle(past: Past) -> FloatArray:
    """(s, h) continues new products along their category's launches, others at their level.

    A launch is a series whose first sale lies inside the history. Its curve is its sales by age
    over those of its first weeks; the category's is the median of its launches, smoothed. A
    product's own scale is what it sold so far over what the curve says of those ages.
    """
    units = past.units
    t = units.shape[1]
    born = first_sale(units)
    forecast = level(past)
    ages = t + past.horizon
    everyone = _curve(units, born, ages)
    for g in np.unique(past.group):
        members = past.group == g
        curve = _curve(units[members], born[members], ages)
        if curve is None:
            curve = everyone
        if curve is None:
            continue
        for i in np.flatnonzero(members & is_young(units)):
            age = np.arange(t - born[i])
            sold = units[i, born[i] :]
            known = np.isfinite(sold)
            usual = curve[age][known].sum()
            if usual > 0:
                scale = sold[known].sum() / usual
                forecast[i] = scale * curve[t - born[i] + np.arange(past.horizon)]
    return forecast


def first_sale(units: FloatArray) -> IntArray:
    """(s,) period of each series' first sale; the number of periods where there is none."""
    sold = np.nan_to_num(units) > 0
    born = np.where(sold.any(axis=1), sold.argmax(axis=1), units.shape[1])
    return np.asarray(born, dtype=np.int64)


def is_young(units: FloatArray) -> BoolArray:
    """(s,) True where a product was launched inside the history, less than half a year ago."""
    born, t = first_sale(units), units.shape[1]
    return np.asarray((born > 0) & (born < t) & (t - born < YOUNG), dtype=np.bool_)


def _curve(units: FloatArray, born: IntArray, ages: int) -> FloatArray | None:
    """(ages,) sales by age over those of the first weeks; None with too few launches."""
    t = units.shape[1]
    launched = np.flatnonzero((born > 0) & (t - born >= YOUNG))
    if len(launched) < _LEAST_LAUNCHES:
        return None
    by_age = np.full((len(launched), ages), np.nan)
    for row, i in enumerate(launched):
        own = units[i, born[i] :]
        start = np.nanmean(own[:_FIRST]) if np.isfinite(own[:_FIRST]).any() else np.nan
        if np.isfinite(start) and start > 0:
            by_age[row, : len(own)] = own / start
    enough = np.isfinite(by_age).sum(axis=0) >= _LEAST_LAUNCHES
    if not enough[:YOUNG].all():
        return None
    last = int(np.flatnonzero(enough)[-1])
    middle = np.array(
        [np.nanmedian(by_age[:, a]) if enough[a] else np.nan for a in range(last + 1)]
    )
    known = np.isfinite(middle)
    middle = np.interp(np.arange(last + 1), np.flatnonzero(known), middle[known])
    padded = np.pad(middle, _SMOOTH // 2, mode="edge")
    smooth = np.convolve(padded, np.full(_SMOOTH, 1.0 / _SMOOTH), mode="valid")
    return np.concatenate([smooth, np.full(ages - len(smooth), smooth[-1])])
