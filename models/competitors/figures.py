"""One figure of a market analysis: a value with its interval and count, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from models.arrays import BoolArray, FloatArray, IntArray

LEVEL: Final = 0.95
"""Confidence of every interval of the market analysis."""

_Z: Final = float(stats.norm.ppf(0.5 + LEVEL / 2))


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that knows how much it rests on.

    Attributes:
        value: the number; None where the data are too few to say one.
        n: how many things it was taken over; the function that made it says which.
        low, high: its 95 % interval; None where it has none.
        why: why there is no value; empty where there is one.
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    why: str = ""


def too_few(n: int, least: int, things: str) -> Figure:
    """No number: `n` of these things, where `least` are needed."""
    return Figure(None, n, why=f"{n} {things}; {least} are needed")


def share(count: int, n: int, *, least: int, things: str) -> Figure:
    """A share of independent things with Wilson's interval.

    Args:
        count: how many of them.
        n: of how many.
        least: how many are needed to say a number.
        things: what they are, for the reason where they are too few.
    """
    if n < max(least, 1):
        return too_few(n, least, things)
    p, z2 = count / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z / (1 + z2 / n) * float(np.sqrt(p * (1 - p) / n + z2 / (4 * n * n)))
    # Rounding must not put the share itself outside its interval at 0 and at 1.
    return Figure(p, n, max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half)))


def mean(values: FloatArray, *, least: int, things: str) -> Figure:
    """A mean of independent values with Student's interval; (n,) finite."""
    n = len(values)
    if n < max(least, 2):
        return too_few(n, max(least, 2), things)
    middle = float(values.mean())
    half = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Figure(middle, n, middle - half, middle + half)


def median(values: FloatArray, *, least: int, things: str) -> Figure:
    """A median with the interval between order statistics, which assumes no distribution; (n,).

    Below six values no such interval reaches 95 %; then there is none.
    """
    n = len(values)
    if n < max(least, 1):
        return too_few(n, least, things)
    ordered = np.sort(values)
    below = int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5))
    middle = float(np.median(ordered))
    if below < 1:
        return Figure(middle, n)
    return Figure(middle, n, float(ordered[below - 1]), float(ordered[n - below]))


def median_time(lasted: IntArray, ended: BoolArray, *, least: int, things: str) -> Figure:
    """The median length of spells of which some still ran when the record stopped.

    Kaplan and Meier's estimate with Brookmeyer and Crowley's interval. Leaving out the spells that
    still ran would make them look shorter than they are.

    Args:
        lasted: (n,) days seen of each spell, above zero.
        ended: (n,) whether its end was seen.
        least: how many ends must have been seen.
        things: what the spells are, for the reason where they are too few.

    Returns:
        `n` counts all spells. There is no value where fewer than half had ended.
    """
    if int(ended.sum()) < max(least, 1):
        return Figure(
            None, len(lasted), why=f"{int(ended.sum())} {things} seen to end; {least} are needed"
        )
    days = np.unique(lasted[ended])
    at_risk = np.array([(lasted >= day).sum() for day in days], dtype=np.float64)
    ends = np.array([(ended & (lasted == day)).sum() for day in days], dtype=np.float64)
    left = np.cumprod(1.0 - ends / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = left * np.sqrt(np.cumsum(ends / (at_risk * (at_risk - ends))))
    error = np.where(np.isfinite(error), error, 0.0)
    past = left <= 0.5
    if not past.any():
        return Figure(None, len(lasted), why=f"fewer than half of {len(lasted)} {things} had ended")
    like_half = np.abs(left - 0.5) <= _Z * error
    value = float(days[np.argmax(past)])
    low, high = days[like_half][[0, -1]] if like_half.any() else (value, value)
    return Figure(value, len(lasted), min(value, float(low)), max(value, float(high)))
